"""Classes of different sizes: how much each image weighs, and an order that balances them."""

from collections.abc import Sequence

import torch
from torch import Tensor

UNEVEN = 3.0  # the largest class : the smallest, from which on it is told


def class_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Weights (C,) in inverse proportion to the classes' sizes; their mean over labels (N,) is 1.

    >>> class_weights(torch.tensor([0, 0, 0, 1]), 2)
    tensor([0.6667, 2.0000])
    """
    counts = labels.bincount(minlength=num_classes).clamp(min=1)
    return len(labels) / (num_classes * counts)


def image_weights(labels: Tensor, balance: str | None) -> Tensor | None:
    """How often each image (N,) is drawn where ``balance`` is ``"sampler"``; else None: once."""
    if balance != "sampler":
        return None
    return class_weights(labels, int(labels.max()) + 1)[labels]


def uneven(labels: Tensor, classes: Sequence[str]) -> str:
    """A line on the largest and the smallest class where they differ much; else empty.

    >>> uneven(torch.tensor([0] * 12 + [1] * 3), ("ants", "bees"))
    'uneven classes, 4.0 : 1: ants has 12 images, bees 3'
    """
    counts = labels.bincount(minlength=len(classes))
    most, least = int(counts.argmax()), int(counts.argmin())
    ratio = float(counts[most] / counts[least].clamp(min=1))
    if ratio < UNEVEN:
        return ""
    sizes = f"{classes[most]} has {counts[most]:,} images, {classes[least]} {counts[least]:,}"
    return f"uneven classes, {ratio:.1f} : 1: {sizes}"


def draw_order(
    count: int, weights: Tensor | None, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The images of an epoch, in random order: (N,), and which random draws each takes: (N,).

    Each image once, with its own draws. With ``weights`` (N,): as often as its weight says, some
    several times, each time with other draws.
    """
    if weights is None:
        order = torch.randperm(count, generator=generator)
        return order, order
    order = torch.multinomial(weights.double(), count, replacement=True, generator=generator)
    return order, torch.arange(count)
