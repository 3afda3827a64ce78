"""Figures of classes: what they are taken for, and how well each is known (notebook 01).

Each function makes one pyplot figure and returns it, of a size that does not grow beyond
`MOST_NAMES` classes: then it shows the extremes.
"""

from collections.abc import Sequence
from math import ceil

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from torch import Tensor

from course_utils.show.plotting import BLACK, SKY, VERMILLION, legend, name_style, tidy
from course_utils.store.text import clipped
from course_utils.training.metrics import MOST_NAMES, most_confused

MOST_NUMBERS = 20  # classes; in the cells of a larger matrix no number could be read
CELLS = 200  # a side of the picture that stands for a still larger one
PAIRS, EXTREMES = 15, 15  # shown of many


def plot_confusion(matrix: Tensor, classes: Sequence[str]) -> Figure:
    """Of the images of each class (down), the % predicted as each class (across).

    `matrix` (C, C) counts images, true class down, predicted class across. More than `MOST_NAMES`
    classes are one picture without names, beside the pairs that are most often confused.
    """
    counts = torch.as_tensor(matrix).cpu()
    if len(classes) > MOST_NAMES:
        return _confusion_of_many(counts, classes)
    percent = _percent(counts).numpy()
    with_numbers = len(classes) <= MOST_NUMBERS
    side = 2 + (0.43 if with_numbers else 0.2) * len(classes)
    figure, ax = plt.subplots(figsize=(side, side), layout="constrained")
    picture = ax.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    _matrix_axes(ax, "% of each true class")
    places, names = range(len(classes)), [clipped(name, 24) for name in classes]
    ax.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor", **name_style())
    ax.set_yticks(places, names, **name_style())
    ax.tick_params(length=0, labelsize=9 if with_numbers else 8)
    if not with_numbers:
        figure.colorbar(picture, shrink=0.8).outline.set_visible(False)
        return figure
    for (row, column), value in np.ndenumerate(percent):
        colour = "white" if value > 55 else "black" if value >= 0.5 else "#AAAAAA"
        ax.text(column, row, f"{value:.0f}", ha="center", va="center", color=colour, fontsize=9)
    return figure


def _percent(counts: Tensor) -> Tensor:
    return 100 * counts.double() / counts.sum(dim=1, keepdim=True).clamp(min=1)


def _matrix_axes(ax: Axes, title: str) -> None:
    tidy(ax, title, "predicted class", "true class")
    ax.spines[:].set_visible(False)


def _confusion_of_many(counts: Tensor, classes: Sequence[str]) -> Figure:
    """A picture of `CELLS` × `CELLS` at most for any number of classes, and the worst pairs."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.5), layout="constrained")
    step = ceil(len(classes) / CELLS)  # classes a cell
    cells = torch.cat(
        [
            F.max_pool2d(_percent(rows)[None], (len(rows), step), ceil_mode=True)[0]
            for rows in counts.split(step)
        ]
    )
    norm = PowerNorm(0.4, 0, 100)  # so that a few % of a class are seen
    extent = (0, len(classes), len(classes), 0)
    picture = left.imshow(cells.numpy(), "Blues", norm=norm, extent=extent, interpolation="nearest")
    of_each = f", the largest of each {step} × {step} classes" if step > 1 else ""
    _matrix_axes(left, f"% of each true class{of_each}")
    bar = figure.colorbar(picture, ax=left, shrink=0.8, ticks=[0, 1, 5, 20, 50, 100])
    bar.outline.set_visible(False)
    pairs = most_confused(counts, PAIRS)
    tidy(right, f"The pairs most often confused, of {len(classes):,} classes", "images")
    names = [f"{clipped(classes[a], 24)} → {clipped(classes[b], 24)}" for a, b, _ in pairs]
    values = [count for *_, count in pairs]
    bars = right.barh(range(len(pairs)), values, color=SKY, height=0.7)
    right.bar_label(bars, [f"{value:g}" for value in values], padding=3, fontsize=9)
    right.set_yticks(range(len(pairs)), names, **name_style())
    right.tick_params("y", length=0)
    right.set_xlim(0, 1.15 * max(values, default=1))
    right.invert_yaxis()
    return figure


def plot_per_class(
    accuracy: Sequence[float],
    classes: Sequence[str],
    intervals: Sequence[tuple[float, float]] | None = None,
) -> Figure:
    """Accuracy of each class as bars, best on top, with 95 % intervals (low, high) and the mean.

    All are fractions 0 to 1 and are shown in %; a class without images has NaN. Of more than
    `MOST_NAMES` classes the best and the worst are shown; the mean is that of all.
    """
    values = 100 * np.asarray(accuracy, dtype=float)
    order = np.argsort(np.nan_to_num(values, nan=-1), kind="stable")  # barh draws upwards
    title = ""
    if len(values) > MOST_NAMES:
        order = order[np.isnan(values).sum() :]
        title = f"The {EXTREMES} best and {EXTREMES} worst of {len(values):,} classes"
        order = np.concatenate([order[:EXTREMES], order[EXTREMES:][-EXTREMES:]])
    shown, rows = values[order], range(len(order))
    figure, ax = plt.subplots(figsize=(7, 1 + 0.3 * len(order)), layout="constrained")
    ax.barh(rows, shown, color=SKY, height=0.7)
    if intervals is not None:
        low, high = 100 * np.asarray(intervals, dtype=float).T
        whiskers = np.stack([values - low, high - values])[:, order]
        style = {"fmt": "none", "ecolor": BLACK, "elinewidth": 1, "capsize": 3}
        ax.errorbar(shown, rows, xerr=whiskers, label="95 % interval", **style)
    mean = np.nanmean(values)
    ax.axvline(mean, color=VERMILLION, linestyle="--", linewidth=1.2, label=f"mean {mean:.1f} %")
    for row, value in enumerate(shown):
        text = "no images" if np.isnan(value) else f"{value:.1f}"
        ax.text(1, row, text, va="center", fontsize=9)
    ax.set(xlim=(0, 100), ylim=(-0.7, len(shown) - 0.3))
    tidy(ax, title, x="accuracy in %")
    ax.set_yticks(rows, [clipped(classes[i], 24) for i in order], **name_style())
    ax.tick_params("y", length=0)
    if title:
        ax.axhline(EXTREMES - 0.5, color=BLACK, linewidth=0.6, linestyle=":")
    where = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 2, "borderaxespad": 0}
    legend(ax, **where)
    return figure
