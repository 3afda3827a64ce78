"""What checks of networks need: chosen weights, layers followed by hand, names for mistakes."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.classroom.teaching.answers import CheckFailed, described, question
from course_utils.classroom.teaching.checks.common import same


@torch.no_grad()
def fill(module: nn.Module, values: list[Tensor]) -> list[tuple]:
    """Give each parameter the value that has its shape, if any; the shapes of all parameters."""
    for parameter in module.parameters():
        for value in values:
            if value.shape == parameter.shape:
                parameter.copy_(value)
    return [tuple(parameter.shape) for parameter in module.parameters()]


def count(network: nn.Module) -> int:
    """Of its parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def descend(parameters: Iterable[Tensor], loss: Tensor, rate: float = 1.0) -> None:
    """Plain gradient descent; an optimizer would first import a compiler, for seconds."""
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                parameter -= rate * gradient


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


class _Given(nn.Module):
    """Gives a tensor, whatever comes in, and keeps what came."""

    def __init__(self, output: Tensor):
        super().__init__()
        self.output, self.inputs = output, []

    def forward(self, x: Tensor) -> Tensor:
        self.inputs.append(x.clone())
        return self.output.clone()


@question
def around_given(answer, sizes: tuple, place: str, x: Tensor, given: Tensor, values: list) -> dict:
    """What a block gives for x when one of its two paths gives ``given``, whatever it gets.

    The path is the block's layer called ``place``, or else its last argument. The parameters of the
    rest get ``values``, by their shapes, which come back, also where forward fails. ``kept``: the
    block's modules hold the path; ``uses``: how often each batch norm ran.
    """
    path = _Given(given)
    block = answer(*sizes) if place else answer(*sizes, path)
    if place and not isinstance(getattr(block, place, None), nn.Module):
        raise CheckFailed(f"the block has no layer `{place}`: leave it as it was given")
    if place:
        setattr(block, place, path)
    error = ""
    try:
        block(x.clone())  # now lazy layers have their shapes
    except RuntimeError as raised:
        error = described(raised)
    shapes = fill(block, values)
    if error:
        return {"shapes": shapes, "error": error}
    path.inputs.clear()
    output, layers = block(x), list(block.modules())
    return {
        "output": output,
        "shapes": shapes,
        "inputs": path.inputs,
        "kept": any(layer is path for layer in layers),
        "uses": [int(layer.num_batches_tracked) for layer in layers
                 if getattr(layer, "num_batches_tracked", None) is not None],
    }  # fmt: skip


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
