"""ImageNet, and its ten easy classes, Imagenette (notebook 05)."""

import os
from dataclasses import replace

from course_utils.data.datasets import Splits
from course_utils.data.folders import image_splits
from course_utils.store.locations import find


def imagenet(where: str | os.PathLike | None = None, **options) -> Splits:
    """ImageNet's 1,000 classes in ``imagenet/{train,val}/<wnid>/``, or drawings of ten; says which.

    ``where`` is that of `find`, the options are those of `image_splits`. Pictures are not checked
    first: there are 1.33 million, and `course data check` does. Raises as `find` and `image_splits`
    do; of the official archives as they are it says what to do with them.

    Source: Russakovsky et al., *ImageNet Large Scale Visual Recognition Challenge*, 2015.
    """
    return _open("imagenet", where, options)


def imagenette(where: str | os.PathLike | None = None, **options) -> Splits:
    """Ten easy classes of ImageNet, in one of the sizes they are published in, or drawings of them.

    Otherwise as `imagenet`.

    Source: J. Howard, *Imagenette*, fast.ai, 2019.
    """
    return _open("imagenette", where, options)


def _open(name: str, where: str | os.PathLike | None, options: dict) -> Splits:
    found = find(name, where)
    print(found)
    splits = image_splits(found.path, **{"name": found.name, "bad_images": "unchecked", **options})
    return replace(splits, drawings=found.drawings or splits.drawings)
