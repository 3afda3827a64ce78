"""Checks of the exercises on a trained network and its new head (notebook 04)."""

from collections import Counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.common import chance, kind, number, random, same, tensor

HEAD = ("fc.weight", "fc.bias")


class _Gate(nn.Module):
    """Weighs the channels, as in squeeze-and-excitation; its layer is called fc, as the head is."""

    def __init__(self, width: int):
        super().__init__()
        self.fc = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(x.mean((2, 3))).sigmoid()[:, :, None, None]


class Network(nn.Module):
    """A small network that ends as a ResNet does: pool, flatten, a linear layer fc."""

    def __init__(self, width: int, classes: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.gate = _Gate(width)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.gate(self.relu(self.bn1(self.conv1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def network(width: int, classes: int, seed: int) -> Network:
    """The same network on either side of a check, in training mode, as if it had been trained."""
    with chance(seed):
        model = Network(width, classes)
        nn.init.uniform_(model.bn1.running_mean, -1, 1)
        nn.init.uniform_(model.bn1.running_var, 0.2, 2)
    return model


@torch.no_grad()
def features_of(model: Network, images: Tensor) -> Tensor:
    """What reaches fc in eval mode, (N, D)."""
    head, model.fc = model.fc, nn.Identity()
    features = model.eval()(images)
    model.fc = head
    return features


def values_of(told: dict, model: nn.Module) -> dict[str, Tensor]:
    """The tensors of the network that came back: they must have the names of the given one's."""
    names = list(model.state_dict())
    for name in names:
        if name not in told["state"]:
            head = "`fc` must be a single linear layer with bias"
            why = head if name in HEAD else "is it the whole network?"
            raise CheckFailed(f"the network has no `{name}` afterwards: {why}")
    for name in told["state"]:
        if name not in names:
            raise CheckFailed(
                f"the network has a new `{name}` afterwards: where does it come from?"
            )
    return {name: tensor(told["state"][name], name) for name in names}


def unchanged(values: dict[str, Tensor], model: nn.Module, when: str) -> None:
    """Everything but the head is as it was given."""
    for name, given in model.state_dict().items():
        if name in HEAD or (values[name].shape == given.shape and same(values[name], given)):
            continue
        if name.startswith("bn1.") and "weight" not in name and "bias" not in name:
            raise CheckFailed(f"{when} moves bn1.{name[4:]}: is batch norm in training mode?")
        raise CheckFailed(f"{when} changes `{name}` of the backbone")


@question
def with_new_head(answer, width: int, old: int, new: int, seed: int, images: Tensor | None) -> dict:
    """What a network is like after the answer froze it, and what it gives for images."""
    model = answer(network(width, old, seed), new)
    if not isinstance(model, nn.Module):
        raise CheckFailed(f"the function must return the network; it gives {kind(model)}")
    learns = [name for name, p in model.named_parameters() if p.requires_grad]
    logits = None if images is None else model(images)
    return {"learns": learns, "logits": logits, "state": dict(model.state_dict())}


def frozen_backbone(answer, width: int = 6, old: int = 5, new: int = 2, seed: int = 0) -> None:
    """A network must get a new head that learns, and all the rest of it be frozen."""
    given = network(width, old, seed)
    backbone = [name for name, _ in given.named_parameters() if name not in HEAD]
    for classes in (new, old):  # a new task may have as many classes as the old one
        told = with_new_head(answer, width, old, classes, seed, None)
        values = values_of(told, given)
        tensor(values["fc.weight"], f"for {classes} classes fc.weight", (classes, width))
        tensor(values["fc.bias"], f"for {classes} classes fc.bias", (classes,))
        unchanged(values, given, "the function")
        if classes == old and same(values["fc.weight"], given.fc.weight):
            raise CheckFailed(f"from {old} classes to {old}: fc still has the old head's weights")
        for name in HEAD:
            if name not in told["learns"]:
                raise CheckFailed(f"`{name}` is frozen: the new head shall learn")
        learning = [name for name in backbone if name in told["learns"]]
        if learning:
            share = f"{len(learning)} of the backbone's {len(backbone)} parameters still learn"
            raise CheckFailed(f"{share}, first `{learning[0]}`: its requires_grad is True")
    images = random(4, 3, 6, 6, seed=seed)
    told = with_new_head(answer, width, old, new, seed, images)
    values = values_of(told, given)
    unchanged(values, given, "a forward pass")
    logits = tensor(told["logits"], "what the network gives for 4 images", (4, new))
    if not same(logits, F.linear(features_of(given, images), *(values[name] for name in HEAD))):
        raise CheckFailed("the logits are not those of the new head on the features of eval mode")


@question
def parameter_groups(answer, frozen: list, gradients: dict, rate: float, seed: int) -> dict:
    """What an optimiser has in its groups, and how far two steps with these gradients move it."""
    model = network(4, 3, seed)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)
    optimizer = answer(model, rate)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise CheckFailed(f"the function must return an optimiser; it gives {kind(optimizer)}")
    names = {id(p): name for name, p in model.named_parameters()}
    groups = [
        {"names": [names.get(id(p), "a tensor of another network") for p in group["params"]],
         "lr": group["lr"], "momentum": group.get("momentum")}
        for group in optimizer.param_groups
    ]  # fmt: skip
    for _ in range(2):
        for name, parameter in model.named_parameters():
            parameter.grad = None if name in frozen else gradients[name].clone()
        optimizer.step()
    moved = {name: before[name] - p.detach() for name, p in model.named_parameters()}
    return {"kind": type(optimizer).__name__, "groups": groups, "moved": moved}


def two_rates(
    answer, frozen: tuple = ("conv1", "bn1.bias"), rate: float = 0.05, seed: int = 0
) -> None:
    """An optimiser must give the head its rate, the backbone a tenth, and frozen layers none."""
    named = dict(network(4, 3, seed).named_parameters())
    frozen = [name for name in named if name.startswith(frozen)]
    gradients = {name: random(*p.shape, seed=seed + 1) for name, p in named.items()}
    told = parameter_groups(answer, frozen, gradients, rate, seed)
    places = Counter(name for group in told["groups"] for name in group["names"])
    for name in frozen:
        if places[name]:
            raise CheckFailed(f"`{name}` is frozen, but stands in the optimiser")
    for name in named:
        if name not in frozen and not places[name]:
            raise CheckFailed(f"`{name}` is not frozen, but the optimiser does not have it")
        if places[name] > 1:
            raise CheckFailed(f"`{name}` stands in the optimiser {places[name]} times")
    if told["kind"] != "SGD":
        raise CheckFailed(f"the optimiser is {told['kind']}, expected SGD")
    rates = {name: rate if name in HEAD else rate / 10 for name in named}
    for group in told["groups"]:
        lr = number(group["lr"], "a group's rate")
        for name in group["names"]:
            part = "the head" if name in HEAD else "the backbone"
            if abs(lr - rates[name]) > 1e-6 * rate:
                expected = f"expected {rates[name]:.4g} for {part}"
                raise CheckFailed(f"`{name}` learns at a rate of {lr:.4g}, {expected}")
        if group["names"] and abs(number(group["momentum"], "the momentum") - 0.9) > 1e-6:
            raise CheckFailed(f"the momentum is {group['momentum']}, expected 0.9")
    for name in named:
        # SGD with momentum: the second step goes 1.9 times as far as the first
        step = 0 if name in frozen else 2.9 * rates[name]
        moved = tensor(told["moved"][name], f"the step of {name}", tuple(named[name].shape))
        if not same(moved, step * gradients[name], 1e-4 * rate):
            raise CheckFailed(
                f"two steps move `{name}` otherwise than plain SGD with momentum 0.9 does: leave "
                "weight decay and the rest as PyTorch has them"
            )
