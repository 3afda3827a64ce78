"""A copy of a folder of pictures, scaled so that they are read about twice as fast."""

import io
import json
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from PIL import Image
from tqdm.auto import tqdm

from course_utils.data.transforms import resized, scaled_size
from course_utils.store.cache_marker import LIST, Marker, read_marker, write_marker
from course_utils.store.checking import BLOCK, pictures_below
from course_utils.store.files import write_whole
from course_utils.store.folder_listing import JPEG
from course_utils.store.images import ImageError
from course_utils.store.pixels import read_pixels
from course_utils.store.suspects import decoder_messages, noticed_by_decoder

SHORT_SIDE = 256  # as the usual evaluation scales, before it cuts out 224
QUALITY = 95  # differs by 2.0 grey levels in the mean from the scaled pixels, in 41 kB a picture


def make_cache(
    root: Path, out: Path, name: str, drawings: bool = False, workers: int | None = None
) -> list[str]:
    """Copy every picture below ``root`` to ``out``, its short side scaled to 256 pixels.

    As JPEG; a picture that is not larger is copied as it is. Goes on where it was stopped, makes
    again what has changed among the originals, removes what is no longer there, and says so.
    Returns what cannot be read, one line a picture; that is left out. ``name`` is what the data is
    called; ``workers`` threads, by default one for each processor. Raises ``ValueError`` for
    folders that cannot be, ``OSError`` where the disk fails.
    """
    check_folders(root, out)
    marker = Marker(name, SHORT_SIDE, QUALITY, drawings)
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out), _one_thread_each():
        there = read_marker(out)
        if there and (there.of, there.drawings) != (name, drawings):
            raise ValueError(f"{out} is a cache of {there.of}; choose another folder")
        paths, _ = pictures_below(root)
        pictures = {path.relative_to(root).as_posix(): path for path in paths}
        write_marker(out, marker)
        kept = _compare(out, pictures)
        missing = {name: path for name, path in pictures.items() if name not in kept}
        faults = _make(root, out, missing, workers)
        write_marker(out, replace(marker, complete=True))
    return faults


def check_folders(root: Path, out: Path) -> None:
    """Raise ``ValueError`` where no cache can be made of the one folder in the other."""
    if not root.is_dir():
        raise ValueError(f"{root}: there is no such folder")
    inner, outer = out.resolve(), root.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise ValueError(f"{out} and {root} lie in each other; choose another folder with --out")
    if read_marker(root):
        raise ValueError(f"{root} is a cache itself: make one of its originals")
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; choose another folder with --out")
    strange = out.is_dir() and any(not path.name.startswith(".") for path in out.iterdir())
    if strange and not read_marker(out):
        raise ValueError(f"{out} holds something else; choose another folder with --out")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    lock = FileLock(out / ".cache.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"{out}: another process is making this cache") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Scale with one thread: there are several pictures at a time already."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# ---- what was made of what ----


def _read_list(out: Path) -> dict[str, list]:
    """Name of an original → its size and time (ns), name and size of the copy."""
    if not (out / LIST).exists():
        return {}
    done = {}
    for line in (out / LIST).read_text(encoding="utf-8").splitlines():
        try:
            original, *rest = json.loads(line)
        except ValueError:  # the line that was being written when it was killed
            continue
        done[original] = rest
    return done


def _write_list(out: Path, rows: list[tuple]) -> None:
    write_whole(out / LIST, "".join(json.dumps(row) + "\n" for row in rows))


def _compare(out: Path, pictures: dict[str, Path]) -> set[str]:
    """Which originals have a whole copy that was made of them; removes those of others."""
    done, kept = _read_list(out), set()
    gone, changed = set(done.keys() - pictures.keys()), set()
    for name, (size, time, copy, copy_size) in done.items():
        if name in gone:
            continue
        try:
            now = pictures[name].stat()
        except FileNotFoundError:  # a link that leads nowhere by now
            gone.add(name)
            continue
        if (now.st_size, now.st_mtime_ns) != (size, time):
            changed.add(name)
        elif (out / copy).is_file() and (out / copy).stat().st_size == copy_size:
            kept.add(name)
    for name in gone | changed:
        (out / done[name][2]).unlink(missing_ok=True)
    _write_list(out, [(name, *done[name]) for name in kept])
    counts = {"there already": kept, "changed since, made again": changed, "gone, removed": gone}
    if done:
        told = ", ".join(f"{what}: {len(names):,}" for what, names in counts.items() if names)
        print(f"{out}: {told or 'nothing whole is there'}")
    return kept


# ---- making them ----


def _make(root: Path, out: Path, pictures: dict[str, Path], workers: int | None) -> list[str]:
    """Make the copies of these pictures and write them on the list; what cannot be read."""
    faults, names = [], list(pictures)
    for folder in {path.parent for path in pictures.values()}:
        (out / folder.relative_to(root)).mkdir(parents=True, exist_ok=True)
    bar = tqdm(total=len(pictures), desc="scaling", leave=False, disable=None, unit="image")
    with (
        bar,  # disable=None: only on a terminal
        ThreadPoolExecutor(workers or os.cpu_count()) as pool,
        (out / LIST).open("a", encoding="utf-8", buffering=1) as made,  # line by line
        warnings.catch_warnings(),  # read_image changes the filters, threads would crosswise
    ):
        for start in range(0, len(names), BLOCK):
            block = names[start : start + BLOCK]
            with decoder_messages() as told:
                for row in pool.map(partial(_copy, root, out), block):
                    if isinstance(row, str):
                        faults.append(row)
                    else:
                        made.write(json.dumps(row) + "\n")
            bar.update(len(block))
            for path, why in noticed_by_decoder(map(root.joinpath, block)).items() if told else ():
                tqdm.write(f"{path}: suspect: {why}")
    return faults


def _copy(root: Path, out: Path, name: str) -> tuple | str:
    """Scale one picture; its line for the list, or what is wrong with it."""
    path = root / name
    try:
        before = path.stat()  # if it changes meanwhile, the next time will tell
        data, is_scaled = _scaled(path)
    except FileNotFoundError:
        return f"{path}: is a link that leads nowhere"
    except ImageError as error:
        return str(error)
    copy = name
    if is_scaled and path.suffix.lower() not in JPEG:
        copy = f"{name}.jpg"
        if (root / copy).exists():
            raise ValueError(f"{root / copy}: its copy and that of {path} would have one name")
    target = out / copy
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(data)
    os.replace(part, target)
    return name, before.st_size, before.st_mtime_ns, copy, len(data)


def _scaled(path: Path) -> tuple[bytes, bool]:
    """The content of a picture's copy, and whether it was scaled."""
    pixels = read_pixels(path)
    height, width = pixels.shape[1:]
    if min(height, width) <= SHORT_SIDE:
        return path.read_bytes(), False
    pixels = resized(pixels, *scaled_size(height, width, SHORT_SIDE))
    file = io.BytesIO()
    image = Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue(), True
