"""What is no picture, in words: which kinds of files were left out, and how much of each class."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from course_utils.store.class_names import few


def kinds(names: Iterable[str | Path]) -> str:
    """The endings of some files, or the names of those without."""
    return few(list(dict.fromkeys(map(kind, names))), 3)


def kind(name: str | Path) -> str:
    """The ending of a file's name, or the name if it has none."""
    path = Path(name)
    return path.suffix.lower() or path.name


def left_out(parts: Mapping) -> str:
    """How many files of the `ImageFolder` of a set were left out, with the share of each class.

    Empty where there are none.
    """
    others = [path for part in parts.values() for path in part.others]
    if not others:
        return ""
    samples = [path for part in parts.values() for path, _ in part.samples]
    pictures = Counter(path.parent for path in samples)
    files = pictures + Counter(path.parent for path in others)
    counts = defaultdict(Counter)  # kind → class folder → files
    for path in others:
        counts[kind(path)][path.parent] += 1
    told = []
    for ending, folders in counts.items():
        shares = {f: n / files[f] for f, n in folders.items() if f in pictures}
        most = sorted(shares, key=shares.get, reverse=True)
        where = few([f"{100 * shares[f]:.0f} % of {f.parent.name}/{f.name}" for f in most], 3)
        told.append(f"{ending}: {where}" if where else ending)
    noun = "file" if len(others) == 1 else "files"
    return f"{len(others)} other {noun} ignored ({few(told, 3)})"
