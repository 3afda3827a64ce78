"""Text in columns, for names of any length and script and for terminals of any width."""

import shutil
import sys
import unicodedata
from collections.abc import Sequence

from course_utils.store.terminal import shown


def width(text: str) -> int:
    """The columns that a text takes on a terminal: East Asian characters two, accents none.

    >>> width("ants"), width("蚂蚁"), width("e\\u0301")
    (4, 4, 1)
    """
    return sum(map(_columns, shown(text)))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):  # drawn on the one before, or not
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clipped(text: str, most: int) -> str:
    """A text of at most so many columns; one that is longer ends in an ellipsis.

    >>> clipped("grasshopper", 6)
    'grass…'
    """
    text = shown(text)
    if width(text) <= most:
        return text
    kept, room = "", most - 1
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        kept += character
    return f"{kept}…"


def padded(text: str, columns: int, right: bool = False) -> str:
    """A text with blanks behind it, or before it where it is to stand on the right."""
    text = shown(text)
    blanks = " " * (columns - width(text))
    return blanks + text if right else text + blanks


def table(rows: Sequence[Sequence[str]], left: Sequence[bool], columns: int | None) -> list[str]:
    """Rows of cells, the heads first, as lines; ``left``: which columns do not stand on the right.

    Where they are wider than ``columns``, the others come below, beside the first column again.
    """
    widths = [max(map(width, cells)) for cells in zip(*rows)]
    blocks = [[0]]
    for i in range(1, len(widths)):
        used = sum(widths[j] + 2 for j in [*blocks[-1], i]) - 2
        if columns and used > columns and len(blocks[-1]) > 1:
            blocks.append([0])
        blocks[-1].append(i)
    lines = []
    for block in blocks:
        lines += [""] if lines else []
        for row in rows:
            cells = (padded(row[i], widths[i], right=not left[i]) for i in block)
            lines.append("  ".join(cells).rstrip())
    return lines


def terminal_width() -> int | None:
    """The columns of the terminal that is written to; None for a file, a pipe or a notebook."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
