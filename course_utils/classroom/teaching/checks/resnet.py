"""Checks of the exercises on ResNet (notebook 03)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.common import random, same, tensor
from course_utils.classroom.teaching.checks.judging import case
from course_utils.classroom.teaching.checks.layers import (
    around_given,
    batch_norm,
    compare,
    listed,
    split,
)


class _Affine(nn.Module):
    """factor · x + shift: a layer whose result can be followed by hand."""

    def __init__(self, factor: float, shift: float, name: str, calls: list[str]):
        super().__init__()
        self.factor, self.shift, self.name, self.calls = factor, shift, name, calls

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append(self.name)
        return self.factor * x + self.shift


LAYERS = {"conv1": (-1, 0), "bn1": (1, 0.3), "conv2": (3, 0), "bn2": (0.5, -0.7)}
OVERWRITTEN = "x is overwritten: what is added is not the x that came"


@question
def passed_through(answer, x: Tensor, channels: int) -> dict:
    """What a block gives for x with the layers in LAYERS, which of them ran, and x's gradient."""
    block, calls = answer(channels), []
    for name, (factor, shift) in LAYERS.items():
        if not isinstance(getattr(block, name, None), nn.Module):
            raise CheckFailed(f"the block has no layer `{name}`: leave __init__ as it was given")
        setattr(block, name, _Affine(factor, shift, name, calls))
    told = {"output": block(x), "calls": list(calls), "x": x}
    leaf = x.clone().requires_grad_()
    output = block(leaf * 1)  # works in place, too
    if isinstance(output, Tensor) and output.requires_grad:
        (told["gradient"],) = torch.autograd.grad(output.sum(), leaf)
    return told


def shortcut(answer: type[nn.Module], channels: int = 3, seed: int = 0) -> None:
    """A residual block's forward pass must give ReLU(F(x) + x)."""
    x = random(2, channels, 4, 4, seed=seed)
    told = passed_through(answer, x, channels)
    if told["calls"] != list(LAYERS):
        ran, expected = ", ".join(told["calls"]), ", ".join(LAYERS)
        raise CheckFailed(f"the layers run in the order {ran or 'none'}; expected {expected}")
    output = tensor(told["output"], "the output", tuple(x.shape))
    x.requires_grad_()
    inner = F.relu(0.3 - x)
    residual, linear = 1.5 * inner - 0.7, 1.5 * (0.3 - x) - 0.7  # with and without ReLU
    (gradient,) = torch.autograd.grad(F.relu(residual + x).sum(), x, retain_graph=True)
    compare(
        output,
        F.relu(residual + x),
        "the output is not ReLU(F(x) + x) with F(x) = bn2(conv2(ReLU(bn1(conv1(x)))))",
        (F.relu(residual), "the shortcut is missing: x is never added"),
        (residual, "the shortcut is missing, and so is the last ReLU"),
        (residual + x, "no ReLU after the addition: the output has negative values"),
        (F.relu(residual) + x, "the last ReLU comes before the addition, it belongs behind it"),
        (F.relu(linear + x), "there is no ReLU between bn1 and conv2"),
        (F.relu(residual + F.relu(x)), "x goes through a ReLU before it is added"),
        (F.relu(residual + inner), OVERWRITTEN),
        (F.relu(2 * residual), OVERWRITTEN),
        (F.relu(residual + 0.5 * x), "x is added before bn2, it belongs behind it"),
        (F.relu(residual - x), "x is subtracted"),
        (F.relu(residual * x), "x is multiplied, it should be added"),
    )
    if not same(tensor(told["x"], "x", tuple(x.shape)), x):
        raise CheckFailed("the block changes its input x: does an operation work in place?")
    if "gradient" not in told or not same(tensor(told["gradient"], "x's gradient"), gradient):
        raise CheckFailed("gradients do not flow back through both paths: is one detached?")


