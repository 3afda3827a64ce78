"""What classes are called whose folders are WordNet's numbers."""

import re
from collections.abc import Sequence

from course_utils.store.terminal import shown

IMAGENETTE = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}


def class_names(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Names of classes in the order of their folders: of ImageNet's 1,000 and Imagenette's ten.

    Any other folder's name is the name of its class.

    >>> class_names(("cats", "n01440764"))
    ('cats', 'tench')
    """
    known = IMAGENETTE
    if len(folders) == 1000 and all(re.fullmatch(r"n\d{8}", name) for name in folders):
        from torchvision.models import ResNet50_Weights  # takes seconds to import

        known = dict(zip(folders, ResNet50_Weights.DEFAULT.meta["categories"]))
    return tuple(known.get(name, name) for name in folders)


def few(names: Sequence[str], most: int = 5) -> str:
    """The first names, for a line that must not grow with their number.

    >>> few(["ants", "bees", "cats"], most=2)
    'ants, bees …'
    """
    return ", ".join(map(shown, names[:most])) + (" …" if names[most:] else "")
