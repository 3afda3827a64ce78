"""What checks of networks need: chosen weights, layers followed by hand, names for mistakes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.teaching.answers import CheckFailed
from course_utils.teaching.checks.common import same


@torch.no_grad()
def fill(module: nn.Module, values: list[Tensor]) -> list[tuple]:
    """Give each parameter the value that has its shape, if any; the shapes of all parameters."""
    for parameter in module.parameters():
        for value in values:
            if value.shape == parameter.shape:
                parameter.copy_(value)
    return [tuple(parameter.shape) for parameter in module.parameters()]


def split(shapes: list[tuple]) -> tuple[list[tuple], list[tuple]]:
    """Shapes of convolutions' kernels, and all others."""
    return [s for s in shapes if len(s) == 4], [s for s in shapes if len(s) != 4]


def listed(shapes: list[tuple]) -> str:
    """Shapes as a student writes them.

    >>> listed([(3, 8, 1, 1), (3,)])
    '(3, 8, 1, 1), 3'
    """
    return ", ".join(str(shape[0] if len(shape) == 1 else shape) for shape in shapes) or "none"


def batch_norm(x: Tensor, scale: Tensor) -> Tensor:
    """Batch norm in training, when gamma and beta are both ``scale``."""
    return F.batch_norm(x, None, None, scale, scale, training=True)


def compare(output: Tensor, expected: Tensor, otherwise: str, *mistakes: tuple) -> None:
    """Raise ``CheckFailed`` unless the output is as expected.

    The message is that of the first (output, message) in ``mistakes`` that the output equals.
    """
    if same(output, expected):
        return
    for wrong, message in mistakes:
        if wrong.shape == output.shape and same(output, wrong):
            raise CheckFailed(message)
    raise CheckFailed(otherwise)
