"""A run that trains the head alone computes the backbone's features once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn
from torch.utils.data import TensorDataset

from course_utils.commands.open_data import eval_loader
from course_utils.data.datasets import Splits
from course_utils.data.folders import ImageFolder
from course_utils.data.loading import Loader
from course_utils.data.transforms import eval_transform
from course_utils.engine.distributed import world
from course_utils.engine.settings import TrainSettings
from course_utils.store.balance import image_weights
from course_utils.training.features import backbone_features
from course_utils.training.metrics import eval_mode

MOST = 2**31  # bytes of features that are kept


def one_view_is_enough(model: nn.Module, data: Splits, settings: TrainSettings) -> bool:
    """Whether a run of these settings gives its head the same features in every epoch.

    And whether `feature_loaders` can keep them: pictures of folders, one process, 2 GiB at most.
    """
    if (settings.trained, settings.augment) != ("head", "none") or world().size > 1:
        return False
    if not isinstance(data.train, ImageFolder):
        return False
    bytes_ = 4 * model.fc.in_features * (len(data.train) + len(data.val))
    dropout = any(isinstance(layer, nn.Dropout) and layer.p for layer in model.modules())
    return not dropout and bytes_ <= MOST and _ends_in_fc(model, data.train.image_size)


@torch.no_grad()
def _ends_in_fc(model: nn.Module, size: int) -> bool:
    """Whether the logits are what ``fc`` gives, with nothing after it."""
    weight = model.fc.weight
    images = torch.linspace(-1, 1, 3 * size * size, device=weight.device).view(1, 3, size, size)
    with eval_mode(model):
        expected = model(images)
    [features, _] = backbone_features(model, [(images, torch.zeros(1))]).tensors
    return torch.allclose(model.fc(features), expected, atol=1e-4)


def feature_loaders(
    model: nn.Module,
    data: Splits,
    settings: TrainSettings,
    layout: dict,
    amp_dtype: torch.dtype | None = None,
) -> tuple[Loader, Loader]:
    """As `loaders`, but of features (B, D) and not of images, in the same order; says so."""
    began = time.perf_counter()
    size = settings.eval_batch_size
    parts = [replace(p, transform=eval_transform(p.image_size)) for p in (data.train, data.val)]
    train, val = (
        backbone_features(model, eval_loader(p, settings.workers, size, **layout), 1, amp_dtype)
        for p in parts
    )
    print(
        f"features of {len(train):,} + {len(val):,} images computed once, in "
        f"{time.perf_counter() - began:.1f} s: the head alone learns, and nothing is augmented"
    )
    chance = {"seed": settings.seed, "weights": image_weights(data.train.labels, settings.balance)}
    train, val = (TensorDataset(*(t.cpu() for t in part.tensors)) for part in (train, val))
    return Loader(train, settings.batch_size, shuffle=True, **chance), Loader(val, size or 50)


@contextmanager
def head_alone(model: nn.Module) -> Iterator[None]:
    """Let a model take features for images: its logits are those of ``fc``."""
    model.forward = model.fc.forward
    try:
        yield
    finally:
        del model.forward
