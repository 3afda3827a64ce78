"""Pictures in folders, one folder a class: `train/<class>/*`, `val/<class>/*`, `test/<class>/*`."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.data.datasets import Splits, find
from course_utils.data.folder_listing import kinds, listed, unreadable
from course_utils.data.images import ImageError, read_image
from course_utils.data.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    eval_resize,
    eval_transform,
    train_transform,
)

BadImages = Literal["fail", "skip", "unchecked"]


@dataclass(frozen=True, eq=False)
class ImageFolder(Dataset):
    """The pictures of one split: item i is its pixels (3, S, S) uint8 and its label.

    Opened by `image_folder`. ``classes`` are the folders' names, ``samples`` pairs of path and
    label, ``labels`` (N,) int64; ``others`` is what was ignored, ``bad`` the pictures left out with
    the reasons. ``mean`` and ``std`` are for the batch, see `ImageLoader`; ``image_size`` and
    ``resize`` tell how a new picture is prepared, see `eval_image`.
    """

    root: Path
    split: str
    classes: tuple[str, ...]
    samples: list[tuple[Path, int]]
    others: list[Path]
    bad: list[tuple[Path, str]]
    image_size: int
    resize: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    transform: Callable[[Tensor], Tensor]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.samples[index]
        pixels = torch.from_numpy(np.array(read_image(path)))  # (H, W, 3) uint8
        return self.transform(pixels.permute(2, 0, 1)), label

    @cached_property
    def labels(self) -> Tensor:
        """The label of every picture: (N,) int64."""
        return torch.tensor([label for _, label in self.samples])

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

    Pictures are the files in it that end in .jpg, .jpeg, .png, .webp, .bmp, .tif, .tiff, .ppm, .jp2
    or .avif, in capitals too. Anything else, GIFs and folders among them, is ignored and counted;
    what begins with a dot is not even counted. ``transform`` takes and gives uint8 (3, H, W);
    default: `train_transform` for the split ``train``, `eval_transform` for any other.

    Every picture is decoded once to see whether it can be. ``bad_images``: ``"fail"`` raises
    `ImageError` for one that cannot be read, ``"skip"`` leaves it out and says so, and
    ``"unchecked"`` does not look, so that it fails when its turn comes. Raises
    ``FileNotFoundError`` for a folder that is not there, ``ValueError`` for another layout.

    >>> image_folder(find("hymenoptera", "drawings").path, "val").classes
    ('ants', 'bees')
    """
    root = Path(root).expanduser()
    classes, samples, others = listed(root, split)
    if transform is None:
        transform = train_transform(size) if split == "train" else eval_transform(size)
    known = (classes, samples, others, [], size, eval_resize(size), tuple(mean), tuple(std))
    return _checked(ImageFolder(root, split, *known, transform), bad_images)


def image_splits(
    root: str | os.PathLike,
    *,
    size: int = 224,
    scale: tuple[float, float] = (0.08, 1.0),
    bad_images: BadImages = "fail",
    mean: Iterable[float] = IMAGENET_MEAN,
    std: Iterable[float] = IMAGENET_STD,
    name: str | None = None,
) -> Splits:
    """Open ``train/``, ``val/`` and, where there is one, ``test/``; prints what they hold.

    ``scale`` is that of `train_transform`, ``name`` by default the folder's. All else, and errors,
    as for `image_folder`; ``ValueError`` also where the splits have different classes.
    """
    root = Path(root).expanduser()
    options = {"size": size, "mean": mean, "std": std, "bad_images": "unchecked"}
    parts = {
        "train": image_folder(root, "train", transform=train_transform(size, scale), **options)
    }
    for split in ("val", "test"):
        if split == "val" or os.path.lexists(root / split):
            parts[split] = image_folder(root, split, **options)
            _compare(root, parts["train"], parts[split])
    # decoding every picture takes longest and comes last
    parts = {split: _checked(part, bad_images) for split, part in parts.items()}
    name = name or os.path.basename(os.path.abspath(root))
    print(f"data: {name}: {_summary(parts)}")
    return Splits(name, **{"test": None, **parts}, drawings=False)


def hymenoptera(where: str | os.PathLike | None = None, **options) -> Splits:
    """Ants and bees, 244 + 153 photographs, or the drawings in their place; says which.

    ``where`` is that of `find`, the options are those of `image_splits`. Pictures are not checked
    again: `course data get hymenoptera` did. Raises as `find` and `image_splits` do.

    Source: the transfer learning tutorial of PyTorch, by S. Chilamkurthy.
    """
    found = find("hymenoptera", where)
    print(found)
    splits = image_splits(found.path, **{"name": found.name, "bad_images": "unchecked", **options})
    return replace(splits, drawings=found.drawings)


def _checked(folder: ImageFolder, bad_images: BadImages) -> ImageFolder:
    """The folder, if all of its pictures can be read, or without the others if so asked for."""
    if bad_images not in get_args(BadImages):
        raise ValueError(f"bad_images is {bad_images!r}: it is {', '.join(get_args(BadImages))}")
    paths = [path for path, _ in folder.samples]
    bad = [] if bad_images == "unchecked" else unreadable(paths)
    if not bad:
        return folder
    path, why = bad[0]
    share = f"{len(bad):,} of {len(paths):,} images"
    if bad_images == "fail":
        which = f"{share} cannot be read, first " if bad[1:] else ""
        remedy = 'bad_images="skip" (--bad-images skip) leaves out what cannot be read'
        raise ImageError(f"{which}{path}: {why}; {remedy}")
    print(f"data: {folder.root / folder.split}: left out {share}, first {path}: {why}")
    out = {path for path, _ in bad}
    samples = [(path, label) for path, label in folder.samples if path not in out]
    left = {label for _, label in samples}
    for path, label in folder.samples:
        if label not in left:
            raise ValueError(f"{path.parent}: no image in it can be read; replace them")
    return replace(folder, samples=samples, bad=bad)


def _compare(root: Path, train: ImageFolder, other: ImageFolder) -> None:
    if train.classes != other.classes:
        sides = [(train, other), (other, train)]
        extra = [(a.split, [c for c in a.classes if c not in b.classes]) for a, b in sides]
        only = "; ".join(f"only {split} has {', '.join(names)}" for split, names in extra if names)
        raise ValueError(f"{root}: {train.split} and {other.split} have different classes: {only}")


def _summary(parts: dict[str, ImageFolder]) -> str:
    classes = parts["train"].classes
    others = [path for part in parts.values() for path in part.others]
    counts = " + ".join(f"{len(part):,}" for part in parts.values())
    names = ", ".join(classes[:5]) + (" …" if classes[5:] else "")
    line = f"{counts} images ({' + '.join(parts)}) of {len(classes)} classes: {names}"
    files = "file" if len(others) == 1 else "files"
    return line + (f"; {len(others)} other {files} ignored ({kinds(others)})" if others else "")
