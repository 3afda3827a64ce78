"""The loss that is trained on."""

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.data.datasets import Splits
from course_utils.engine.settings import TrainSettings
from course_utils.store.balance import class_weights


def training_loss(settings: TrainSettings, data: Splits) -> nn.Module:
    """Cross-entropy, smoothed and balanced as these settings say."""
    if settings.balance != "loss":
        return nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
    weights = class_weights(data.train.labels.cpu(), len(data.classes))
    return BalancedLoss(weights, settings.label_smoothing)


class BalancedLoss(nn.Module):
    """Cross-entropy in which each image counts by the weight of its class: logits (N, C), labels.

    The sum is divided by N and not, as PyTorch does, by the batch's sum of weights: so the
    gradients of the parts of a batch add up to those of the whole. ``weights`` (C,) float32.
    """

    def __init__(self, weights: Tensor, label_smoothing: float = 0.0):
        super().__init__()
        self.register_buffer("weights", weights)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        options = {"weight": self.weights, "label_smoothing": self.label_smoothing}
        return F.cross_entropy(logits, labels, reduction="sum", **options) / len(labels)
