"""How a folder of scaled pictures is told from the originals it was made of."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from course_utils.files import write_whole

FILE = "cache.json"


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

    Raises ``ValueError`` for a damaged one.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        return None
    try:
        return Marker(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged ({error}): remove {folder} and make the cache again"
        ) from error


def complete_marker(folder: Path) -> Marker | None:
    """As `read_marker`, but raises ``ValueError`` for a cache that is not complete."""
    marker = read_marker(folder)
    if marker and not marker.complete:
        raise ValueError(
            f"{folder} is a cache that was not finished: run the `course data cache` that made "
            "it again, and it goes on"
        )
    return marker
