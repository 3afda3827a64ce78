"""Curves, and the look that every picture of the course shares (notebook 01).

Each function makes one pyplot figure and returns it; end the cell with `plt.show()`. The colours
are those of Okabe and Ito (*Color Universal Design*, 2008), which stay apart in every common form
of colour blindness, and nothing is said by colour alone.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import matplotlib.pyplot as plt
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK, GREY = "#CC79A7", "#56B4E9", "#000000", "#555555"
RUN_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)

History = Sequence[Mapping[str, float]]


def tidy(ax: Axes, title: str = "", x: str = "", y: str = "") -> Axes:
    """Give axes the look that the whole course shares, with their title and labels."""
    ax.set_title(title, fontsize=11, loc="left")
    ax.set_xlabel(x, fontsize=10, color=GREY)
    ax.set_ylabel(y, fontsize=10, color=GREY)
    ax.tick_params(labelsize=9, length=3, color=GREY, labelcolor=GREY)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    return ax


@cache
def name_style() -> dict:
    """How a name is written: a $ begins no formula, and other scripts have their own fonts."""
    there = set(font_manager.get_font_names())
    others = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "Yu Gothic", "Meiryo",
              "Microsoft YaHei", "PingFang SC", "Malgun Gothic", "Arial Unicode MS")  # fmt: skip
    return {"parse_math": False, "family": ["sans-serif", *(n for n in others if n in there)]}


def new_axes(x: str, y: str) -> Axes:
    """Axes of a new figure, with these labels, whose lines take the colours of the course."""
    _, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
    ax.set_prop_cycle(color=RUN_COLOURS)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return tidy(ax, x=x, y=y)


def legend(ax: Axes | Figure, *entries, **where) -> None:
    """A legend that lets curves shine through and has no frame."""
    ax.legend(*entries, fontsize=9, framealpha=0.75, edgecolor="none", **where)


def history_panels(figure: Figure) -> list[Axes]:
    """Three empty panels on a figure: loss, accuracy and learning rate over the epochs."""
    panels = list(figure.subplots(1, 3))
    tidy(panels[0], "Loss", "epoch", "loss in nats per image")
    tidy(panels[1], "Accuracy", "epoch", "accuracy in %")
    tidy(panels[2], "Learning rate", "epoch", "learning rate")
    for ax in panels:
        ax.grid(alpha=0.25, linewidth=0.6)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    return panels


def draw_history(
    panels: Sequence[Axes], history: History, colours=(BLUE, VERMILLION), name: str = ""
) -> None:
    """Draw one run's loss and accuracy: training dashed and dots, validation solid and squares."""
    epochs = [row["epoch"] for row in history]
    size = min(4, 160 / len(epochs))  # of the markers: small where there are many
    splits = (("train", "training", "--o", colours[0]), ("val", "validation", "-s", colours[1]))
    for ax, quantity, scale in zip(panels, ("loss", "accuracy"), (1, 100)):
        for split, word, form, colour in splits:
            values = [scale * row[f"{split}_{quantity}"] for row in history]
            label = f"{name} {word}".strip()
            ax.plot(epochs, values, form, color=colour, label=label, markersize=size)


def plot_history(history: History | Mapping[str, History]) -> Figure:
    """Loss, accuracy and learning rate over the epochs, of one run or of several `{name: history}`.

    Raises `ValueError` for an empty history.
    """
    runs = history if isinstance(history, Mapping) else {"": history}
    if not runs or not all(runs.values()):
        raise ValueError("the history is empty: train for at least one epoch, then plot it")
    several = len(runs) > 1
    figure = plt.figure(figsize=(10, 3.8 if several else 3.3), layout="constrained")
    panels = history_panels(figure)
    for i, (name, rows) in enumerate(runs.items()):
        colour = RUN_COLOURS[i % len(RUN_COLOURS)]
        draw_history(panels, rows, (colour, colour) if several else (BLUE, VERMILLION), name)
        rates = [row["learning_rate"] for row in rows]
        panels[2].plot([row["epoch"] for row in rows], rates, color=colour, marker=".")
    if several:
        where = {"loc": "outside lower center", "ncols": min(len(runs), 4)}
        legend(figure, *panels[0].get_legend_handles_labels(), **where)
    else:
        legend(panels[0])
    panels[2].set_ylim(bottom=0)
    return figure
