"""Checks of the exercises on a whole ResNet and its learning rate (notebook 03)."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.common import number, random, tensor
from course_utils.classroom.teaching.checks.judging import case
from course_utils.classroom.teaching.checks.layers import batch_norm, compare, fill, listed, split


@question
def schedule(answer, steps: int, warmup: int, peak: float) -> list:
    """The rate of every step, and of the one behind the last."""
    return [answer(step, steps, warmup, peak) for step in range(steps + 1)]


def warmup_cosine(answer: Callable, steps: int = 10, warmup: int = 4, peak: float = 0.5) -> None:
    """A learning rate must grow in a line, and fall in half a cosine to zero."""
    for warm in (warmup, 0):
        with case(f"with steps={steps}, warmup={warm}, peak={peak}"):
            told = schedule(answer, steps, warm, peak)
            rates = [number(rate, f"the rate of step {step}") for step, rate in enumerate(told)]
            _expect_rates(rates, steps, warm, peak)


def _expect_rates(rates: list[float], steps: int, warmup: int, peak: float) -> None:
    def line(step: int) -> float:
        return (step + 1) / (warmup + 1)

    def cosine(step: int, start: int = warmup, end: int = steps) -> float:
        return (1 + math.cos(math.pi * (step - start) / (end - start))) / 2

    def from_0(step: int) -> float:
        return cosine(step, start=0)

    def left(step: int) -> float:  # the share of the way down that is still to go
        return (steps - step) / (steps - warmup)

    def plan(up: Callable, down: Callable) -> list[float]:
        return [peak * (up(s) if s < warmup else down(s)) for s in range(steps + 1)]

    right = plan(line, cosine)
    mistakes = (
        (plan(lambda s: 1, cosine), "there is no warm-up"),
        (plan(from_0, from_0), "there is no warm-up, and the cosine counts from step 0"),
        (plan(lambda s: (s + 1) / warmup, cosine),
         f"the peak comes a step too early, at {warmup - 1}; the line reaches it at {warmup}"),
        (plan(line, left), "the rate falls in a straight line, expected half a cosine"),
        (plan(line, lambda s: math.sin(math.pi / 2 * left(s))),
         "the rate falls in a quarter of a cosine, expected half of one"),
        (plan(line, from_0), f"the cosine counts from step 0, so the rate jumps at step {warmup}"),
        (plan(lambda s: line(s) * from_0(s), from_0),
         "the cosine counts from step 0, and also lowers the warm-up"),
        (plan(line, lambda s: cosine(s, end=steps + warmup)),
         "the way down is too slow: it has steps − warmup steps"),
        ([rate / peak for rate in right], "the peak is left out"),
    )  # fmt: skip
    if _close(rates, right, peak):
        return
    for wrong, message in mistakes:
        if _close(rates, wrong, peak):
            raise CheckFailed(message)
    if rates[0] == 0:
        raise CheckFailed(f"step 0 has the rate 0 and teaches nothing; expected {right[0]:.4g}")
    if min(rates) < -1e-5 * peak:
        raise CheckFailed(f"the rate falls to {min(rates):.4g}; it must not be negative")
    if max(rates) > 1.001 * peak:
        raise CheckFailed(f"the rate rises to {max(rates):.4g}, above the peak")
    if abs(rates[-2]) < 1e-5 * peak:
        raise CheckFailed(f"the rate is 0 at step {steps - 1}, too early: the last step is lost")
    step = next(s for s in range(steps + 1) if not _close(rates[s : s + 1], right[s : s + 1], peak))
    raise CheckFailed(f"step {step} has the rate {rates[step]:.4g}, expected {right[step]:.4g}")


def _close(some: list[float], others: list[float], peak: float) -> bool:
    return all(abs(a - b) <= 1e-5 * peak for a, b in zip(some, others, strict=True))


def _through(x: Tensor, out_channels: int, stride: int, place: int) -> Tensor:
    """A block whose result can be followed by hand; ``place`` counts the blocks."""
    x = x[:, :, ::stride, ::stride]
    return (x[:, torch.arange(out_channels) % x.shape[1]] - place / 10).abs()


@question
def assembled(answer, depth: int, classes: int, images: Tensor, values: list) -> dict:
    """Which blocks a network makes and runs, the shapes of its parameters, and its logits."""
    made, ran = [], []

    class Block(nn.Module):
        def __init__(self, in_channels, out_channels, stride=1):
            super().__init__()
            self.place, self.sizes = len(made), (in_channels, out_channels, stride)
            self.weight = nn.Parameter(torch.zeros(()))
            made.append(self.sizes)

        def forward(self, x):
            in_channels, out_channels, stride = self.sizes
            if x.shape[1] != in_channels:
                raise CheckFailed(
                    f"block {self.place + 1}, made as block{self.sizes}, gets {x.shape[1]} "
                    f"channels, expected {in_channels}"
                )
            ran.append(self.place)
            return _through(x, out_channels, stride, self.place) + self.weight

    network = answer(depth, Block, classes)
    network(images)  # now lazy layers have their shapes
    shapes = fill(network, values)
    ran.clear()
    return {"output": network(images), "shapes": shapes, "made": made, "ran": ran}


@question
def refusals(answer, depths: list[int]) -> list[str]:
    """What a network raises for these depths: the names of the errors."""
    raised = []
    for depth in depths:
        try:
            answer(depth, nn.Identity, 10)  # which takes any arguments
            raised.append("no error")
        except Exception as error:
            name = type(error).__name__
            raised.append("ValueError" if isinstance(error, ValueError) else name)
    return raised


def residual_stages(
    answer: type[nn.Module], depth: int = 20, classes: int = 5, side: int = 32, seed: int = 0
) -> None:
    """A network of 6n + 2 layers must have its blocks, stem and head, and refuse other depths."""
    for layers, pixels in ((depth, side), (8, side // 2)):
        with case(f"with depth={layers}, classes={classes}, images of {pixels} × {pixels}"):
            _residual_stages(answer, layers, classes, random(2, 3, pixels, pixels, seed=seed), seed)
    depths = [depth + 1, depth - 3, 8, 2, 10]
    expected = ["no error" if each == 8 else "ValueError" for each in depths]
    for each, found, wanted in zip(depths, refusals(answer, depths), expected, strict=True):
        if found != wanted:
            raise CheckFailed(f"depth={each} raises {found}; expected {wanted}")


def _residual_stages(answer, depth: int, classes: int, images: Tensor, seed: int) -> None:
    n = (depth - 2) // 6
    shapes = [(16, 3, 3, 3), (16,), (classes, 64), (classes,)]
    kernel, scale, weight, bias = values = [random(*shape, seed=seed + 1) for shape in shapes]
    told = assembled(answer, depth, classes, images, values)
    expected = []
    for into, out, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2)):
        expected += [(into, out, stride)] + (n - 1) * [(out, out, 1)]
    _expect_blocks(told["made"], told["ran"], expected)
    _expect_weights(told["shapes"], 3 * n, classes)

    def logits(relu=F.relu, pool=lambda x: x, mean=lambda x: x.mean((2, 3))) -> Tensor:
        x = pool(relu(batch_norm(F.conv2d(images, kernel, padding=1), scale)))
        for place, (_, out, stride) in enumerate(expected):
            x = _through(x, out, stride, place)
        return F.linear(mean(x), weight, bias)

    right = logits()
    compare(
        tensor(told["output"], "the output", tuple(right.shape)),
        right,
        "the logits are not those of stem, blocks, mean over all positions, linear layer",
        (logits(relu=lambda x: x), "no ReLU in the stem"),
        (logits(pool=lambda x: F.max_pool2d(x, 2)), "the stem has a pool"),
        (logits(pool=lambda x: F.max_pool2d(x, 3, 2, 1)), "the stem has a pool"),
        (logits(mean=lambda x: x.amax((2, 3))), "the head takes the maximum, expected the mean"),
        (logits(mean=lambda x: x.sum((2, 3))), "the head adds all positions, expected the mean"),
        (right.softmax(1), "the network ends in a softmax; it must give logits"),
        (right.log_softmax(1), "the network ends in a softmax; it must give logits"),
        (F.relu(right), "a ReLU stands behind the linear layer; logits may be negative"),
    )


def _expect_blocks(made: list, ran: list, expected: list[tuple]) -> None:
    twice = [place for place in ran if ran.count(place) > 1]
    if twice:
        raise CheckFailed(
            f"block {twice[0] + 1} runs {ran.count(twice[0])} times: its weights are shared; "
            "make a new block for each place"
        )
    if len(made) != len(expected):
        raise CheckFailed(
            f"{len(made)} blocks, expected {len(expected)}: n = {len(expected) // 3} in each of "
            "three stages"
        )
    if len(ran) != len(expected):
        raise CheckFailed(f"{len(made)} blocks are made, but {len(ran)} of them run")
    for place, sizes in enumerate(expected):
        if made[ran[place]] != sizes:
            raise CheckFailed(
                f"block {place + 1} is block{made[ran[place]]}, expected block{sizes} "
                "(in_channels, out_channels, stride)"
            )


def _expect_weights(shapes: list, blocks: int, classes: int) -> None:
    if shapes.count(()) != blocks:
        raise CheckFailed(
            f"network.parameters() holds the weights of {shapes.count(())} blocks, expected "
            f"{blocks}: PyTorch looks into nn.Sequential and nn.ModuleList, not into a list"
        )
    kernels, others = split([shape for shape in shapes if shape != ()])
    matrices = [shape for shape in others if len(shape) == 2]
    if kernels != [(16, 3, 3, 3)]:
        raise CheckFailed(f"the stem's kernel is {listed(kernels)}; expected (16, 3, 3, 3)")
    if matrices != [(classes, 64)]:
        raise CheckFailed(
            f"the linear layer's weight is {listed(matrices)}; expected {(classes, 64)}: it comes "
            "behind the mean over all positions"
        )
    norms = others.count((16,))
    if norms < 2:
        raise CheckFailed("the stem has no batch norm")
    if norms > 2:
        raise CheckFailed("the stem's convolution has a bias, the norm subtracts it again")
    if sorted(others) != sorted([(16,), (16,), (classes, 64), (classes,)]):
        raise CheckFailed(
            f"the head's weights are {listed([o for o in others if o != (16,)])}; "
            f"expected {listed([(classes, 64), (classes,)])}"
        )
