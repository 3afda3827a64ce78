"""Checks of the exercises on many GPUs (notebook 05); that of `joint_mean` is in `all_reduce`."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.common import kind, number, random, result, same, tensor
from course_utils.classroom.teaching.checks.judging import case, judge, near, pair


def joint_rate(
    answer: Callable,
    base: float = 0.4,
    batch_size: int = 24,
    processes: int = 8,
    accumulate: int = 3,
) -> None:
    """(base, batch_size, processes, accumulate) → joint batch, and rate by the linear rule."""
    for asked in ((base, batch_size, processes, accumulate), (base / 2, 16, 2, 1)):
        with case("joint_rate({:g}, {}, {}, {})".format(*asked)):
            _judge_rate(answer, *asked)


def _judge_rate(
    answer: Callable, base: float, batch_size: int, processes: int, accumulate: int
) -> None:
    given = result(answer, base, batch_size, processes, accumulate)
    batch, rate = pair(given, "joint batch", "rate")
    joint = batch_size * processes * accumulate
    expected = base * joint / 256
    if near(batch, expected) and near(rate, joint):
        raise CheckFailed("the two values are swapped: the joint batch comes first")
    judge(
        "the joint batch", batch, joint,
        (batch_size, "that is the batch of one process"),
        (batch_size * accumulate, "the number of processes is left out"),
        (batch_size * processes, "accumulation is left out: how many images does a step see?"),
        (batch_size * processes / accumulate, "accumulation makes a step's batch larger"),
        (batch_size + processes + accumulate, "that is a sum, not a product"),
    )  # fmt: skip
    judge(
        "the rate", rate, expected,
        (base, "that is the base rate, which belongs to 256 images"),
        (base * joint / batch_size, "the base rate belongs to 256 images, not to batch_size"),
        (base * joint, "the base rate belongs to 256 images, not to one"),
        (base * math.sqrt(joint / 256), "that is a square root's rule, not the linear one"),
        (base * 256 / joint, "a larger batch wants a larger rate, not a smaller one"),
        (base * (joint // 256), "is something rounded?"),
        (base * joint // 256, "is something rounded?"),
        (expected / accumulate, "accumulation is left out"),
        (expected / processes, "the number of processes is left out"),
        (base * batch_size / 256, "that is the rate for the batch of one process"),
    )  # fmt: skip


NAMES = ["conv1.weight", "layer1.0.bn1.bias", "submodule.fc.bias", "module_list.0.weight",
         "encoder.module.weight", "modulation.weight"]  # fmt: skip

LATER = "a name that was added later"


def without_module(answer: Callable, seed: int = 0) -> None:
    """(weights of a network, wrapped or bare) → a new dict without the first ``module.``."""
    bare = {name: random(2, 3, seed=seed + i) for i, name in enumerate(NAMES)}
    bare["bn.num_batches_tracked"] = torch.tensor(7 + seed)
    own = {"module.weight": random(4, seed=seed + 9), "fc.weight": random(5, seed=seed + 10)}
    for name, weights, expected in (
        ("a wrapped network", {f"module.{name}": w for name, w in bare.items()}, bare),
        ("a bare network", bare, bare),
        ("a wrapped network that has a part `module`",
         {f"module.{name}": w for name, w in own.items()}, own),
        ("names with the prefix and without",
         {"module.conv1.weight": bare["conv1.weight"], "modulation.weight": own["fc.weight"]},
         {"conv1.weight": bare["conv1.weight"], "modulation.weight": own["fc.weight"]}),
    ):  # fmt: skip
        with case(name):
            told = unprefixed(answer, weights)
            if told["kept"] != list(weights):
                raise CheckFailed("the dict that was given is changed; make a new one")
            _judge_weights(told["given"], weights, expected)


@question
def unprefixed(answer, weights: dict) -> dict:
    """What the answer makes of these weights, and which names they have afterwards."""
    given, kept = answer(weights), list(weights)
    weights[LATER] = torch.zeros(1)  # a new dict does not have it
    return {"given": dict(given) if isinstance(given, Mapping) else given, "kept": kept}


def _judge_weights(given: object, weights: dict, expected: dict) -> None:
    if type(given) is not dict:
        raise CheckFailed(f"the result must be a dict; it is {kind(given)}")
    if LATER in given:
        raise CheckFailed("the result is the dict that was given; make a new one")
    inside = "only the prefix goes, not `module.` inside a name"
    for name, old in zip(expected, weights, strict=True):
        for wrong, why in (
            (old, "the prefix is still there"),
            (name.removeprefix("module."), "the prefix goes once, not as often as it comes"),
            (old.replace("module.", ""), inside),
            (old.split("module.")[-1], inside),
            ("".join(old.split("module.")[1:2]), inside),
            (old.lstrip("module."), "lstrip takes away letters, not a word"),
            (old.removeprefix("module"), "the dot belongs to the prefix"),
            (old[7:], "this name has no prefix to lose"),
            (old.partition(".")[2], "this name has no prefix to lose"),
        ):
            if name not in given and wrong in given and wrong not in expected:
                raise CheckFailed(f"`{old}` became `{wrong}`, expected `{name}`: {why}")
        if name not in given and len(given) >= len(weights):
            raise CheckFailed(f"`{name}` is missing: what became of `{old}`?")
        if name not in given:
            raise CheckFailed(f"`{name}` is missing: {len(given)} of {len(weights)} entries are "
                              "there")  # fmt: skip
        weight = tensor(given[name], f"`{name}`", tuple(expected[name].shape))
        if not same(weight, expected[name]):
            raise CheckFailed(f"`{name}` has other values than `{old}` had")
    if len(given) > len(expected):
        strange = next(name for name in given if name not in expected)
        raise CheckFailed(f"{strange!r} is too much: {len(given)} names, expected {len(expected)}")


def top_k_accuracy(
    answer: Callable, k: int = 3, images: int = 47, classes: int = 7, seed: int = 0
) -> None:
    """(k, logits, labels) → share of labels among the k largest, where a tie does not count."""
    logits = random(images, classes, seed=seed)
    labels = (logits + 2 * random(images, classes, seed=seed + 1)).argmax(1)
    every = torch.arange(classes).repeat(images)  # each image with each of the labels
    rounded = (2 * logits).round().repeat_interleave(classes, 0)
    for name, some_k, some_logits, some_labels in (
        (f"k = {k}", k, logits, labels),
        ("k = 1", 1, logits, labels),
        (f"k = {classes} of {classes} classes", classes, logits, labels),
        (f"k = {classes + 2} of {classes} classes", classes + 2, logits, labels),
        (f"k = {k}, logits with ties", k, rounded, every),
    ):
        with case(name):
            value = number(result(answer, some_k, some_logits, some_labels), "the accuracy")
            _judge_top_k(value, some_k, some_logits, some_labels)


def _judge_top_k(value: float, k: int, logits: Tensor, labels: Tensor) -> None:
    def share(right: Tensor) -> float:
        return right.double().mean().item()

    own = logits.gather(1, labels[:, None])
    place = (logits >= own).sum(1)  # 1 is the first; of equals all have the last one's place
    ahead, behind = (logits > own).sum(1), (logits < own).sum(1)
    largest = logits.topk(min(k, logits.shape[1])).indices
    expected = share(place <= k)
    judge(
        "the accuracy", value, expected,
        (expected * len(labels), "that is a number of images, not a share of them"),
        (expected * 100, "that is in per cent; a share lies between 0 and 1"),
        (share(ahead < k), "a tie does not count, here it does"),
        (share((largest == labels[:, None]).any(1)), "a tie does not count, here some do"),
        (share(place == 1), "that is top-1"),
        (share(place <= k + 1), f"that counts the {k + 1} largest"),
        (share(place <= k - 1), f"that counts the {k - 1} largest"),
        (share(behind < k), f"that counts the {k} smallest logits"),
        (share(place == k), f"that counts place {k} alone"),
        (expected / k, "divided by the images and once more by k"),
        (expected / logits.shape[1], "divided by the images and once more by the classes"),
        (1 - expected, "that is the share of the wrong answers"),
        (share(torch.isin(labels, largest)), "a label counts if it is among the largest of its "
                                             "own image, not of any image"),
    )  # fmt: skip


def shard(
    answer: Callable, images: int = 22, processes: int = 4, seed: int = 0, epoch: int = 0
) -> None:
    """(images, rank, processes, seed, epoch) → the indices of one process, without padding.

    From 20 images on the order is judged too; fewer could be in order by chance.
    """
    first = _each_once(answer, images, processes, seed, epoch)
    for name, other in (("epoch", (seed, epoch + 1)), ("seed", (seed + 1, epoch))):
        again = _each_once(answer, images, processes, *other)
        if images < 20:
            continue
        if all(mine == sorted(mine) for mine in first):
            raise CheckFailed(f"the images are not shuffled: process 0 has {first[0][:5]} …")
        if again == first:
            raise CheckFailed(
                f"{name} has no effect: seed {seed}, epoch {epoch} and seed {other[0]}, epoch "
                f"{other[1]} give the same order"
            )
        if processes > 1 and [*map(set, again)] == [*map(set, first)]:
            raise CheckFailed("each process has the same images in every epoch, only in another "
                              "order: all images must be shuffled, then dealt out")  # fmt: skip
    if processes > 1:
        _each_once(answer, processes - 1, processes, seed, epoch)


@question
def dealt(answer, images: int, ranks: list[int], processes: int, seed: int, epoch: int) -> list:
    """What each of the processes takes: arrays, ranges and generators as lists."""

    def plain(indices):
        indices = indices.tolist() if hasattr(indices, "tolist") else indices
        listed = isinstance(indices, Iterable) and not isinstance(indices, (set, frozenset))
        return list(indices) if listed else indices

    return [plain(answer(images, rank, processes, seed, epoch)) for rank in ranks]


def _each_once(
    answer: Callable, images: int, processes: int, seed: int, epoch: int
) -> list[list[int]]:
    """The shards of all processes, once it is clear that each image is in exactly one."""
    with case(f"{images} images, {processes} processes, seed {seed}, epoch {epoch}"):
        told = dealt(answer, images, 2 * list(range(processes)), processes, seed, epoch)
        told = [_indices(indices, rank % processes, images) for rank, indices in enumerate(told)]
        if len(told) != 2 * processes or told[:processes] != told[processes:]:
            raise CheckFailed("the same call twice gives other images: chance must depend on seed "
                              "and epoch alone, or the processes do not agree")  # fmt: skip
        shards = told[:processes]
        times = Counter(image for mine in shards for image in mine)
        _judge_counts(shards, times, [image for image in range(images) if not times[image]])
    return shards


def _indices(indices: object, rank: int, images: int) -> list[int]:
    if type(indices) is not list:
        raise CheckFailed(f"process {rank} must get a list of indices; it is {kind(indices)}")
    indices = [number(index, "an index") for index in indices]
    for index in indices:
        if type(index) is not int or not 0 <= index < images:
            raise CheckFailed(f"process {rank} gets image {index}; the images are numbered from 0 "
                              f"to {images - 1}")  # fmt: skip
    return indices


def _judge_counts(shards: list[list[int]], times: Counter, never: list[int]) -> None:
    sizes, total = [len(mine) for mine in shards], times.total()
    image, count = max(times.items(), key=lambda item: item[1], default=(0, 0))
    if count > 1:
        owners = ", ".join(str(rank) for rank, mine in enumerate(shards) if image in mine)
        why = f"{total} are dealt out, is that padding?"
        if never:
            why = f"image {never[0]} never: do all processes shuffle in the same order?"
        elif min(sizes) == len(times):
            why = "each process gets all images, not a part"
        raise CheckFailed(f"image {image} was counted {count} times (process {owners}); {why}")
    if never:
        raise CheckFailed(f"image {never[0]} belongs to no process; {total} are dealt out")
    if max(sizes) > min(sizes) + 1:
        raise CheckFailed(f"the processes get {', '.join(map(str, sizes))} images; these numbers "
                          "may differ by one")  # fmt: skip
