"""The check of the exercise on all-reduce (notebook 05); threads play the processes."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.classroom.teaching.answers import CheckFailed, described, question
from course_utils.classroom.teaching.checks.common import kind, random
from course_utils.classroom.teaching.checks.judging import judge, near, pair

LIMIT = 5.0  # seconds: only an endless loop takes so long
MOST_CALLS = 50
Batches = list[tuple[Tensor, Tensor]]  # of one process: logits (N, C), labels (N,)


def joint_mean(
    answer: Callable,
    sizes: tuple[tuple[int, ...], ...] = ((8, 8, 3), (8,), ()),
    classes: int = 4,
    seed: int = 0,
) -> None:
    """(batches, all_reduce) → the mean loss and the accuracy over the images of all processes.

    ``sizes`` are those of the batches of each process; one without batches comes in only when the
    others alone are right.
    """
    for some in (tuple(filter(None, sizes)), sizes):
        batches = [
            [_batch(size, classes, seed + 10 * rank + i) for i, size in enumerate(mine)]
            for rank, mine in enumerate(some)
        ]
        told = together(answer, batches)
        _judge_calls(told["calls"], told["errors"], some)
        if type(told["results"]) is not list or len(told["results"]) != len(some):
            raise CheckFailed("the results of the processes cannot be read")
        for rank, given in enumerate(told["results"]):
            _judge_means(given, rank, batches)


def _batch(size: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    logits, other = random(size, classes, seed=seed), random(size, classes, seed=seed + 1000)
    return 2 * logits, (logits + (seed % 3) * other).argmax(1)  # some batches are harder


@question
def together(answer, batches: list[Batches]) -> dict:
    """What each process gives, what it raises, and how often it calls all_reduce; by rank."""
    meeting = _Meeting(len(batches))
    meeting.run(lambda rank: answer(batches[rank], partial(meeting.all_reduce, rank)))
    errors = dict(sorted(meeting.errors.items()))
    for error in errors.values():
        if isinstance(error, (NotImplementedError, CheckFailed)):
            raise error
    return {
        "calls": [len(given) for given in meeting.given],
        "errors": {rank: described(error) for rank, error in errors.items()},
        "results": meeting.results,
    }


def _judge_calls(calls: list[int], errors: dict[int, str], sizes: tuple) -> None:
    """All processes must call all_reduce equally often, and come to their end."""
    names = [f"process {rank}" + ", which has no batch," * (not mine)
             for rank, mine in enumerate(sizes)]  # fmt: skip
    if type(calls) is not list or any(type(count) is not int for count in calls):
        raise CheckFailed("the calls of all_reduce cannot be read")
    few, many = calls.index(min(calls)), calls.index(max(calls))
    if calls[few] < calls[many]:
        often = {0: "never called all_reduce", 1: "called all_reduce only once"}.get(
            calls[few], f"called all_reduce only {calls[few]} times"
        )
        why = f" ({errors[few]})" if few in errors else ""
        raise CheckFailed(f"{names[few]} {often}: the others wait for ever{why}")
    for rank, error in errors.items():
        if "NoneType" in error and calls[rank]:
            error += "; all_reduce gives nothing back, it changes its tensor in place"
        raise CheckFailed(f"{names[rank]} fails: {error}")
    if not calls[few]:
        raise CheckFailed("no process called all_reduce: each knows its own images alone")


def _judge_means(given: Any, rank: int, batches: list[list]) -> None:
    """What a process returns must be the mean loss, and the accuracy, of all images."""
    loss, accuracy = pair(given, "loss", "accuracy")
    sums, rights, counts = (
        [[measure(*batch) for batch in mine] for mine in batches]
        for measure in (_loss_sum, _right, lambda logits, labels: len(labels))
    )
    images = sum(map(sum, counts))
    if near(accuracy, sum(map(sum, sums)) / images) and near(loss, sum(map(sum, rights)) / images):
        raise CheckFailed("loss and accuracy are swapped: the loss comes first")
    for what, value, values in (("loss", loss, sums), ("accuracy", accuracy, rights)):
        _judge_mean(f"process {rank}: the {what}", value, rank, values, counts)


def _loss_sum(logits: Tensor, labels: Tensor) -> float:
    return F.cross_entropy(logits.double(), labels, reduction="sum").item()


def _right(logits: Tensor, labels: Tensor) -> int:
    return int((logits.argmax(1) == labels).sum())


def _judge_mean(what: str, value: float, rank: int, values: list[list], counts: list[list]) -> None:
    """``values`` and ``counts`` hold the sum and the number of images of each batch, by process."""
    own, images = [sum(mine) for mine in values], [sum(mine) for mine in counts]
    total, everyone = sum(own), sum(images)
    means = [[v / n for v, n in zip(*both, strict=True)]
             for both in zip(values, counts, strict=True)]  # fmt: skip
    batches = sum(map(len, counts))
    judge(
        what, value, total / everyone,
        (own[rank] / max(images[rank], 1), "that is the mean of this process's own images"),
        (total / max(images[rank], 1), "the sum is that of all processes, the number of images "
                                       "only this process's"),
        (own[rank] / everyone, "the number of images is that of all processes, the sum only this "
                               "process's"),
        (sum(map(sum, means)) / batches, "that is the mean of the batches' means"),
        (sum(o / n for o, n in zip(own, images, strict=True) if n) / len(own),
         "that is the mean of the processes' means"),
        (sum(sum(m) / len(m) for m in means if m) / len(own),
         "that is the mean over processes of their batches' means"),
        (sum(map(sum, means)) / everyone, "that is the sum of the batches' means, divided by the "
                                          "images"),
        (sum(v[-1] for v in values if v) / sum(n[-1] for n in counts if n),
         "that is the mean over the last batch of each process alone"),
        (sum(map(sum, means)), "that is the sum of the batches' means"),
        (total, "that is the sum over all images"),
        (total / batches, "divided by the batches, not by the images"),
        (total / len(own), "divided by the processes, not by the images"),
        (100 * total / everyone, "that is in per cent"),
    )  # fmt: skip


class _Alone(BaseException):
    """A process waits for one that has ended."""


class _Meeting:
    """Threads that play processes; each `all_reduce` of one waits for that of all others.

    Nobody waits for ever: a process is sent home as soon as another one has ended without the call.
    """

    def __init__(self, size: int):
        self.size, self.changed = size, threading.Condition()
        self.given: list[list[Tensor]] = [[] for _ in range(size)]  # by rank, call after call
        self.ended: set[int] = set()
        self.results: list = [None] * size
        self.errors: dict[int, BaseException] = {}
        self.end = time.monotonic() + LIMIT

    def run(self, work: Callable) -> None:
        """Call work(rank) in a thread for each rank. Raises ``CheckFailed`` for endless ones."""
        threads = [
            threading.Thread(target=self._process, args=(rank, work), daemon=True)
            for rank in range(self.size)
        ]
        for thread in threads:
            thread.start()
        for rank, thread in enumerate(threads):
            thread.join(max(0, self.end - time.monotonic()) + 1)
            if thread.is_alive():
                raise CheckFailed(f"process {rank} comes to no end: is there an endless loop?")

    def _process(self, rank: int, work: Callable) -> None:
        try:
            self.results[rank] = work(rank)
        except _Alone:
            pass
        except BaseException as error:
            self.errors[rank] = error
        finally:
            with self.changed:
                self.ended.add(rank)
                self.changed.notify_all()

    def all_reduce(self, rank: int, tensor: Tensor) -> None:
        """Add up the tensors of all processes, in place."""
        if not isinstance(tensor, Tensor):
            raise CheckFailed(f"all_reduce takes a tensor; it was given {kind(tensor)}")
        with self.changed:
            self.given[rank].append(tensor.detach().clone())
            call = len(self.given[rank])
            self.changed.notify_all()
            if call > MOST_CALLS:
                raise CheckFailed(f"all_reduce is called more than {MOST_CALLS} times")
            self.changed.wait_for(partial(self._all_came, call), self.end - time.monotonic())
            if any(len(given) < call for given in self.given):
                raise _Alone
            tensors = [given[call - 1] for given in self.given]
        for other, theirs in enumerate(tensors):
            if (theirs.shape, theirs.dtype) != (tensor.shape, tensor.dtype):
                raise CheckFailed(
                    f"process {rank} gives all_reduce {kind(tensor)}, process {other} "
                    f"{kind(theirs)}; shapes and dtypes must agree"
                )
        with torch.inference_mode():
            tensor.copy_(sum(tensors))

    def _all_came(self, call: int) -> bool:
        return all(
            len(given) >= call or rank in self.ended for rank, given in enumerate(self.given)
        )
