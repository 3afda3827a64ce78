"""What lies in folders of pictures: classes, pictures, and what is neither."""

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from course_utils.data.class_names import few

# GIF is not among them: on the web it serves for icons, animations and place holders, such as the
# imageNotFound.gif that was published among the ants
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".jp2", ".avif"}

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

    def without(self, indices: Iterable[int]) -> "Samples":
        """The others."""
        kept = np.ones(len(self), bool)
        kept[list(indices)] = False
        return Samples(self.folders, self.names[kept], self.labels[kept])


def is_picture(path: str | os.PathLike) -> bool:
    """Whether a file is taken for a picture, by the end of its name, in capitals or not."""
    return os.path.splitext(path)[1].lower() in SUFFIXES


def _layout(root: Path) -> str:
    return f"expected {root / 'train' / '<class>' / '*.jpg'}, and the same in val and maybe test"


def _scan(folder: Path, root: Path) -> tuple[list[str], list[str]]:
    """Folders and files in a folder, sorted, without those whose name begins with a dot."""
    folders, files = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                # of a link that leads in a circle entry.is_dir raises, os.path.isdir does not
                is_dir = os.path.isdir(entry) if entry.is_symlink() else entry.is_dir()
                if not entry.name.startswith("."):
                    (folders if is_dir else files).append(entry.name)
    except FileNotFoundError:
        raise FileNotFoundError(f"{folder}: there is no such folder; {_layout(root)}") from None
    except OSError as error:
        raise ValueError(f"{folder}: {error.strerror}; {_layout(root)}") from error
    return sorted(folders, key=_composed), sorted(files, key=_composed)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)  # some systems write ä as two characters


def folders_below(
    root: Path, on_error: Callable[[OSError], None] | None = None
) -> Iterator[tuple[Path, list[str]]]:
    """Every folder at or below this one with the names of its files, in order.

    As in `listed`, links to folders are followed and what begins with a dot is left out. A link
    back to a folder around it is not followed. A folder that cannot be read raises ``OSError``, or
    goes to ``on_error``.
    """

    def fail(error: OSError) -> None:
        raise error

    around = {str(root): {os.path.realpath(root)}}  # a folder → itself and those around it
    for folder, inner, files in os.walk(root, onerror=on_error or fail, followlinks=True):
        seen = around.pop(folder)
        inner[:] = sorted((n for n in inner if not n.startswith(".")), key=_composed)
        for name in list(inner):
            path = os.path.join(folder, name)
            if (real := os.path.realpath(path)) in seen:
                inner.remove(name)
            else:
                around[path] = seen | {real}
        yield Path(folder), sorted((n for n in files if not n.startswith(".")), key=_composed)


def listed(root: Path, split: str) -> tuple[tuple[str, ...], Samples, list[Path]]:
    """Classes, pictures with their labels, and what is neither."""
    there, files = _scan(root, root)
    if split not in map(_composed, there):
        names = few([*map(_composed, there)], 10) or "no folders at all"
        missing = f"no folder {split}; there are: {names}"
        raise FileNotFoundError(f"{root}: {_published(files) or missing}; {_layout(root)}")
    folders, files = _scan(root / split, root)
    others = [root / split / name for name in files]
    for path in others:
        if path.is_symlink() and not os.path.exists(path):
            raise ValueError(f"{path}: is a link that leads nowhere; remove it")
    if len(folders) < 2:
        found = f"only one class, {_composed(folders[0])}" if folders else "no class folders"
        raise ValueError(f"{root / split}: {_published(files) or f'has {found}; {_layout(root)}'}")
    paths = [root / split / name for name in folders]
    for one, other in zip(paths, paths[1:]):
        if _composed(one.name) == _composed(other.name):  # in Unicode's two forms
            raise ValueError(
                f"{one} and {other} have the same name, {ascii(one.name)} and {ascii(other.name)}: "
                "put their pictures into one of them"
            )
    pictures = []
    for path in paths:
        inner, files = _scan(path, root)
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


def kinds(names: Iterable[str | Path]) -> str:
    """The endings of some files, or the names of those without."""
    paths = map(Path, names)
    kinds = list(dict.fromkeys(path.suffix.lower() or path.name for path in paths))
    return ", ".join(kinds[:3]) + (" …" if kinds[3:] else "")
