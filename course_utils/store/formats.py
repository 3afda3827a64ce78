"""Which version of the course wrote a file, and in which format.

The number grows where an older version could no longer read what is written. Files without a number
are from before there was one, and are read as far as they can be.
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FORMAT = 1


def course_version() -> str:
    """The version of the course that is running."""
    try:
        return version("course-utils")
    except PackageNotFoundError:  # run from its folder, without having been installed
        return "unknown"


def stamp() -> dict:
    """What every file of a run says of itself."""
    return {"format": FORMAT, "version": course_version()}


def written_by(content: Mapping) -> str:
    """Which version wrote this, in words."""
    told = content.get("version")
    if not isinstance(told, str):
        return "written by an older version"
    return f"written by version {told[:20]}"


def check_format(path: Path, content: Mapping) -> None:
    """Raise ``ValueError`` for a file of a format that this version cannot read."""
    number = content.get("format", 0)
    if isinstance(number, int) and 0 <= number <= FORMAT:
        return
    raise ValueError(
        f"{path} has the format {str(number)[:20]!r}, {written_by(content)}; this version, "
        f"{course_version()}, reads formats up to {FORMAT}: update the course"
    )
