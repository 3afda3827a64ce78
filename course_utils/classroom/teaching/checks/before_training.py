"""Checks to make before training: each prints one line, or says what is wrong.

All work on a copy of the model and leave the random state as it was.
"""

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.classroom.teaching.answers import CheckFailed


def output_shape(model: nn.Module, images: Tensor, num_classes: int) -> None:
    """Images (N, 3, H, W) must give logits (N, num_classes)."""
    logits = _forward(model, images)
    expected = (len(images), num_classes)
    if tuple(logits.shape) != expected:
        raise CheckFailed(f"the model gives {tuple(logits.shape)}, expected {expected}")
    print(f"output shape {tuple(images.shape)} → {tuple(logits.shape)}: one logit a class ✓")


def parameter_count(model: nn.Module, expected: int) -> None:
    """The number of trainable values must be the one expected."""
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if count != expected:
        raise CheckFailed(
            f"{count:,} parameters, expected {expected:,}: compare kernel sizes and channels, "
            "layer by layer"
        )
    print(f"{count:,} parameters, as expected ✓")


def initial_loss(model: nn.Module, images: Tensor, labels: Tensor, tolerance: float = 0.3) -> None:
    """An untrained network spreads its belief: its loss must lie near ln C."""
    logits = _forward(model, images)
    _refuse_softmax(logits)
    loss, expected = float(F.cross_entropy(logits, labels)), math.log(logits.shape[1])
    if not abs(loss - expected) <= tolerance:
        raise CheckFailed(
            f"initial loss {loss:.2f}, expected near ln {logits.shape[1]} = {expected:.2f}: "
            "are the images normalised, and the last layer not scaled up?"
        )
    print(
        f"initial loss {loss:.2f}, expected near ln {logits.shape[1]} = {expected:.2f}: "
        "the untrained network spreads its belief ✓"
    )


def gradients_reach_input(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Every parameter and the input itself must receive a gradient that is not zero."""
    model = copy.deepcopy(model).train()
    images = images.clone().requires_grad_()
    parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
    with torch.random.fork_rng():
        loss = F.cross_entropy(model(images), labels)
    if loss.requires_grad:  # else nothing that could learn is left in it
        loss.backward()
    silent = [n for n, p in parameters.items() if p.grad is None or not p.grad.any()]
    reached = images.grad is not None and images.grad.any()
    if silent and (reached or len(silent) < len(parameters)):
        raise CheckFailed(
            f"no gradient reaches {silent[0]}: is it left out of forward, or detached?"
        )
    if not reached:
        raise CheckFailed(
            "no gradient reaches the input: is there a detach() or no_grad() inside, "
            "or are the first weights all zero?"
        )
    print(f"gradients reach all {len(parameters)} parameter tensors and the input ✓")


def overfits_one_batch(
    model: nn.Module, images: Tensor, labels: Tensor, steps: int = 150, learning_rate: float = 3e-3
) -> None:
    """A network that can learn at all must learn one batch by heart."""
    model = copy.deepcopy(model).train()
    _refuse_softmax(_forward(model, images))
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    with torch.random.fork_rng():
        for _ in range(steps):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
    accuracy = float((_forward(model, images).argmax(1) == labels).float().mean())
    if accuracy < 0.95:
        raise CheckFailed(
            f"after {steps} steps on one batch the accuracy is {accuracy:.0%}, expected 100 %: "
            "does the output depend on the image, and is there no ReLU after the last layer?"
        )
    print(f"one batch of {len(labels)} images learnt by heart in {steps} steps ✓")


@torch.no_grad()
def _forward(model: nn.Module, images: Tensor) -> Tensor:
    with torch.random.fork_rng():
        try:
            return copy.deepcopy(model).eval()(images)
        except RuntimeError as error:
            raise CheckFailed(
                f"forward fails on images {tuple(images.shape)}: {error}; does each layer take "
                "the channels that the one before it gives?"
            ) from error


def _refuse_softmax(logits: Tensor) -> None:
    ones = torch.ones(len(logits), device=logits.device)
    if (logits >= 0).all() and torch.allclose(logits.float().sum(1), ones, atol=1e-4):
        raise CheckFailed(
            "forward ends in a softmax, and cross-entropy applies its own: return the logits"
        )
