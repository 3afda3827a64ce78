"""Unpack a tar or zip archive that may be hostile or damaged: all of it, or nothing."""

import errno
import gzip
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

UNPACKING = ".unpacking"  # how a folder ends that is not complete yet

# name; content, or None for a folder; why it is refused, if it is
Member = tuple[str, BinaryIO | None, str | None]


class ArchiveError(ValueError):
    """An archive that is refused or damaged, in one line."""


def unpack(
    archive: str | os.PathLike,
    destination: str | os.PathLike,
    *,
    check: Callable[[Path], None] | None = None,
    max_members: int = 200_000,
    max_bytes: int = 4 << 30,
    max_ratio: float = 20,
) -> Path:
    """Unpack the folder named like ``destination`` out of an archive; returns ``destination``.

    It appears only when it is complete and ``check(folder)`` has not raised ``ValueError``. Links,
    devices, ``..``, absolute names and whatever Windows could read as one are refused, as is what
    unpacks to more than ``max_bytes`` or ``max_ratio`` times its size (pictures hardly compress).
    Raises `ArchiveError`, and ``OSError`` where the disk cannot be written.
    """
    archive, destination = Path(archive), Path(destination)
    if os.path.lexists(destination):
        raise ArchiveError(f"{destination} is there already: move it away to unpack {archive}")
    limit = min(max_bytes, max(max_ratio * archive.stat().st_size, 1 << 20))
    with TemporaryDirectory(
        prefix=f".{destination.name}.", suffix=UNPACKING, dir=destination.parent
    ) as work:
        _extract(archive, Path(work), max_members, limit)
        folder = Path(work, destination.name)
        if not folder.is_dir():
            raise ArchiveError(f"{archive}: holds no folder {destination.name}/")
        if check:
            check(folder)
        folder.rename(destination)
    return destination


def _extract(archive: Path, work: Path, max_members: int, limit: float) -> None:
    name = ""
    try:
        with closing(_members(archive, limit)) as members:
            for count, (name, content, refused) in enumerate(members, start=1):
                if count > max_members:
                    refused = f"is one of more than {max_members:,} members"
                if refused:
                    raise ArchiveError(refused)
                _write(work.joinpath(*_safe_parts(name)), content)
    except ArchiveError as error:
        raise ArchiveError(f"{archive}: {name!r} {error}") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise ArchiveError(f"{archive}: {name!r} occurs twice") from None
    except Exception as error:  # on a damaged file the readers raise nearly anything
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # of the disk
        where = f"is damaged at or after {name!r}" if name else "is no tar or zip archive"
        raise ArchiveError(f"{archive}: {where} ({error or type(error).__name__})") from error


def _write(path: Path, content: BinaryIO | None) -> None:
    if content is None:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)


def _safe_parts(name: str) -> list[str]:
    """The parts of a member's name; refuses what leads elsewhere on any system.

    >>> _safe_parts("./cifar10/train/cat/0001.png")
    ['cifar10', 'train', 'cat', '0001.png']
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/"):
        raise ArchiveError("has an absolute name")
    if ".." in parts:
        raise ArchiveError("leads out of its folder by '..'")
    if any(c in '\\:<>|?*"' or not c.isprintable() for c in name):
        raise ArchiveError("has a drive letter, a backslash or another character that is refused")
    if any(part.endswith((".", " ")) for part in parts):  # Windows drops these: '.. ' is '..'
        raise ArchiveError("has a part that ends in a dot or a space")
    return parts


class _Metered:
    """A stream that refuses to give more than what is left of the archive's limit.

    Counts what really comes out, since headers may say anything.
    """

    def __init__(self, stream: BinaryIO, left: list[float]):
        self.stream, self.left = stream, left

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size)
        self.left[0] -= len(data)
        if self.left[0] < 0:
            raise ArchiveError("unpacks to more than is allowed: a bomb?")
        return data


def _members(archive: Path, limit: float) -> Iterator[Member]:
    left = [limit]  # shared by all members
    with archive.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start.startswith(b"PK"):
            yield from _zip_members(file, left)
        elif start.startswith(b"\x1f\x8b"):
            with gzip.open(file) as unzipped:
                yield from _tar_members(_Metered(unzipped, left))
        else:
            yield from _tar_members(_Metered(file, left))


def _tar_members(stream: _Metered) -> Iterator[Member]:
    kinds = {tarfile.SYMTYPE: "symbolic link", tarfile.LNKTYPE: "hard link"}
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            if member.isdir():
                yield member.name, None, None
            elif member.isreg() and not member.issparse():
                yield member.name, tar.extractfile(member), None
            else:
                yield member.name, None, f"is a {kinds.get(member.type, 'device or special file')}"
    while stream.read(1 << 20):  # to the very end, where gzip keeps its checksum
        pass


def _zip_members(file: BinaryIO, left: list[float]) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the writer knew no Unix
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                yield info.filename, None, "is a link or special file"
            elif info.flag_bits & 1:
                yield info.filename, None, "is encrypted"
            elif info.is_dir():
                yield info.filename, None, None
            else:
                with archive.open(info) as content:
                    yield info.filename, _Metered(content, left), None
