"""Read a data set, split it (notebook 01)."""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.store.cifar10_files import Parts, fingerprint, read_cached, read_cifar10
from course_utils.store.locations import find

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

    @cached_property
    def digest(self) -> str:
        """A SHA-256 of all pixels and labels, in order."""
        digest = hashlib.sha256(self.images.contiguous().numpy())
        digest.update(self.labels.numpy())
        return digest.hexdigest()

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
        """What a checkpoint must know of the data: to prepare a new image, to know it again."""
        return {
            "data": f"{self.name} drawings" if self.drawings else self.name,
            "classes": list(self.classes),
            "image_size": self.train.image_size,
            "resize": self.train.resize,
            "mean": list(self.train.mean),
            "std": list(self.train.std),
            "pictures": {
                name: [len(part), part.digest]
                for name, part in (("train", self.train), ("val", self.val))
            },
        }


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
