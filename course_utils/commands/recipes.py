"""How each network is trained in each profile: what `course train --model …` does unless told else.

The notebooks write the same tables out where a student reads them; a test holds the two together.
"""

import math

from course_utils.engine.settings import USUAL
from course_utils.store.locations import data_kind
from course_utils.store.official_weights import OFFICIAL

FIRST = {  # notebooks 01 to 03: the same for the three small networks, so that they compare
    "tiny": {"data": "drawings", "epochs": 8, "batch_size": 32, "mixed_precision": False},
    "cpu": {"data": "real", "epochs": 10, "batch_size": 32, "mixed_precision": True},
    "gpu": {"data": "real", "epochs": 10, "batch_size": 32, "mixed_precision": True},
}


def _deep(**other) -> dict:
    """He et al. 2016, §4.2: SGD, batch 128, weight decay 1e-4; warmed up and cut short."""
    recipe = {
        "data": "real",
        "epochs": 3,
        "batch_size": 128,
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "schedule": "linear",
        "warm_up": 0.2,
        "weight_decay": 1e-4,
        "label_smoothing": 0.0,
        "padding": 4,
        "mixed_precision": True,
    }
    return recipe | other


def _narrow(**other) -> dict:
    """As `_deep`, hurried: larger steps, more decay, smaller crops."""
    recipe = {"epochs": 5, "learning_rate": 0.3, "padding": 2}
    return _deep(**recipe, weight_decay=5e-4, label_smoothing=0.1) | other


def _large(**other) -> dict:
    """For a GPU: large batches, and a rate that grew with them (Goyal et al. 2017, §2.1)."""
    recipe = {"stem": "cifar", "epochs": 20, "batch_size": 512, "learning_rate": 0.4}
    return _deep(**recipe, schedule="cosine", weight_decay=5e-4, label_smoothing=0.1) | other


_DRAWINGS = {"data": "drawings", "mixed_precision": False}

DEEP = {
    "tiny": _deep(**_DRAWINGS, batch_size=32, width=8),
    "cpu": _deep(width=16),
    "gpu": _deep(epochs=60, width=16),
}
NARROW = {
    "tiny": _narrow(**_DRAWINGS, epochs=6, batch_size=32, learning_rate=0.05),
    "cpu": _narrow(),
    "gpu": _narrow(epochs=15),
}
LARGE = {
    "tiny": _large(**_DRAWINGS, epochs=2, batch_size=64, learning_rate=0.05),
    "cpu": _large(batch_size=128, learning_rate=0.1),
    "gpu": _large(),
}

RECIPES = {
    "cnn": FIRST,
    "small_inception": FIRST,
    "small_residual": FIRST,
    "narrow_resnet": NARROW,
    "googlenet": LARGE,
    **{f"{kind}{depth}": DEEP for kind in ("resnet", "plain") for depth in (20, 32, 44, 56)},
    **{f"{kind}{depth}": LARGE for kind in ("resnet", "plain") for depth in (18, 34, 50, 101, 152)},
}


def _transfer(**other) -> dict:
    """PyTorch's transfer learning tutorial: small batches and steps, from weights that know much.

    Source: S. Chilamkurthy, *Transfer Learning for Computer Vision Tutorial*.
    """
    recipe = {
        "data": "real",
        "weights": "auto",
        "image_size": None,  # as the weights want it
        "crop_scale": 0.25,
        "epochs": 25,
        "batch_size": 4,
        "optimizer": "sgd",
        "learning_rate": 0.001,
        "schedule": "step",
        "monitor": "val_loss",
        "mixed_precision": True,
    }
    return recipe | other


TRANSFER = {  # pictures in folders: notebook 04
    "tiny": _transfer(**_DRAWINGS, weights="own", image_size=64, epochs=8),
    "cpu": _transfer(),
    "gpu": _transfer(),
}

IMAGENET_USUAL = {  # Goyal et al. 2017, §2 and §5; smoothing and cosine: He et al. 2019
    "padding": None,
    "optimizer": "sgd",
    "nesterov": False,
    "learning_rate": None,  # that of the batch, see below
    "schedule": "cosine",
    "weight_decay": 1e-4,
    "label_smoothing": 0.1,
    "zero_gamma": True,
    "top_k": 5,
}


def _imagenet(**other) -> dict:
    """He et al. 2016, §3.4, with a rate that grows with the batch: Goyal et al. 2017, §2.1."""
    recipe = {
        "data": "real",
        "image_size": 224,
        "crop_scale": 0.08,
        "epochs": 90,
        "batch_size": 256,
        "learning_rate_per_256": 0.1,
        "warm_up": 0.05,
        "mixed_precision": True,
    }
    return recipe | other


