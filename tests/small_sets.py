"""Small data sets in CIFAR-10's two published layouts, with the same pixels in both."""

import pickle
import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from course_utils.data.datasets import CIFAR10_CLASSES
from course_utils.store.cifar10_files import BATCH_FILES, Parts


def small_parts(train: int = 20, test: int = 3, seed: int = 0) -> Parts:
    """Random icons, so many of each class, class by class."""
    generator = torch.Generator().manual_seed(seed)
    parts = {}
    for split, count in (("train", train), ("test", test)):
        labels = torch.arange(10).repeat_interleave(count)
        images = torch.randint(256, (len(labels), 3, 32, 32), generator=generator)
        parts[split] = images.to(torch.uint8), labels
    return parts


def write_folders(parts: Parts, folder: Path) -> Path:
    """As ``{train,test}/<class>/<number>.png``."""
    for split, (images, labels) in parts.items():
        for number, (image, label) in enumerate(zip(images, labels.tolist())):
            path = folder / split / CIFAR10_CLASSES[label] / f"{number:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    return folder


def write_batches(parts: Parts, folder: Path) -> Path:
    """As the pickles of the official archive, in another order than the folders'."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, names in BATCH_FILES.items():
        images, labels = parts[split]
        order = list(range(len(labels)))
        random.Random(1).shuffle(order)
        for i, name in enumerate(names):
            chosen = order[i :: len(names)]
            content = {
                b"data": images[chosen].reshape(len(chosen), -1).numpy(),
                b"labels": labels[chosen].tolist(),
                b"batch_label": b"batch %d" % (i + 1),
                b"filenames": [b"%d.png" % number for number in chosen],
            }
            with (folder / name).open("wb") as file:
                Python2Pickler(file, protocol=2).dump(content)
    return folder


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2 and its NumPy wrote: every string as bytes, arrays by old names."""

    dispatch = pickle._Pickler.dispatch.copy()

    def save_bytes(self, value: bytes) -> None:
        length = len(value).to_bytes(4, "little", signed=True)
        self.write(pickle.BINSTRING + length + value)
        self.memoize(value)

    dispatch[bytes] = save_bytes
    dispatch[bool] = lambda self, value: self.save(int(value))
    dispatch[str] = lambda self, value: self.save_bytes(value.encode("ascii"))

    def save_global(self, value, name=None) -> None:
        old = {np.ndarray: b"numpy\nndarray", np.dtype: b"numpy\ndtype"}
        where = old.get(value, b"numpy.core.multiarray\n_reconstruct")
        self.write(pickle.GLOBAL + where + b"\n")
        self.memoize(value)

    dispatch[type] = save_global
    dispatch[type(lambda: None)] = save_global
    dispatch[type(len)] = save_global
