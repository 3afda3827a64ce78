"""Checks of the exercises on a first CNN (notebook 01): sizes and accuracies."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.common import kind, number, result, same
from course_utils.classroom.teaching.checks.judging import judge

# ---- output_size ----

SIZES = {  # mistakes: what they give for size, kernel, stride, padding
    "the last position is missing: a window that starts at 0 and ends at 0 has one position":
        lambda n, k, s, p: (n + 2 * p - k) // s,
    "the padding is counted once; it is added on both sides":
        lambda n, k, s, p: (n + p - k) // s + 1,
    "the padding is not counted": lambda n, k, s, p: (n - k) // s + 1,
    "the padding is subtracted": lambda n, k, s, p: (n - 2 * p - k) // s + 1,
    "the stride is not counted": lambda n, k, s, p: n + 2 * p - k + 1,
    "rounded up: a window that would leave the image is counted":
        lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1,
    "rounded to the nearest: some windows would leave the image":
        lambda n, k, s, p: round((n + 2 * p - k) / s) + 1,
    "the 1 is added before the division by the stride, it belongs behind it":
        lambda n, k, s, p: (n + 2 * p - k + 1) // s,
    "not rounded: there are no parts of a position": lambda n, k, s, p: (n + 2 * p - k) / s + 1,
    "the kernel is added": lambda n, k, s, p: (n + 2 * p + k) // s + 1,
}  # fmt: skip


@question
def results(answer, cases: list) -> list:
    """What an answer gives for each set of named arguments."""
    return [answer(**case) for case in cases]


def output_size(answer: Callable, cases: int = 12, seed: int = 0) -> None:
    """The side of a convolution's output from size, kernel, stride and padding."""
    g = torch.Generator().manual_seed(seed)
    drawn = [[int(torch.randint(low, high, (), generator=g)) for low, high in
              ((12, 64), (1, 8), (2, 5), (1, 4))] for _ in range(cases)]  # fmt: skip
    drawn += [[32, 3, 1, 0], [33, 4, 3, 1], [34, 3, 2, 0]]
    asked = [dict(zip(("size", "kernel", "stride", "padding"), case)) for case in drawn]
    asked += [{"size": 20 + seed, "kernel": 3}]  # the defaults
    told = results(answer, asked)
    drawn += [[20 + seed, 3, 1, 0]]
    right = [(n + 2 * p - k) // s + 1 for n, k, s, p in drawn]
    told = [number(each, "the output's side") for each in told]
    for why, mistake in SIZES.items():
        if told == [mistake(*case) for case in drawn] != right:
            raise CheckFailed(f"{why}: {_first_difference(asked, told, right)}")
    if told != right:
        raise CheckFailed(_first_difference(asked, told, right))
    if any(type(each) is not int for each in told):
        raise CheckFailed(f"a side is a whole number of pixels (an int); yours is {told[0]!r}")


def _first_difference(asked: list[dict], told: list, right: list) -> str:
    cases = zip(asked, told, right, strict=True)
    case, got, expected = next(each for each in cases if each[1] != each[2])
    named = ", ".join(f"{name}={value}" for name, value in case.items())
    return f"{named} gives {got}, expected {expected}"


# ---- class_accuracy ----


def class_accuracy(
    answer: Callable, num_images: int = 40, num_classes: int = 5, empty: int = 2, seed: int = 0
) -> None:
    """Accuracy over all images, and of each class; NaN for class ``empty``, which has none."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(num_classes - 1, (num_images,), generator=g)
    labels += (labels >= empty).long()
    other = torch.randint(num_classes, (num_images,), generator=g)
    predictions = torch.where(torch.rand(num_images, generator=g) < 0.5, labels, other)
    told, classes = pair(
        result(answer, predictions, labels, num_classes), "the overall accuracy and per_class"
    )
    classes = _of_classes(classes, num_classes)
    truth, said = (F.one_hot(x, num_classes).double() for x in (labels, predictions))
    hit, images = (truth * said).sum(0), truth.sum(0)
    _each_class(classes, hit, images, said, (truth == said).double().mean(0))
    if not classes[empty].isnan():
        raise CheckFailed(
            f"class {empty} has no image, so nothing is known of it: "
            f"{float(classes[empty]):g} is made up, NaN is wanted"
        )
    right = hit / images
    what, overall = "the overall accuracy", hit.sum().item() / num_images
    judge(
        what, number(told, what), overall,
        (right.nanmean(), "this is the mean of the classes; every image must count the same"),
        (right.nansum() / num_classes, "this is the mean of the classes, with 0 for the empty one; "
         "every image must count the same"),
        (hit.sum(), "this is a number of images, not a fraction"),
        (100 * overall, "this is in percent, not a fraction from 0 to 1"),
        (1 - overall, "this is the share of wrong answers"),
    )  # fmt: skip


def _each_class(told: Tensor, hit: Tensor, images: Tensor, said: Tensor, both: Tensor) -> None:
    """``said`` (N, C) are the answers, ``both`` the shares of images rightly called so or not."""
    known = images > 0
    right = hit / images
    for wrong, why in (
        (hit / said.sum(0), "divided by how often the class was the answer; divide by how many "
         "images it has"),
        (hit / hit.sum(), "divided by the number of right answers; divide by how many images the "
         "class has"),
        (hit / len(said), "divided by the number of all images; divide by how many the class has"),
        (hit, "these are numbers of images, not fractions"),
        (100 * right, "in percent; fractions from 0 to 1 are wanted"),
        (both, "images of other classes are counted as right where they are *not* called so"),
        (1 - right, "these are the shares of wrong answers"),
    ):  # fmt: skip
        if same(told[known].nan_to_num(-1), wrong[known].nan_to_num(-1)):
            raise CheckFailed(f"per class: {why}")
    for c in known.nonzero().flatten().tolist():
        if not same(told[c], right[c]):
            raise CheckFailed(
                f"class {c}: {told[c]:.3f}, expected {right[c]:.3f}: "
                f"{int(hit[c])} of its {int(images[c])} images are answered rightly"
            )


def _of_classes(value: Any, num_classes: int) -> Tensor:
    """Accuracies (C,) as a tensor, also from a list."""
    if type(value) in (list, tuple):
        value = torch.tensor([number(each, "the accuracy of a class", nan=True) for each in value])
    if type(value) is not Tensor:
        raise CheckFailed(f"per_class must be a tensor; it is {kind(value)}")
    if tuple(value.shape) != (num_classes,):
        raise CheckFailed(
            f"per_class has shape {tuple(value.shape)}, expected ({num_classes},): "
            "one entry for each class, also for one without images"
        )
    return value.double()


def pair(value: Any, names: str) -> tuple:
    """Two values; ``names`` says which."""
    if type(value) not in (tuple, list) or len(value) != 2:
        raise CheckFailed(f"two values are wanted, {names}; it gives {kind(value)}")
    return tuple(value)
