"""Find a data set, read it, split it.

A set's folder is looked for in this order: an explicit path, ``$COURSE_DATA``, ``data/``, and
last the embedded drawings.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.data.cache_marker import read_marker
from course_utils.data.cifar10_files import Parts, fingerprint, read_cached, read_cifar10

DATA = Path(__file__).resolve().parents[2] / "data"
DRAWINGS = DATA / "tiny"

# folders a set may lie in, the published layouts first
LAYOUTS = {
    "cifar10": ("cifar-10-batches-py", "cifar10"),
    "hymenoptera": ("hymenoptera_data",),
    "imagenet": ("imagenet",),
    "imagenette": ("imagenette2", "imagenette2-320", "imagenette2-160", "imagenette"),
}
DRAWN = {"imagenette": ("imagenet",)}  # whose drawings stand in, where it has none of its own

CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)  # training images, per channel
CIFAR10_STD = (0.2470, 0.2435, 0.2616)  # training images, per pixel (not a mean over images)

# of the true CIFAR-10, whatever layout or mirror it came in: see `fingerprint`
CIFAR10_FINGERPRINTS = {
    "train": (50_000, "464110d38d180886da2fbfd74b60e8311bf0055b69563716abbbf3627d3fac80"),
    "test": (10_000, "f01877e81dae1f55f260d1d23c98e51b5128033a34a0a92b88a125f256bb7851"),
}


@dataclass(frozen=True)
class Found:
    """Where a data set was found, and in which form."""

    name: str
    path: Path
    layout: str
    drawings: bool

    def __str__(self) -> str:
        if marker := read_marker(self.path):
            of = f"drawings of {self.name}" if self.drawings else self.name
            return f"data: {of} in {self.path}, a cache of short side {marker.short_side}"
        kind = "the embedded drawings" if self.drawings else f"{self.name} in {self.path}"
        return f"data: {kind}"


@dataclass(frozen=True)
class ImageSet:
    """Images held in memory: ``images`` (N, 3, H, W) uint8, ``labels`` (N,) int64."""

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index], int(self.labels[index])

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""
        return self.images.shape[-1]

    @property
    def resize(self) -> int:
        """The short side, in pixels, to which a new picture is scaled: nothing is cut off."""
        return self.image_size

    def subset(self, indices: Tensor) -> "ImageSet":
        """The images at these indices, in this order."""
        chosen = (self.images[indices], self.labels[indices])
        return ImageSet(*chosen, self.classes, self.mean, self.std)


@dataclass(frozen=True)
class Splits:
    """The parts of a data set: train to learn, val to choose, test (if any) to report once."""

    name: str
    train: Dataset  # an `ImageSet` or an `ImageFolder`, as the others
    val: Dataset
    test: Dataset | None
    drawings: bool

    @property
    def classes(self) -> tuple[str, ...]:
        return self.train.classes

    def about(self) -> dict:
        """What a checkpoint must know of the data so that `predict` can prepare a new image."""
        return {
            "data": f"{self.name} drawings" if self.drawings else self.name,
            "classes": list(self.classes),
            "image_size": self.train.image_size,
            "resize": self.train.resize,
            "mean": list(self.train.mean),
            "std": list(self.train.std),
        }


def places(where: str | os.PathLike | None = None) -> list[Path]:
    """The folders in which `find` looks, in order; see there."""
    if where == "drawings":
        return [DRAWINGS]
    if where not in (None, "real"):
        return [Path(where).expanduser()]
    named = os.environ.get("COURSE_DATA")
    return [*([Path(named).expanduser()] if named else []), DATA, DRAWINGS]


def find(name: str, where: str | os.PathLike | None = None) -> Found:
    """Find the folder of a data set.

    ``where``: None or ``"real"`` looks in ``$COURSE_DATA``, ``data/`` and last the drawings;
    ``"drawings"`` takes those; anything else is a path, to the set's folder or the one around it.
    Raises ``ValueError`` for an unknown name, ``FileNotFoundError`` where the set is not there.

    >>> find("cifar10", "drawings").drawings
    True
    """
    if name not in LAYOUTS:
        raise ValueError(f"no data set is called {name!r}; there are: {', '.join(LAYOUTS)}")
    searched = places(where)
    for place in searched:
        drawn = place.resolve() == DRAWINGS.resolve()
        for layout in DRAWN.get(name, LAYOUTS[name]) if drawn else LAYOUTS[name]:
            for folder in (place / layout, place):
                if folder.absolute().name == layout and folder.is_dir():
                    drawings = folder.absolute().parent.resolve() == DRAWINGS.resolve()
                    return Found(name, folder, layout, drawings)
        for folder in (place, place / f"{name}-256"):  # last, where there are no originals
            if (marker := read_marker(folder)) and marker.of == name:
                return Found(name, folder, "cache", marker.drawings)
    raise FileNotFoundError(
        f"{name} is not in {', '.join(map(str, searched))}: expected a folder "
        f"{' or '.join(LAYOUTS[name])} there; get it with `course data get {name}`, "
        "or take the 'drawings'"
    )


def stratified_split(labels: Tensor, held_out: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Split indices in two, each class in proportion: (the rest, about ``held_out`` of them).

    >>> rest, held = stratified_split(torch.tensor([0, 1] * 10), held_out=4)
    >>> len(rest), torch.tensor([0, 1] * 10)[held].bincount().tolist()
    (16, [2, 2])
    """
    generator = torch.Generator().manual_seed(seed)
    counts = labels.bincount()
    share = (counts * held_out / len(labels)).round().long()
    shuffled = torch.randperm(len(labels), generator=generator)
    parts = [shuffled[labels[shuffled] == c].split([share[c], counts[c] - share[c]])
             for c in range(len(counts))]  # fmt: skip
    held, rest = (torch.cat(side).sort().values for side in zip(*parts, strict=True))
    return rest, held


