"""Galleries and single pictures: images, predictions, filters, what a layer holds (notebook 01).

Each function makes one pyplot figure and returns it; end the cell with `plt.show()`.
"""

from collections.abc import Sequence
from math import ceil

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from course_utils.show.plotting import BLUE, GREEN, GREY, SKY, VERMILLION, name_style, tidy
from course_utils.store.text import clipped
from course_utils.training.metrics import MOST_NAMES

MOST_CELLS = 200  # of a gallery: each takes some 10 ms
NAME = 20  # columns of a class's name above a picture


def to_picture(
    image: Tensor | Image.Image,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> np.ndarray:
    """One image as an array (H, W, 3), or (H, W) if grey, in 0 to 1.

    Takes a PIL image, or a tensor (3, H, W) or (1, H, W): uint8, floats in 0 to 1, or normalised by
    the given `mean` and `std`, which is undone. Raises `ValueError` for other values.
    """
    from course_utils.data.transforms import denormalise  # loads torchvision: seconds

    if isinstance(image, Image.Image):
        return np.asarray(image.convert("RGB")) / 255
    image = image.detach().cpu()
    if image.dtype == torch.uint8:
        image = image / 255
    elif mean is not None and std is not None:
        image = denormalise(image, mean, std)
    elif image.min() < -0.01 or image.max() > 1.01:
        raise ValueError("these images are normalised: pass the mean and std it was done with")
    return image.float().clamp(0, 1).permute(1, 2, 0).squeeze(-1).numpy()


def _grid(count: int, columns: int, size: float, title: float = 0) -> tuple[Figure, list[Axes]]:
    """`count` cells without ticks, `size` inches square, and `title` inches for text above each.

    `MOST_CELLS` at most; then a line below says how many more there are.
    """
    if not count:
        raise ValueError("there are no images to show")
    more, count = max(count - MOST_CELLS, 0), min(count, MOST_CELLS)
    columns = min(columns, count)
    shape = (ceil(count / columns), columns)
    size = (columns * size, shape[0] * (size + title))
    figure, axes = plt.subplots(*shape, figsize=size, squeeze=False, layout="constrained")
    if more:
        figure.supxlabel(f"… and {more:,} more", fontsize=10, color=GREY)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    for ax in axes.flat[count:]:
        ax.set_visible(False)
    return figure, list(axes.flat[:count])


def show_images(
    images: Tensor,
    titles: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    columns: int = 8,
    size: float = 1.3,
) -> Figure:
    """A gallery of images (N, 3, H, W), see `to_picture`; `size` is the side of one, in inches."""
    figure, axes = _grid(len(images), columns, size, 0 if titles is None else 0.25)
    for i, ax in enumerate(axes):
        ax.imshow(to_picture(images[i], mean, std), cmap="gray", vmin=0, vmax=1)
        ax.spines[:].set_visible(False)
        ax.set_title("" if titles is None else titles[i], fontsize=9, **name_style())
    return figure


def show_predictions(
    images: Tensor,
    labels: Tensor,
    probabilities: Tensor,
    classes: Sequence[str],
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    columns: int = 8,
    size: float = 1.4,
) -> Figure:
    """A gallery of predictions: ✓ and green where right; ✗, red and the true class where wrong.

    Images (N, 3, H, W), see `to_picture`; labels (N,); probabilities (N, C).
    """
    confidence, predicted = probabilities.max(dim=1)
    figure, axes = _grid(len(images), columns, size, 0.4)
    for i, ax in enumerate(axes):
        right = predicted[i] == labels[i]
        guess, truth = (clipped(classes[label], NAME) for label in (predicted[i], labels[i]))
        colour = GREEN if right else VERMILLION
        title = f"{'✓' if right else '✗'} {guess} {100 * confidence[i]:.0f} %"
        ax.imshow(to_picture(images[i], mean, std), cmap="gray", vmin=0, vmax=1)
        title = title if right else f"{title}\nis {truth}"
        ax.set_title(title, fontsize=9, color=colour, **name_style())
        ax.spines[:].set(color=colour, linewidth=3)
    return figure


def surest_mistakes(probabilities: Tensor, labels: Tensor, k: int) -> Tensor:
    """Indices of the k wrong predictions of highest probability, surest first: (N, C), (N,) → (k,).

    >>> probabilities = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9]])
    >>> surest_mistakes(probabilities, torch.tensor([0, 0, 0]), k=5)
    tensor([2, 1])
    """
    confidence, predicted = probabilities.max(dim=1)
    wrong = (predicted != labels).nonzero().flatten()
    return wrong[confidence[wrong].argsort(descending=True, stable=True)][:k]


def plot_filters(weight: Tensor, columns: int = 10, size: float = 0.9) -> Figure:
    """The kernels (out, 3, k, k) of a first layer as colours; mid-grey is a weight of zero.

    One scale for all, so that strong and weak kernels can be told apart.
    Raises `ValueError` where the kernels do not look at 3 channels.
    """
    if weight.ndim != 4 or weight.shape[1] != 3:
        shape = tuple(weight.shape)
        raise ValueError(f"weight has shape {shape}; only kernels (out, 3, k, k) are colours")
    weight = weight.detach().float().cpu()
    pictures = 0.5 + 0.5 * weight / weight.abs().max().clamp(min=1e-12)
    return show_images(pictures, [str(i) for i in range(len(weight))], columns=columns, size=size)


def plot_feature_maps(maps: Tensor, columns: int = 8, size: float = 1.2) -> Figure:
    """What each channel of a layer answers to one image: (C, H, W) or (1, C, H, W), one scale."""
    maps = maps.detach().float().cpu()
    maps = maps.squeeze(0) if maps.ndim == 4 else maps
    figure, axes = _grid(len(maps), columns, size, 0.25)
    low, high = float(maps.min()), float(maps.max())
    for i, ax in enumerate(axes):
        picture = ax.imshow(maps[i].numpy(), cmap="viridis", vmin=low, vmax=high)
        ax.set_title(f"channel {i}", fontsize=9)
        ax.spines[:].set_visible(False)
    bar = figure.colorbar(picture, ax=axes, shrink=0.8, aspect=30)
    tidy(bar.ax, y="activation")
    bar.outline.set_visible(False)
    return figure


def plot_probabilities(
    image: Tensor | Image.Image,
    probabilities: Tensor,
    classes: Sequence[str],
    k: int = 5,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Figure:
    """An image, see `to_picture`, beside its k most probable classes; probabilities (C,)."""
    top, index = probabilities.detach().cpu().topk(min(k, len(classes), MOST_NAMES))
    percent, names = (100 * top).tolist(), [clipped(classes[i], 2 * NAME) for i in index]
    shape = {"figsize": (8, max(2.4, 0.9 + 0.32 * len(names))), "width_ratios": (1, 1.6)}
    figure, (left, right) = plt.subplots(1, 2, layout="constrained", **shape)
    left.imshow(to_picture(image, mean, std), cmap="gray", vmin=0, vmax=1)
    left.axis("off")
    colours = [BLUE] + [SKY] * (len(names) - 1)
    bars = right.barh(range(len(names)), percent, color=colours, height=0.7)
    right.set_yticks(range(len(names)), names, **name_style())
    right.bar_label(bars, [f"{value:.1f}" for value in percent], padding=3, fontsize=9)
    right.invert_yaxis()
    right.set_xlim(0, 112)
    right.set_xticks(range(0, 101, 20))
    tidy(right, x="probability in %").tick_params("y", length=0)
    return figure
