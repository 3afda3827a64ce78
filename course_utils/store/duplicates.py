"""The same picture in two places: equal files, and copies that were scaled or saved anew."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from course_utils.store.files import sha256
from course_utils.store.folder_listing import SPLITS, split_of

BITS = 14  # of 64, by which the hashes of copies differ at most
SHARE = 0.1  # of the contrast, by which their pixels do
GREYS = 4  # and in the mean, of 255

Sketch = tuple[int, np.ndarray]  # hash of 64 bits, pixels (8, 8, 3) uint8
Pairs = list[tuple[Path, Path]]


# ---- equal to the eye ----


def sketch(pixels: Tensor) -> Sketch:
    """A difference hash (dHash) of 64 bits, and 8 by 8 pixels: of pixels (3, H, W) uint8.

    Source: N. Krawetz, *Kind of Like That*, 2013.
    """
    image = Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
    small = image.resize((72, 64), Image.Resampling.BOX)
    grey = np.asarray(small.convert("L").resize((9, 8), Image.Resampling.BOX))
    bits = np.packbits(grey[:, 1:] > grey[:, :-1])
    return int.from_bytes(bits.tobytes()), np.asarray(small.resize((8, 8), Image.Resampling.BOX))


def alike(
    sketches: Sequence[Sketch], others: Sequence[Sketch] | None = None
) -> Iterator[tuple[int, int]]:
    """Indices of pictures and of others that are copies of them, each of the others once.

    ``others``: default the pictures themselves, each with those before it. Both the hash must agree
    and the pixels, in proportion to the contrast: drawings of one thing have similar hashes,
    pictures with little in them have similar pixels.
    """
    hashes = np.array([hash_ for hash_, _ in sketches], np.uint64)
    for index, (hash_, pixels) in enumerate(sketches if others is None else others):
        before = hashes[:index] if others is None else hashes
        for near in np.flatnonzero(np.bitwise_count(before ^ np.uint64(hash_)) <= BITS):
            if _same_pixels(sketches[near][1], pixels):
                yield int(near), index
                break


def _same_pixels(one: np.ndarray, other: np.ndarray) -> bool:
    one, other = one.astype(float), other.astype(float)
    limit = min(GREYS, SHARE * min(one.std(), other.std()))
    return np.abs(one - other).mean() <= limit


def copies(root: Path, sketches: Mapping[Path, Sketch]) -> tuple[bool, Pairs]:
    """Whether ``root`` is divided into splits; pairs of copies in two of them, or else anywhere."""
    parts = defaultdict(dict)
    for path, one in sketches.items():
        parts[split_of(path.relative_to(root).parts[0])][path] = one
    if len(parts.keys() & SPLITS.keys()) < 2:
        paths = list(sketches)
        return False, [(paths[i], paths[j]) for i, j in alike(list(sketches.values()))]
    pairs = []
    for first, second in combinations([parts[split] for split in SPLITS if split in parts], 2):
        ones, others = list(first), list(second)
        found = alike(list(first.values()), list(second.values()))
        pairs += [(ones[i], others[j]) for i, j in found]
    return True, pairs


# ---- equal files ----


def equal_files(parts: Mapping[str, Mapping[Path, int]]) -> Pairs:
    """Files with the same bytes in two parts, each told once: a part maps paths to sizes in bytes.

    Only files of one size are opened, and only those equal in the middle are read.
    """
    files = [(part, path, size) for part, sizes in parts.items() for path, size in sizes.items()]
    groups = [[one for one in files if one[2] > 0]]
    for key in (lambda path, size: size, _middle, lambda path, size: sha256(path)):
        groups = [equal for group in groups for equal in _in_two_parts(group, key)]
    pairs = {}
    for group in groups:
        for (part, path, _), (other_part, other, _) in combinations(group, 2):
            if part != other_part:
                pairs.setdefault(other, path)
    return [(path, other) for other, path in pairs.items()]


def _in_two_parts(group: Iterable[tuple], key: Callable[[Path, int], Hashable]) -> list[list]:
    found = defaultdict(list)
    for part, path, size in group:
        with suppress(OSError):  # whoever reads it tells why
            found[key(path, size)].append((part, path, size))
    return [files for files in found.values() if len({part for part, _, _ in files}) > 1]


def _middle(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(size // 2)
        return file.read(4096)


def files_in_two(parts: Mapping) -> str:
    """A line on equal files in two of the `ImageFolder` of a set; empty where there are none."""
    if any(part.sizes is None for part in parts.values()):
        return ""  # too many to look at each before a training
    pairs = equal_files(
        {
            split: {path: size for (path, _), size in zip(part.samples, part.sizes)}
            for split, part in parts.items()
        }
    )
    if not pairs:
        return ""
    one, other = pairs[0]
    return (
        f"in two splits: {len(pairs):,}, first {one} = {other}: figures on them mean little; "
        "`course data check` names them all"
    )
