"""Read CIFAR-10 from its two published layouts, and keep what was read in one quick file."""

import hashlib
import os
import pickle
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

Parts = dict[str, tuple[Tensor, Tensor]]  # split → images (N, 3, 32, 32) uint8, labels (N,)

BATCH_FILES = {
    "train": [f"data_batch_{i}" for i in range(1, 6)],
    "test": ["test_batch"],
}


class _ArraysOnly(pickle.Unpickler):
    """Unpickles numpy arrays and plain containers; refuses anything that could run code."""

    allowed = {
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str):
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is refused")
        return super().find_class(module, name)


def read_batches(folder: Path) -> Parts:
    """Read ``cifar-10-batches-py``; raises ``ValueError`` naming a file that is absent or bad."""
    return {
        split: tuple(map(torch.cat, zip(*(_read_batch(folder / n) for n in names), strict=True)))
        for split, names in BATCH_FILES.items()
    }


def _read_batch(path: Path) -> tuple[Tensor, Tensor]:
    try:
        with path.open("rb") as file:
            batch = _ArraysOnly(file, encoding="bytes").load()
        images = np.ascontiguousarray(batch[b"data"]).reshape(-1, 3, 32, 32)
        labels = torch.tensor(batch[b"labels"], dtype=torch.int64)
    except Exception as error:  # a broken pickle raises nearly anything
        why = getattr(error, "strerror", None) or error
        raise ValueError(
            f"{path} is not a CIFAR-10 batch ({why}); remove its folder, "
            "then `course data get cifar10`"
        ) from error
    if len(images) != len(labels) or images.dtype != np.uint8:
        raise ValueError(f"{path}: {len(images)} images of {images.dtype}, {len(labels)} labels")
    return torch.from_numpy(images), labels


def read_folders(folder: Path, classes: tuple[str, ...]) -> Parts:
    """Read ``{train,test}/<class>/*.png``; raises ``ValueError`` naming what is absent or bad."""
    return {split: _read_classes(folder / split, classes) for split in ("train", "test")}


def _read_classes(folder: Path, classes: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    images, labels = [], []
    for label, name in enumerate(classes):
        files = [p for p in (folder / name).glob("*") if not p.name.startswith(".")]
        paths = sorted(p for p in files if p.suffix == ".png")
        if stray := len(files) - len(paths):
            warnings.warn(f"{folder / name}: {stray} files ignored that are no PNG", stacklevel=2)
        if not paths:
            raise ValueError(f"{folder / name} holds no PNG; expected {folder}/<class>/*.png")
        images += map(_read_icon, paths)
        labels += [label] * len(paths)
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)


def _read_icon(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except Exception as error:  # on a broken file Pillow raises nearly anything
        raise ValueError(f"{path} cannot be read ({error}); put a whole copy there") from error
    if pixels.shape != (32, 32, 3):
        raise ValueError(f"{path} has {pixels.shape[1]}×{pixels.shape[0]} pixels, expected 32×32")
    return pixels


def read_cifar10(path: Path, layout: str, classes: tuple[str, ...]) -> Parts:
    """Read every image of a CIFAR-10 folder, in the order of the content's hash.

    The order is the same for every layout, so a seed means the same images everywhere.
    """
    pickled = layout == "cifar-10-batches-py"
    parts = read_batches(path) if pickled else read_folders(path, classes)
    return {split: _sorted(*part) for split, part in parts.items()}


def _sorted(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    keys = digests(images, labels)
    order = torch.tensor(sorted(range(len(keys)), key=keys.__getitem__))
    return images[order], labels[order]


def digests(images: Tensor, labels: Tensor) -> list[bytes]:
    """One SHA-256 an image, of its label and pixels: images (N, 3, H, W) uint8, labels (N,)."""
    return [
        hashlib.sha256(label.to_bytes(2, "little") + pixels.tobytes()).digest()
        for pixels, label in zip(images.contiguous().numpy(), labels.tolist(), strict=True)
    ]


def fingerprint(images: Tensor, labels: Tensor) -> str:
    """One SHA-256 for a set of images (N, 3, H, W) uint8 with labels (N,), in whatever order.

    >>> x = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 2, 2)
    >>> fingerprint(x, torch.tensor([0, 1])) == fingerprint(x.flip(0), torch.tensor([1, 0]))
    True
    """
    return hashlib.sha256(b"".join(sorted(digests(images, labels)))).hexdigest()


def read_cached(
    path: Path, layout: str, classes: tuple[str, ...], check: Callable[[Parts, Path], None]
) -> Parts:
    """As `read_cifar10`, from a cache beside the folder while the folder is unchanged.

    ``check(parts, path)`` raises ``ValueError`` for wrong data, which is never cached. In a
    read-only data folder the cache goes to the user's own; where neither can be written the files
    are read every time, with a warning.
    """
    places = [path.absolute().parent / ".cache", Path.home() / ".cache" / "course_utils"]
    caches = [place / f"{layout}-{_state_of(path)}.pt" for place in places]
    for cache in filter(Path.is_file, caches):
        try:
            parts = torch.load(cache, weights_only=True)
            check(parts, cache)
            return parts
        except Exception:  # whatever is wrong with it, it is only a cache
            warnings.warn(f"{cache} is damaged; reading {path} again", stacklevel=2)
    parts = read_cifar10(path, layout, classes)
    check(parts, path)
    if not any(_try_save(parts, cache) for cache in caches):
        warnings.warn(f"no cache could be written in {places[0]} or {places[1]}", stacklevel=2)
    return parts


def _state_of(folder: Path) -> str:
    """A hash of every file's name, size and time: another one as soon as the folder changes."""
    lines = []
    for root, _, names in os.walk(folder):
        for name in names:
            about = os.stat(os.path.join(root, name))
            relative = os.path.relpath(os.path.join(root, name), folder)
            lines.append(f"{relative} {about.st_size} {about.st_mtime_ns}")
    about = "\n".join([str(folder.resolve()), *sorted(lines)])
    return hashlib.sha256(about.encode(errors="surrogateescape")).hexdigest()[:16]


def _try_save(parts: Parts, cache: Path) -> bool:
    """Put the cache in the place of an older one of the same layout; False where that fails."""
    partial = cache.with_suffix(f".{os.getpid()}.part")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        torch.save(parts, partial)
        os.replace(partial, cache)
    except (OSError, RuntimeError):  # read-only or full: torch raises RuntimeError for both
        with suppress(OSError):
            partial.unlink()
        return False
    layout = cache.name.rpartition("-")[0]
    for outdated in set(cache.parent.glob(f"{layout}-*.pt")) - {cache}:
        with suppress(OSError):  # another process may just be reading it
            outdated.unlink()
    return True
