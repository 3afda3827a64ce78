"""Check of the exercise on preparing a picture (notebook 04)."""

import random

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.common import random as noise, same, tensor

ASKED = 8  # times that the same picture is prepared, to see chance at work
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@question
def prepared(answer, image: Tensor, *how) -> list:
    """What the answer makes of a picture, again and again."""
    before, given = random.getstate(), []
    try:
        for seed in range(ASKED):
            random.seed(seed)
            torch.manual_seed(seed)
            given.append(answer(image.clone(), *how))
            if given[-1] is None:  # what prints instead should do so once
                break
    finally:
        random.setstate(before)
    return given


def _scaled(
    image: Tensor, height: int, width: int, antialias: bool = True, mode: str = "bilinear"
) -> Tensor:
    """(3, H, W) uint8 → (3, height, width), 0 to 1."""
    size, how = (height, width), {"mode": mode, "antialias": antialias}
    return F.interpolate(image[None].float() / 255, size, **how)[0].clamp(0, 1)


def _middle(image: Tensor, size: int) -> Tensor:
    top, left = ((side - size) // 2 for side in image.shape[1:])
    return image[:, top : top + size, left : left + size]


def evaluation_picture(
    answer,
    resize: int = 48,
    size: int = 24,
    mean: tuple = (0.5, 0.4, 0.3),
    std: tuple = (0.3, 0.2, 0.25),
    seed: int = 0,
) -> None:
    """A picture must be scaled, cut and normalised, every time alike; sizes are multiples of 4."""
    low, high, turned = resize // 2, 2 * resize, 3 * resize
    for height, width in ((high, turned), (turned, high), (low, 3 * low // 2)):
        image = (noise(3, height, width, seed=seed).sigmoid() * 255).round().to(torch.uint8)
        given = prepared(answer, image, resize, size, mean, std)
        what = f"the result for a picture of {height} × {width}"
        results = [tensor(given[time], what, (3, size, size)) for time in range(ASKED)]
        if not all(same(each, results[0]) for each in results):
            raise CheckFailed(f"{what} is another one every time: is something left to chance?")
        if results[0].dtype != torch.float32:
            raise CheckFailed(f"{what} is {results[0].dtype}, expected torch.float32")
        numbers = [torch.tensor(each).view(3, 1, 1) for each in (mean, std)]
        _judge_prepared(results[0], image, (resize, size), numbers, what)


def _judge_prepared(result: Tensor, image: Tensor, sizes: tuple, numbers: list, what: str) -> None:
    mean, std = numbers
    right, cuts = _cuts(image, *sizes)

    def near(other: Tensor, level, bias: float = 2) -> bool:
        off = (result - other) / level
        return bool((off.abs() <= 2).all() and (off.mean((1, 2)).abs() <= bias).all())

    # bytes between the steps may be off by a grey level; on average they lie 0.25 too high
    if near((right - mean) / std, 1 / 255 / std, bias=0.3):
        return
    for wrong, why in cuts:
        if near((wrong - mean) / std, 1 / 255 / std):
            raise CheckFailed(f"{what}: the picture is {why}")
    for wrong, level, why in _values(right, mean, std):
        if near(wrong, level):
            raise CheckFailed(f"{what}: {why}")
    apart = (result - (right - mean) / std).abs().mean()
    raise CheckFailed(
        f"{what} is {apart:.3f} off on average: scale by `resize` (bilinear, with antialiasing), "
        "cut by `size`, divide by 255, normalise, in this order"
    )


def _cuts(image: Tensor, resize: int, size: int) -> tuple[Tensor, list[tuple[Tensor, str]]]:
    """The piece of a picture, 0 to 1, and those that come of mistakes with what they are called."""

    def by(short: int, side: int) -> tuple[int, int]:
        return tuple(short * each // side for each in image.shape[1:])

    short, long = (f(image.shape[1:]) for f in (min, max))
    scaled = _scaled(image, *by(resize, short))
    right = _middle(scaled, size)
    wrong = [
        (_middle(_scaled(image, *by(resize, short), antialias=False), size),
         "scaled without antialiasing"),
        *((_middle(_scaled(image, *by(resize, short), smooth, mode), size),
           f"scaled {words}, expected bilinear")
          for mode, smooth, words in (("bicubic", True, "bicubic"),
                                      ("nearest", False, "by the nearest pixel"),
                                      ("nearest-exact", False, "by the nearest pixel"))),
        (_middle(_scaled(image, resize, resize), size), "squashed into a square before it is cut"),
        (_scaled(image, size, size), "squashed into a square, and nothing is cut out"),
        (scaled[:, :size, :size], "cut out of the upper left corner, expected the middle"),
        (right.flip(2), "mirrored"),
        (right.flip(0), "given with blue in the place of red"),
        (_middle(_scaled(image, *by(size, short)), size),
         f"scaled so that its short side is size ({size}), expected resize ({resize})"),
    ]  # fmt: skip
    if short >= resize:
        wrong.append((_middle(image / 255, size), "cut, but not scaled"))
        wrong.append((_scaled(_middle(image, resize), size, size), "cut before it is scaled"))
    if resize * short // long >= size:
        wrong.append((_middle(_scaled(image, *by(resize, long)), size), "scaled by its long side"))
    return right, wrong


def _values(x: Tensor, mean: Tensor, std: Tensor) -> list[tuple[Tensor, Tensor | float, str]]:
    """What mistakes make of the values x, 0 to 1; how large a grey level is then; their names."""
    others, other_std = (torch.tensor(each).view(3, 1, 1) for each in IMAGENET)
    own, own_std = x.mean((1, 2), keepdim=True), x.std((1, 2), keepdim=True)
    level = 1 / 255
    return [
        (x, level, "it is not normalised: values are from 0 to 1"),
        (x * 255, 1, "it still has values up to 255"),
        ((x * 255 - mean) / std, 1 / std, "divide by 255 before you normalise"),
        ((x * 255 / 256 - mean) / std, level / std,
         "half a grey level too low: divide by 255, and cut off no decimals"),
        (x - mean, level, "the mean is subtracted, but nothing divided by std"),
        (x / std, level / std, "it is divided by std, but no mean subtracted"),
        ((x - mean) * std, level * std, "it is multiplied by std"),
        ((x + mean) / std, level / std, "the mean is added"),
        ((x - std) / mean, level / mean, "mean and std have changed places"),
        (x - mean / std, level, "only the mean is divided by std: where are the brackets?"),
        ((x - mean) / std**2, level / std**2, "it is divided by the square of std"),
        ((x - others) / other_std, level / other_std,
         "it is normalised with ImageNet's numbers, not with mean and std as given"),
        ((x - own) / own_std, level / own_std,
         "it is normalised with its own mean and std, not with those given"),
    ]  # fmt: skip
