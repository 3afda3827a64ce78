"""What was typed, as the call of a command; a mistake in it is one line."""

import io
import re
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import partial, wraps
from inspect import signature
from typing import get_type_hints

from tyro.extras import SubcommandApp

from course_utils.engine.rules import Rule, expected


class Commands(SubcommandApp):
    """Commands that are called after the whole line was read."""

    def __init__(self):
        super().__init__()
        self.targets: dict[str, Callable | Commands] = {}

    def command(self, target, name: str | None = None):
        """Add a function, or commands under a name; usable as a decorator."""
        self.targets[name or target.__name__] = target
        if isinstance(target, Commands):
            return super().command(target, name=name)

        @wraps(target)
        def later(*arguments, **options):
            return partial(target, *arguments, **options)

        super().command(later)
        return target


def parse(app: Commands, words: Sequence[str], about: str) -> Callable:
    """The call that these words ask for; raises ``ValueError`` for what no command takes."""
    name, target, rest = _command(app, words)
    known = {} if isinstance(target, Commands) else options(target)
    aliases = {f"--{rule.alias}": flag for flag, (_, rule) in known.items() if rule.alias}
    rest = [_renamed(word, aliases) for word in rest]
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            words = [*name.split()[1:], *rest]
            return app.cli(prog="course", description=about, args=words)
    except SystemExit as end:
        if not end.code:  # --help
            raise
        names = [*known, *aliases] or list(getattr(target, "targets", ()))
        why = _why(_main_part(said.getvalue()), rest, known, names)
        raise ValueError(f"{why}; see {name} --help") from None


def _command(app: Commands, words: Sequence[str]) -> tuple[str, object, Sequence[str]]:
    """Its name, what it is, and the words after it."""
    name, target = "course", app
    while isinstance(target, Commands) and words and words[0] in target.targets:
        name, target, words = f"{name} {words[0]}", target.targets[words[0]], words[1:]
    return name, target, words


def _renamed(word: str, aliases: dict[str, str]) -> str:
    flag, equals, value = word.partition("=")
    return aliases.get(flag.replace("_", "-"), flag) + equals + value if flag in aliases else word


def options(target: Callable) -> dict[str, tuple]:
    """Type and rule of every flag, and of what has none by its name."""
    found = {}
    for name, kind in get_type_hints(target).items():
        if is_dataclass(kind):
            kinds = get_type_hints(kind)
            rules = {f.name: f.metadata.get("rule", Rule()) for f in fields(kind)}
            found |= {_flag(n): (kinds[n], rule) for n, rule in rules.items()}
        elif name in signature(target).parameters:
            found[_flag(name)] = (kind, Rule())
    return found


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _main_part(box: str) -> str:
    """What the box says that tyro draws, in one line: the first one after the title."""
    text = " ".join(line.strip("╭│╰╯|╮ ") for line in box.splitlines())
    parts = [" ".join(part.split()) for part in re.split(r"[─-]{3,}", text)]
    title, *parts = filter(None, parts)
    return next((part for part in parts if part.startswith("Unrecognized")), (parts or [title])[0])


def _why(said: str, words: Sequence[str], known: dict[str, tuple], names: list[str]) -> str:
    if said.startswith("Unrecognized"):
        told = said.partition(":")[2].replace(",", " ").split()
        word = next((w for w in told if w.startswith("-")), told[0])
        return f"{_kind(word, known)} {word.partition('=')[0]!r}{_nearest(word, names)}"
    told = re.search(r"(?:parsing|argument) '?((?:--)?)([\w-]+)", said)
    flag = told and _flag(told[2])
    if flag in known:
        given, wanted = _given(flag, words), f"it must be {expected(*known[flag])}"
        name = told[1] + flag[2:]  # what stands in its place has no dashes
        return f"{name} {given}: {wanted}" if given else f"{name} needs a value: {wanted}"
    if said.startswith("Missing from"):
        return f"{said.partition(':')[2].split()[0]} is missing"
    if said.startswith("Expected one of"):
        return f"a command is missing: one of {', '.join(names)}"
    return said


def _kind(word: str, known: dict) -> str:
    if word.startswith("-"):
        return "there is no flag"
    return "there is nothing to do with" if known else "there is no command"


def _nearest(word: str, names: list[str]) -> str:
    flag = word.partition("=")[0].replace("_", "-")
    found = get_close_matches(flag, names, n=1, cutoff=0.65)
    starts = [name for name in names if name.startswith(flag)] if len(flag) > 2 else []
    near = (found or starts)[:1]
    return f"; the nearest is {near[0]}" if near else ""


def _given(flag: str, words: Sequence[str]) -> str:
    """The values of a flag as they were typed last; of what has no flag the first word."""
    for place, word in reversed(list(enumerate(words))):
        name, equals, value = word.partition("=")
        if name.replace("_", "-") == flag:
            rest = [value] if equals else list(words[place + 1 :])
            end = next((i for i, w in enumerate(rest) if w.startswith("--")), len(rest))
            return " ".join(rest[:end])
    return words[0] if words else ""