def cifar10(where: str | os.PathLike | None = None) -> Splits:
    """CIFAR-10 in memory, or the drawings in its layout; prints which of them was taken.

    Real: 45,000 / 5,000 / 10,000 images of 32×32, the validation part taken from the training
    images, stratified, the same for every layout. The drawings: a tenth of the training ones.
    Raises ``FileNotFoundError`` where the set is not there, ``ValueError`` where it is damaged.

    Source: Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009.
    """
    found = find("cifar10", where)
    print(found)
    if found.drawings:
        parts = read_cifar10(found.path, found.layout, CIFAR10_CLASSES)
    else:
        parts = read_cached(found.path, found.layout, CIFAR10_CLASSES, check_cifar10)
    whole, test = (
        ImageSet(*parts[split], CIFAR10_CLASSES, CIFAR10_MEAN, CIFAR10_STD)
        for split in ("train", "test")
    )
    rest, held = stratified_split(whole.labels, held_out=len(whole) // 10)
    return Splits("cifar10", whole.subset(rest), whole.subset(held), test, found.drawings)


def check_cifar10(parts: Parts, path: Path) -> None:
    """Raise ``ValueError`` unless these are the pixels and labels of the true CIFAR-10."""
    for split, (size, known) in CIFAR10_FINGERPRINTS.items():
        images, labels = parts[split]
        remedy = f"remove {path} and run `course data get cifar10`"
        if len(images) != size:
            raise ValueError(f"{path}: {len(images):,} {split} images of {size:,}; {remedy}")
        if fingerprint(images, labels) != known:
            raise ValueError(f"{path}: {split} is not the true CIFAR-10, pixels differ; {remedy}")


def verify_cifar10(folder: Path) -> None:
    """Read a CIFAR-10 folder of either layout; raise ``ValueError`` unless it is the true one."""
    folder = Path(folder)
    check_cifar10(read_cifar10(folder, folder.name, CIFAR10_CLASSES), folder)
