"""One file per paper, and a list of names."""

from functools import partial
from inspect import signature

from torch import Tensor, nn

from course_utils.models.cnn import CNN
from course_utils.models.googlenet import GoogLeNet, SmallInceptionNet
from course_utils.models.narrow import NarrowResNet
from course_utils.models.resnet import LAYERS, CifarResNet, ResNet, SmallResidualNet, plain

_RESNETS = {f"resnet{depth}": partial(ResNet, depth) for depth in LAYERS}
_RESNETS |= {f"resnet{depth}": partial(CifarResNet, depth) for depth in (20, 32, 44, 56)}

_MODELS = {
    "cnn": CNN,
    "small_inception": SmallInceptionNet,
    "googlenet": GoogLeNet,
    "small_residual": SmallResidualNet,
    "narrow_resnet": NarrowResNet,
    **_RESNETS,
    **{name.replace("resnet", "plain"): builder for name, builder in _RESNETS.items()},
}


def list_models() -> list[str]:
    """The names `create_model` knows; ``plain…`` is ``resnet…`` without its shortcuts.

    >>> ", ".join(list_models()[:5])
    'cnn, googlenet, narrow_resnet, plain18, plain20'
    """
    return sorted(_MODELS, key=_by_number)


def _by_number(name: str) -> tuple[str, int]:
    letters = name.rstrip("0123456789")
    return letters, int(name[len(letters) :] or 0)


def is_weights(values) -> bool:
    """Whether this has the form of a ``state_dict``: a tensor for each name."""
    return isinstance(values, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in values.items()
    )


def create_model(name: str, num_classes: int = 10, **options) -> nn.Module:
    """Build a model by its name; it remembers how in ``model.config``, which checkpoints keep.

    ``options`` are those of the class: ``stem`` and ``width`` for ResNet-18 to 152, ``stem``,
    ``auxiliary``, … for GoogLeNet. Raises ``ValueError`` for an unknown name, an option that the
    model does not have, or fewer than two classes.

    >>> create_model("resnet18", num_classes=2, stem="cifar").config
    {'name': 'resnet18', 'num_classes': 2, 'stem': 'cifar'}
    """
    if name not in _MODELS:
        raise ValueError(f"no model is called {name!r}; there are: {', '.join(list_models())}")
    if num_classes < 2:
        raise ValueError(f"num_classes is {num_classes}; a classifier needs at least 2")
    builder = _MODELS[name]
    known = [p for p in signature(builder).parameters if p != "num_classes"]
    for option in options:
        if option not in known:
            raise ValueError(
                f"{name} has no option {option!r}; it has: {', '.join(known) or 'none'}"
            )
    model = builder(num_classes=num_classes, **options)
    model = plain(model) if name.startswith("plain") else model
    model.config = {"name": name, "num_classes": num_classes, **options}
    return model
