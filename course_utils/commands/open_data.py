"""From the name of a data set, or a folder, to the batches that a run learns from."""

from dataclasses import replace
from pathlib import Path

import torch

from course_utils.data.batches import Batches
from course_utils.data.datasets import ImageSet, Splits, cifar10
from course_utils.data.folders import ImageFolder, hymenoptera, image_splits
from course_utils.data.imagenet import imagenet, imagenette
from course_utils.data.loading import ImageLoader
from course_utils.data.transforms import eval_transform
from course_utils.engine.settings import TrainSettings
from course_utils.store.balance import image_weights
from course_utils.store.class_names import few
from course_utils.store.colour import ColourJitter
from course_utils.store.folder_listing import split_folder, split_of
from course_utils.store.locations import LAYOUTS, Found, data_kind, find

OPENERS = {"hymenoptera": hymenoptera, "imagenet": imagenet, "imagenette": imagenette}
DIVIDING = ("val_share", "data_val", "labels")  # of folders that are not laid out in splits
EVAL_BATCH = {ImageSet: 500, ImageFolder: 50}  # pictures from folders are larger


def check_data(data: str, a_part: bool = False) -> None:
    """Raise ``ValueError`` for what is neither a set's name nor a folder.

    ``a_part``: whether the folder may be a split itself.
    """
    if data in LAYOUTS:
        return
    path = Path(data).expanduser()
    if not path.is_dir():
        raise ValueError(f"data {data!r} is none of {', '.join(LAYOUTS)}, nor a folder")
    if a_part or data_kind(data) != "folder" or split_folder(path, "train"):
        return
    for inner in (path.resolve(), path.resolve().parent):
        if split_of(inner.name):
            raise ValueError(
                f"data {data!r} is only a part: name the folder around it, {inner.parent}"
            )


def open_data(data: str, form: str, **options) -> Splits:
    """Open a data set or folder; of a set's name the form ``real`` or ``drawings``.

    ``options`` are those of `image_splits`; CIFAR-10, which lies in memory, has ``mean`` and
    ``std`` only. Raises ``ValueError`` or ``OSError`` for data that cannot be read.
    """
    check_data(data, a_part=bool(options.keys() & DIVIDING))
    kind, where = data_kind(data), form if data in LAYOUTS else Path(data)
    if kind == "cifar10":
        splits = cifar10(where)
        return replace(
            splits, **{n: replace(getattr(splits, n), **options) for n in ("train", "val", "test")}
        )
    return OPENERS[kind](where, **options) if kind in OPENERS else image_splits(data, **options)


def originals(data: str) -> Found:
    """Where the pictures of a set or folder lie, for a copy of them.

    Raises ``ValueError`` or ``OSError`` for CIFAR-10, and for what is neither.
    """
    check_data(data)
    kind = data_kind(data)
    if kind == "cifar10":
        raise ValueError("CIFAR-10 lies in memory and has 32 pixels a side: it needs no cache")
    if kind == "folder":
        root = Path(data).expanduser()
        return Found(root.resolve().name, root, "folder", drawings=False)
    return find(kind, None if data in LAYOUTS else Path(data))


def open_for(settings: TrainSettings, form: str) -> Splits:
    """The data of these settings; raises ``ValueError`` for another number of classes."""
    smallest = settings.crop_scale
    told = {
        "mean": settings.mean,
        "std": settings.std,
        "size": settings.image_size,
        "bad_images": settings.bad_images,
        "scale": None if smallest is None else (smallest, 1.0),
        "rotation": settings.rotation,
        **{name: getattr(settings, name) for name in DIVIDING},
    }
    told = {name: value for name, value in told.items() if value is not None}
    splits = open_data(settings.data, form, **told)
    if settings.num_classes not in (None, len(splits.classes)):
        raise ValueError(
            f"num_classes is {settings.num_classes}, but {settings.data} has {len(splits.classes)}"
            f" classes ({few(splits.classes)}); "
            "leave --num-classes out"
        )
    return splits


def eval_loader(
    data: ImageSet | ImageFolder, workers: int = 0, size: int | None = None, **layout
) -> Batches | ImageLoader:
    """Every image of a split once, in order, not augmented; ``size``: how many at a time."""
    size = size or EVAL_BATCH[type(data)]
    if isinstance(data, ImageSet):
        return Batches(data, size, **layout)
    return ImageLoader(data, size, workers=workers, **layout)


def loaders(
    data: Splits,
    settings: TrainSettings,
    device: torch.device | str,
    rank: int = 0,
    processes: int = 1,
    memory_format: torch.memory_format = torch.channels_last,
) -> tuple:
    """Training batches, shuffled and augmented, and validation batches, neither.

    Process ``rank`` of ``processes`` gets its part of each, see `store.sharing`.
    """
    layout = {"device": device, "memory_format": memory_format}
    layout |= {"rank": rank, "processes": processes}
    chance = {"shuffle": True, "seed": settings.seed, **layout}
    val = eval_loader(data.val, settings.workers, settings.eval_batch_size, **layout)
    chance["weights"] = image_weights(data.train.labels, settings.balance)
    augment = settings.augment == "usual"
    if isinstance(data.train, ImageSet):
        crops = {"augment": augment, "padding": settings.padding}
        return Batches(data.train, settings.batch_size, **crops, **chance), val
    train = data.train
    strengths = settings.colour_jitter if augment else None
    chance["jitter"] = ColourJitter(*strengths) if any(strengths or ()) else None
    if not augment:
        train = replace(train, transform=eval_transform(train.image_size))
    return ImageLoader(train, settings.batch_size, workers=settings.workers, **chance), val
