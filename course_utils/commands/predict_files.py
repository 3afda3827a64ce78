"""Name many pictures with a trained network: what `course predict` does."""

import json
import math
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.engine.checkpoint import load_model
from course_utils.engine.explain import explained_memory
from course_utils.show.predict import check_about, likeliest, prepared, probabilities_of
from course_utils.store.checking import pictures_below
from course_utils.store.files import csv_text
from course_utils.store.images import ImageError, read_image
from course_utils.store.text import padded, width

BATCH = 50


class Named(NamedTuple):
    """A picture and its likeliest classes with their probabilities, the first the likeliest."""

    path: str
    classes: list[tuple[str, float]]


def find_pictures(
    sources: Iterable[str | os.PathLike], on_error: Callable[[OSError], None] | None = None
) -> list[str]:
    """Files and addresses as they are, and of a folder every picture in it, in order of names.

    What is a picture in a folder, and in folders within it, is as for `pictures_below`; errors too.
    """
    found = []
    for source in map(os.fspath, sources):
        source = source if "://" in source else os.path.expanduser(source)
        if "://" in source or not Path(source).is_dir():
            found.append(source)
            continue
        found += map(str, sorted(pictures_below(Path(source), on_error)[0]))
    return found


def predict_files(
    model: str | os.PathLike | nn.Module,
    sources: Iterable[str | os.PathLike],
    *,
    about: dict | None = None,
    k: int = 3,
    device: torch.device | str = "cpu",
    bad_images: str = "fail",
) -> list[Named]:
    """The ``k`` likeliest classes of every picture: of files, folders and http(s) addresses.

    ``model`` and ``about`` are as for `predict`. A picture that cannot be read raises `ImageError`,
    or with ``bad_images="skip"`` is left out with a warning. Raises ``ValueError`` where there is
    none, or none that can be read.
    """
    if k < 1:
        raise ValueError(f"k is {k}; it must be at least 1")
    if not isinstance(model, nn.Module):
        model, about = load_model(model, device)
    check_about(about)
    paths, named = find_pictures(sources, _left_out if bad_images == "skip" else None), []
    if not paths:
        raise ValueError("no picture is named: give files, folders or addresses")
    for start in range(0, len(paths), BATCH):
        read = [(path, _read(path, about, bad_images)) for path in paths[start : start + BATCH]]
        read = [(path, pixels) for path, pixels in read if pixels is not None]
        if read:
            kept, pixels = zip(*read)
            with explained_memory():
                shares = probabilities_of(model, torch.stack(pixels))
            named += [
                Named(path, likeliest(row, about["classes"], k)) for path, row in zip(kept, shares)
            ]
    if not named:
        raise ValueError(f"none of the {len(paths)} pictures can be read")
    if left_out := len(paths) - len(named):
        warnings.warn(f"{left_out} of {len(paths)} pictures left out", stacklevel=2)
    return named


def _left_out(error: OSError) -> None:
    warnings.warn(f"{error.filename}: {error.strerror}: left out", stacklevel=2)


def _read(path: str, about: dict, bad_images: str) -> Tensor | None:
    try:
        return prepared(read_image(path), about)
    except ImageError as error:
        if bad_images == "fail":
            raise
        warnings.warn(str(error), stacklevel=3)
        return None


def as_table(named: Sequence[Named], columns: int | None = None) -> str:
    """One line a picture: its path and its classes; below each other if it has too few columns."""
    paths = max((width(one.path) for one in named), default=0)
    names = max((width(name) for one in named for name, _ in one.classes), default=0)
    most = max((len(one.classes) for one in named), default=0)
    fits = paths + most * (2 + names + len(" 100.0 %")) <= (columns or math.inf)
    lines = []
    for one in named:
        classes = [f"  {padded(name, names)} {100 * share:5.1f} %" for name, share in one.classes]
        path = padded(one.path, paths if fits else 0)
        lines += ["".join([path, *classes])] if fits else [path, *classes]
    return "\n".join(lines)


def as_csv(named: Sequence[Named]) -> str:
    """A table with the columns path, class, probability, class_2, probability_2, …"""
    most = max((len(one.classes) for one in named), default=1)
    ranks = ["", *(f"_{rank}" for rank in range(2, most + 1))]
    heads = [f"{name}{rank}" for rank in ranks for name in ("class", "probability")]
    rows = [["path", *heads]]
    for one in named:
        values = [(name, f"{share:.6f}") for name, share in one.classes]
        rows.append([one.path, *(value for pair in values for value in pair)])
    return csv_text(rows)


def as_json(named: Sequence[Named]) -> str:
    """A list with an object a picture: path, class, probability, and all in ``classes``."""
    rows = [
        {
            "path": one.path,
            "class": one.classes[0][0],
            "probability": one.classes[0][1],
            "classes": [{"class": name, "probability": share} for name, share in one.classes],
        }
        for one in named
    ]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


FORMATS = {"table": as_table, "csv": as_csv, "json": as_json}
