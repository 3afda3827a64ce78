"""How a bank of answers is written down."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wrong:
    """An answer with a mistake: the reference with (old, new) replaced, or code of its own.

    ``says`` is a part of the message that names the mistake. ``hidden`` marks what passes the
    visible check and fails only on the values that students do not see.
    """

    why: str
    says: str
    edits: tuple[tuple[str, str], ...] = ()
    code: str = ""
    hidden: bool = False

    def source(self, reference: str) -> str:
        """The answer as code. Raises ``ValueError`` where an edit finds nothing to replace."""
        text = self.code or reference
        for old, new in self.edits:
            if old not in text:
                raise ValueError(f"{self.why}: {old!r} is not in the reference")
            text = text.replace(old, new)
        return text


@dataclass(frozen=True)
class Bank:
    """For one exercise: right answers beside the reference, and wrong ones."""

    right: tuple[str, ...]
    wrong: tuple[Wrong, ...]


def edit(why: str, says: str, *edits: tuple[str, str], hidden: bool = False) -> Wrong:
    """The reference with each (old, new) replaced."""
    return Wrong(why, says, edits=edits, hidden=hidden)


def written(why: str, says: str, code: str, hidden: bool = False) -> Wrong:
    """Code of its own."""
    return Wrong(why, says, code=code, hidden=hidden)
