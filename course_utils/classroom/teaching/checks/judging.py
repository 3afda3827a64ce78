"""Numbers compared with those expected, and with those that known mistakes give."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from course_utils.classroom.teaching.answers import CheckFailed, NotSolved
from course_utils.classroom.teaching.checks.common import kind, number


@contextmanager
def case(name: str) -> Iterator[None]:
    """Say with what a check failed."""
    try:
        yield
    except NotSolved:
        raise
    except CheckFailed as failed:
        raise CheckFailed(f"{name}: {failed}") from None


def judge(what: str, value: float, expected: float, *mistakes: tuple[float, str]) -> None:
    """A value must be near the expected one; else the first mistake that gives it is named."""
    if not near(value, expected):
        why = next((f": {why}" for wrong, why in mistakes if near(value, wrong)), "")
        raise CheckFailed(f"{what} is {value:.5g}, expected {expected:.5g}{why}")


def near(value: float, expected: float) -> bool:
    """Equal but for rounding."""
    return math.isclose(value, expected, rel_tol=1e-5, abs_tol=1e-6)


def pair(value: object, first: str, second: str) -> tuple[float, float]:
    """Two numbers, in a tuple, a list or a tensor."""
    if type(value) is Tensor and value.shape == (2,):
        value = value.tolist()
    if type(value) not in (tuple, list) or len(value) != 2:
        raise CheckFailed(f"expected two values, ({first}, {second}); it is {kind(value)}")
    return number(value[0], first), number(value[1], second)
