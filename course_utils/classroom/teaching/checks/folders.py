"""Check of the exercise on a folder of pictures (notebook 04)."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image
from torch import Tensor

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.common import kind, number, tensor

LEVELS = 8  # so far may pixels be off after JPEG
ODD_FILES = {  # what is added to a tidy folder, whether it counts as a picture, and the reason
    "ants/2.JPG": (True, "names in capitals count too"),
    "ants/2.jpeg": (True, ".jpeg is a picture's ending, too"),
    "ants/2.png": (True, ".png is a picture's ending, too"),
    "ants/notes.txt": (False, "a text file is no picture"),
    "ants/1.jpg.txt": (False, "only the end of a name tells"),
    "ants/._1.jpg": (False, "what begins with a dot does not count"),
    "ants/.trash/1.jpg": (False, "only what lies directly in a class's folder counts"),
    "readme.txt": (False, "a file beside the classes' folders is no class"),
    ".ipynb_checkpoints/1.jpg": (False, "a folder that begins with a dot is no class"),
}
KINDS = {  # a picture of each is in every class: Pillow's mode, and what it is
    "1.jpg": ("RGB", "a photograph"),
    "10.jpg": ("L", "grey"),
    "2.png": ("P", "with a palette"),
    "3.jpg": ("RGB", "from a camera held upright"),
    "4.png": ("RGBA", "RGBA"),
    "5.jpg": ("RGB", "from a camera held upside down"),
}
TURNS = {  # what EXIF writes (to be turned by 90° clockwise, by 180°), and how the picture lies
    "from a camera held upright": (6, Image.Transpose.ROTATE_90),
    "from a camera held upside down": (3, Image.Transpose.ROTATE_180),
}


@contextmanager
def _unsorted() -> Iterator[None]:
    """List folders backwards: file systems differ in the order, and some sort by themselves."""
    plain = os.listdir
    os.listdir = lambda *path: sorted(plain(*path), reverse=True)
    try:
        yield
    finally:
        os.listdir = plain


@question
def opened(answer, files: dict, read: bool) -> dict:
    """What a data set of a folder with these files tells, and if asked for, its items."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, _unsorted():
        for name, content in files.items():
            path = Path(home, "train", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.numpy().tobytes())
        data = answer(Path(home, "train"))
        items = [data[i] for i in range(len(data))] if read else []
        return {"classes": getattr(data, "classes", None), "length": len(data), "items": items}


def _drawn(mode: str, seed: int) -> Image.Image:
    """16 × 24 pixels: blocks of random colours, which JPEG keeps but for a few grey levels."""
    colours = torch.randint(256, (2, 3, 3), generator=torch.Generator().manual_seed(seed))
    blocks = colours.to(torch.uint8).repeat_interleave(8, 0).repeat_interleave(8, 1)
    image = Image.fromarray(blocks.numpy())
    return image.quantize(16) if mode == "P" else image.convert(mode)


def _file(image: Image.Image, name: str, words: str = "") -> Tensor:
    """The bytes of a picture's file, as a camera writes it that was held as ``words`` say."""
    file, exif = io.BytesIO(), Image.Exif()
    if words in TURNS:
        exif[ExifTags.Base.Orientation], turn = TURNS[words]
        image = image.transpose(turn)
    if name.endswith("png"):
        image.save(file, "PNG")
    else:
        image.save(file, "JPEG", quality=95, subsampling=0, exif=exif)
    return torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)


def _pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def picture_folder(answer, names: tuple = ("bees", "ants", "wasps"), seed: int = 0) -> None:
    """A data set must find the pictures of a folder, in order, and read them as RGB, upright."""
    plain = _file(_drawn("RGB", seed), "0.jpg")
    tidy = dict.fromkeys(("bees/1.jpg", "ants/0.jpg", "ants/1.jpg"), plain)
    _judge_listing(opened(answer, tidy, False), ["ants", "bees"], 3, "")
    for name, (counts, why) in ODD_FILES.items():
        told = opened(answer, tidy | {name: plain if counts else plain[:9]}, False)
        _judge_listing(told, ["ants", "bees"], 3 + counts, f"with {name} in the folder, ", why)
    told = opened(answer, tidy | {"wasps/notes.txt": plain[:9]}, False)
    empty = "a class without pictures is one, too"
    _judge_listing(told, ["ants", "bees", "wasps"], 3, "with no picture in wasps, ", empty)
    files, expected = {}, []
    for label, name in enumerate(sorted(names)):
        for place, (file, (mode, words)) in enumerate(KINDS.items()):
            image = _drawn(mode, seed + 10 * label + place)
            files[f"{name}/{file}"] = _file(image, file, words)
            expected.append((_pixels(image), label, f"{name}/{file}, {words}"))
    told = opened(answer, files, True)
    _judge_listing(told, sorted(names), len(expected), "")
    for index in range(len(expected)):
        _judge_item(index, told["items"][index], expected)


def _judge_listing(told: dict, classes: list, length: int, when: str, why: str = "") -> None:
    if told["classes"] is None:
        raise CheckFailed("the data set has no attribute `classes`")
    if type(told["classes"]) not in (list, tuple):
        raise CheckFailed(f"`classes` must be a list of names; it is {kind(told['classes'])}")
    because, found = f": {why}" if why else "", list(told["classes"])
    if found != classes:
        raise CheckFailed(f"{when}classes are {found}, expected {classes}{because}")
    if told["length"] != length:
        raise CheckFailed(f"{when}len() is {told['length']}, expected {length}{because}")


def _judge_item(index: int, item, expected: list) -> None:
    pixels, label, words = expected[index]
    which = f"item {index} ({words})"
    if type(item) not in (tuple, list) or len(item) != 2:
        raise CheckFailed(f"{which} must be a pair, pixels and label; it is {kind(item)}")
    found = tensor(item[0], f"the image of {which}")
    if found.shape == pixels.mT.shape:
        raise CheckFailed(f"{which} has height and width swapped: it lies on its side")
    found = tensor(item[0], f"the image of {which}", tuple(pixels.shape))
    if found.dtype != torch.uint8:
        raise CheckFailed(f"the image of {which} is {found.dtype}, expected torch.uint8")

    def shows(other: Tensor) -> bool:
        return (found.int() - other.int()).abs().max().item() <= LEVELS

    if not shows(pixels):
        others = [name for other, _, name in expected if shows(other)]
        if others:
            raise CheckFailed(f"{which} shows {others[0]}: sort by file names in a class")
        if shows(pixels.flip(0)):
            raise CheckFailed(f"{which} has blue in the place of red: expected red, green, blue")
        if shows(pixels.flip(1, 2)):
            raise CheckFailed(f"{which} stands on its head: it is turned the wrong way")
        raise CheckFailed(f"{which} has other pixels than its file")
    if number(item[1], f"the label of {which}") != label:
        raise CheckFailed(f"{which} has the label {item[1]}, expected {label}")
