"""The mistakes of a test: the surest ones as a gallery, all of them as a table."""

import os
from collections.abc import Sequence
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure
from torch.utils.data import Dataset

from course_utils.show.pictures import to_picture
from course_utils.show.plotting import BLACK, GREY, VERMILLION, name_style
from course_utils.store.files import csv_text
from course_utils.store.text import clipped

MOST, COLUMNS = 24, 6  # pictures in the gallery, and of them in a row
SIDE, TEXT = 2.0, 0.5  # inches: of a picture, and of the three lines above it
TRUTH, GUESS, FILE = 24, 14, 28  # columns that fit above a picture


class Mistake(NamedTuple):
    """An image that was taken for another class, and how surely: 0 to 1."""

    index: int  # in the split
    source: str | int  # its file; for a set that lies in memory its index
    truth: str
    predicted: str
    confidence: float


def mistakes_csv(mistakes: Sequence[Mistake], column: str) -> str:
    """A table of all mistakes, surest first; its first ``column`` is called file or index.

    >>> print(mistakes_csv([Mistake(7, 7, "a, b", "bees", 0.9)], "index").rstrip())
    index,truth,predicted,confidence
    7,"a, b",bees,0.900000
    """
    rows = [(m.source, m.truth, m.predicted, f"{m.confidence:.6f}") for m in mistakes]
    return csv_text([(column, "truth", "predicted", "confidence"), *rows])


def mistakes_png(mistakes: Sequence[Mistake], data: Dataset, about: str) -> bytes:
    """The gallery of `draw_mistakes` as a PNG file."""
    buffer = BytesIO()
    draw_mistakes(mistakes, data, about).savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def draw_mistakes(mistakes: Sequence[Mistake], data: Dataset, about: str) -> Figure:
    """The surest mistakes, as the network saw them: truth, prediction, confidence, file.

    ``data``: the split, whose images are uint8 (3, H, W). ``about``: what it is, for the title.
    """
    shown = mistakes[:MOST]
    rows = ceil(len(shown) / COLUMNS)
    columns = COLUMNS if rows > 1 else max(len(shown), 3)
    head = 0.55
    figure = Figure(figsize=(columns * SIDE, head + max(rows, 0.2) * (SIDE + TEXT)))
    height = figure.get_figheight()
    title = f"{_title(len(shown), len(mistakes))}: {about}"
    figure.text(0.1 / (columns * SIDE), 1 - 0.3 / height, title, fontsize=12, **name_style())
    for place, mistake in enumerate(shown):
        row, column = divmod(place, columns)
        bottom = height - head - (row + 1) * (SIDE + TEXT) + 0.08
        box = (column * SIDE + 0.1, bottom, SIDE - 0.2, SIDE - 0.2)
        inches = (columns * SIDE, height) * 2
        ax = figure.add_axes([value / whole for value, whole in zip(box, inches)])
        _draw(ax, mistake, data[mistake.index][0])
    return figure


def _title(shown: int, mistakes: int) -> str:
    if mistakes > shown:
        return f"The {shown} surest of {mistakes:,} mistakes"
    return {0: "No mistake", 1: "1 mistake"}.get(mistakes, f"{mistakes} mistakes, surest first")


def _draw(ax, mistake: Mistake, image) -> None:
    ax.imshow(to_picture(image), interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    path = isinstance(mistake.source, str)
    source = os.fsencode(Path(mistake.source).name).decode("utf-8", "replace") if path else ""
    lines = [
        (clipped(mistake.truth, TRUTH), BLACK, {}),
        (_guess(mistake), VERMILLION, {}),
        (clipped(source, FILE) if path else f"index {mistake.source:,}", GREY, {"size": 7}),
    ]
    for line, (text, colour, how) in enumerate(reversed(lines)):
        style = {"xycoords": "axes fraction", "textcoords": "offset points", "size": 9} | how
        offset = (0, 3 + 10.5 * line)
        ax.annotate(text, (0, 1), xytext=offset, color=colour, **style, **name_style())


def _guess(mistake: Mistake) -> str:
    return f"→ {clipped(mistake.predicted, GUESS)} {100 * mistake.confidence:.1f} %"
