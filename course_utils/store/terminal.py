"""What reaches a terminal: names without control characters, streams that are there."""

import os
import sys
import unicodedata

JOINERS = "\u200c\u200d"  # within words of some scripts, and within emoji


def shown(text: str, lines: bool = False) -> str:
    """A text in which nothing can move the cursor, end the line, or change colours or direction.

    ``lines``: several are allowed, as in advice; not in a name.

    >>> print(shown("red\\x1b[31m\\nblue"))
    red\\x1b[31m\\nblue
    """
    kept = JOINERS + ("\n" if lines else "")
    return "".join(c if c in kept or not _controls(c) else _escaped(c) for c in str(text))


def _controls(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind[0] == "C" and kind != "Cn" or kind in ("Zl", "Zp")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def open_closed_streams() -> None:
    """Give a closed stdin, stdout or stderr (as after ``>&-``) a place where all is lost.

    Else the next file that is opened would take its number, and what is printed would go into it.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
