"""Train without Jupyter: what `course train` does."""

from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import nn

from course_utils.commands.cached_features import feature_loaders, head_alone, one_view_is_enough
from course_utils.commands.losses import training_loss
from course_utils.commands.open_data import loaders, open_for
from course_utils.commands.progress import ProgressBar, ProgressLines
from course_utils.commands.recipes import recipe
from course_utils.commands.record import Record, began_here, last_record
from course_utils.commands.resolve import MODEL_OPTIONS, complete
from course_utils.commands.resumed import check_same_data
from course_utils.commands.summary import layer_summary
from course_utils.data import profile as profiles
from course_utils.data.batches import Batches
from course_utils.data.datasets import ImageSet, Splits
from course_utils.data.loading import ImageLoader
from course_utils.engine.agreement import about_data, check_agreement
from course_utils.engine.checkpoint import configured, load_latest, load_weights, resumable
from course_utils.engine.distributed import main_first, own_device, process_group, replicate, world
from course_utils.engine.explain import explained_memory, is_out_of_memory
from course_utils.engine.pretrained import pretrained
from course_utils.engine.settings import TrainSettings, shared_settings
from course_utils.engine.tensorboard import TensorBoard
from course_utils.models import create_model
from course_utils.models.googlenet import with_auxiliary
from course_utils.models.narrow import NarrowResNet
from course_utils.models.resnet import zero_gamma
from course_utils.show.class_plots import plot_confusion
from course_utils.show.live import LivePlot
from course_utils.store.balance import uneven
from course_utils.training.callbacks import Callback, Checkpoint
from course_utils.training.freezing import BODY, FEW, Stages, freeze
from course_utils.training.loop import fit
from course_utils.training.metrics import MOST_CONFUSION, eval_mode
from course_utils.training.optim import make_optimizer, make_scheduler, schedule_every


def train(settings: TrainSettings) -> dict:
    """Train as the notebook does, save checkpoints and a record; returns the record.

    Started by torchrun, this is one of several processes that train one network. Raises
    ``ValueError`` for settings that cannot be, ``FileExistsError`` for a folder with a run,
    `RanksDiffer` for processes that were told otherwise, ``MemoryError`` with what to change,
    ``ConnectionError`` where another process is lost.
    """
    if began_here(settings.out) and resumable(settings.out):
        settings = replace(settings, resume=True, weights=None)  # they were its beginning
    with process_group(settings.timeout), explained_memory():
        return _train(settings)


