"""One file per paper, and a list of names."""

from torch import nn

from course_utils.models.cnn import CNN

_MODELS = {"cnn": CNN}


def list_models() -> list[str]:
    """The names `create_model` knows.

    >>> list_models()
    ['cnn']
    """
    return sorted(_MODELS)


def create_model(name: str, num_classes: int = 10, **options) -> nn.Module:
    """Build a model by its name; it remembers how in ``model.config``, which checkpoints keep.

    Raises ``ValueError`` for an unknown name or fewer than two classes.

    >>> create_model("cnn", num_classes=2).config
    {'name': 'cnn', 'num_classes': 2}
    """
    if name not in _MODELS:
        raise ValueError(f"no model is called {name!r}; there are: {', '.join(list_models())}")
    if num_classes < 2:
        raise ValueError(f"num_classes is {num_classes}; a classifier needs at least 2")
    model = _MODELS[name](num_classes=num_classes, **options)
    model.config = {"name": name, "num_classes": num_classes, **options}
    return model
