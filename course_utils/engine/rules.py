"""What a setting may be: declared once, beside it, and checked wherever its value comes from."""

import math
import types
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, Union, get_args, get_origin


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What holds for a setting besides its type."""

    usual: object = None  # in force where neither the command, the run nor a recipe says otherwise
    of_recipe: bool = False  # recipes may say otherwise
    fixed: bool = False  # a run that is resumed keeps it
    local: bool = False  # processes that train together may differ in it
    needed: bool | None = None  # a run always has a value; None: where there is a usual one
    least: float | None = None
    above: float | None = None
    most: float | tuple[float, ...] | None = None  # a tuple: of each part of a tuple
    below: float | None = None
    alias: str | None = None  # another name that people type

    def range(self) -> str:
        """In words: `` from 1 to 9``; empty where every number is good."""
        top = ", ".join(map(str, self.most)) if isinstance(self.most, tuple) else self.most
        if self.above is not None:
            below = "" if self.below is None else f", below {self.below}"
            return f" above {self.above}" + (below if top is None else f", at most {top}")
        if self.least is None:
            return ""
        if top is None and self.below is None:
            return f", {self.least} or greater"
        return f" from {self.least} to " + (f"below {self.below}" if top is None else f"{top}")

    def holds(self, number: float, place: int = 0) -> bool:
        """Whether a number is finite and within the range; ``place``: of a part of a tuple."""
        most = self.most[place] if isinstance(self.most, tuple) else self.most
        return (
            (isinstance(number, int) or math.isfinite(number))
            and (self.least is None or number >= self.least)
            and (self.above is None or number > self.above)
            and (most is None or number <= most)
            and (self.below is None or number < self.below)
        )


def setting(default=None, **rule):
    """A field of a dataclass of settings; ``rule``: the attributes of `Rule`."""
    return field(default=default, metadata={"rule": Rule(**rule)})


class Wrong(Exception):
    """A value of another type, or out of its range."""


def checked(value, kind, rule: Rule = Rule()):
    """The value as this type, a whole number as float where one is wanted, a list as tuple.

    ``kind`` is a type, ``Literal[…]``, ``tuple[…]``, or one of these or None. Raises ``ValueError``
    that tells what is expected.
    """
    try:
        return _as(value, kind, rule)
    except Wrong:
        raise ValueError(f"{shortened(value)}; it must be {expected(kind, rule)}") from None


def _as(value, kind, rule: Rule, place: int = 0):
    kinds, options = _parts(kind), get_args(kind)
    if len(kinds) > 1:
        for part in kinds:
            with suppress(Wrong):
                return _as(value, part, rule)
        raise Wrong
    if get_origin(kind) is Literal:
        good = isinstance(value, str) and value in options
    elif get_origin(kind) is tuple:
        if not isinstance(value, (list, tuple)) or len(value) != len(options):
            raise Wrong
        return tuple(_as(v, k, rule, i) for i, (v, k) in enumerate(zip(value, options)))
    elif kind in (int, float):
        good = isinstance(value, (int, kind)) and not isinstance(value, bool)
        good = good and rule.holds(value, place)
    elif kind is str:
        good = isinstance(value, str) and "\0" not in value
    else:
        good = isinstance(value, kind)
    if not good:
        raise Wrong
    try:
        return float(value) if kind is float else value
    except OverflowError:
        raise Wrong from None


def _parts(kind) -> list:
    """What a union is made of, None last."""
    if get_origin(kind) in (Union, types.UnionType):
        return sorted(get_args(kind), key=lambda part: part is type(None))
    return [kind]


def expected(kind, rule: Rule = Rule()) -> str:
    """What a value of this type must be, in words.

    >>> expected(int | None, Rule(least=1, most=9)), expected(float, Rule(above=0))
    ('an integer from 1 to 9', 'a number above 0')
    """
    kinds = [part for part in _parts(kind) if part is not types.NoneType]
    if len(kinds) > 1:
        return " or ".join(expected(part, rule) for part in kinds)
    kind, options = kinds[0], get_args(kinds[0])
    if get_origin(kind) is Literal:
        return f"one of {', '.join(options)}" if len(options) > 1 else options[0]
    if get_origin(kind) is tuple and Ellipsis not in options:
        return f"{len(options)} numbers{rule.range()}"
    names = {bool: "True or False", int: "an integer", float: "a number", str: "a text"}
    names |= {dict: "a table of names and values", list: "a list"}
    return names.get(kind, f"a {getattr(kind, '__name__', kind)}".lower()) + rule.range()


def shortened(value, most: int = 60) -> str:
    """A value as it is written in Python, cut where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= most else f"{text[: most - 1]}…"
