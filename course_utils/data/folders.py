"""Pictures in folders, one folder a class: `train/<class>/*`, `val/<class>/*`, `test/<class>/*`.

Notebook 04.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.data.datasets import Splits
from course_utils.data.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    eval_resize,
    eval_transform,
    train_transform,
)
from course_utils.data.vetting import BadImages, check_same_classes, checked, summary
from course_utils.store.cache_marker import complete_marker
from course_utils.store.class_names import class_names
from course_utils.store.duplicates import files_in_two
from course_utils.store.files import sha256
from course_utils.store.folder_listing import Listing, Samples, listed, split_folder, split_of
from course_utils.store.labels import read_labels
from course_utils.store.layout import splits_below
from course_utils.store.locations import find
from course_utils.store.pixels import read_pixels

MANY = 100_000  # pictures, whose sizes take minutes to ask for on a network disk


@dataclass(frozen=True, eq=False)
class ImageFolder(Dataset):
    """The pictures of one split: item i is its pixels (3, S, S) uint8 and its label.

    Opened by `image_folder`. ``classes`` are their names, ``samples`` pairs of path and label,
    ``labels`` (N,) int64; ``others`` is what was ignored, ``bad`` the pictures left out and
    ``suspect`` those damaged in part, with the reasons. ``mean`` and ``std`` are for the batch, see
    `ImageLoader`; ``image_size`` and ``resize`` tell how a new picture is prepared, see
    `eval_image`.
    """

    root: Path
    split: str
    classes: tuple[str, ...]
    samples: Sequence[tuple[Path, int]]
    others: list[Path]
    bad: list[tuple[Path, str]]
    suspect: dict[Path, str]
    image_size: int
    resize: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    transform: Callable[[Tensor], Tensor]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.samples[index]
        return self.transform(read_pixels(path, quick=path not in self.suspect)), label

    @cached_property
    def labels(self) -> Tensor:
        """The label of every picture: (N,) int64."""
        if isinstance(self.samples, Samples):
            return torch.from_numpy(self.samples.labels)
        return torch.tensor([label for _, label in self.samples])

    @cached_property
    def sizes(self) -> list[int] | None:
        """The pictures' sizes in bytes; None of more than `MANY`."""
        return [_size(path) for path, _ in self.samples] if len(self) <= MANY else None

    @cached_property
    def digest(self) -> str:
        """A SHA-256 of every picture's label, name and content, in order.

        Of more than 1 GiB of pictures sizes stand for the content; of more than `MANY`, nothing.
        """
        digest, sizes = hashlib.sha256(), self.sizes or repeat("")
        small = self.sizes is not None and sum(self.sizes) <= 2**30
        for (path, label), size in zip(self.samples, sizes):
            content = _hash(path) if small else size
            digest.update(os.fsencode(f"{label}/{path.name}/{content}\n"))
        return digest.hexdigest()

    @property
    def targets(self) -> Tensor:
        """The labels, by the name they have in torchvision."""
        return self.labels

    @property
    def ignored(self) -> int:
        """How many files were ignored since they are no pictures."""
        return len(self.others)


def image_folder(
    root: str | os.PathLike,
    split: str = "train",
    *,
    size: int = 224,
    transform=None,
    bad_images: BadImages = "fail",
    mean: Iterable[float] = IMAGENET_MEAN,
    std: Iterable[float] = IMAGENET_STD,
) -> ImageFolder:
    """Open ``root/split/<class>/*``: every folder is a class, in the order of their names.

    A class is called as its folder; where that is a number of WordNet, as in ImageNet, as a word.
    Pictures are the files in it that end as JPEG, PNG, WebP, BMP, TIFF, PPM, JPEG 2000 and AVIF do,
    see `SUFFIXES`, in capitals too. Anything else, GIFs and folders among them, is ignored and
    counted; a system's own files (`is_hidden`) are not even counted. ``split`` may also be called
    by another usual name (`SPLITS`). ``transform`` takes and gives uint8 (3, H, W);
    default: `train_transform` for the split ``train``, `eval_transform` for any other.

    Every picture is decoded once to see whether it can be. ``bad_images``: ``"fail"`` raises
    `ImageError` for one that cannot be read, ``"skip"`` leaves it out and says so, and
    ``"unchecked"`` does not look, so that it fails when its turn comes. Raises
    ``FileNotFoundError`` for a folder that is not there, ``ValueError`` for another layout.

    >>> image_folder(find("hymenoptera", "drawings").path, "val").classes
    ('ants', 'bees')
    """
    root = Path(root).expanduser()
    if transform is None:
        transform = train_transform(size) if split == "train" else eval_transform(size)
    return checked(
        _opened(root, split, listed(root, split), transform, size, mean, std), bad_images
    )


