"""Checks of the exercises on ResNet (notebook 03)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.teaching.answers import CheckFailed, question
from course_utils.teaching.checks.common import random, same, tensor


class _Affine(nn.Module):
    """factor · x + shift: a layer whose result can be followed by hand."""

    def __init__(self, factor: float, shift: float, name: str, calls: list[str]):
        super().__init__()
        self.factor, self.shift, self.name, self.calls = factor, shift, name, calls

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append(self.name)
        return self.factor * x + self.shift


LAYERS = {"conv1": (-1, 0), "bn1": (1, 0.3), "conv2": (3, 0), "bn2": (1, -0.7)}


@question
def passed_through(answer, x: Tensor, channels: int) -> dict:
    """What a block gives for x when its layers are those in LAYERS, and which of them ran."""
    block, calls, given = answer(channels), [], x.clone()
    for name, (factor, shift) in LAYERS.items():
        if not isinstance(getattr(block, name, None), nn.Module):
            raise CheckFailed(f"the block has no layer `{name}`: leave __init__ as it was given")
        setattr(block, name, _Affine(factor, shift, name, calls))
    return {"output": block(x), "calls": calls, "input kept": torch.equal(x, given)}


def shortcut(answer: type[nn.Module], channels: int = 3, seed: int = 0) -> None:
    """A residual block's forward pass must give ReLU(F(x) + x)."""
    x = random(2, channels, 4, 4, seed=seed)
    told = passed_through(answer, x, channels)
    if told["calls"] != list(LAYERS):
        ran, expected = ", ".join(told["calls"]), ", ".join(LAYERS)
        raise CheckFailed(f"the layers run in the order {ran}; expected {expected}")
    output = tensor(told["output"], "the output", tuple(x.shape))
    residual, linear = 3 * F.relu(0.3 - x) - 0.7, 3 * (0.3 - x) - 0.7  # with and without ReLU
    for wrong, why in (
        (F.relu(residual), "the shortcut is missing: x is never added"),
        (residual, "the shortcut is missing, and so is the last ReLU"),
        (residual + x, "no ReLU after the addition: the output has negative values"),
        (F.relu(residual) + x, "the last ReLU comes before the addition, it belongs behind it"),
        (F.relu(linear + x), "there is no ReLU between bn1 and conv2"),
        (F.relu(residual + F.relu(x)), "x goes through a ReLU before it is added"),
        (F.relu(residual - x), "x is subtracted"),
        (F.relu(residual * x), "x is multiplied, it should be added"),
    ):
        if same(output, wrong):
            raise CheckFailed(why)
    if not same(output, F.relu(residual + x)):
        raise CheckFailed(
            "the output is not ReLU(F(x) + x) with F(x) = bn2(conv2(ReLU(bn1(conv1(x)))))"
        )
    if not told["input kept"]:
        raise CheckFailed("the block changes its input x: does an operation work in place?")
