"""Files told by their SHA-256, and files that are written whole."""

import csv
import hashlib
import io
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

# ---- hashes ----


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5(path: str | os.PathLike) -> str:
    """The MD5 of a file, as 32 hexadecimal digits: where nothing better was published."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def list_of(path: Path) -> Path:
    """Where the hashes of a checkpoint and of the one before it stand: ``best.pt.sha256``."""
    return path.with_name(path.name.replace(".prev.", ".") + ".sha256")


def listed(path: Path) -> list[str]:
    """The hashes on the list beside a file; empty where there is none."""
    if not list_of(path).is_file():
        return []
    return [line[:64] for line in list_of(path).read_text(errors="replace").splitlines()]


def checked_hash(path: Path) -> str | None:
    """The SHA-256 of a file if it is on the list beside it, or there is no list; else None."""
    if not path.is_file():
        return None
    digest, known = sha256(path), listed(path)
    return digest if digest in known or not known else None


# ---- text ----


def check_writable(folder: Path) -> None:
    """Raise ``OSError`` where no file can be made in a folder: on Windows no flag tells so."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        why = f"no file can be written there ({error.strerror})"
        raise OSError(f"{folder}: {why}; make room, make it writable, or choose another") from None


def check_place(path: Path, ending: str) -> None:
    """Raise ``ValueError`` or ``OSError`` where this file may not be written, before the work.

    A file that is there is replaced only where its name ends in ``ending``: any other is a
    mistake, such as a picture that stands where a name was expected.
    """
    if is_stream(path):
        return
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: there is no folder {path.parent}; make it first")
    if path.exists() and path.suffix.lower() != ending:
        raise ValueError(f"{path} is there already and does not end in {ending}; name another file")
    check_writable(path.parent)


def is_stream(path: Path) -> bool:
    """Whether this is a pipe or a device, such as /dev/stdout, that takes text as it comes."""
    system = path.absolute().parts[:2] in (("/", "dev"), ("/", "proc"))
    return path.exists() and not path.is_dir() and (system or not path.is_file())


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, so that at any moment a whole one is there, or none.

    Written to a temporary file and flushed to the disk, then renamed, and the folder flushed: it
    survives a power cut too.
    """
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogateescape")
    if is_stream(path):
        with path.open("ab") as stream:
            stream.write(content)
        return
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            file.write(content)
            flush(file)
        os.replace(partial, path)
        flush_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def flush(file) -> None:
    """Until the disk has what was written into an open file."""
    file.flush()
    os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Until the disk has the names in a folder; where folders cannot be flushed it does nothing."""
    with suppress(OSError):  # Windows, some network disks
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def csv_text(rows: Iterable[Iterable]) -> str:
    """Rows, the heads first, as a table that any program reads."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()
