"""Checks of the exercises on evaluation and on a step of training (notebook 01)."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.cnn import pair
from course_utils.classroom.teaching.checks.common import number, random, same, tensor
from course_utils.classroom.teaching.checks.judging import judge
from course_utils.classroom.teaching.checks.watched import (
    Watched,
    checked_calls,
    gradient,
    in_training_mode,
    key,
    labelled,
)

SOFTMAX = "softmax comes before cross-entropy, which applies its own"

# ---- evaluation ----


@question
def evaluated(answer, weight: Tensor, batches: list, training: bool) -> dict:
    """What an evaluation gives for a network that comes in this mode, and what it did with it."""
    model = Watched(weight).train(training)
    model.fc.weight.grad = weight.clone()  # as if somebody had a step of training to finish
    told = answer(model, batches)
    return {
        "result": told,
        "calls": list(model.calls),
        "training": model.training,
        "recording": torch.is_grad_enabled(),
        "weight": model.fc.weight,
        "gradient": model.fc.weight.grad,
    }


def evaluation(answer: Callable, sizes: tuple = (5, 5, 2), classes: int = 4, seed: int = 0) -> None:
    """Mean loss of an image and accuracy, in eval mode, without gradients."""
    weight = random(classes, 12, seed=seed)
    images, labels = labelled(sum(sizes), weight, seed=seed + 1)
    batches = list(zip(images.split(sizes), labels.split(sizes)))
    told = evaluated(answer, weight, batches, True)
    loss, accuracy = pair(told["result"], "loss and accuracy")
    loss, accuracy = number(loss, "the loss"), number(accuracy, "the accuracy")
    calls = checked_calls(told["calls"], {key(image): i for i, image in enumerate(images)})
    missing = sorted(set(range(len(images))) - {row for call in calls for row in call["rows"]})
    if missing:
        raise CheckFailed(
            f"{len(missing)} of {len(images)} images are left out, first number {missing[0]}: "
            "every batch counts, the last one too"
        )
    if any(in_training_mode(call) for call in calls):
        raise CheckFailed(
            "the network is in training mode: batch norm takes mean and variance from the batch, "
            "so an answer depends on the images beside it"
        )
    if any(call["gradients"] for call in calls):
        raise CheckFailed("gradients are on: all that a backward pass would need is kept in memory")
    logits = F.linear((images / math.sqrt(1 + 1e-5)).flatten(1), weight)  # as batch norm began
    _loss_and_accuracy(loss, accuracy, logits, labels, sizes)
    if told["recording"] is not True:
        raise CheckFailed("gradients stay off after the call, so that nothing can be trained")
    if told["training"] is not True:
        raise CheckFailed("the network came in training mode and is left in eval mode")
    if evaluated(answer, weight, batches, False)["training"] is not False:
        raise CheckFailed("the network came in eval mode and is left in training mode")
    if not same(tensor(told["weight"], "the weight", tuple(weight.shape)), weight):
        raise CheckFailed("the weights change: an evaluation must not train")
    kept = told["gradient"]
    if kept is None or not same(tensor(kept, "the gradient", tuple(weight.shape)), weight):
        raise CheckFailed("the gradients that the weights had are changed, or thrown away")


def _loss_and_accuracy(
    loss: float, accuracy: float, logits: Tensor, labels: Tensor, sizes: tuple
) -> None:
    each = F.cross_entropy(logits, labels, reduction="none")
    hit = (logits.argmax(1) == labels).float()
    if math.isclose(loss, hit.mean(), abs_tol=1e-5) and math.isclose(
        accuracy, each.mean(), abs_tol=1e-4
    ):
        raise CheckFailed("loss and accuracy come in the wrong order: the loss first")
    twice = F.cross_entropy(logits.softmax(1), labels, reduction="none")
    with_softmax = [twice.mean(), *(wrong for wrong, _ in _ways_to_average(twice, sizes))]
    judge(
        "the loss", loss, each.mean().item(),
        *_ways_to_average(each, sizes),
        *((wrong, SOFTMAX) for wrong in with_softmax),
    )  # fmt: skip
    judge(
        "the accuracy", accuracy, hit.mean().item(),
        *_ways_to_average(hit, sizes),
        (100 * hit.mean(), "this is in percent, not a fraction from 0 to 1"),
        (1 - hit.mean(), "this is the share of wrong answers"),
    )  # fmt: skip


def _ways_to_average(each: Tensor, sizes: tuple) -> list[tuple[Tensor, str]]:
    """Wrong means of what came in batches of these sizes, and what they are."""
    means = torch.stack([part.mean() for part in each.split(sizes)])
    return [
        (means.mean(), "this is the mean of the batches' means, not the mean over images"),
        (each.sum(), "this is a sum over images: it is never divided"),
        (means.sum(), "the batches' means are added: the sum is never divided"),
        (means.sum() / len(each), "the batches' means are added, and divided by the number "
         "of images"),
        (each.sum() / len(sizes), "a sum over images is divided by the number of batches"),
        (each.sum() / (len(sizes) * max(sizes)), "this counts the last batch as a full one, but it "
         "is shorter"),
        (means[-1], "this is the last batch alone"),
    ]  # fmt: skip


# ---- training_step ----


@question
def stepped(answer, weight: Tensor, old: Tensor, batches: list, rate: float) -> list:
    """What each step gives and changes; the network comes in eval mode, with an old gradient."""
    model = Watched(weight).eval()
    model.fc.weight.grad = old.clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    order: list[str] = []
    model.fc.weight.register_post_accumulate_grad_hook(lambda _: order.append("backward"))
    for name in ("zero_grad", "step"):
        setattr(optimizer, name, _noted(getattr(optimizer, name), name, order))
    steps = []
    for images, labels in batches:
        order.clear()
        model.calls.clear()
        loss = answer(model, images, labels, optimizer)
        steps.append({
            "loss": loss,
            "attached": isinstance(loss, Tensor) and loss.requires_grad,
            "calls": list(model.calls),
            "order": list(order),
            "weight": model.fc.weight.detach().clone(),
        })  # fmt: skip
    return steps


def _noted(method: Callable, name: str, order: list[str]) -> Callable:
    def noting(*arguments, **options):
        order.append(name)
        return method(*arguments, **options)

    return noting


def training_step(
    answer: Callable, size: int = 6, classes: int = 4, rate: float = 0.1, seed: int = 0
) -> None:
    """One step of the optimizer along this batch's gradient alone; gives the loss as a number."""
    weight, old = random(classes, 12, seed=seed), random(classes, 12, seed=seed + 1)
    images, labels = labelled(3 * size, weight, seed=seed + 2)
    known = {key(image): i for i, image in enumerate(images)}
    batches = list(zip(images.split(size), labels.split(size)))
    velocity = torch.zeros_like(weight)
    for step, (told, (_, labels)) in enumerate(
        zip(stepped(answer, weight, old, batches, rate), batches, strict=True)
    ):
        calls = checked_calls(told["calls"], known)
        if calls[0]["rows"] != list(range(step * size, (step + 1) * size)):
            raise CheckFailed("the network is shown other images than those of the batch")
        if not in_training_mode(calls[0]):
            raise CheckFailed(
                "the network came in eval mode and is trained in it: batch norm does not learn"
            )
        call = calls[0] | {"weight": weight}
        after = tensor(told["weight"], "the weight", tuple(weight.shape))
        _one_step((weight - after) / rate, velocity, old, call, labels, told["order"])
        _given_back(told, call, after, labels)
        old = gradient(call, labels)
        velocity = 0.9 * velocity + old
        weight = after


