"""What the tests of the networks share: shapes, counts, weights as after training."""

import torch
from torch import Tensor, nn


def shapes_of(model: nn.Module, images: Tensor) -> list[tuple[str, tuple[int, ...]]]:
    """Name and output shape of every part, in the order in which the image meets them."""
    seen = []
    hooks = [
        part.register_forward_hook(lambda _, __, out, name=name: seen.append((name, out.shape)))
        for name, part in model.named_children()
    ]
    with torch.inference_mode():
        model(images)
    for hook in hooks:
        hook.remove()
    return [(name, tuple(shape)) for name, shape in seen]


def parameters(model: nn.Module) -> int:
    """How many numbers a network has to learn."""
    return sum(p.numel() for p in model.parameters())


def weightless(build, *arguments, **options) -> nn.Module:
    """A network of shapes only: quick, whatever its size."""
    with torch.device("meta"):
        return build(*arguments, **options)


def experienced(model: nn.Module, low: float = 0.5, high: float = 1.5) -> nn.Module:
    """Weights that keep the signal's size, and batch norms as after training.

    Each channel's is another, in all four tensors: else nothing would show in which order they
    stand. ``low`` and ``high``: of the batch norms' factors, below 1 for a long row of sums.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.normal_(layer.bias)
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, low, high)
            nn.init.normal_(layer.bias, std=0.1)
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
            layer.num_batches_tracked.fill_(7)
    return model


def largest_difference(ours: nn.Module, theirs: nn.Module, images: Tensor) -> float:
    """Of the logits of two networks in eval mode, in units of their spread.

    They must differ between the images: a network that ignores them would agree with any other.
    """
    with torch.inference_mode():
        mine, other = ours.eval()(images), theirs.eval()(images)
    assert mine.shape == other.shape and mine.dtype == torch.float32
    spread = float(other.std())
    assert float((other[0] - other[1]).std()) > 0.01 * spread, "nothing to compare"
    return float((mine - other).abs().max()) / spread
