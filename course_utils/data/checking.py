"""Which pictures cannot be read: decoded one and all, several at a time."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm.auto import tqdm

from course_utils.data.class_names import IMAGENETTE
from course_utils.data.folder_listing import folders_below, is_picture, listed
from course_utils.data.images import ImageError
from course_utils.data.pixels import read_pixels
from course_utils.terminal import shown

IMAGENETTE_SIZES = {"train": 9_469, "val": 3_925}  # of its second version, of December 2019

BLOCK = 1000  # paths in the threads' queue: a million would fill the memory


def unreadable(paths: Sequence[Path], workers: int | None = None) -> Iterator[tuple[int, str]]:
    """Decode every picture: which ones cannot be, by index, and why.

    In ``workers`` threads, by default one for each processor; with a bar on a terminal.
    """
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        bar = tqdm(total=len(paths), desc="checking", leave=False, disable=None, unit="image")
        with bar:  # disable=None: only on a terminal
            for start in range(0, len(paths), BLOCK):
                # read_image changes the process's warning filters and back, which threads would
                # do crosswise
                with warnings.catch_warnings():
                    faults = list(pool.map(_fault, paths[start : start + BLOCK]))
                bar.update(len(faults))
                yield from ((start + i, why) for i, why in enumerate(faults) if why)


def _fault(path: Path) -> str | None:
    try:
        read_pixels(path)
    except ImageError as error:
        return str(error).removeprefix(f"{path}: ")


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
    """Read every picture below a folder and print those that cannot be read; how many they are."""
    pictures, others = pictures_below(root)
    bad = 0
    for index, why in unreadable(pictures, workers):
        tqdm.write(shown(f"{pictures[index]}: {why}"))
        bad += 1
    print(f"{root}: pictures: {len(pictures):,}, cannot be read: {bad:,}, other files: {others:,}")
    return bad


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
