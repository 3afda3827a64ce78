"""What many checks need: plain values of the kind expected, or words that say what came instead."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from course_utils.classroom.teaching.answers import CheckFailed, Other, question

_one_at_a_time = threading.Lock()


@question
def result(answer, *arguments, **options):
    """What an answer that is a function gives."""
    return answer(*arguments, **options)


def kind(value: Any) -> str:
    """A value's type in a student's words."""
    if value is None:
        return "nothing (None): is there a `return`?"
    if isinstance(value, Tensor):
        return f"a {value.dtype} tensor of shape {tuple(value.shape)}"
    name = value.type_name if isinstance(value, Other) else type(value).__name__
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def number(value: Any, what: str, nan: bool = False) -> float:
    """A number, also one in a tensor of one element; ``what`` names it in the message.

    NaN only where it may come, for nothing is far from it.
    """
    if type(value) is Tensor and value.numel() == 1:
        value = value.item()
    if type(value) not in (int, float):
        raise CheckFailed(f"{what} must be a number; it is {kind(value)}")
    if not (math.isfinite(value) or nan and math.isnan(value)):
        raise CheckFailed(f"{what} must be a number; it is {value}")
    return value


def tensor(value: Any, what: str, shape: tuple | None = None) -> Tensor:
    """A tensor, of this shape, without NaN."""
    if type(value) is not Tensor:
        raise CheckFailed(f"{what} must be a tensor; it is {kind(value)}")
    if shape is not None and tuple(value.shape) != shape:
        raise CheckFailed(f"{what} has shape {tuple(value.shape)}, expected {shape}")
    if value.is_floating_point() and value.isnan().any():
        raise CheckFailed(f"{what} holds NaN: is something divided by zero?")
    return value


def same(one: Tensor, other: Tensor, tolerance: float = 1e-5) -> bool:
    """Equal but for rounding: as far as ``tolerance`` times the larger values."""
    return torch.allclose(one.double(), other.double(), rtol=tolerance, atol=tolerance)


@contextmanager
def chance(seed: int) -> Iterator[None]:
    """Draw from this seed within the block, in one thread at a time; then as if nothing had been.

    Two notebooks are graded at a time, and all threads share torch's global random numbers.
    """
    with _one_at_a_time, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def random(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal values, the same on every machine."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