def _train(settings: TrainSettings) -> dict:
    check_agreement(shared_settings(settings))
    if settings.resume and not resumable(settings.out):
        nothing = f"{settings.out} holds no last.pt to go on from"
        raise FileNotFoundError(f"{nothing}; leave --resume out to begin a run there")
    with main_first():
        settings = complete(settings)
    check_agreement(shared_settings(settings))  # what each has filled in
    before = last_record(settings.out) if settings.resume else {}
    told = len(before.get("history", []))  # the checkpoint has less where a saving failed
    if told >= settings.epochs and load_latest(settings.out)["epoch"] >= settings.epochs:
        print(f"nothing is left to train: {settings.out} has its {settings.epochs} epochs")
        return before | {"finished": True}
    device = own_device(profiles.start(settings.data, settings.seed, settings.device))
    profiles.choose_convolutions(device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    with main_first():
        data = open_for(settings, recipe(settings.model, settings.profile, settings.data)["data"])
    check_agreement(about_data(data.about()))
    if settings.resume:
        check_same_data(settings.out, data.about())
    if line := uneven(data.train.labels, data.classes):
        how = f"balanced by the {settings.balance}"
        advice = "--balance loss or sampler lets them count alike"
        print(f"data: {line}; {advice if settings.balance == 'none' else how}")
    model = build(settings, data)
    if settings.summary:
        print(layer_summary(model, data.train.image_size))
    memory_format = profiles.memory_format(model, device)
    model = model.to(device, memory_format=memory_format)
    here, amp_dtype = world(), profiles.amp_dtype(device) if settings.mixed_precision else None
    if cached := one_view_is_enough(model, data, settings):
        if settings.resume:
            load_weights(model, load_latest(settings.out)["model"])
        layout = {"device": device, "memory_format": memory_format}
        train_loader, val_loader = feature_loaders(model, data, settings, layout, amp_dtype)
    else:
        given = (data, settings, device, here.rank, here.size, memory_format)
        train_loader, val_loader = loaders(*given)
    if settings.compile and not cached:
        model.compile()
    optimizer = make_optimizer(
        model,
        settings.optimizer,
        settings.peak_rate,
        settings.weight_decay,
        settings.momentum,
        settings.nesterov,
        settings.decay,
        BODY if settings.trained == "staged" else 1.0,
    )
    scheduler = make_scheduler(
        optimizer,
        settings.schedule,
        settings.epochs * len(train_loader),
        settings.warm_up,
        settings.step_epochs,
        settings.step_factor,
    )
    record = Record(settings, data, device)
    kept = checkpoint(settings, data)
    with head_alone(model) if cached else nullcontext():
        fit(
            replicate(model),
            train_loader,
            val_loader,
            optimizer,
            epochs=settings.epochs,
            num_classes=len(data.classes),
            loss_fn=with_auxiliary(training_loss(settings, data).to(device)),
            scheduler=scheduler,
            schedule_every=schedule_every(settings.schedule),
            amp_dtype=amp_dtype,
            accumulate=settings.accumulate,
            top_k=settings.top_k,
            callbacks=callbacks(settings, data, record, kept),
            resume=settings.out if settings.resume else None,
            change_processes=settings.change_processes,
        )
    if kept.unsaved:
        names, why = ", ".join(kept.unsaved), list(kept.unsaved.values())[-1]
        again = f"course train --out {settings.out} --resume"
        remedy = f"make room, or make it writable, then go on with: {again}"
        raise OSError(f"not on the disk: {names} as of the last epoch; {why}; {remedy}")
    return record.content


def checkpoint(settings: TrainSettings, data: Splits) -> Checkpoint:
    """What saves this run."""
    told = {name: getattr(settings, name) for name in ("monitor", "keep", "save_from")}
    return Checkpoint(settings.out, about=data.about(), **told)


def callbacks(
    settings: TrainSettings, data: Splits, record: Record, kept: Checkpoint
) -> list[Callback]:
    """What the run shows and keeps; of several processes the first one does."""
    stages = [Stages(small_batches(settings))] if settings.trained == "staged" else []
    if world().rank:
        return [*stages, kept, record]  # every process has something that these must know
    with_matrix = len(data.classes) <= MOST_CONFUSION
    figures = {"confusion": confusion_figure(data.classes)} if with_matrix else {}
    board = TensorBoard(settings.out, figures, hparams=record.content["settings"])
    return [
        *([ProgressBar()] if settings.progress else []),
        *([ProgressLines(settings.log_every)] if settings.progress or settings.log_every else []),
        LivePlot(),
        *stages,
        kept,
        record,
        *([board] if settings.tensorboard else []),
    ]


def build(settings: TrainSettings, data: Splits) -> nn.Module:
    """The network of these settings, with the classes of this data.

    Raises ``ValueError`` for options it does not have, or images of a size it cannot take.
    """
    classes, scratch = len(data.classes), settings.weights in (None, "none")
    if scratch:
        options = {n: getattr(settings, n) for n in MODEL_OPTIONS}
        options = {name: value for name, value in options.items() if value is not None}
        model = create_model(settings.model, num_classes=classes, **options)
    elif settings.resume:  # what was loaded in the beginning need not be there any more
        model = configured(load_latest(settings.out), settings.out / "last.pt")
    else:
        model = pretrained(settings.model, classes, settings.weights)
    if settings.zero_gamma:
        zero_gamma(model)
    if settings.trained == "staged" and world().size > 1:
        raise ValueError("trained staged needs one process: leave torchrun out")
    if not scratch and settings.trained not in ("all", "staged"):
        freeze(model, settings.trained, small_batches(settings))
    if settings.image_size:
        check_size(model, settings.model, settings.image_size)
    if scratch and isinstance(model, NarrowResNet):
        model.whiten(some_images(data.train))
    return model


def small_batches(settings: TrainSettings) -> bool:
    """Whether a batch norm sees too few images at a time for statistics of its own."""
    return settings.batch_size / world().size / settings.accumulate < FEW


def check_size(model: nn.Module, name: str, size: int) -> None:
    """Raise ``ValueError`` where a network cannot take images of this size."""
    try:
        with torch.no_grad(), eval_mode(model):
            model(torch.zeros(1, 3, size, size))
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"image_size is {size}, which {name} cannot take ({reason}); try --image-size 32"
        ) from None


def some_images(data) -> torch.Tensor:
    """Random training images: (N, 3, H, W), normalised."""
    loader = Batches if isinstance(data, ImageSet) else ImageLoader
    count = 2_000 if loader is Batches else 200  # these are read from files, and larger
    images, _ = next(iter(loader(data, batch_size=count, shuffle=True)))
    return images


def confusion_figure(classes):
    """A function of the training state that draws the validation's confusion matrix."""
    return lambda state: plot_confusion(state.val_totals.confusion.cpu(), classes)
