"""Check of the exercise on features that are computed once (notebook 04)."""

from collections import Counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.common import kind, number, random, same, tensor
from course_utils.classroom.teaching.checks.transfer import (
    features_of,
    network,
    unchanged,
    values_of,
)

RECORDED = "gradients are recorded while the features are computed"


@question
def trained_head(
    answer, images: Tensor, labels: Tensor, width: int, steps: int, rate: float, seed: int
) -> dict:
    """What the answer gives, what it left of the network, and which images went through it."""
    model, seen, graphs = network(width, 3, seed), [], []

    def watch(layer, inputs, output):
        apart = (inputs[0][:, None] - images).abs().flatten(2).sum(2)
        seen.extend(apart.argmin(1).tolist())
        graphs.append(output.requires_grad)

    model.conv1.register_forward_hook(watch)
    order = torch.Generator().manual_seed(seed)
    loader = DataLoader(TensorDataset(images, labels), 4, shuffle=True, generator=order)
    try:
        given = answer(model, loader, steps, rate)
    except RuntimeError as error:
        if any(graphs) and "backward through the graph a second time" in str(error):
            raise CheckFailed(f"{RECORDED}: the second step goes through them again") from error
        raise
    return {"given": given, "seen": seen, "graph": any(graphs), "state": dict(model.state_dict())}


def _descent(
    head: nn.Linear, features: Tensor, labels: Tensor, steps: int, rate: float, mistake: str = ""
) -> tuple[Tensor, Tensor]:
    """The losses and the last weights of plain gradient descent, if need be with a mistake."""
    parameters = [p.detach().requires_grad_() for p in (head.weight, head.bias)]
    kept = {"accumulated": 1.0, "momentum": 0.9}.get(mistake, 0.0)
    steady, losses = [torch.zeros_like(p) for p in parameters], []
    for _ in range(steps):
        logits = F.linear(features, *parameters)
        logits = logits.softmax(1) if mistake == "softmax" else logits
        loss = F.cross_entropy(logits, labels, reduction="sum" if mistake == "sum" else "mean")
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, parameters)
        steady = [kept * old + new for old, new in zip(steady, gradients)]
        parameters = [(p - rate * v).detach().requires_grad_() for p, v in zip(parameters, steady)]
    return torch.tensor(losses), parameters[0].detach()


def feature_head(
    answer, count: int = 10, width: int = 6, steps: int = 12, rate: float = 0.5, seed: int = 0
) -> None:
    """Features must be computed once, and the head learn from them, and nothing else change."""
    given, images = network(width, 3, seed), random(count, 3, 6, 6, seed=seed)
    labels = torch.arange(count) % 3
    told = trained_head(answer, images, labels, width, steps, rate, seed)
    if type(told["given"]) not in (tuple, list) or len(told["given"]) != 2:
        raise CheckFailed(f"expected features and losses; what comes is {kind(told['given'])}")
    features, losses = told["given"]
    _backbone_passes(told, count)
    values = values_of(told, given)
    unchanged(values, given, "the function")
    features = tensor(features, "the result `features`", (count, width))
    expected = features_of(given, images)
    if not same(features, expected[told["seen"]]):
        raise CheckFailed("the features are not what reaches fc, in the loader's order")
    _judge_descent(losses, values["fc.weight"], given.fc, (expected, labels, steps, rate))


def _backbone_passes(told: dict, count: int) -> None:
    passes = Counter(told["seen"])
    for image in range(count):
        if passes[image] != 1:
            times = f"{passes[image]} times"
            raise CheckFailed(f"image {image} went through the backbone {times}, expected once")
    if told["graph"] is not False:
        raise CheckFailed(RECORDED)


def _judge_descent(losses, weight: Tensor, head: nn.Linear, task: tuple) -> None:
    """Compare losses and weights with those of gradient descent, right and with mistakes."""
    steps = task[2]
    if type(losses) is Tensor:
        losses = list(losses.reshape(-1))
    if type(losses) not in (list, tuple) or len(losses) != steps:
        got = f"{len(losses)}" if type(losses) in (list, tuple) else kind(losses)
        raise CheckFailed(f"expected a list of {steps} losses, one for each step; got {got}")
    losses = torch.tensor([number(loss, "a loss") for loss in losses])
    tensor(weight, "fc.weight", tuple(head.weight.shape))
    if same(weight, head.weight):
        raise CheckFailed(
            "model.fc has not moved: does a step happen, and is it this layer that learns?"
        )
    right, moved = _descent(head, *task)
    later = _descent(head, *task[:2], steps + 1, task[3])[0][1:]
    if same(losses, later, 1e-4):
        raise CheckFailed("the losses are those after the steps, expected those they start from")
    for mistake, why in (
        ("accumulated", "gradients add up from step to step: are they set to zero?"),
        ("momentum", "the steps have momentum, expected plain SGD"),
        ("softmax", "there is a softmax before cross_entropy, which has one of its own"),
        ("sum", "the loss is a sum over the images, expected the mean"),
    ):
        if same(losses, _descent(head, *task, mistake)[0], 1e-4):
            raise CheckFailed(why)
    if not same(losses[0], right[0], 1e-4):
        told = f"the first loss, before any step, is {losses[0]:.4f}, expected {right[0]:.4f}"
        raise CheckFailed(
            f"{told}: does model.fc start from the weights it has, and does each feature stand "
            "with its own label?"
        )
    if not same(losses, right, 1e-4) or not same(weight, moved, 1e-4):
        told = f"after {steps} steps the loss is {losses[-1]:.4f}, expected {right[-1]:.4f}"
        raise CheckFailed(f"{told}: a step is plain SGD on all features at once")
