"""What lies in folders of pictures: classes, pictures, and what is neither."""

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from course_utils.store.class_names import few
from course_utils.store.left_out import kinds

# GIF is not among them: on the web it serves for icons, animations and place holders, such as the
# imageNotFound.gif that was published among the ants
JPEG = {".jpg", ".jpeg", ".jpe", ".jfif"}
SUFFIXES = JPEG | {".png", ".webp", ".bmp", ".tif", ".tiff", ".jp2", ".avif"}
SUFFIXES |= {".ppm", ".pgm", ".pbm", ".pnm"}

# what systems, network disks and Jupyter put among people's files; left out as dot files are
SYSTEM = {"__MACOSX", "lost+found", "$RECYCLE.BIN", "System Volume Information", "RECYCLER"}
SYSTEM |= {"@eaDir", "@tmp", "@Recycle", "@Recently-Snapshot", "#recycle", "#snapshot"}

# ImageNet as it is published, and who can sort it
PUBLISHED = {
    r"ILSVRC2012_val_\d+\.JPEG": "holds ImageNet's validation pictures without class folders",
    r"n\d{8}\.tar": "holds the classes of ImageNet, each still packed",
    r"ILSVRC2012_img_(train|val)\.tar": "holds ImageNet, still packed",
}
SORTED_BY = (
    "torchvision.datasets.ImageNet(FOLDER, split) makes train/ and val/ with class folders out of "
    "ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar and ILSVRC2012_devkit_t12.tar.gz in FOLDER "
    "(it needs scipy)"
)


Listing = tuple[tuple[str, ...], "Samples", list[Path]]  # classes, pictures, what is neither

# how people call the parts of a data set, in capitals or not
SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}


class Samples(Sequence):
    """Pictures as pairs of path and label, which are made when they are asked for.

    A million of them take 30 MB, where Path objects take 700, and in each data worker again.
    """

    def __init__(self, folders: Sequence[Path], names: np.ndarray, labels: np.ndarray):
        self.folders = list(folders)  # of the classes
        self.names, self.labels = names, labels  # (N,) bytes, (N,) int64

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Samples(self.folders, self.names[index], self.labels[index])
        label = int(self.labels[index])
        return self.folders[label] / os.fsdecode(bytes(self.names[index])), label

    def __eq__(self, other) -> bool:
        return len(self) == len(other) and all(a == b for a, b in zip(self, other))

    def only(self, indices: Iterable[int]) -> "Samples":
        """Those at these indices, in order."""
        kept = np.zeros(len(self), bool)
        kept[list(indices)] = True
        return Samples(self.folders, self.names[kept], self.labels[kept])

    def without(self, indices: Iterable[int]) -> "Samples":
        """The others."""
        return self.only(set(range(len(self))).difference(indices))


def is_picture(path: str | os.PathLike) -> bool:
    """Whether a file is taken for a picture, by the end of its name, in capitals or not."""
    return os.path.splitext(path)[1].lower() in SUFFIXES


def is_hidden(name: str) -> bool:
    """Whether a file or folder is a system's own, or begins with a dot: it is not looked at."""
    return name.startswith(".") or name in SYSTEM


def _layout(root: Path) -> str:
    return f"expected {root / 'train' / '<class>' / '*.jpg'}, and the same in val and maybe test"


def scan(folder: Path, root: Path) -> tuple[list[str], list[str]]:
    """Folders and files in a folder, sorted, without what `is_hidden`."""
    folders, files = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                # of a link that leads in a circle entry.is_dir raises, os.path.isdir does not
                is_dir = os.path.isdir(entry) if entry.is_symlink() else entry.is_dir()
                if not is_hidden(entry.name):
                    (folders if is_dir else files).append(entry.name)
    except FileNotFoundError:
        raise FileNotFoundError(f"{folder}: there is no such folder; {_layout(root)}") from None
    except OSError as error:
        raise ValueError(f"{folder}: {error.strerror}; {_layout(root)}") from error
    return in_order(folders), in_order(files)


def in_order(names: Iterable[str]) -> list[str]:
    """Sorted, in the same order on every system."""
    return sorted(names, key=lambda name: (_composed(name), name))


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)  # some systems write ä as two characters


def folders_below(
    root: Path, on_error: Callable[[OSError], None] | None = None
) -> Iterator[tuple[Path, list[str]]]:
    """Every folder at or below this one with the names of its files, in order.

    As in `listed`, links to folders are followed and what `is_hidden` is left out. A link back to a
    folder around it is not followed. A folder that cannot be read raises ``OSError``, or goes to
    ``on_error``.
    """

    def fail(error: OSError) -> None:
        raise error

    around = {str(root): {os.path.realpath(root)}}  # a folder → itself and those around it
    for folder, inner, files in os.walk(root, onerror=on_error or fail, followlinks=True):
        seen = around.pop(folder)
        inner[:] = in_order(name for name in inner if not is_hidden(name))
        for name in list(inner):
            path = os.path.join(folder, name)
            if (real := os.path.realpath(path)) in seen:
                inner.remove(name)
            else:
                around[path] = seen | {real}
        yield Path(folder), in_order(name for name in files if not is_hidden(name))


