"""Every file that lies in a folder or zip, read into memory; what cannot be read becomes a fault.

Nothing here trusts a zip: its names, its sizes, its links, how deep it goes.
"""

import io
import json
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from course_utils.classroom.grading.student_names import by_platform

NO_NOTEBOOK = "is no notebook; it was not read"
MB = 1_000_000
NOTEBOOK_LIMIT = 20 * MB  # without its outputs
OUTPUTS_LIMIT = 150 * MB  # with them
STUDENT_LIMIT = 60 * MB  # all that is read of one student's zip
MEMBERS_LIMIT = 2_000  # in one student's zip
DEPTH = 2  # a zip of everything, in it a student's zip, in it one more
JUNK = {"__macosx", "thumbs.db", "desktop.ini", "lost+found", "$recycle.bin", "@eadir"}
RECORDS = {"timestamp.txt", "submission_metadata.yml"}  # of Sakai, of Gradescope


@dataclass(frozen=True)
class Found:
    """A file that was handed in, or what was wrong with it; a folder or zip has neither."""

    parts: tuple[str, ...]  # folders and zips it lies in, from outside to inside, and its name
    trusted: int  # so many parts were named by the platform, none by a student; 0: nothing is known
    content: bytes | None = None
    fault: str | None = None
    received: datetime | None = None


def is_notebook(name: str) -> bool:
    """Whether a file is a notebook, also where a browser has added an ending of its own.

    >>> is_notebook("03_exercises.ipynb.txt"), is_notebook("notes.txt")
    (True, False)
    """
    return name.lower().removesuffix(".txt").removesuffix(".json").endswith(".ipynb")


def is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")


def of_a_student(name: str) -> bool:
    """Whether a file can be what a student hands in; others never tell whose something is."""
    return is_zip(name) or is_notebook(name)


def class_zip(where: Path) -> Path:
    """The one zip in a folder, where nothing else of students is in it and no platform named it.

    Else what was given.

    Raises ``ValueError`` where there is neither a folder nor a zip.
    """
    if where.is_dir():
        inside = [path for path in where.iterdir() if not _is_junk((path.name,))]
        inside = [path for path in inside if path.is_dir() or of_a_student(path.name)]
        alone = len(inside) == 1 and inside[0].is_file() and is_zip(inside[0].name)
        return inside[0] if alone and not by_platform(inside[0].name, is_file=True) else where
    if not where.is_file() or not is_zip(where.name):
        raise ValueError(f"{where}: no folder and no zip; name what the platform exported")
    return where


def find_all(where: Path) -> Iterator[Found]:
    """All that lies in a folder or zip of a class."""
    if where.is_dir():
        return _in_folder(where)
    return _in_zip(where, Found((), 0), 0, [STUDENT_LIMIT])


def _is_junk(parts: tuple[str, ...]) -> bool:
    hidden = (part.startswith(".") and part != ".." for part in parts)
    return any(hidden) or any(part.lower() in JUNK for part in parts)


def _time_of(path: Path) -> datetime:
    return datetime.fromtimestamp(int(path.stat().st_mtime))


# ---- on disk ----


def _in_folder(folder: Path) -> Iterator[Found]:
    for where, folders, files in os.walk(folder):
        here = Path(where).relative_to(folder).parts
        links = [name for name in folders if Path(where, name).is_symlink()]
        folders[:] = sorted(name for name in folders if not _is_junk((name,)))
        if here:
            yield Found(here, len(here))
        for name in sorted(files + links):
            if not _is_junk((name,)):
                yield from _on_disk(Path(where, name), (*here, name))


def _on_disk(path: Path, parts: tuple[str, ...]) -> Iterator[Found]:
    found = Found(parts, len(parts))
    try:
        if path.is_symlink() or not path.is_file():
            yield replace(found, fault="is a link or no ordinary file; it was not read")
            return
        found = replace(found, received=_time_of(path))
        if is_zip(path.name):
            yield from _in_zip(path, found, 1, [STUDENT_LIMIT])
        elif not is_notebook(path.name) and path.name not in RECORDS:
            yield replace(found, fault=NO_NOTEBOOK)
        else:
            with path.open("rb") as file:
                yield replace(found, content=_limited(file, [STUDENT_LIMIT]))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        yield replace(found, fault=f"cannot be read: {reason}")


