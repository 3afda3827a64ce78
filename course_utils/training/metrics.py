"""Sums over a data set, divided once at the end: never a mean of batch means (notebook 01)."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import nsmallest

import torch
from torch import Tensor, nn

from course_utils.engine.distributed import all_reduce_min, all_reduce_sum

MOST_NAMES = 60  # classes; more are shown and recorded by their extremes, not one by one
MOST_CONFUSION = 2_000  # classes; of more no matrix is kept: of 10,000 it would take 800 MB


class Totals:
    """Loss × N and the confusion matrix of an epoch, summed on the device.

    ``top_k`` also counts the ``hits``: how often the label is among the k largest logits.
    ``confusion`` is (C, C) int64, true class down, predicted class across; None for more than
    `MOST_CONFUSION` classes. Only `compute` and `bad_batch` wait for the device.

    >>> totals = Totals(num_classes=2, device="cpu")
    >>> totals.add(torch.tensor(0.5), torch.tensor([[2.0, 1.0], [2.0, 1.0]]), torch.tensor([0, 1]))
    >>> totals.compute()
    {'loss': 0.5, 'accuracy': 0.5}
    """

    def __init__(self, num_classes: int, device: torch.device | str, top_k: int | None = None):
        self.num_classes, self.device = num_classes, torch.device(device)
        self.top_k = top_k and min(top_k, num_classes)
        self.reset()

    def reset(self) -> None:
        """Begin a new sum."""
        whole = {"dtype": torch.int64, "device": self.device}
        real = torch.float32 if self.device.type == "mps" else torch.float64  # mps has no double
        self.loss_sum = torch.zeros((), dtype=real, device=self.device)
        shape = (self.num_classes, self.num_classes)
        self.confusion = None
        if self.num_classes <= MOST_CONFUSION:
            self.confusion = torch.zeros(shape, **whole)
        self.counted = torch.zeros(2, **whole)  # right, all: where there is no matrix
        self.good_batches = torch.zeros((), **whole)  # before the first loss that is not finite
        self.hits = torch.zeros((), **whole)

    def add(self, loss: Tensor, logits: Tensor | tuple[Tensor, ...], labels: Tensor) -> None:
        """Add a batch: its mean loss (), logits (N, C), labels (N,).

        Of several logits, as GoogLeNet gives them in training, the first are the answer. Raises
        ``ValueError`` where they are not ``num_classes`` wide.
        """
        logits = logits[0] if isinstance(logits, tuple) else logits
        classes = self.num_classes
        if logits.shape[1:] != (classes,):
            raise ValueError(
                f"the model gives logits of shape {tuple(logits.shape)}, but num_classes is "
                f"{classes}: expected ({len(labels)}, {classes})"
            )
        self.loss_sum.add_(loss.detach(), alpha=len(labels))
        predicted = logits.argmax(1)
        if self.confusion is None:
            right = predicted == labels
            self.counted += torch.stack([right.sum(), torch.ones_like(right).sum()])
        else:
            pairs = labels * classes + predicted
            # not bincount: on a GPU it waits for the device
            self.confusion.view(-1).index_add_(0, pairs, torch.ones_like(pairs))
        if self.top_k:
            self.hits += among_largest(logits, labels, self.top_k).sum()

    def end_batch(self) -> None:
        """Count a batch of training, which may have been added in parts, for `bad_batch`."""
        self.good_batches += self.loss_sum.isfinite()  # once NaN or infinite, a sum stays so

    def compute(self) -> dict[str, float]:
        """Mean loss in nats per image, accuracy 0 to 1, over every image added; NaN without any.

        With ``top_k=5`` also ``top5``, the share of hits.
        """
        counts = torch.cat([self.right_of_all(), self.hits[None]])
        sums = torch.cat([self.loss_sum[None], counts.to(self.loss_sum.dtype)])
        loss, correct, count, hits = sums.tolist()  # the device is read once
        count = count or math.nan
        top = {f"top{self.top_k}": hits / count} if self.top_k else {}
        return {"loss": loss / count, "accuracy": correct / count, **top}

    def right_of_all(self) -> Tensor:
        """How many images were named rightly, and how many there were: (2,), on the device."""
        if self.confusion is None:
            return self.counted
        return torch.stack([self.confusion.diagonal().sum(), self.confusion.sum()])

    def join(self) -> "Totals":
        """Add up the sums of all processes, once, at the end; alone, nothing changes."""
        all_reduce_sum(self.loss_sum)
        all_reduce_sum(self.counted if self.confusion is None else self.confusion)
        all_reduce_sum(self.hits)
        all_reduce_min(self.good_batches)
        return self

    def bad_batch(self) -> int | None:
        """The first batch (from 1) whose loss was NaN or infinite; None while all were finite."""
        return None if self.loss_sum.isfinite() else int(self.good_batches) + 1

    def state_dict(self) -> dict[str, Tensor]:
        """The sums, as plain tensors: so that a stopped epoch can go on."""
        return {k: v.clone() for k, v in vars(self).items() if isinstance(v, Tensor)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take the sums of `state_dict`."""
        for name, value in state.items():
            setattr(self, name, value.to(self.device, copy=True))


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put a model in eval mode for a while; every part of it goes back to the mode it was in."""
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training


def per_class_accuracy(confusion: Tensor) -> Tensor:
    """Accuracy of each class (C,), 0 to 1, from a confusion matrix (C, C); NaN without images.

    >>> per_class_accuracy(torch.tensor([[3, 1], [0, 2]])).tolist()
    [0.75, 1.0]
    """
    confusion = confusion.cpu()  # mps has no double
    return confusion.diagonal().double() / confusion.sum(1)


def most_confused(confusion: Tensor, most: int = 10) -> list[tuple[int, int, float]]:
    """The commonest mistakes (true, predicted, count), from a confusion matrix (C, C).

    Takes memory for C rows of ``most`` candidates, not for another matrix.

    >>> most_confused(torch.tensor([[3, 1], [4, 2]]))
    [(1, 0, 4), (0, 1, 1)]
    """
    classes = len(confusion)
    counts, predicted = confusion.topk(min(most + 1, classes), dim=1)
    true = torch.arange(classes, device=confusion.device)[:, None].expand_as(predicted)
    wrong = (predicted != true) & (counts > 0)
    pairs = zip(true[wrong].tolist(), predicted[wrong].tolist(), counts[wrong].tolist())
    return nsmallest(most, pairs, key=lambda pair: (-pair[2], pair[:2]))


def accuracy_interval(correct: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval for an accuracy: 95 % with the default ``z``; source: Wilson 1927.

    >>> [round(v, 3) for v in accuracy_interval(145, 153)]
    [0.9, 0.973]
    """
    if not 0 <= correct <= count or count == 0:
        raise ValueError(f"{correct} correct of {count}: not an accuracy")
    rate, width = correct / count, z * z / count
    middle = (rate + width / 2) / (1 + width)
    half = z * math.sqrt(rate * (1 - rate) / count + width / (4 * count)) / (1 + width)
    return max(0.0, middle - half), min(1.0, middle + half)


