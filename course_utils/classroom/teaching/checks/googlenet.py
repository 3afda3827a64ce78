"""Checks of the exercises on Inception blocks (notebook 02)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.common import kind, number, random, result, same, tensor
from course_utils.classroom.teaching.checks.judging import judge
from course_utils.classroom.teaching.checks.layers import compare


def layer_name(shape: tuple) -> str:
    """
    >>> layer_name((6, 8, 1, 1))
    '1×1 convolution from 8 to 6 channels'
    """
    out, channels, *kernel = shape
    if not kernel:
        return f"linear layer from {channels} to {out} values"
    return f"{'×'.join(map(str, kernel))} convolution from {channels} to {out} channels"


def filled(network: nn.Module, weights: list[Tensor]) -> None:
    """Give each layer the weight of its shape, and a bias of zero; all shapes must be found.

    A linear layer and a 1×1 convolution may stand for each other.
    """
    missing = {(*weight.shape, 1, 1)[:4]: weight for weight in weights}
    extra = []
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            shape = tuple(layer.weight.shape)
            if (weight := missing.pop((*shape, 1, 1)[:4], None)) is None:
                extra.append(shape)
                continue
            with torch.no_grad():
                layer.weight.copy_(weight.reshape(shape))
                if layer.bias is not None:
                    layer.bias.zero_()
    needed = " and a ".join(layer_name(tuple(weight.shape)) for weight in missing.values())
    if extra:
        instead = f"in place of a {needed}" if needed else "too many"
        raise CheckFailed(f"there is a {layer_name(extra[0])} {instead}")
    if missing:
        raise CheckFailed(f"the network has no {needed}, or a plain list hides it from PyTorch")


def built(network: object, x: Tensor) -> nn.Module:
    """A module that ran once on x, so that lazy layers have their weights."""
    if not isinstance(network, nn.Module):
        raise CheckFailed(f"a network (nn.Module) is expected; it is {kind(network)}")
    network(x)
    return network


def kernels(*shapes: tuple, seed: int) -> list[Tensor]:
    """Random weights of about the size that keeps the spread of what runs through them."""
    weights = [random(*shape, seed=seed + i) for i, shape in enumerate(shapes)]
    return [weight / weight[0].numel() ** 0.5 for weight in weights]


@question
def branch_output(answer, sizes: list[int], x: Tensor, weights: list, norms: list) -> Tensor:
    """What a branch with these weights gives in eval mode; norms (4, C): γ, β, mean, variance."""
    network = built(answer(*sizes), x).eval()
    output = network(x)
    if tuple(output.shape) != (len(x), sizes[2], *x.shape[2:]):
        return output  # its shape is told first
    filled(network, weights)
    missing = {norm.shape[1]: norm for norm in norms}
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            if (norm := missing.pop(layer.num_features, None)) is None:
                raise CheckFailed(
                    f"there is a batch norm over {layer.num_features} channels too many: "
                    "one belongs behind each convolution"
                )
            layer.eps = 1e-5
            state = dict(zip(("weight", "bias", "running_mean", "running_var"), norm, strict=True))
            layer.load_state_dict(state, strict=False)
    if missing:
        raise CheckFailed(f"there is no batch norm over {next(iter(missing))} channels")
    return network(x)


def inception_branch(
    answer: Callable,
    in_channels: int = 8,
    reduced: int = 6,
    out_channels: int = 5,
    kernel_sizes: tuple = (3, 5),
    seed: int = 0,
) -> None:
    """A branch: 1×1 convolution, then a wider one, each with batch norm and ReLU."""
    x = random(2, in_channels, 7, 9, seed=seed)
    norms = [random(4, channels, seed=seed + channels) for channels in (reduced, out_channels)]
    for norm in norms:
        norm[3] = norm[3].abs() + 0.5

    def batch_norm(x: Tensor, i: int) -> Tensor:
        gamma, beta, mean, variance = norms[i]
        return F.batch_norm(x, mean, variance, gamma, beta)

    for k in kernel_sizes:
        shapes = (reduced, in_channels, 1, 1), (out_channels, reduced, k, k)
        weights = kernels(*shapes, seed=seed)
        sizes = [in_channels, reduced, out_channels, k]
        output = branch_output(answer, sizes, x, weights, norms)
        output = tensor(output, f"with kernel_size={k} the output", (2, out_channels, 7, 9))
        one, wide = F.conv2d(x, weights[0]), weights[1]
        inner = F.relu(batch_norm(one, 0))
        linear = batch_norm(F.conv2d(inner, wide, padding=k // 2), 1)
        unbroken = batch_norm(F.conv2d(batch_norm(one, 0), wide, padding=k // 2), 1)
        early = F.conv2d(batch_norm(F.relu(one), 0), wide, padding=k // 2)
        compare(
            output, F.relu(linear), "the output is not that of 1×1 convolution, batch norm, ReLU, "
            f"{k}×{k} convolution, batch norm, ReLU in this order",
            (linear, "the last ReLU is missing: the output has negative values"),
            (F.relu(unbroken), "there is no ReLU between the two convolutions"),
            (unbroken, "there is no ReLU at all: one belongs behind each batch norm"),
            (batch_norm(F.relu(early), 1), "ReLU comes before batch norm, it belongs behind it"),
        )  # fmt: skip


def multiply_adds(
    answer: Callable,
    in_channels: int = 4,
    out_channels: int = 6,
    kernel_size: int = 5,
    height: int = 6,
    width: int = 9,
    reduced: int = 3,
) -> None:
    """What a convolution costs, alone and with a 1×1 reduction before it."""
    i, o, k, r, places = in_channels, out_channels, kernel_size, reduced, height * width
    right = k * k * i * o * places
    pair = (i * r + k * k * r * o) * places
    judge(
        "the work of one convolution",
        number(result(answer, i, o, k, height, width), "the work of one convolution"), right,
        (2 * right, "a multiply–add counts once, not as two operations"),
        (k * i * o * places, "the kernel has kernel_size × kernel_size places"),
        (i * o * places, "the kernel's size is left out"),
        (k * k * i * o, "these are the weights: each works at every place of the output"),
        (k * k * o * places, "each output value sums over all input channels"),
        (k * k * i * places, "there is such a sum for every output channel"),
        (right + o * places, "biases are left out"),
        (k * k * i * o * height * height, "the output has height × width places"),
        (k * k * i * o * width * width, "the output has height × width places"),
        (k * k * i * o * (height + width), "the output has height × width places"),
        (k * k * (i + o) * places, "each output channel sees each input channel: a product"),
        (k * k * i * o * (height - k + 1) * (width - k + 1),
         "height and width are the output's: nothing is lost at the edges"),
    )  # fmt: skip
    what = f"with reduced={reduced} the work"
    judge(
        what, number(result(answer, i, o, k, height, width, reduced=r), what), pair,
        (right, "`reduced` has no effect"),
        (k * k * r * o * places, "the 1×1 convolution works, too"),
        (i * r * places, "the wide convolution is left out"),
        (i * r * places + right, "behind the reduction there are only `reduced` channels"),
        (k * k * (i * r + r * o) * places, "the reduction has a 1×1 kernel"),
        (i * r + k * k * r * o * places, "the 1×1 convolution works at every place as well"),
        (i * r * places * k * k * r * o * places, "the two are added, not multiplied"),
    )  # fmt: skip


@question
def block_output(answer, sizes: list, x: Tensor, weights: list[Tensor]) -> Tensor:
    """What an Inception block with these weights gives."""
    try:
        network = built(answer(*sizes), x).eval()
    except RuntimeError as error:
        if "Sizes of tensors must match" not in (text := str(error)):
            raise
        raise CheckFailed(
            f"the branches differ in height or width, each must keep those of x: {text}"
            if "in dimension 1" in text else f"the channels are dimension 1: {text}"
        ) from error  # fmt: skip
    if any("BatchNorm" in type(layer).__name__ for layer in network.modules()):
        raise CheckFailed("there is a batch norm; here only ReLU follows a convolution")
    filled(network, weights)
    return network(x)


def inception_block(
    answer: type[nn.Module],
    in_channels: int = 8,
    widths: tuple = (3, 5, 4, 2),
    reduced: tuple = (6, 7),
    seed: int = 0,
) -> None:
    """Four branches over the same input, laid behind one another along the channels.

    ``widths[0]``, ``widths[3]``, ``reduced[0]`` and ``reduced[1]`` must differ.
    """
    x = random(2, in_channels, 6, 9, seed=seed)
    shapes = [
        (widths[0], in_channels, 1, 1), (reduced[0], in_channels, 1, 1),
        (reduced[1], in_channels, 1, 1), (widths[3], in_channels, 1, 1),
        (widths[1], reduced[0], 3, 3), (widths[2], reduced[1], 5, 5),
    ]  # fmt: skip
    weights = kernels(*shapes, seed=seed)
    one, reduce3, reduce5, pool, three, five = weights
    low3, low5 = F.conv2d(x, reduce3), F.conv2d(x, reduce5)
    branches = [
        F.conv2d(x, one),
        F.conv2d(F.relu(low3), three, padding=1),
        F.conv2d(F.relu(low5), five, padding=2),
        F.conv2d(F.max_pool2d(x, 3, stride=1, padding=1), pool),
    ]
    expected = F.relu(torch.cat(branches, 1))
    output = block_output(answer, [in_channels, list(widths), list(reduced)], x, weights)
    output = tensor(output, "the output", tuple(expected.shape))
    if not same(output, expected):
        raise CheckFailed(_block_mistake(output, x, weights, branches, widths))


def _block_mistake(output: Tensor, x: Tensor, weights: list, branches: list, widths: tuple) -> str:
    """What is wrong with an output of the right shape."""
    one, reduce3, reduce5, pool, three, five = weights
    names = ("1×1 branch", "3×3 branch", "5×5 branch", "pooling branch")
    linear = torch.cat(branches, 1)
    if same(output, linear):
        return "the last ReLU is missing: the output has negative values"
    unbroken = F.conv2d(F.conv2d(x, reduce3), three, padding=1)
    averaged = F.conv2d(F.avg_pool2d(x, 3, stride=1, padding=1), pool)
    wrong = (
        (1, unbroken, "there is no ReLU behind its reduction"),
        (2, F.conv2d(F.conv2d(x, reduce5), five, padding=2),
         "there is no ReLU behind its reduction"),
        (3, averaged, "it takes the average, the paper's takes the maximum"),
        (3, F.conv2d(x, pool), "there is no pooling"),
        (3, F.max_pool2d(F.relu(F.conv2d(x, pool)), 3, stride=1, padding=1),
         "the pooling comes behind its convolution, it belongs before"),
    )  # fmt: skip
    parts = output.split(list(widths), 1)
    for i, branch, why in wrong:
        if same(F.relu(parts[i]), F.relu(branch)):
            return f"the {names[i]} is not right: {why}"
    for i, (part, branch) in enumerate(zip(parts, branches, strict=True)):
        if not same(F.relu(part), F.relu(branch)):
            channels = output.unbind(1)
            moved = all(any(same(c, F.relu(b)) for c in channels) for b in linear.unbind(1))
            why = "the branches stand in another order; expected 1×1, 3×3, 5×5, pooling"
            return why if moved else f"the output of the {names[i]} is not right"
    positive = [name for name, part in zip(names, parts, strict=True) if not (part < 0).any()]
    return f"ReLU is missing behind some branches; there is one behind: {', '.join(positive)}"
