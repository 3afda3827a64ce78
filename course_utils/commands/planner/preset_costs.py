"""What each step from a picture file to a batch costs: the usual way, and the course's."""

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image

from course_utils.data.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    random_crop,
    resized,
    rotated,
)
from course_utils.store.colour import ColourJitter, normalised
from course_utils.store.pixels import read_pixels


def preset_costs(
    paths: Sequence[Path],
    size: int = 224,
    rotation: float = 10.0,
    jitter: Sequence[float] = (0.2, 0.2, 0.2, 0.2),
    repetitions: int = 3,
) -> dict[str, tuple[float, float]]:
    """CPU seconds a picture of each step: by PIL as in most tutorials, and as `ImageLoader` does.

    Medians. Both ways get the same pictures and the same crops. For a table see `costs_table`.
    """
    pairs = {"decode": (_pil_open, read_pixels), **_steps(size, rotation, tuple(jitter))}
    costs, theirs, ours = {}, list(paths), list(paths)
    for name, (usual, own) in pairs.items():
        spent_usual, theirs = _timed(usual, theirs, repetitions)
        spent_own, ours = _timed(own, ours, repetitions)
        costs[name] = (spent_usual, spent_own)
    return costs


def costs_table(costs: dict[str, tuple[float, float]]) -> str:
    """`preset_costs` as text, in milliseconds a picture."""
    rows = costs | {"together": tuple(map(sum, zip(*costs.values())))}
    lines = [f"{'ms a picture, one core':24}{'PIL':>8}{'ours':>8}"]
    lines += [f"{name:24}{1e3 * a:8.2f}{1e3 * b:8.2f}" for name, (a, b) in rows.items()]
    return "\n".join(lines)


def _pil_open(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


def _steps(size: int, rotation: float, jitter: tuple) -> dict[str, tuple[Callable, Callable]]:
    """The two functions of every step after decoding; each takes and gives one picture."""
    from torchvision import transforms
    from torchvision.transforms import functional

    def crop(image):
        width, height = image.size
        return functional.resized_crop(image, *_crop(height, width), (size, size))

    def own_crop(pixels):
        top, left, height, width = _crop(*pixels.shape[1:])
        return resized(pixels[:, top : top + height, left : left + width], size, size)

    def own_normalise(pixels):
        return normalised(pixels[None], scale, shift)

    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    scale, shift = 1 / (255 * std), -mean / std
    colour = ColourJitter(*jitter)
    normalise = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    )
    return {
        "crop and scale": (crop, own_crop),
        "mirror": (functional.hflip, lambda pixels: pixels.flip(2)),
        "rotate": (
            transforms.RandomRotation(rotation),
            lambda pixels: rotated(pixels, random.uniform(-rotation, rotation)),
        ),
        "change colours": (
            transforms.ColorJitter(*jitter),
            lambda pixels: colour(pixels[None], colour.draw()[None])[0],
        ),
        "normalise": (normalise, own_normalise),
    }


def _crop(height: int, width: int) -> tuple[int, int, int, int]:
    """The same for both ways: at random as the picture's size decides."""
    state = random.getstate()
    random.seed(height * 10_007 + width)
    box = random_crop(height, width, (0.08, 1.0))
    random.setstate(state)
    return box


def _timed(step: Callable, inputs: list, repetitions: int) -> tuple[float, list]:
    """Median CPU seconds an input, and what came out."""
    seconds = []
    for _ in range(repetitions + 1):  # the first one warms up
        began = time.process_time()
        outputs = [step(value) for value in inputs]
        seconds.append(time.process_time() - began)
    return sorted(seconds[1:])[repetitions // 2] / len(inputs), outputs
