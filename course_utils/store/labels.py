"""A table that tells the classes of pictures: two columns, file and label."""

import csv
import io
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from course_utils.store.class_names import class_names, few
from course_utils.store.folder_listing import (
    Listing,
    Samples,
    folders_below,
    in_order,
    is_picture,
    split_folder,
)

FILE = ("file", "filename", "file_name", "image", "image_id", "id", "path", "picture")
LABEL = ("label", "labels", "class", "category", "species", "breed", "target")


def read_labels(
    table: Path, root: Path, classes: Sequence[str] | None = None, split: str = "train"
) -> Listing:
    """Classes, pictures in ``root`` with their labels, and the pictures that the table lacks.

    The pictures lie in the folder of the split, if there is one, or anywhere below ``root``. The
    table begins with a line of heads, among them one of `FILE` and one of `LABEL`, with commas,
    semicolons or tabs between them. A file is named by its path, or by its name where only one
    picture has it, with its ending or without. ``classes``: those there can be; default: those of
    the table, in order. Raises ``ValueError``, in one line that names the table, for what is not
    so.
    """
    rows = _rows(table)
    pictures, by_name = [], defaultdict(list)
    top = split_folder(root, split) or root
    for folder, files in folders_below(top):
        for name in filter(is_picture, files):
            path = (folder / name).relative_to(root)
            pictures.append(path)
            paths = (path, path.relative_to(top.relative_to(root)), Path(name))
            for key in {p.as_posix() for one in paths for p in (one, one.with_suffix(""))}:
                by_name[key].append(path)
    labels = _labels(table, root, rows, by_name)
    folders = in_order(set(labels.values()))
    found = class_names(tuple(folders))
    known = list(classes or found)
    if strange := [name for name in found if name not in known]:
        raise ValueError(f"{table}: {few(strange)} are none of the classes {few(known)}")
    if len(known) < 2:
        raise ValueError(f"{table}: has only one class, {known[0]}")
    number = {label: known.index(name) for label, name in zip(folders, found)}
    named = [path for path in pictures if path in labels]
    samples = Samples(
        [root] * len(known),
        np.array([os.fsencode(path) for path in named]),
        np.array([number[labels[path]] for path in named]),
    )
    return tuple(known), samples, [root / path for path in pictures if path not in labels]


def _rows(table: Path) -> list[tuple[int, str, str]]:
    """Number of the line, file and label of every row."""
    try:
        text = table.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{table}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{table}: is no text in UTF-8; save it as CSV UTF-8") from None
    head = text.partition("\n")[0]
    mark = max(",;\t", key=head.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    rows = [(lines.line_num, [cell.strip() for cell in row]) for row in lines if any(row)]
    if not rows:
        raise ValueError(f"{table}: is empty")
    heads = [cell.lower() for cell in rows[0][1]]
    columns = [[heads.index(n) for n in names if n in heads] for names in (FILE, LABEL)]
    if not all(columns) or columns[0][0] == columns[1][0]:
        raise ValueError(
            f"{table}: its first line is {mark.join(rows[0][1])[:80]!r}; it must name the columns, "
            "file and label"
        )
    file, label = columns[0][0], columns[1][0]
    for number, row in rows[1:]:
        if len(row) <= max(file, label) or not (row[file] and row[label]):
            raise ValueError(f"{table}, line {number}: has no file or no label")
    return [(number, row[file], row[label]) for number, row in rows[1:]]


def _labels(table: Path, root: Path, rows: Iterable, by_name: dict) -> dict[Path, str]:
    """The label of every picture that the table names."""
    labels, missing = {}, []
    for number, file, label in rows:
        key = file.replace("\\", "/").removeprefix("./")
        found = by_name.get(key, [])
        exact = [path for path in found if path.as_posix() == key]
        if len(exact or found) > 1:
            could = few([path.as_posix() for path in found])
            raise ValueError(
                f"{table}, line {number}: {file} could be {could}; name its folder or ending"
            )
        if not found:
            missing.append(file)
            continue
        (path,) = exact or found
        if labels.setdefault(path, label) != label:
            raise ValueError(
                f"{table}, line {number}: {file} is {label}, before it was {labels[path]}; "
                "leave one of them"
            )
    if missing:
        raise ValueError(
            f"{table}: {len(missing):,} of its {len(missing) + len(labels):,} files are not in "
            f"{root}, first {missing[0]}"
        )
    if not labels:
        raise ValueError(f"{table}: has heads only")
    return labels