def image_splits(
    root: str | os.PathLike,
    *,
    size: int = 224,
    scale: tuple[float, float] = (0.08, 1.0),
    rotation: float = 0.0,
    bad_images: BadImages = "fail",
    mean: Iterable[float] = IMAGENET_MEAN,
    std: Iterable[float] = IMAGENET_STD,
    name: str | None = None,
    val_share: float | None = None,
    labels: str | os.PathLike | None = None,
    data_val: str | os.PathLike | None = None,
) -> Splits:
    """Open ``train/``, ``val/`` and, where there is one, ``test/``; prints what they hold.

    Pictures that are not divided so are by ``val_share``, ``labels`` or ``data_val``: see
    `splits_below`. The same picture in two splits is told, as far as files are equal.

    ``scale`` and ``rotation`` are those of `train_transform`, ``name`` is by default the folder's;
    a cache (`make_cache`) is called what it is, so that its results do not mix with the originals'.
    All else, and errors, as for `image_folder`; ``ValueError`` also where the splits have different
    classes.
    """
    root = Path(root).expanduser()
    marker = complete_marker(root)
    parts = {}
    for split, listing in splits_below(root, val_share, labels, data_val).items():
        train = split == "train"
        transform = train_transform(size, scale, rotation) if train else eval_transform(size)
        parts[split] = _opened(root, split, listing, transform, size, mean, std)
        check_same_classes(root, parts["train"], parts[split])
    # decoding every picture takes longest and comes last
    parts = {split: checked(part, bad_images) for split, part in parts.items()}
    name = marker.name if marker else name or _name(root)
    print(f"data: {name}: {summary(parts)}")
    if repeated := files_in_two(parts):
        print(f"data: {name}: {repeated}")
    drawings = bool(marker and marker.drawings)
    return Splits(name, **{"test": None, **parts}, drawings=drawings)


def labelled_pictures(
    root: str | os.PathLike,
    labels: str | os.PathLike,
    classes: Sequence[str],
    *,
    size: int = 224,
    bad_images: BadImages = "fail",
    mean: Iterable[float] = IMAGENET_MEAN,
    std: Iterable[float] = IMAGENET_STD,
) -> Splits:
    """Pictures to test on, of these classes by a table: see `read_labels`; each split is the same.

    All else, and errors, as for `image_folder`.
    """
    root = Path(root).expanduser()
    listing = read_labels(Path(labels).expanduser(), root, classes, "test")
    test = checked(
        _opened(root, "test", listing, eval_transform(size), size, mean, std), bad_images
    )
    print(f"data: {_name(root)}: {len(test):,} images by {labels}")
    return Splits(_name(root), test, test, test, drawings=False)


def hymenoptera(where: str | os.PathLike | None = None, **options) -> Splits:
    """Ants and bees, 244 + 153 photographs, or the drawings in their place; says which.

    ``where`` is that of `find`, the options are those of `image_splits`. Pictures are not checked
    again: `course data get hymenoptera` did. Raises as `find` and `image_splits` do.

    Source: the transfer learning tutorial of PyTorch, by S. Chilamkurthy.
    """
    found = find("hymenoptera", where)
    print(found)
    splits = image_splits(found.path, **{"name": found.name, "bad_images": "unchecked", **options})
    return replace(splits, drawings=found.drawings or splits.drawings)


def _opened(
    root: Path, split: str, listing: Listing, transform: Callable, size: int, mean, std
) -> ImageFolder:
    folders, samples, others = listing
    known = (class_names(tuple(folders)), samples, others, [], {}, size, eval_resize(size))
    return ImageFolder(root, split, *known, tuple(mean), tuple(std), transform)


def _name(root: Path) -> str:
    """What a folder is called; train/ with classes in it, as the folder around it."""
    path = Path(os.path.abspath(root))
    is_part = split_of(path.name) and not split_folder(path, "train")
    return is_part and path.parent.name or path.name


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # whoever reads it tells why
        return -1


def _hash(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return ""
