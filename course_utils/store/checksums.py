"""Are these the pictures that were published? Told by the SHA-256 of each."""

from collections.abc import Mapping
from pathlib import Path

from course_utils.store.files import sha256
from course_utils.store.folder_listing import is_picture

HYMENOPTERA = Path(__file__).with_name("hymenoptera.sha256")


def read_checksums(path: Path) -> dict[str, str]:
    """A list in the format of ``sha256sum``: name of each file → SHA-256 in hexadecimal."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def verify_pictures(folder: Path, known: Mapping[str, str], remedy: str) -> None:
    """Raise ``ValueError``, naming one, for pictures that are missing, changed or too many.

    ``known``: path in the folder → SHA-256. What is no picture is not looked at.
    """
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    there = {
        name: path for name, path in paths.items()
        if is_picture(path) and not any(part.startswith(".") for part in name.split("/"))
    }  # fmt: skip
    faults = [f"{name} is missing" for name in known.keys() - there.keys()]
    faults += [f"{name} was not published with it" for name in there.keys() - known.keys()]
    faults += [
        f"{name} is changed"
        for name in known.keys() & there.keys()
        if not there[name].is_file() or sha256(there[name]) != known[name]
    ]
    if faults:
        more = f" ({len(faults)} such faults)" if faults[1:] else ""
        raise ValueError(f"{folder}: {min(faults)}{more}; {remedy}")


def verify_hymenoptera(folder: Path) -> None:
    """Raise ``ValueError`` unless a folder holds the ants and bees as they were published."""
    remedy = f"remove {folder} and run `course data get hymenoptera`"
    verify_pictures(Path(folder), read_checksums(HYMENOPTERA), remedy)