def _limited(file, left: list[int]) -> bytes:
    """The content, of which no more than the limits allow is ever in memory.

    Outputs of a large notebook, such as a loop that printed, are dropped.
    """
    whole = file.read(OUTPUTS_LIMIT + 1 if left[0] > 0 else 1)
    content = whole if len(whole) <= NOTEBOOK_LIMIT else _without_outputs(whole)
    left[0] -= len(whole) // 5  # a bomb is not unpacked again and again
    if len(whole) > OUTPUTS_LIMIT or len(content) > NOTEBOOK_LIMIT:
        raise ValueError(
            f"it has more than {NOTEBOOK_LIMIT // MB} MB: clear all outputs, and save it again"
        )
    more = max(0, len(content) - len(whole) // 5)
    if more > left[0]:
        raise ValueError(f"there is more than {STUDENT_LIMIT // MB} MB in all")
    left[0] -= more
    return content


def _without_outputs(content: bytes) -> bytes:
    try:
        notebook = json.loads(content)
        for cell in notebook["cells"]:
            cell["outputs"] = []
        return json.dumps(notebook).encode()
    except (ValueError, LookupError, TypeError, RecursionError):
        return content


# ---- in a zip ----


def _in_zip(file, outer: Found, depth: int, left: list[int]) -> Iterator[Found]:
    """What a zip holds: at depth 0 what the platform exported, else what one student packed."""
    if depth:
        yield replace(outer, received=None)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if depth and len(members) > MEMBERS_LIMIT:
                raise ValueError(f"it holds more than {MEMBERS_LIMIT:,} files")
            for info in members:
                yield from _member(archive, info, outer, depth, left)
    except Exception as error:  # on a damaged file the reader raises nearly anything
        yield replace(outer, fault=f"cannot be unpacked: {error or type(error).__name__}")


def _member(archive, info, outer: Found, depth: int, left: list[int]) -> Iterator[Found]:
    name = _name_of(info)
    inner = tuple(part for part in name.split("/") if part not in ("", "."))
    if not inner or _is_junk(inner):
        return
    found = Found(
        outer.parts + inner,
        trusted=outer.trusted if depth else len(inner),
        received=outer.received if depth else _time_in(info) or outer.received,
    )
    if name.startswith("/") or ".." in inner or ":" in name:
        trusted = outer.trusted if depth else 0
        yield replace(found, trusted=trusted, fault="has a name that leads elsewhere; not read")
    elif info.is_dir():
        yield found
    elif fault := _refused(info, inner[-1], depth):
        yield replace(found, fault=fault)
    else:
        left = left if depth else [STUDENT_LIMIT]
        try:
            with archive.open(info) as file:
                content = _limited(file, left)
        except Exception as error:
            yield replace(found, fault=f"cannot be read: {error or type(error).__name__}")
            return
        if is_zip(inner[-1]):
            yield from _in_zip(io.BytesIO(content), found, depth + 1, left)
        else:
            yield replace(found, content=content)


def _name_of(info: zipfile.ZipInfo) -> str:
    """A member's name; old programs write UTF-8 and do not say so."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _time_in(info: zipfile.ZipInfo) -> datetime | None:
    try:
        return datetime(*info.date_time) if info.date_time[0] > 1980 else None
    except ValueError:
        return None


def _refused(info: zipfile.ZipInfo, name: str, depth: int) -> str | None:
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link or no ordinary file; it was not read"
    if info.flag_bits & 1:
        return "is encrypted; it was not read"
    if is_zip(name):
        return "is a zip in a zip in a zip; it was not opened" if depth >= DEPTH else None
    return None if is_notebook(name) or (not depth and name in RECORDS) else NO_NOTEBOOK
