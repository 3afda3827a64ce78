"""Which pictures are held out of a folder that is not divided: by class, the same every time."""

import hashlib
import os
import shutil
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from course_utils.store.files import check_writable
from course_utils.store.folder_listing import SPLITS, Samples, listed_classes, split_folder


def divide(
    samples: Samples, shares: Mapping[str, float], seed: int = 0, group: str | None = None
) -> dict[str, list[int]]:
    """Indices of the pictures of every split, each class in proportion; the rest is ``train``.

    ``shares`` of val, and maybe test, 0 to 1; every split gets each class. The order depends on the
    seed and the pictures' names alone, so it is the same on every machine. ``group``: pictures
    whose names are the same up to the first such text stay together, whatever their class. Raises
    ``ValueError`` where a class has too few pictures, or groups, for that.
    """
    if not 0 < sum(shares.values()) < 1 or min(shares.values()) <= 0:
        told = " and ".join(f"{split} {share}" for split, share in shares.items())
        raise ValueError(f"{told}: shares are above 0, and together below 1")
    groups = _groups(samples, group)
    counts = Counter(samples.labels.tolist())
    room = {split: {c: max(n * share, 1) for c, n in counts.items()}
            for split, share in shares.items()}  # fmt: skip
    left = {c: n - sum(room[split][c] for split in shares) for c, n in counts.items()}
    room = {"train": left} | room
    order = sorted(groups, key=lambda g: hashlib.sha256(f"{seed}/{g}".encode()).digest())
    order.sort(key=lambda g: -len(groups[g]))  # the large ones while there is room everywhere
    parts = {split: [] for split in room}
    for name in order:
        classes = Counter(int(samples.labels[i]) for i in groups[name])

        def need(split, classes=classes):
            return sum(n * room[split][c] / counts[c] for c, n in classes.items())

        split = max(room, key=need)
        parts[split] += groups[name]
        for c, n in classes.items():
            room[split][c] -= n
    _check(samples, parts, group)
    return {split: sorted(indices) for split, indices in parts.items()}


def _groups(samples: Samples, group: str | None) -> dict[str, list[int]]:
    """Key of a group → its pictures: of each alone, or of all whose names begin alike."""
    groups, one_folder = defaultdict(list), len(set(samples.folders)) == 1
    for index, (name, label) in enumerate(zip(samples.names, samples.labels.tolist())):
        key = os.fsdecode(bytes(name))
        if group:
            if group not in key:
                raise ValueError(
                    f"{samples[index][0]}: its name has no {group!r}, where --group cuts"
                )
            key = key.partition(group)[0]
        elif not one_folder:
            key = f"{samples.folders[label].name}/{key}"
        groups[unicodedata.normalize("NFC", key)].append(index)
    return groups


def _check(samples: Samples, parts: Mapping[str, Sequence[int]], group: str | None) -> None:
    for indices in parts.values():
        there = set(samples.labels[indices].tolist())
        for label, folder in enumerate(samples.folders):
            if label not in there:
                what = f"groups (names up to the first {group!r})" if group else "pictures"
                raise ValueError(f"{folder}: has too few {what} for {', '.join(parts)}")


def divided_copy(
    folder: Path, out: Path, shares: Mapping[str, float], seed: int = 0, group: str | None = None
) -> dict[str, int]:
    """Lay the classes in ``folder`` out as train, val and maybe test in ``out``: how many in each.

    Pictures are hard links, which take no room, or copies where the disk has none. ``out`` is there
    whole or not at all. See `divide`. Raises ``ValueError`` and ``OSError`` for folders that cannot
    be.
    """
    for split in SPLITS:
        if there := split_folder(folder, split):
            raise ValueError(f"{folder} is divided already, {there.name} is there; name {there}")
    if out.exists():
        raise ValueError(f"{out} is there already: choose another folder with --out")
    if out.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{out} lies in {folder}; choose another folder with --out")
    _, samples, _ = listed_classes(folder, folder)
    parts = divide(samples, shares, seed, group)
    check_writable(out.resolve().parent)
    unfinished = out.with_name(f".{out.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        for split, indices in parts.items():
            for index in indices:
                path, label = samples[index]
                target = unfinished / split / samples.folders[label].name / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(path, target)
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return {split: len(indices) for split, indices in parts.items()}


def _link_or_copy(path: Path, target: Path) -> None:
    with suppress(OSError):  # another disk, or one without links
        return os.link(os.path.realpath(path), target)
    shutil.copyfile(path, target)
