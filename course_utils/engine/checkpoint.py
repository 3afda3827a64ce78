"""Checkpoints that survive a kill at any moment and never run code when they are loaded."""

import os
import pickle
import shutil
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.serialization import get_unsafe_globals_in_checkpoint

from course_utils.engine.foreign import kind_of
from course_utils.engine.rules import Rule
from course_utils.engine.run_folder import check_values
from course_utils.engine.saved_values import check_about
from course_utils.models import create_model, is_weights
from course_utils.store.files import (
    checked_hash,
    flush,
    flush_folder,
    list_of,
    listed,
    sha256,
    write_whole,
)
from course_utils.store.formats import check_format, written_by


class CheckpointError(ValueError):
    """A checkpoint that is absent, damaged, refused, or of another model."""


class NewerCheckpoint(CheckpointError):
    """A checkpoint of a later version of the course, whole and not to be read by this one."""


def save_checkpoint(content: dict, path: str | os.PathLike) -> None:
    """Write a checkpoint so that at any moment a whole one is on the disk.

    Written to a temporary file, flushed to the disk, then renamed; what was there stays as
    ``NAME.prev.pt``; ``NAME.pt.sha256`` holds the SHA-256 of both.

    Raises ``OSError`` where it cannot be written, with the old checkpoint intact, and
    ``TypeError`` for content that `load_checkpoint` would refuse.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_free_space(content, path.parent)
    partial = _partial(path)
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
            flush(file)
        refuse_code(partial)
        # Both hashes are on the list before either file changes: a kill in between harms nothing.
        # The old one is that of the file there: what was listed first may never have been renamed.
        old = checked_hash(path)
        kept = old or checked_hash(previous_of(path))
        _write_list(path, [sha256(partial), *filter(None, [kept])])
        if old:  # a damaged file must not take the place of a whole one
            _keep_previous(path)
        os.replace(partial, path)
        flush_folder(path.parent)
    except (OSError, RuntimeError) as error:  # torch raises RuntimeError where a write fails
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        raise OSError(f"{path} could not be saved, the one before is whole: {cause}") from error
    finally:
        for file in (path, previous_of(path), list_of(path)):
            _partial(file).unlink(missing_ok=True)


def refuse_code(file) -> None:
    """Raise ``TypeError`` where a saved file holds more than tensors and plain values."""
    if names := get_unsafe_globals_in_checkpoint(file):
        raise TypeError(
            f"a checkpoint holds only tensors and plain values, not {', '.join(sorted(names))}: "
            "convert with float(), str(), tolist(), … (a NumPy learning rate, for example)"
        )


def previous_of(path: str | os.PathLike) -> Path:
    """Where the checkpoint before this one is kept: ``last.pt`` → ``last.prev.pt``."""
    path = Path(path)
    return path.with_name(f"{path.stem}.prev{path.suffix}")


def _partial(path: Path) -> Path:
    """A temporary file beside ``path``; what a kill leaves of it ends in ``.part``."""
    return path.with_name(f"{path.name}.{os.getpid()}.part")


def _keep_previous(path: Path) -> None:
    """Give the present file a second name, without a moment in which the first one is absent."""
    spare = _partial(previous_of(path))
    spare.unlink(missing_ok=True)
    try:
        os.link(path, spare)
    except OSError:  # a file system without hard links
        shutil.copy2(path, spare)
    os.replace(spare, previous_of(path))


def _check_free_space(content: dict, folder: Path) -> None:
    needed = int(_size(content) * 1.1) + 2**20
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            f"{folder}: a checkpoint needs {needed / 2**20:.0f} MiB and {free / 2**20:.0f} MiB "
            "are free; make room, the one before is whole"
        )


def _size(content) -> int:
    if isinstance(content, Tensor):
        return content.nbytes
    if isinstance(content, dict):
        content = list(content.values())
    return sum(map(_size, content)) if isinstance(content, (list, tuple)) else 0


def _write_list(path: Path, hashes: list[str]) -> None:
    names = [path.name, previous_of(path).name]
    lines = [f"{digest}  {name}\n" for digest, name in zip(hashes, names, strict=False)]
    write_whole(list_of(path), "".join(lines))


def load_checkpoint(path: str | os.PathLike, device: torch.device | str = "cpu") -> dict:
    """Load a checkpoint, with ``weights_only=True`` and nothing else, ever.

    Raises `CheckpointError` where the file is absent, damaged (its SHA-256 differs from the one
    beside it), would run code, or is no checkpoint of this course. Without a SHA-256 beside it,
    it is loaded with a warning.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} is not there; a run saves last.pt and best.pt in its folder")
    if not listed(path) and (kind := kind_of(path)):
        raise CheckpointError(f"{path} is {kind}; expected is a run's checkpoint, such as best.pt")
    if not listed(path):
        warnings.warn(f"{path} has no {list_of(path).name} beside it: unchecked", stacklevel=2)
    elif not checked_hash(path):
        whole = whole_beside(path)
        remedy = f"use {', '.join(whole)}" if whole else "no checkpoint beside it is whole"
        raise CheckpointError(
            f"{path} is damaged: its SHA-256 is not that in {list_of(path).name}; {remedy}"
        )
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} is refused: it is damaged, or it holds more than tensors and plain values, "
            "so that loading it could run code; save weights with "
            "`torch.save(model.state_dict(), …)`"
        ) from None  # torch's own text recommends to load it all the same
    except Exception as error:  # on damaged bytes torch raises nearly anything
        if isinstance(error, MemoryError) or "out of memory" in str(error):
            raise
        raise CheckpointError(
            f"{path} is cut short, damaged, or no checkpoint at all; expected is a run's best.pt"
        ) from error
    if not isinstance(content, dict) or not is_weights(content.get("model")):
        raise CheckpointError(f"{path} holds no 'model': it is not a checkpoint of this course")
    try:
        check_format(path, content)
    except ValueError as error:
        raise NewerCheckpoint(str(error)) from None
    return content


