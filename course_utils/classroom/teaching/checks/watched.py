"""A small network that writes down how it is used, for checks of training and evaluation."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.classroom.teaching.answers import CheckFailed
from course_utils.classroom.teaching.checks.common import random, same


class Log(list):
    """A list that a copy of its network goes on writing to."""

    def __deepcopy__(self, memo: dict) -> "Log":
        return self


class Watched(nn.Module):
    """Batch norm of images (N, 3, 2, 2), then one linear layer; ``calls`` tells of every use."""

    def __init__(self, weight: Tensor):
        super().__init__()
        self.norm = nn.BatchNorm2d(3, affine=False)
        self.fc = nn.Linear(*reversed(weight.shape), bias=False)
        self.fc.weight.data = weight.clone()
        self.calls = Log()

    def forward(self, images: Tensor) -> Tensor:
        features = self.norm(images).flatten(1)
        self.calls.append({
            "images": images.clone(),
            "features": features.detach(),
            "weight": self.fc.weight.detach().clone(),
            "gradients": torch.is_grad_enabled(),
        })  # fmt: skip
        return self.fc(features)  # (N, 12) → (N, C)


def in_training_mode(call: dict) -> bool:
    """Batch norm took mean and variance from the batch itself."""
    own = F.batch_norm(call["images"], None, None, training=True).flatten(1)
    return same(call["features"], own)


def gradient(call: dict, labels: Tensor, softmax: bool = False) -> Tensor:
    """Of the batch's mean cross-entropy with respect to the weight, (C, 12)."""
    weight = call["weight"].clone().requires_grad_()
    logits = F.linear(call["features"], weight)
    F.cross_entropy(logits.softmax(1) if softmax else logits, labels).backward()
    return weight.grad


def key(image: Tensor) -> bytes:
    """What an image is recognised by."""
    return image.contiguous().numpy().tobytes()


def checked_calls(told: Any, known: dict[bytes, Any]) -> list[dict]:
    """The calls, each with what ``known`` says of its images as ``"rows"``."""
    for call in told:
        rows = [known.get(key(image)) for image in call["images"]]
        if None in rows:
            raise CheckFailed("the network is shown an image that is in no batch")
        call["rows"] = rows
    if not told:
        raise CheckFailed("the network is never used: call model(images)")
    return told


def labelled(count: int, weight: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Images (N, 3, 2, 2), not normalised, and labels of which the weight (C, 12) knows some."""
    images = 1.5 * random(count, 3, 2, 2, seed=seed) + 0.5
    logits = F.linear(images.flatten(1), weight)
    return images, (logits + 3 * random(*logits.shape, seed=seed + 1)).argmax(1)