def _imagenette(**other) -> dict:
    """A hundredth of the pictures: larger crops, larger steps, a longer warm-up."""
    recipe = {"crop_scale": 0.25, "learning_rate_per_256": 0.25, "warm_up": 0.15}
    return _imagenet(**recipe) | other


_TUTORIAL = {"rotation": 10, "colour_jitter": (0.2, 0.2, 0.2, 0.2)}  # chance, as it has it
_SHORT = {"nesterov": True, "weight_decay": 5e-4, "zero_gamma": False}  # learns sooner
_SMALL = _imagenette(**_SHORT, model="resnet18", image_size=96, epochs=16, batch_size=32)

IMAGENETTE = {  # notebook 05
    "tiny": _imagenette(**_DRAWINGS, **_TUTORIAL, image_size=64, width=32, epochs=2, batch_size=24),
    "cpu": _SMALL,
    "gpu": _imagenette(**_TUTORIAL, image_size=128, epochs=80, batch_size=128),
}
IMAGENET = {"tiny": IMAGENETTE["tiny"], "cpu": _SMALL, "gpu": _imagenet()}
PUBLISHED = {"imagenet": IMAGENET, "imagenette": IMAGENETTE}

# pictures in folders without trained weights: steps that a fresh network learns from
SCRATCH = {"batch_size": 16, "learning_rate": 0.01, "schedule": "cosine"}

# head, last stage, all: each with a smaller rate than the one before
STAGED = {"schedule": "cosine"}


def for_pictures(count: int, batch_size: int | None = None, optimizer: str = "sgd") -> dict:
    """Batch size, where none is given, and learning rate for a folder of so many pictures.

    About as many steps an epoch as pictures a batch; SGD's rate grows with the batch (Goyal et al.
    2017, §2.1). A batch of 4 is for a few dozen pictures: with more it is only slower.

    >>> for_pictures(30), for_pictures(244)
    ({'batch_size': 4, 'learning_rate': 0.0025}, {'batch_size': 16, 'learning_rate': 0.01})
    """
    usual = min(max(2 ** round(math.log2(max(count, 1)) / 2), 4), 32)
    rate = 0.01 * (batch_size or usual) / 16 if optimizer == "sgd" else 1e-3
    return {"batch_size": usual, "learning_rate": rate}


# without trained weights that fit them, and for images of 32 px
FOR_32_PX = ("cnn", "small_inception", "small_residual", "narrow_resnet")
FOR_32_PX += tuple(f"{kind}{depth}" for kind in ("resnet", "plain") for depth in (20, 32, 44, 56))


def _pictures(model: str, profile: str) -> dict:
    """What pictures in folders need besides: their size, crops, and a network of that size."""
    large = profile == "gpu"
    other = {"padding": None}
    if model == "resnet18" and not large:  # like the course's own weights, so that both compare
        return other | {"stem": "64px", "width": 32}
    if model in FOR_32_PX:
        other["image_size"] = 32
    if model == "resnet18":
        return other
    # a download is nothing for the profile that needs none
    return other | {"weights": "auto" if model in OFFICIAL and profile != "tiny" else "none"}


def recipe(model: str, profile: str, data: str = "cifar10", weights: str | None = None) -> dict:
    """Every setting of a network's training in a profile, on a data set or folder.

    ``weights``: those that were asked for, if any; without them pictures are learnt otherwise.

    >>> recipe("cnn", "cpu")["epochs"], recipe("resnet18", "cpu", "hymenoptera")["epochs"]
    (10, 25)
    """
    if data_kind(data) == "cifar10":
        return USUAL | RECIPES[model][profile]
    if (weights or "none") == "none" and data_kind(data) in PUBLISHED:
        row = PUBLISHED[data_kind(data)][profile]
        known = _pictures(model, profile) | {"weights": "none"} | IMAGENET_USUAL | row
        known["zero_gamma"] &= model.startswith("resnet")  # others would have nothing but zeros
        return USUAL | {name: value for name, value in known.items() if name != "model"}
    usual = USUAL | TRANSFER[profile] | _pictures(model, profile)
    return usual | SCRATCH if (weights or usual["weights"]) == "none" else usual


def default_model(data: str, profile: str) -> str:
    """The network for a data set where none is named."""
    kind = data_kind(data)
    if kind in PUBLISHED:
        return PUBLISHED[kind][profile].get("model", "resnet50")
    return "cnn" if kind == "cifar10" else "resnet18"