def whole_beside(path: Path) -> list[str]:
    """The other checkpoints of a run that are on the disk as they were saved: the one before first,
    then the best."""
    order = [previous_of(path), path.with_name("best.pt"), *sorted(path.parent.glob("*.pt"))]
    others = dict.fromkeys(other for other in order if other != path and other.is_file())
    return [other.name for other in others if listed(other) and checked_hash(other)]


def load_latest(path: str | os.PathLike, device: torch.device | str = "cpu") -> dict:
    """Load a checkpoint, or the one before it where it is lost or damaged.

    A folder means its last.pt, and where the one before is no help its best.pt: that holds as much,
    of an earlier epoch. Raises `CheckpointError` that names all that are damaged.
    """
    first = Path(path)
    others = [previous_of(first)]
    if first.is_dir():
        first, others = first / "last.pt", resumable(first)
    told = []
    for path in [first, *(other for other in others if other.is_file() and other != first)]:
        try:
            content = load_checkpoint(path, device)
        except NewerCheckpoint:  # whole, and of use to that version
            raise
        except CheckpointError as error:
            told.append(str(error))
            continue
        if told:
            warnings.warn(f"{_without_remedy(told)}; going on from {path.name}", stacklevel=2)
        return content
    *others, last = told
    raise CheckpointError("; ".join(filter(None, [_without_remedy(others), last])))


def _without_remedy(errors: list[str]) -> str:
    return "; ".join(error.rpartition("; ")[0] or error for error in errors)


def resumable(run: Path) -> list[Path]:
    """The checkpoints of a run that it can go on from, the one to take first."""
    last, best = run / "last.pt", run / "best.pt"
    paths = [last, previous_of(last), best, previous_of(best)]
    return [path for path in paths if path.is_file()]


def load_weights(model: nn.Module, weights: dict[str, Tensor], origin: str = "checkpoint") -> None:
    """Load weights strictly; raises `CheckpointError` naming what differs on both sides."""
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    saved = {name: tuple(value.shape) for name, value in weights.items()}
    differing = [name for name in {**own, **saved} if own.get(name) != saved.get(name)]
    if differing:
        first = differing[0]
        raise CheckpointError(
            f"{origin} is of another model: {len(differing)} tensors differ, first {first}: "
            f"{saved.get(first, 'absent')} in the checkpoint, {own.get(first, 'absent')} in "
            f"{type(model).__name__}"
        )
    model.load_state_dict(weights)


def load_model(
    path: str | os.PathLike, device: torch.device | str = "cpu"
) -> tuple[nn.Module, dict]:
    """Build the model a checkpoint holds, in eval mode, and what it knows of its data.

    The dictionary has ``classes``, ``image_size``, ``mean``, ``std``, ``data``, ``epoch``.
    """
    content = load_checkpoint(path, device)
    if not content.get("config"):
        raise CheckpointError(
            f"{path} does not say which model it is of: build it by hand, "
            "then load_weights(model, load_checkpoint(path)['model'])"
        )
    model = configured(content, path)
    try:
        about = check_about(content.get("about"), model.config["num_classes"])
        check_values(content, {"epoch": (int, Rule(least=0))})
    except ValueError as error:
        raise CheckpointError(f"{path}: {error} ({written_by(content)})") from error
    about["epoch"] = content.get("epoch", 0)
    load_weights(model, content["model"], str(path))
    for name, value in model.state_dict().items():
        if not torch.isfinite(value).all():
            raise CheckpointError(f"{path}: {name} is not finite: the training has diverged")
    return model.to(device).eval(), about


def configured(content: dict, path: Path) -> nn.Module:
    """The network that a checkpoint is of, without its weights; `CheckpointError` where none is."""
    try:
        return create_model(**content["config"])
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        why = f"its config builds no network: {str(error).splitlines()[0][:200]}"
        raise CheckpointError(f"{path}: {why} ({written_by(content)})") from error
