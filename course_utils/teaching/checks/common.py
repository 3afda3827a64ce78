"""What many checks need: plain values of the kind expected, or words that say what came instead."""

from typing import Any

import torch
from torch import Tensor

from course_utils.teaching.answers import CheckFailed, Other, question


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


def number(value: Any, what: str) -> float:
    """A number, also one in a tensor of one element; ``what`` names it in the message."""
    if type(value) in (int, float):
        return value
    if type(value) is Tensor and value.numel() == 1:
        return value.item()
    raise CheckFailed(f"{what} must be a number; it is {kind(value)}")


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


def random(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal values, the same on every machine."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