def split_of(name: str) -> str:
    """Which split a folder of this name is, such as val for Validation; empty for any other."""
    return next((split for split, names in SPLITS.items() if name.casefold() in names), "")


def split_folder(root: Path, split: str) -> Path | None:
    """The folder of a split by any of its usual names; None where there is none.

    Raises ``ValueError`` where two could be it, ``OSError`` for a folder that is not there.
    """
    found = [name for name in scan(root, root)[0] if (split_of(name) or _composed(name)) == split]
    if len(found) > 1:
        raise ValueError(
            f"{root}: {' and '.join(found)} could both be the folder {split}: rename one of them"
        )
    return root / found[0] if found else None


def listed(root: Path, split: str) -> Listing:
    """What lies in the folder of a split: see `listed_classes`."""
    folder = split_folder(root, split)
    if folder is None:
        there, files = scan(root, root)
        names = few([*map(_composed, there)], 10) or "no folders at all"
        missing = f"no folder {split}; there are: {names}"
        raise FileNotFoundError(f"{root}: {_published(files) or missing + _remedy(root)}")
    return listed_classes(folder, root)


def _remedy(root: Path) -> str:
    """How to divide pictures that lie in class folders, or with a table; else what is expected."""
    folders, files = scan(root, root)
    folder = split_folder(root, "train") or root
    inner = scan(folder, root)
    tables = [root / name for name in files if name.lower().endswith(".csv")]
    if tables and not inner[0]:
        return f"; if {tables[0].name} holds the labels: --labels {tables[0]} --val-share 0.2"
    holding = [name for name in inner[0] if any(map(is_picture, scan(folder / name, root)[1]))]
    if split_folder(root, "val") or len(holding) < 2:
        return f"; {_layout(root)}"
    return (
        f"; hold some of the pictures in {folder} out: with --val-share 0.2, or in a copy, with "
        f"`course data split {folder} --val 0.2`"
    )


def listed_classes(folder: Path, root: Path, leave_out: Sequence[Path] = ()) -> Listing:
    """Classes in a folder, pictures with their labels, and what is neither.

    ``leave_out``: folders in it that are no classes. Raises ``ValueError`` or ``OSError`` where
    there are fewer than two classes, or one without pictures.
    """
    folders, files = scan(folder, root)
    folders = [name for name in folders if folder / name not in leave_out]
    others = [folder / name for name in files]
    for path in others:
        if path.is_symlink() and not os.path.exists(path):
            raise ValueError(f"{path}: is a link that leads nowhere; remove it")
    if len(folders) < 2:
        found = f"only one class, {_composed(folders[0])}" if folders else "no class folders"
        remedy = f"; {_layout(root)}" if folders else _remedy(root)
        raise ValueError(f"{folder}: {_published(files) or f'has {found}{remedy}'}")
    paths = [folder / name for name in folders]
    for one, other in zip(paths, paths[1:]):
        if _composed(one.name) == _composed(other.name):  # in Unicode's two forms
            raise ValueError(
                f"{one} and {other} have the same name, {ascii(one.name)} and {ascii(other.name)}: "
                "put their pictures into one of them"
            )
    pictures = []
    for path in paths:
        inner, files = scan(path, root)
        pictures.append([name for name in files if is_picture(name)])
        rest = [*inner, *(name for name in files if not is_picture(name))]
        others += [path / name for name in rest]
        if not pictures[-1]:
            raise ValueError(f"{path}: {_instead(inner, files)}; {_layout(root)}")
    names = np.array([os.fsencode(name) for names in pictures for name in names])
    labels = np.repeat(np.arange(len(paths)), [len(names) for names in pictures])
    return tuple(map(_composed, folders)), Samples(paths, names, labels), others


def _published(files: Sequence[str]) -> str:
    """What to do about ImageNet's files as they are published, if these are they."""
    for pattern, what in PUBLISHED.items():
        if any(re.fullmatch(pattern, name) for name in files):
            return f"{what}; {SORTED_BY}"
    return ""


def _instead(folders: Sequence[str], files: Sequence[str]) -> str:
    if folders:
        return f"holds no pictures but folders ({kinds(folders)}); put their pictures right here"
    if files:
        return f"holds no pictures, only {kinds(files)}; save them as JPEG or PNG"
    return "is empty"
