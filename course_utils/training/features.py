"""The fast way of transfer: what a frozen backbone gives is computed once."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils.data.balance import image_weights
from course_utils.data.datasets import Splits
from course_utils.data.folders import ImageFolder
from course_utils.data.loading import ImageLoader, Loader
from course_utils.data.transforms import eval_transform
from course_utils.opening import eval_loader
from course_utils.settings import TrainSettings
from course_utils.training.distributed import world
from course_utils.training.loop import fit
from course_utils.training.metrics import eval_mode
from course_utils.training.optim import make_optimizer, make_scheduler, schedule_every


@torch.no_grad()
def backbone_features(
    model: nn.Module,
    loader: Iterable,
    views: int = 1,
    amp_dtype: torch.dtype | None = None,
) -> TensorDataset:
    """What reaches the last layer ``fc`` in ``views`` passes over a loader of images.

    A data set of features (views · N, D) float32 with labels (views · N,), on the model's device.
    The loader draws new crops in every pass, so each image is there in as many views. The model is
    in eval mode meanwhile. Raises ``ValueError`` for a model without a layer ``fc``, and for an
    empty loader.
    """
    if not isinstance(getattr(model, "fc", None), nn.Linear):
        raise ValueError(f"{type(model).__name__} has no linear layer 'fc' at its end")
    device = model.fc.weight.device
    head, model.fc = model.fc, nn.Identity()
    mixed = {"dtype": amp_dtype or torch.bfloat16, "enabled": amp_dtype is not None}
    try:
        with eval_mode(model), torch.autocast(device.type, **mixed):
            parts = [
                (model(images.to(device)).float(), labels.to(device))
                for _ in range(views)
                for images, labels in loader
            ]
    finally:
        model.fc = head
    if not parts:
        raise ValueError("there is no image to compute features of: the loader is empty")
    return TensorDataset(*map(torch.cat, zip(*parts)))


def head_features(
    model: nn.Module, data: Splits, views: int = 4, amp_dtype: torch.dtype | None = None
) -> tuple[TensorDataset, TensorDataset]:
    """Features of a set's training images in ``views`` random views each, and of its validation
    images in one: what `train_head` learns from. For image folders, see `backbone_features`."""
    device = model.fc.weight.device
    # ResNet-50 in bfloat16 on a CPU: 54 ms a picture in batches of 16, 70 ms in batches of 64
    train, val = (ImageLoader(part, 16, device=device) for part in (data.train, data.val))
    return (
        backbone_features(model, train, views, amp_dtype),
        backbone_features(model, val, 1, amp_dtype),
    )


def train_head(
    model: nn.Module,
    train: TensorDataset,
    val: TensorDataset,
    *,
    epochs: int = 25,
    batch_size: int = 16,
    learning_rate: float = 0.01,
    seed: int = 0,
) -> list[dict]:
    """Train the layer ``fc`` on features of `backbone_features`; returns `fit`'s history.

    The rest of the model is neither computed nor changed. SGD with momentum 0.9, whose rate falls
    to zero along a cosine.
    """
    optimizer = make_optimizer(model.fc, "sgd", learning_rate)
    order = torch.Generator().manual_seed(seed)
    batches = DataLoader(train, batch_size, shuffle=True, generator=order)
    return fit(
        model.fc,
        batches,
        DataLoader(val, batch_size=1000),
        optimizer,
        epochs=epochs,
        num_classes=model.fc.out_features,
        scheduler=make_scheduler(optimizer, "cosine", epochs * len(batches)),
        schedule_every=schedule_every("cosine"),
    )


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
