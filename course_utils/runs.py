"""Train and test without Jupyter: what `course train` and `course test` do."""

import os
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from course_utils import profile as profiles
from course_utils.data.batches import Batches
from course_utils.data.datasets import Splits, cifar10
from course_utils.models import create_model, list_models
from course_utils.models.googlenet import with_auxiliary
from course_utils.models.narrow import NarrowResNet
from course_utils.recipes import USUAL, recipe
from course_utils.record import Record, read_record, write_record
from course_utils.settings import DEFAULTS, TrainSettings
from course_utils.show.live import LivePlot
from course_utils.show.plotting import plot_confusion
from course_utils.training.callbacks import Checkpoint, TensorBoard
from course_utils.training.checkpoint import load_model
from course_utils.training.loop import evaluate, fit
from course_utils.training.metrics import Totals, accuracy_interval
from course_utils.training.optim import make_optimizer, make_scheduler

# a run that is resumed with another of these would be neither the one nor the other
FIXED = ("data", "model", "profile", "batch_size", "mixed_precision", "seed", *USUAL)
MODEL_OPTIONS = ("stem", "width", "auxiliary", "enlarge")


def train(settings: TrainSettings) -> dict:
    """Train as the notebook does, save checkpoints and a record; returns the record.

    Raises ``ValueError`` for settings that cannot be, ``FileExistsError`` for a folder with a run.
    """
    settings = complete(settings)
    device = profiles.start(seed=settings.seed, on=settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    data = open_data(settings.data, recipe(settings.model, settings.profile)["data"])
    model = build(settings, data).to(device, memory_format=torch.channels_last)
    train_loader, val_loader = loaders(data, settings, device)
    optimizer = make_optimizer(
        model, settings.optimizer, settings.learning_rate, settings.weight_decay
    )
    scheduler = make_scheduler(
        optimizer, settings.schedule, settings.epochs * len(train_loader), settings.warm_up
    )
    record = Record(settings, data, device)
    fit(
        model,
        train_loader,
        val_loader,
        optimizer,
        epochs=settings.epochs,
        num_classes=len(data.classes),
        loss_fn=with_auxiliary(nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)),
        scheduler=scheduler,
        schedule_every="epoch" if settings.schedule == "plateau" else "step",
        amp_dtype=profiles.amp_dtype(device) if settings.mixed_precision else None,
        callbacks=[
            LivePlot(),
            Checkpoint(settings.out, about=data.about()),
            record,
            TensorBoard(settings.out, {"confusion": confusion_figure(data.classes)}),
        ],
        resume=settings.out if settings.resume else None,
    )
    return record.content


def complete(settings: TrainSettings) -> TrainSettings:
    """Fill what was not given: from the run that is resumed, else from the network's recipe."""
    begun = read_record(settings.out).get("settings", {}) if settings.resume else {}
    model = settings.model or begun.get("model", DEFAULTS["model"])
    if model not in list_models():
        raise ValueError(f"model {model!r}: there are {', '.join(list_models())}")
    check_ranges(settings)
    if profile := settings.profile or begun.get("profile"):
        os.environ["COURSE_PROFILE"] = profile
    profile = profiles.name()
    known = recipe(model, profile) | DEFAULTS | {"model": model, "profile": profile} | begun
    empty = {name: v for name, v in known.items() if getattr(settings, name) is None}
    settings = replace(settings, **empty)
    # where the rate is planned over the run's length, that must stay
    planned = settings.schedule in ("linear", "cosine") or settings.warm_up
    fixed = (*FIXED, "epochs") if planned else FIXED
    for name in fixed:
        if name in begun and begun[name] != getattr(settings, name):
            raise ValueError(
                f"{settings.out} was begun with {name}={begun[name]}, not "
                f"{getattr(settings, name)}: resume with the same, or choose another folder"
            )
    return settings


