"""The `ImageFolder` of a set looked through: what cannot be read, other classes, what they hold.

Notebook 04.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from course_utils.store.checking import looked_at
from course_utils.store.class_names import few
from course_utils.store.images import ImageError
from course_utils.store.left_out import left_out

BadImages = Literal["fail", "skip", "unchecked"]


def checked(folder, bad_images: BadImages):
    """An `ImageFolder`, if all of its pictures can be read, or without the others if so asked for.

    Raises `ImageError` for a picture that cannot be read, see `image_folder`.
    """
    if bad_images not in get_args(BadImages):
        raise ValueError(f"bad_images is {bad_images!r}: it is {', '.join(get_args(BadImages))}")
    if bad_images == "unchecked":
        return folder
    paths = [path for path, _ in folder.samples]
    seen = {index: one for index, one in looked_at(paths) if one.fault or one.suspect}
    faults = {index: one.fault for index, one in seen.items() if one.fault}
    suspect = {paths[index]: one.suspect for index, one in seen.items() if one.suspect}
    folder = replace(folder, suspect=suspect)
    if suspect:
        first = "; ".join(f"{path}: {why}" for path, why in list(suspect.items())[:3])
        more = " …" if suspect.keys() - list(suspect)[:3] else ""
        print(f"data: {folder.split}: suspect: {len(suspect):,} of {len(paths):,}: {first}{more}")
    bad = [(paths[index], why) for index, why in faults.items()]
    if not bad:
        return folder
    path, why = bad[0]
    share = f"{len(bad):,} of {len(paths):,} images"
    if bad_images == "fail":
        which = f"{share} cannot be read, first " if bad[1:] else ""
        remedy = 'bad_images="skip" (--bad-images skip) leaves out what cannot be read'
        raise ImageError(f"{which}{path}: {why}; {remedy}")
    print(f"data: {folder.split}: left out {share}, first {path}: {why}")
    samples = folder.samples.without(faults)
    for label, place in enumerate(samples.folders):
        if label not in samples.labels:
            raise ValueError(f"{place}: no image in it can be read; replace them")
    return replace(folder, samples=samples, bad=bad)


def check_same_classes(root: Path, train, other) -> None:
    """Raise ``ValueError`` where two `ImageFolder` have different classes."""
    if train.classes != other.classes:
        sides = [(train, other), (other, train)]
        extra = [(a.split, [c for c in a.classes if c not in b.classes]) for a, b in sides]
        only = "; ".join(f"only {split} has {few(names)}" for split, names in extra if names)
        raise ValueError(f"{root}: {train.split} and {other.split} have different classes: {only}")


def summary(parts: Mapping) -> str:
    """How many pictures each `ImageFolder` of a set holds, of which classes; what is ignored."""
    classes = parts["train"].classes
    counts = " + ".join(f"{len(part):,}" for part in parts.values())
    line = f"{counts} images ({' + '.join(parts)}) of {len(classes):,} classes: {few(classes)}"
    ignored = left_out(parts)
    return line + (f"; {ignored}" if ignored else "")
