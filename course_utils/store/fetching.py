"""Fetch one file from one mirror: resumed after a cut, verified, and only then given its name."""

import http.client
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tqdm.auto import tqdm

from course_utils.store.files import md5, sha256
from course_utils.store.web import WebError, explain, open_url


class DownloadError(RuntimeError):
    """The data cannot be had or cannot be kept here; the last line is the remedy."""


class _Cut(WebError):
    """The transfer ended too early: the same mirror may give the rest."""


@dataclass(frozen=True)
class Source:
    """An archive on one mirror, and the folder it unpacks to.

    ``sha256`` (or only ``md5``) and ``size`` (bytes) of the archive where they are known; without
    a hash only what it unpacks to can tell whether it is the right one.
    """

    url: str
    folder: str
    sha256: str | None = None
    size: int | None = None
    md5: str | None = None  # where nothing better was published

    @property
    def known(self) -> str | None:
        """The hash that the archive must have, if any was published."""
        return self.sha256 or self.md5

    def hash(self, path: Path) -> str:
        """The same hash of a file."""
        return md5(path) if self.sha256 is None and self.md5 else sha256(path)

    def differs(self, got: str) -> str:
        """In words, that a file has another hash."""
        return f"{'SHA-256' if self.sha256 else 'MD5'} {got[:12]}…, not {self.known[:12]}…"

    @property
    def file(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def part(self) -> str:
        return f"{self.file}.part"

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


@dataclass(frozen=True)
class Limits:
    """What a mirror may ask of our patience: seconds, bytes, times."""

    timeout: float = 10  # for connecting, and for each read
    window: float = 20  # in every one of which …
    slow: int = 400_000  # … this must come: 20 kB/s, less than the origin's throttled 50 kB/s
    resumes: int = 10


PATIENCE = Limits()


def fetch(source: Source, folder: Path, limits: Limits = PATIENCE) -> Path:
    """Download a file from one mirror into ``folder``; returns its path.

    Continues a ``.part`` that an earlier run or another mirror left, and starts again once where
    the two do not go together. Raises `WebError` when the mirror fails, `DownloadError` when no
    mirror could do better, ``OSError`` when the disk fails.
    """
    target, part = folder / source.file, folder / source.part
    if target.exists():
        return _given(target, source)
    if source.known is None:
        part.unlink(missing_ok=True)  # nothing would tell if it began another file
    mixed = part.exists()
    _fill(part, source, limits)
    if mixed and source.hash(part) != source.known:
        part.unlink()
        _fill(part, source, limits)
    if source.known and (got := source.hash(part)) != source.known:
        part.unlink()
        raise WebError(f"sent another file ({source.differs(got)})")
    part.replace(target)
    return target


def _given(target: Path, source: Source) -> Path:
    if source.known and (got := source.hash(target)) != source.known:
        raise DownloadError(
            f"{target} is damaged or another file ({source.differs(got)}): "
            "remove it, then run this again"
        )
    return target


def _fill(part: Path, source: Source, limits: Limits) -> None:
    """Make ``part`` as long as the file; asks for the rest again a bounded number of times."""
    for _ in range(limits.resumes + 1):
        try:
            return _append(part, source, limits)
        except _Cut as error:
            cut = error
    raise WebError(f"{cut}; asked for the rest {limits.resumes} times")


def _append(part: Path, source: Source, limits: Limits) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have and have == source.size:
        return  # killed just before the check
    wanted = {"Range": f"bytes={have}-"} if have else {}
    try:
        response = open_url(source.url, timeout=limits.timeout, headers=wanted)
    except WebError as error:
        if error.status != 416 or not have:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return
        part.unlink()
        raise _Cut(f"has no byte {have:,} of the file begun") from None
    with response:
        start, total = _offer(response, have, source)
        _check_space(part.parent, total - start + total)
        about = {"desc": source.file, "unit": "B", "unit_scale": True, "disable": None}
        with (
            part.open("ab" if start else "wb") as file,
            tqdm(initial=start, total=total, **about) as bar,  # disable=None: only on a terminal
        ):
            for chunk in _chunks(response, limits):
                bar.update(file.write(chunk))
                if file.tell() > total:
                    raise WebError(f"sends more than the {total:,} bytes it told")
            end = file.tell()
    if end < total:
        raise _Cut(f"was cut after {end:,} of {total:,} bytes")


def _offer(response: http.client.HTTPResponse, have: int, source: Source) -> tuple[int, int]:
    """The first byte that an answer brings, and how many the whole file has."""
    if response.headers.get_content_type() == "text/html":
        raise WebError("sent a web page instead of the file (does this network ask to log in?)")
    start, total = 0, response.length or source.size  # the whole file: ranges are unknown there
    if response.status == 206:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if not span or int(span[1]) != have:
            raise WebError("sent another part of the file than was asked for")
        start, total = have, int(span[2])
    if total is None:
        raise WebError("does not tell the length of the file, so a cut could not be noticed")
    if total != (source.size or total):
        raise WebError(f"offers {total:,} bytes, the file has {source.size:,}")
    return start, total


def _check_space(folder: Path, needed: int) -> None:
    """``needed``: the rest of the archive, and as much again as all of it to unpack pictures."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadError(
            f"{folder}: {needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB free: "
            "make room, or choose a folder on another disk"
        )


def _chunks(response: http.client.HTTPResponse, limits: Limits) -> Iterator[bytes]:
    """What comes, as it comes; gives up on a mirror that is too slow for too long."""
    began, received = time.monotonic(), 0
    while True:
        try:
            chunk = response.read1(1 << 16)
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(f"stopped sending: {explain(error)}") from error
        if not chunk:
            return
        yield chunk
        received += len(chunk)
        elapsed = time.monotonic() - began
        if elapsed > limits.window:
            if received < limits.slow:
                raise WebError(f"is too slow: {received:,} bytes in {elapsed:.0f} s")
            began, received = time.monotonic(), 0
