"""What is wrong with pictures: decoded one and all, several at a time."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tqdm.auto import tqdm

from course_utils.store.class_names import IMAGENETTE
from course_utils.store.duplicates import Sketch, copies, sketch
from course_utils.store.folder_listing import folders_below, is_picture, listed
from course_utils.store.images import ImageError
from course_utils.store.pixels import read_pixels
from course_utils.store.suspects import decoder_messages, noticed_by_decoder, suspicion
from course_utils.store.terminal import shown

IMAGENETTE_SIZES = {"train": 9_469, "val": 3_925}  # of its second version, of December 2019

BLOCK = 200  # pictures at a time: if the decoder complains, each of them is decoded once more


class Look(NamedTuple):
    """What a picture is like: why it cannot be read, why it is suspect, its sketch if asked for."""

    fault: str = ""
    suspect: str = ""
    sketch: Sketch | None = None


def looked_at(
    paths: Sequence[Path], workers: int | None = None, sketches: bool = False
) -> Iterator[tuple[int, Look]]:
    """Decode every picture, in order: its index, and what it is like.

    In ``workers`` threads, by default one for each processor; with a bar on a terminal.
    """
    look = partial(_look, sketches=sketches)
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        bar = tqdm(total=len(paths), desc="checking", leave=False, disable=None, unit="image")
        with bar:  # disable=None: only on a terminal
            for start in range(0, len(paths), BLOCK):
                # read_image changes the process's warning filters and back, which threads would
                # do crosswise
                block = paths[start : start + BLOCK]
                with warnings.catch_warnings(), decoder_messages() as told:
                    looks = list(pool.map(look, block))
                if told:  # of which of them it does not say
                    named = noticed_by_decoder(block)
                    looks = [
                        look if look.fault else look._replace(suspect=named.get(path, look.suspect))
                        for path, look in zip(block, looks)
                    ]
                bar.update(len(looks))
                yield from enumerate(looks, start)


def unreadable(paths: Sequence[Path], workers: int | None = None) -> Iterator[tuple[int, str]]:
    """Which pictures cannot be decoded, by index, and why; see `looked_at`."""
    return ((index, one.fault) for index, one in looked_at(paths, workers) if one.fault)


def _look(path: Path, sketches: bool) -> Look:
    try:
        pixels = read_pixels(path)
    except ImageError as error:
        return Look(fault=str(error).removeprefix(f"{path}: "))
    return Look(suspect=suspicion(path), sketch=sketch(pixels) if sketches else None)


def pictures_below(
    root: Path, on_error: Callable[[OSError], None] | None = None
) -> tuple[list[Path], int]:
    """Every picture in a folder and in those in it, in order; and how many other files there are.

    Links that lead nowhere are among the pictures: whoever reads them tells of them. Raises
    ``ValueError`` where there is no picture, and ``OSError`` for a folder that cannot be read,
    unless ``on_error`` takes it.
    """
    if not root.is_dir():
        raise ValueError(f"{root}: there is no such folder")
    pictures, others = [], 0
    for folder, files in folders_below(root, on_error):
        paths = [folder / name for name in files]
        found = [p for p in paths if is_picture(p) or (p.is_symlink() and not p.exists())]
        pictures += found
        others += len(files) - len(found)
    if not pictures:
        raise ValueError(f"{root}: holds no pictures")
    return pictures, others


def check(root: Path, workers: int | None = None) -> int:
    """Read every picture below a folder, print what is wrong with which; how many are damaged.

    Those that cannot be read, those that are suspect, and those that are in two splits, or, where
    there are no splits, twice anywhere.
    """
    pictures, others = pictures_below(root)
    bad, suspect, sketches = 0, 0, {}
    for index, look in looked_at(pictures, workers, sketches=True):
        if look.fault or look.suspect:
            kind = "" if look.fault else "suspect: "
            tqdm.write(shown(f"{pictures[index]}: {kind}{look.fault or look.suspect}"))
        bad += bool(look.fault)
        suspect += bool(look.suspect)
        if look.sketch:
            sketches[pictures[index]] = look.sketch
    divided, pairs = copies(root, sketches)
    for one, other in pairs:
        print(shown(f"{other}: is the same picture as {one}"))
    where = "in two splits" if divided else "twice"
    print(
        f"{root}: pictures: {len(pictures):,}, cannot be read: {bad:,}, suspect: {suspect:,}, "
        f"{where}: {len(pairs):,}, other files: {others:,}"
    )
    return bad + suspect


def verify_imagenette(folder: Path) -> None:
    """Raise ``ValueError`` unless a folder holds all pictures of Imagenette, each of them readable.

    Told by classes and counts: no hash of each picture was published.
    """
    remedy = f"remove {folder} and run `course data get imagenette`"
    for split, size in IMAGENETTE_SIZES.items():
        try:
            classes, samples, _ = listed(Path(folder), split)
        except (ValueError, OSError) as error:
            raise ValueError(f"{error}; {remedy}") from error
        if set(classes) != set(IMAGENETTE):
            raise ValueError(f"{folder / split}: not the ten classes of Imagenette; {remedy}")
        if len(samples) != size:
            raise ValueError(
                f"{folder / split}: {len(samples):,} pictures where there are {size:,}; {remedy}"
            )
        paths = [path for path, _ in samples]
        for index, why in unreadable(paths):
            raise ValueError(f"{paths[index]}: {why}; {remedy}")
