"""What lies in folders of pictures: classes, pictures, what is neither, and what cannot be read."""

import os
import unicodedata
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm.auto import tqdm

from course_utils.data.images import ImageError, read_image

# GIF is not among them: on the web it serves for icons, animations and place holders, such as the
# imageNotFound.gif that was published among the ants
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".jp2", ".avif"}


def is_picture(path: Path) -> bool:
    """Whether a file is taken for a picture, by the end of its name, in capitals or not."""
    return path.suffix.lower() in SUFFIXES


def _layout(root: Path) -> str:
    return f"expected {root / 'train' / '<class>' / '*.jpg'}, and the same in val and maybe test"


def _scan(folder: Path, root: Path) -> tuple[list[Path], list[Path]]:
    """Folders and files in a folder, by name, without those whose name begins with a dot."""
    folders, files = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                # of a link that leads in a circle entry.is_dir raises, os.path.isdir does not
                is_dir = os.path.isdir(entry) if entry.is_symlink() else entry.is_dir()
                if not entry.name.startswith("."):
                    (folders if is_dir else files).append(Path(entry.path))
    except FileNotFoundError:
        raise FileNotFoundError(f"{folder}: there is no such folder; {_layout(root)}") from None
    except OSError as error:
        raise ValueError(f"{folder}: {error.strerror}; {_layout(root)}") from error
    return sorted(folders, key=_name), sorted(files, key=_name)


def _name(path: Path) -> str:
    return unicodedata.normalize("NFC", path.name)  # some systems write ä as two characters


def listed(root: Path, split: str) -> tuple[tuple[str, ...], list[tuple[Path, int]], list[Path]]:
    """Classes, pictures with their labels, and what is neither."""
    there, _ = _scan(root, root)
    if split not in map(_name, there):
        names = ", ".join(map(_name, there)) or "no folders at all"
        raise FileNotFoundError(f"{root}: no folder {split}; there are: {names}; {_layout(root)}")
    folders, others = _scan(root / split, root)
    for path in others:
        if path.is_symlink() and not os.path.exists(path):
            raise ValueError(f"{path}: is a link that leads nowhere; remove it")
    if len(folders) < 2:
        found = f"only one class, {_name(folders[0])}" if folders else "no class folders"
        raise ValueError(f"{root / split}: has {found}; {_layout(root)}")
    samples = []
    for label, folder in enumerate(folders):
        inner, files = _scan(folder, root)
        pictures = [path for path in files if is_picture(path)]
        if not pictures:
            raise ValueError(f"{folder}: {_instead(inner, files)}; {_layout(root)}")
        samples += [(path, label) for path in pictures]
        others += [*inner, *(path for path in files if not is_picture(path))]
    return tuple(map(_name, folders)), samples, others


def _instead(folders: list[Path], files: list[Path]) -> str:
    if folders:
        return f"holds no pictures but folders ({kinds(folders)}); put their pictures right here"
    if files:
        return f"holds no pictures, only {kinds(files)}; save them as JPEG or PNG"
    return "is empty"


def kinds(paths: list[Path]) -> str:
    """The endings of some files, or the names of those without."""
    kinds = list(dict.fromkeys(path.suffix.lower() or path.name for path in paths))
    return ", ".join(kinds[:3]) + (" …" if kinds[3:] else "")


def unreadable(paths: list[Path]) -> list[tuple[Path, str]]:
    """Decode every picture; those that cannot be, with the reason."""

    def fault(path: Path) -> str | None:
        try:
            read_image(path)
        except ImageError as error:
            return str(error).removeprefix(f"{path}: ")

    # read_image changes the process's warning filters and back, which threads would do crosswise
    with warnings.catch_warnings(), ThreadPoolExecutor(4) as pool:
        faults = tqdm(
            pool.map(fault, paths), "checking", len(paths), leave=False, disable=None, unit="image"
        )  # disable=None: only on a terminal
        return [(path, why) for path, why in zip(paths, faults, strict=True) if why]
