"""Where the data sets lie; needs no torch.

A set's folder is looked for in this order: an explicit path, ``$COURSE_DATA``, ``data/``, and
last the embedded drawings.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from course_utils.store.cache_marker import read_marker

ROOT = Path(__file__).resolve().parents[2]  # the course: notebooks/, data/, course_utils/ …
DATA = ROOT / "data"
DRAWINGS = DATA / "tiny"

# folders a set may lie in, the published layouts first
LAYOUTS = {
    "cifar10": ("cifar-10-batches-py", "cifar10"),
    "hymenoptera": ("hymenoptera_data",),
    "imagenet": ("imagenet",),
    "imagenette": ("imagenette2", "imagenette2-320", "imagenette2-160", "imagenette"),
}
DRAWN = {"imagenette": ("imagenet",)}  # whose drawings stand in, where it has none of its own


@dataclass(frozen=True)
class Found:
    """Where a data set was found, and in which form."""

    name: str
    path: Path
    layout: str
    drawings: bool

    def __str__(self) -> str:
        if marker := read_marker(self.path):
            of = f"drawings of {self.name}" if self.drawings else self.name
            return f"data: {of} in {self.path}, a cache of short side {marker.short_side}"
        kind = "the embedded drawings" if self.drawings else f"{self.name} in {self.path}"
        return f"data: {kind}"


def places(where: str | os.PathLike | None = None) -> list[Path]:
    """The folders in which `find` looks, in order; see there."""
    if where == "drawings":
        return [DRAWINGS]
    if where not in (None, "real"):
        return [Path(where).expanduser()]
    named = os.environ.get("COURSE_DATA")
    return [*([Path(named).expanduser()] if named else []), DATA, DRAWINGS]


def find(name: str, where: str | os.PathLike | None = None) -> Found:
    """Find the folder of a data set.

    ``where``: None or ``"real"`` looks in ``$COURSE_DATA``, ``data/`` and last the drawings;
    ``"drawings"`` takes those; anything else is a path, to the set's folder or the one around it.
    Raises ``ValueError`` for an unknown name, ``FileNotFoundError`` where the set is not there.

    >>> find("cifar10", "drawings").drawings
    True
    """
    if name not in LAYOUTS:
        raise ValueError(f"no data set is called {name!r}; there are: {', '.join(LAYOUTS)}")
    searched = places(where)
    for place in searched:
        drawn = place.resolve() == DRAWINGS.resolve()
        for layout in DRAWN.get(name, LAYOUTS[name]) if drawn else LAYOUTS[name]:
            for folder in (place / layout, place):
                if folder.absolute().name == layout and folder.is_dir():
                    drawings = folder.absolute().parent.resolve() == DRAWINGS.resolve()
                    return Found(name, folder, layout, drawings)
        for folder in (place, place / f"{name}-256"):  # last, where there are no originals
            if (marker := read_marker(folder)) and marker.of == name:
                return Found(name, folder, "cache", marker.drawings)
    raise FileNotFoundError(
        f"{name} is not in {', '.join(map(str, searched))}: expected a folder "
        f"{' or '.join(LAYOUTS[name])} there; get it with `course data get {name}`, "
        "or take the 'drawings'"
    )


def data_kind(data: str) -> str:
    """Which set a name or a folder is of: one of `LAYOUTS`, or any other ``folder``.

    >>> data_kind("cifar10"), data_kind("my pictures")
    ('cifar10', 'folder')
    """
    if data in LAYOUTS:
        return data
    for name in LAYOUTS:
        try:
            find(name, Path(data))
            return name
        except FileNotFoundError:
            continue
    return "folder"
