"""How a folder of scaled pictures is told from the originals it was made of."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from course_utils.store.files import write_whole

FILE = "cache.json"
LIST = "cache.jsonl"  # one line a picture: its name, size and time, the copy's name and size


@dataclass(frozen=True)
class Marker:
    """What lies in a cache: ``of`` which data, scaled how, and whether all of it is there."""

    of: str
    short_side: int
    quality: int
    drawings: bool = False
    complete: bool = False

    @property
    def name(self) -> str:
        """What results on it are said to be on."""
        return f"{self.of} short side {self.short_side}"


def write_marker(folder: Path, marker: Marker) -> None:
    """Mark a folder as a cache."""
    write_whole(folder / FILE, json.dumps(asdict(marker), indent=1))


def read_marker(folder: Path) -> Marker | None:
    """The marker of a cache; None for a folder that is none, or is not there.

    Other programs too write a ``cache.json``: what has no list of the copies beside it is theirs.
    Raises ``ValueError`` for a damaged one of our own.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        marker = Marker(**content)
        if not all(isinstance(getattr(marker, f.name), f.type) for f in fields(Marker)):
            raise TypeError("a value of another type")
        return marker
    except (ValueError, TypeError) as error:
        if not (path.parent / LIST).is_file():
            return None
        remedy = "make the cache again, in another folder (course data cache … --out)"
        raise ValueError(f"{path} is damaged ({error}): {remedy}") from error


def complete_marker(folder: Path) -> Marker | None:
    """As `read_marker`, but raises ``ValueError`` for a cache that is not complete."""
    marker = read_marker(folder)
    if marker and not marker.complete:
        raise ValueError(
            f"{folder} is a cache that was not finished: run the `course data cache` that made "
            "it again, and it goes on"
        )
    return marker
