"""Check of the exercise on a careless training script (notebook 01)."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.cnn import pair
from course_utils.classroom.teaching.checks.common import kind, number, random, same, tensor
from course_utils.classroom.teaching.checks.judging import judge
from course_utils.classroom.teaching.checks.watched import (
    Watched,
    checked_calls,
    gradient,
    in_training_mode,
    key,
    labelled,
)

RATE = 0.5


@question
def trained(answer, weight: Tensor, train: list, val: list, test: list, epochs: int) -> dict:
    """What a script gives for a watched network, every use that it makes of it, and its end."""
    model = Watched(weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    told = answer(model, optimizer, train, val, test, epochs)
    return {"result": told, "calls": list(model.calls), "weight": model.fc.weight}


def mended_script(
    answer: Callable, sizes: tuple = (6, 6, 3), classes: int = 4, epochs: int = 4, seed: int = 72
) -> None:
    """A training script without its five mistakes; the message leads to the first that is left.

    The seed must make the best epoch neither the first nor the last: 72 does, and for the sizes
    (5, 5, 5, 2), 3 classes and 5 epochs 13.
    """
    weight, truth = random(classes, 12, seed=seed), random(classes, 12, seed=seed + 1)
    parts = {
        name: labelled(sum(sizes), truth, seed=seed + 10 * i)
        for i, name in enumerate(("train", "val", "test"), start=1)
    }
    known = {
        key(image): (name, i)
        for name, (images, _) in parts.items()
        for i, image in enumerate(images)
    }
    batches = [list(zip(x.split(sizes), y.split(sizes))) for x, y in parts.values()]
    told = trained(answer, weight, *batches, epochs)
    history, accuracy = pair(told["result"], "history and accuracy")
    history, accuracy = _numbers(history, epochs), number(accuracy, "the accuracy")
    run = _Run(checked_calls(told["calls"], known), tensor(told["weight"], "the weight"), parts)
    if not same(run.calls[0]["weight"], weight):
        raise CheckFailed("the network is not trained from the weights that it came with")
    run.check_steps(epochs, len(sizes))
    measured = [run.measured(epoch, len(sizes)) for epoch in range(epochs)]
    left = [symptom for mistake, symptom in (
        *run.in_the_steps(classes),
        (run.measured_in_training_mode(), "measured again in other batches, the same network "
         "has another accuracy: an answer depends on the images beside it"),
        (_means_of_batches(history, measured), "in the accuracy of an epoch, an image of the "
         f"last batch ({sizes[-1]} images) counts more than one of the others ({sizes[0]})"),
        (run.looks_at_test(), "the epoch is chosen on the test images, so the accuracy that is "
         "told at the end is too good"),
    ) if mistake]  # fmt: skip
    if left:
        raise CheckFailed(f"{5 - len(left)} of 5 fixed; next: {left[0]}")
    run.check_training_mode()
    for epoch, (each, means) in enumerate(zip(history, measured), start=1):
        if "val" not in means:
            raise CheckFailed(f"epoch {epoch} is not measured on all validation images")
        judge(f"the accuracy of epoch {epoch}", each, means["val"][0])
    run.check_end(history, accuracy, len(sizes))


class _Run:
    """What the calls of the network tell, in order; ``changes`` are those that trained it."""

    def __init__(self, calls: list[dict], last: Tensor, parts: dict):
        self.calls, self.parts = calls, parts
        self.after = [*(call["weight"] for call in calls[1:]), last]
        self.changes, seen = [], set()
        for i, (call, after) in enumerate(zip(calls, self.after, strict=True)):
            seen.add(key(call["weight"]))
            if call["rows"][0][0] == "train" and key(after) not in seen:  # else they are loaded
                self.changes.append(i)
        self.matches = self._matches()

    def labels(self, call: dict) -> Tensor:
        return torch.stack([self.parts[name][1][i] for name, i in call["rows"]])

    def _matches(self) -> list[set[str]]:
        """For each step, which mistakes explain it: of softmax, old gradients, both, none."""
        found, kept = [], torch.zeros(())
        for i in self.changes:
            call = self.calls[i]
            moved = (call["weight"] - self.after[i]) / RATE
            for names in (set(), {"softmax"}, {"kept"}, {"softmax", "kept"}, {"other"}):
                own = gradient(call, self.labels(call), softmax="softmax" in names)
                if same(moved, own + kept if "kept" in names else own, 1e-4):
                    break
            found.append(names)
            kept = moved
        return found

    def check_steps(self, epochs: int, batches: int) -> None:
        if not self.changes:
            raise CheckFailed(
                "the weights never change: each batch of train needs a backward pass, then a step"
            )
        if len(self.changes) != epochs * batches:
            raise CheckFailed(
                f"{len(self.changes)} steps are made; {epochs} epochs of {batches} batches make "
                f"{epochs * batches}"
            )
        all_rows = [("train", i) for i in range(len(self.parts["train"][1]))]
        for epoch in range(epochs):
            steps = self.changes[epoch * batches : (epoch + 1) * batches]
            if [row for i in steps for row in self.calls[i]["rows"]] != all_rows:
                raise CheckFailed(
                    f"epoch {epoch + 1} does not take the batches of train once each, in their "
                    "order"
                )
        for step, names in enumerate(self.matches, start=1):
            if "other" in names:
                raise CheckFailed(
                    f"step {step} follows neither the gradient of its batch's mean cross-entropy, "
                    "nor what the careless script makes of it"
                )

    def in_the_steps(self, classes: int) -> list[tuple[bool, str]]:
        lowest = F.cross_entropy(torch.eye(classes)[:1], torch.tensor([0]))
        step = next((i for i, names in enumerate(self.matches, start=1) if "kept" in names), 0)
        return [
            (any("softmax" in names for names in self.matches), "even an answer that is right and "
             f"as sure as can be has a loss of {lowest:.2f}, so there is little to learn from"),
            (step > 0, f"step {step} does not follow the gradient of its own batch alone: that of "
             "the batches before is in it"),
        ]  # fmt: skip

    def measured_in_training_mode(self) -> bool:
        measuring = [call for call in self.calls if call["rows"][0][0] != "train"]
        return any(in_training_mode(call) for call in measuring)

    def looks_at_test(self) -> bool:
        before = self.calls[: self.changes[-1]]
        return any(name == "test" for call in before for name, _ in call["rows"])

    def measured(self, epoch: int, batches: int) -> dict[str, tuple[float, float]]:
        """After an epoch: for val and test the mean over images, and that of batches' means."""
        first = self.changes[(epoch + 1) * batches - 1] + 1
        rest = self.changes[(epoch + 1) * batches :]
        calls = self.calls[first : rest[0] if rest else None]
        found = {}
        for name in ("val", "test"):
            size, hits = len(self.parts[name][1]), []
            for call in calls:
                if call["rows"][0][0] == name and sum(map(len, hits)) < size:
                    hits.append(self.hits(call))
            if sum(map(len, hits)) == size:
                means = torch.stack([each.mean() for each in hits])
                found[name] = torch.cat(hits).mean().item(), means.mean().item()
        return found

    def hits(self, call: dict) -> Tensor:
        answers = F.linear(call["features"], call["weight"]).argmax(1)
        return (answers == self.labels(call)).float()

    def check_training_mode(self) -> None:
        for step, i in enumerate(self.changes, start=1):
            if not in_training_mode(self.calls[i]):
                raise CheckFailed(
                    f"all 5 fixed, and a new one made: step {step} is trained in eval mode"
                )

    def check_end(self, history: list[float], accuracy: float, batches: int) -> None:
        """The test comes once, with the weights of the best epoch, which stay in the model."""
        calls = [call for call in self.calls if call["rows"][0][0] == "test"]
        if sum(len(call["rows"]) for call in calls) != len(self.parts["test"][1]):
            raise CheckFailed("the test images are not measured exactly once, at the very end")
        of_epoch = [self.after[i] for i in self.changes[batches - 1 :: batches]]
        best = [weight for weight, each in zip(of_epoch, history) if each == max(history)]
        hits = [self.hits(call) for call in calls]
        means = torch.stack([each.mean() for each in hits])
        judge(
            "the accuracy at the end", accuracy, torch.cat(hits).mean().item(),
            (max(history), "this is the best epoch's on the validation images"),
            (means.mean(), "this is the mean of the batches' means"),
        )  # fmt: skip
        for weight, what in ((calls[0]["weight"], "tested"), (self.after[-1], "left")):
            if not any(torch.equal(weight, each) for each in best):
                which = [i for i, each in enumerate(of_epoch, 1) if torch.equal(each, weight)]
                raise CheckFailed(
                    f"the network is {what} with the weights of epoch {which[0] if which else '?'};"
                    f" the best on the validation images is {history.index(max(history)) + 1}"
                )


def _numbers(history: Any, epochs: int) -> list[float]:
    if type(history) is Tensor:
        history = history.tolist()
    if type(history) not in (list, tuple):
        raise CheckFailed(f"history must be a list; it is {kind(history)}")
    if len(history) != epochs:
        raise CheckFailed(f"history has {len(history)} entries, expected one for each of {epochs}")
    return [number(each, "an accuracy in history") for each in history]


def _means_of_batches(history: list[float], measured: list[dict]) -> bool:
    """The history is that of batches' means, on whatever images it was measured."""

    def fits(name: str, which: int) -> bool:
        return all(
            name in found and abs(each - found[name][which]) < 1e-5
            for each, found in zip(history, measured)
        )  # fmt: skip

    return any(fits(name, 1) and not fits(name, 0) for name in ("val", "test"))