def _one_step(
    moved: Tensor, velocity: Tensor, old: Tensor, call: dict, labels: Tensor, order: list
) -> None:
    """``moved`` must be 0.9 · velocity + the batch's gradient."""
    right, twice = gradient(call, labels), gradient(call, labels, softmax=True)
    if same(moved, 0.9 * velocity + right, 1e-4):
        return
    if not moved.any():
        raise CheckFailed(f"the weights do not change; {_in_order(order)}")
    for wrong, why in (
        (right + old, "the gradient of the step before is still there, and is added"),
        (old, f"the step follows the gradient of the step before; {_in_order(order)}"),
        (twice, SOFTMAX),
        (twice + old, f"{SOFTMAX}; and the gradient of the step before is still there"),
        (right * len(labels), "the loss is the sum over the images, the mean is wanted"),
        (-right, "the step goes up, along the gradient: is there a minus before the loss?"),
    ):
        if same(moved, 0.9 * velocity + wrong, 1e-4):
            raise CheckFailed(why)
    if same(moved, right, 1e-4) or order.count("step") == 0:
        raise CheckFailed(
            "the step is not made by the optimizer that was given: its momentum is not in it"
        )
    if order.count("step") > 1:
        raise CheckFailed(f"{order.count('step')} steps are made of one batch; one is wanted")
    raise CheckFailed(
        "the weights change by something else than learning rate × gradient of the mean "
        f"cross-entropy; {_in_order(order)}"
    )


def _in_order(order: list) -> str:
    return "what runs, in this order: " + (", ".join(map(str, order)) or "nothing")


def _given_back(told: dict, call: dict, after: Tensor, labels: Tensor) -> None:
    logits = F.linear(call["features"], call["weight"])
    loss, right = number(told["loss"], "the loss"), F.cross_entropy(logits, labels)
    later = F.cross_entropy(F.linear(call["features"], after), labels)
    judge(
        "the loss", loss, right.item(),
        (later, "this is the loss after the step, not the one from which the gradient comes"),
        (right * len(labels), "this is the sum over images, not the mean"),
        ((logits.argmax(1) == labels).float().mean(), "this is the accuracy"),
    )  # fmt: skip
    if told["attached"] is not False:
        raise CheckFailed(
            "the loss still holds on to the network's graph: kept in a list, each step's "
            "memory would stay; give a number, or detach it"
        )