def top_k(logits: Tensor, labels: Tensor, k: int = 5) -> float:
    """The share of images whose label is among the k largest logits: (N, C), (N,) → 0 to 1.

    >>> top_k(torch.tensor([[3.0, 2, 1], [3, 2, 1]]), torch.tensor([1, 2]), k=2)
    0.5
    """
    return float(among_largest(logits, labels, min(k, logits.shape[1])).float().mean())


def among_largest(logits: Tensor, labels: Tensor, k: int) -> Tensor:
    """Whether each label is among the k largest logits: (N, C), (N,) → (N,) bool."""
    return (logits.topk(k, dim=1).indices == labels[:, None]).any(1)


@torch.no_grad()
def predictions(model: nn.Module, loader) -> tuple[Tensor, Tensor]:
    """Probabilities (N, C) and labels (N,) of every image of a loader, on the CPU, in its order.

    The model is in eval mode meanwhile and is left in the mode in which it was found. Raises
    ``ValueError`` for a loader without images.
    """
    device = next(model.parameters()).device
    with eval_mode(model):
        parts = [(model(x.to(device)).softmax(1).cpu(), labels.cpu()) for x, labels in loader]
    if not parts:
        raise ValueError("there is no image to predict: the loader is empty")
    probabilities, labels = map(torch.cat, zip(*parts, strict=True))
    return probabilities, labels