def projection(
    answer: type[nn.Module],
    in_channels: int = 3,
    out_channels: int = 6,
    stride: int = 2,
    seed: int = 0,
) -> None:
    """A block must project its shortcut where shapes differ, and only there."""
    few, many = in_channels, out_channels
    changed = (few, many, stride), (few, many, 1), (many, few, 1), (few, few, stride)
    for sizes in (*changed, (few, few, 1)):
        with case(f"with in_channels={sizes[0]}, out_channels={sizes[1]}, stride={sizes[2]}"):
            _projection(answer, *sizes, seed)


def _projection(answer, in_channels: int, out_channels: int, stride: int, seed: int) -> None:
    x, kernel = random(2, in_channels, 6, 6, seed=seed), (out_channels, in_channels, 1, 1)
    residual = random(2, out_channels, 6 // stride, 6 // stride, seed=seed + 1)
    weight, scale = random(*kernel, seed=seed + 2), random(out_channels, seed=seed + 3)
    sizes, given = (in_channels, out_channels, stride), (weight, scale)
    told = around_given(answer, sizes, "residual", x, residual, given)
    carried = mixed = x
    if in_channels == out_channels and stride == 1:
        if told["shapes"]:
            raise CheckFailed("the shortcut has weights; x fits as it is, and is added unchanged")
    else:
        _expect_projection(told["shapes"], kernel)
        mixed = F.conv2d(x, weight, stride=stride)
        carried = batch_norm(mixed, scale)
    _refuse_error(told, f"self.residual gives {tuple(residual.shape)} here; does the shortcut?")
    pooled = [F.avg_pool2d(x, stride), F.max_pool2d(x, stride)]
    pooled = [batch_norm(F.conv2d(each, weight), scale) for each in pooled]
    compare(
        tensor(told["output"], "the output", tuple(residual.shape)),
        F.relu(residual + carried),
        "the output is not ReLU(F(x) + P(x)): does P run the convolution, then the norm?",
        (F.relu(residual), "the shortcut is missing: its result is never added"),
        (residual + carried, "no ReLU after the addition: the output has negative values"),
        (F.relu(residual) + carried, "ReLU comes before the addition, it belongs behind it"),
        (F.relu(residual + F.relu(carried)), "the shortcut goes through a ReLU of its own"),
        (F.relu(residual + mixed), "the shortcut's batch norm is made, but never used"),
        (F.relu(residual - carried), "the shortcut is subtracted"),
        *((F.relu(residual + each), "the shortcut pools; the stride does that") for each in pooled),
    )
    _expect_x(told["inputs"], x, "self.residual")


def _expect_projection(shapes: list, kernel: tuple) -> None:
    kernels, vectors = split(shapes)
    if not kernels:
        raise CheckFailed(
            "no convolution on the shortcut, though x and F(x) differ in shape; expected the "
            f"kernel {kernel}, made in __init__ and kept in self"
        )
    if kernels != [kernel]:
        raise CheckFailed(f"the shortcut's kernel is {listed(kernels)}; expected {kernel}")
    if len(vectors) < 2:
        raise CheckFailed("no batch norm on the shortcut: it stands behind the convolution")
    if len(vectors) > 2:
        raise CheckFailed("the shortcut's convolution has a bias, the norm subtracts it again")
    if vectors != [kernel[:1]] * 2:
        raise CheckFailed(
            f"the shortcut's batch norm has {vectors[0][0]} channels, expected {kernel[0]}: "
            "it stands behind the convolution"
        )


def bottleneck(
    answer: type[nn.Module],
    in_channels: int = 8,
    out_channels: int = 12,
    stride: int = 2,
    seed: int = 0,
) -> None:
    """A bottleneck block must reduce, convolve with the stride and expand, then add."""
    for sizes in ((out_channels, out_channels, 1), (in_channels, out_channels, stride)):
        with case(f"with in_channels={sizes[0]}, out_channels={sizes[1]}, stride={sizes[2]}"):
            _bottleneck(answer, *sizes, seed)


def _bottleneck(answer, in_channels: int, out_channels: int, stride: int, seed: int) -> None:
    width, x = out_channels // 4, random(2, in_channels, 6, 6, seed=seed)
    carried = random(2, out_channels, 6 // stride, 6 // stride, seed=seed + 1)
    shapes = [(width, in_channels, 1, 1), (width, width, 3, 3), (out_channels, width, 1, 1)]
    kernels = [random(*shape, seed=seed + 2) for shape in shapes]
    scales = [random(len(kernel), seed=seed + 3) for kernel in kernels]
    told = around_given(
        answer, (in_channels, out_channels, stride), "", x, carried, kernels + scales[1:]
    )
    _expect_layers(told["shapes"], shapes)
    _refuse_error(told, f"shortcut gives {tuple(carried.shape)} here; does F(x) fit?")

    def path(strides=(1, stride, 1), relus=(True, True, False)) -> Tensor:
        out = x
        for kernel, scale, step, relu in zip(kernels, scales, strides, relus, strict=True):
            out = F.conv2d(out, kernel, stride=step, padding=kernel.shape[-1] // 2)
            out = batch_norm(out, scale)
            out = F.relu(out) if relu else out
        return out

    residual, early, late = path(), path((stride, 1, 1)), path((1, 1, stride))
    added = x if x.shape == carried.shape else carried
    compare(
        tensor(told["output"], "the output", tuple(carried.shape)),
        F.relu(residual + carried),
        "the output is not ReLU(F(x) + shortcut(x)): compare with the table, layer by layer",
        (F.relu(residual), "the shortcut is missing: its result is never added"),
        (residual + carried, "no ReLU after the addition: the output has negative values"),
        (F.relu(residual) + carried, "the last ReLU comes before the addition"),
        (F.relu(F.relu(residual) + carried), "F ends in a ReLU, so that it can never be negative"),
        (F.relu(path(relus=(False, True, False)) + carried), "no ReLU behind the first norm"),
        (F.relu(path(relus=(True, False, False)) + carried), "no ReLU behind the second norm"),
        (F.relu(path(relus=(False,) * 3) + carried), "there is no ReLU inside F"),
        (F.relu(residual + added), "x itself is added; it should be shortcut(x)"),
        (F.relu(early + carried), "the stride is in the first 1 × 1, expected in the 3 × 3"),
        (F.relu(late + carried), "the stride is in the last 1 × 1, expected in the 3 × 3"),
    )
    _expect_x(told["inputs"], x, "shortcut")
    _expect_each_once(told["uses"], told["kept"])


def _expect_layers(shapes: list, kernels: list[tuple]) -> None:
    """Kernels of these shapes and no others, each with a batch norm of its own, without bias."""
    found, vectors = split(shapes)
    if sorted(found) != sorted(kernels):
        raise CheckFailed(
            f"the kernels are {listed(found)}; expected {listed(kernels)} "
            "(channels out, channels in, height, width)"
        )
    expected = [kernel[:1] for kernel in kernels for _ in ("gamma", "beta")]
    if len(vectors) > len(expected):
        raise CheckFailed("there are more weights than expected: has a convolution a bias?")
    if sorted(vectors) != sorted(expected):
        raise CheckFailed(
            f"{len(vectors) / 2:g} batch norms of {listed(vectors[::2])} channels; expected "
            f"{len(kernels)} of {listed(expected[::2])}, one of its own behind each convolution"
        )


def _expect_each_once(uses: list, kept: bool) -> None:
    if kept is not True:
        raise CheckFailed("the block hides shortcut from PyTorch: keep it as an attribute of self")
    if len(set(uses)) > 1:
        raise CheckFailed("a batch norm runs twice, another never: each convolution has its own")


def _refuse_error(told: dict, about: str) -> None:
    if "error" in told:
        raise CheckFailed(f"{told['error']} ({about})")


def _expect_x(inputs: list, x: Tensor, layer: str) -> None:
    if len(inputs) != 1:
        raise CheckFailed(f"{layer} runs {len(inputs)} times; expected once")
    if not same(tensor(inputs[0], f"what {layer} gets", tuple(x.shape)), x):
        raise CheckFailed(f"{layer} does not get x, but something else: both paths start from x")