def check_ranges(settings: TrainSettings) -> None:
    """Raise ``ValueError`` for a number that cannot be, before anything begins."""
    given = {name: value for name, value in vars(settings).items() if value is not None}
    for name in ("epochs", "batch_size", "learning_rate", "threads", "width", "enlarge"):
        if name in given and not given[name] > 0:
            raise ValueError(f"{name} is {given[name]}; it must be greater than 0")
    for name in ("padding", "weight_decay"):
        if name in given and not given[name] >= 0:
            raise ValueError(f"{name} is {given[name]}; it must be 0 or greater")
    for name in ("label_smoothing", "warm_up"):
        if not 0 <= given.get(name, 0) <= 1:
            raise ValueError(f"{name} is {given[name]}; it is a share, 0 to 1")


def build(settings: TrainSettings, data: Splits) -> nn.Module:
    """The network of these settings, with the classes of this data."""
    options = {n: getattr(settings, n) for n in MODEL_OPTIONS if getattr(settings, n) is not None}
    model = create_model(settings.model, num_classes=len(data.classes), **options)
    if isinstance(model, NarrowResNet):
        images, _ = next(iter(Batches(data.train, batch_size=2_000, shuffle=True)))
        model.whiten(images)
    return model


def open_data(name: str, form: str) -> Splits:
    """CIFAR-10 in this form, ``real`` or ``drawings``; or what lies in the folder called so."""
    if name == "cifar10":
        return cifar10(form)
    if not Path(name).is_dir():
        raise ValueError(f"data {name!r} is neither cifar10 nor a folder")
    return cifar10(name)


def loaders(data: Splits, settings: TrainSettings, device) -> tuple[Batches, Batches]:
    """Training batches, shuffled and augmented, and validation batches, neither."""
    layout = {"device": device, "memory_format": torch.channels_last}
    chance = {"shuffle": True, "augment": True, "padding": settings.padding, "seed": settings.seed}
    train = Batches(data.train, settings.batch_size, **chance, **layout)
    return train, Batches(data.val, batch_size=500, **layout)


def confusion_figure(classes):
    """A function of the training state that draws the validation's confusion matrix."""
    return lambda state: plot_confusion(state.val_totals.confusion.cpu(), classes)


def test(checkpoint: Path, data: str | None = None, device: str = "auto") -> dict:
    """Evaluate a checkpoint on the test split and add the result to its run's record.

    ``data``: default what the run was trained on. Returns ``accuracy``, ``loss``, ``images`` and
    ``interval`` (95 %) among others. Raises ``ValueError`` where the data is of another kind.
    """
    on = profiles.device(device)
    checkpoint = Path(checkpoint)
    model, about = load_model(checkpoint, on)
    record = read_record(checkpoint.parent)
    kind = str(about.get("data"))
    where = data or record.get("settings", {}).get("data", "cifar10")
    splits = open_data(where, "drawings" if kind.endswith("drawings") else "real")
    found = splits.about()
    if (kind, about.get("classes")) != (found["data"], found["classes"]):
        raise ValueError(
            f"{checkpoint} was trained on {kind} ({_few(about.get('classes'))}), "
            f"this is {found['data']} ({_few(found['classes'])}); name its data with --data"
        )
    totals = Totals(len(splits.classes), on)
    loader = Batches(splits.test, batch_size=500, device=on)
    result = evaluate(model, loader, device=on, totals=totals)
    images, correct = int(totals.confusion.sum()), int(totals.confusion.diagonal().sum())
    result |= {
        "data": kind,
        "epoch": about["epoch"],
        "images": images,
        "interval": accuracy_interval(correct, images),
        "confusion": totals.confusion.tolist(),
    }
    if record:
        write_record(checkpoint.parent, {**record, "test": result})
    return result


def _few(classes: list[str] | None) -> str:
    return f"{len(classes)} classes: {', '.join(classes[:3])} …" if classes else "classes unknown"
