"""What a run that goes on finds in its folder, and what must be as it was."""

import os
import warnings
from pathlib import Path

from filelock import FileLock, Timeout

from course_utils.data.class_names import few
from course_utils.data.locations import data_kind
from course_utils.rules import shortened
from course_utils.run_folder import RecordError, named, read_json, read_record
from course_utils.settings import RULES, kept_settings, needed_settings
from course_utils.training.checkpoint import load_latest, previous_of
from course_utils.training.saved_values import check_about


def begun_with(run: Path) -> dict:
    """The settings of a run: from its record, or where that is lost or damaged from config.json.

    Empty for a folder without a run. Raises ``ValueError`` where both are lost.
    """
    lost = "no record.json"
    try:
        record = read_record(run)
        if begun := record.get("settings"):
            lacking = [name for name in needed_settings() if name not in begun]
            if lacking and "format" in record:
                raise RecordError(f"{run / 'record.json'} lacks {lacking[0]} among its settings")
            return begun
    except RecordError:
        raise
    except ValueError as error:
        lost = str(error).removesuffix("; remove it")
    if not holds_checkpoint(run):
        return {}
    path = run / "config.json"
    try:
        config = read_json(path)
        told = {name: config[name] for name in RULES if name in config and name != "num_classes"}
        if data_kind(told["data"]) == "cifar10":
            told["image_size"] = None  # there config.json tells what the data decided
    except (OSError, ValueError, TypeError, KeyError):
        raise ValueError(
            f"{run} holds last.pt, but {lost}, and no whole config.json: its settings are unknown"
        ) from None
    with named(path, config):
        begun = kept_settings(told)
    warnings.warn(f"{lost}; the settings are taken from config.json", stacklevel=2)
    return begun


def holds_checkpoint(run: Path) -> bool:
    """Whether a run can go on from this folder."""
    return any(path.is_file() for path in (run / "last.pt", previous_of(run / "last.pt")))


def killed_in_first_saving(run: Path) -> bool:
    """Whether a run ended after it had saved its first best.pt, and before last.pt."""
    if holds_checkpoint(run) or not any(run.glob("*.pt")):
        return False
    try:
        FileLock(run / ".lock").acquire(timeout=0).lock.release()
        record = read_record(run)
    except (Timeout, ValueError, OSError):  # it is running, or its folder is read-only
        return False
    return "settings" in record and not record.get("history")


def remove_first_saving(run: Path) -> None:
    """Remove what `killed_in_first_saving` found."""
    for path in run.glob("*.pt"):
        path.unlink(missing_ok=True)
    print(f"{run}: killed while it saved its first epoch; it begins again")


def check_same_data(run: Path, now: dict) -> None:
    """Raise ``ValueError`` where the data is not that of the run's checkpoint.

    ``now``: what `Splits.about` tells. Older checkpoints tell the classes only.
    """
    saved = load_latest(run)
    with named(run / "last.pt", saved):
        then = check_about(saved.get("about"))
    remedy = "restore the data as it was, or choose another folder for a new run"
    if then.get("classes", now["classes"]) != now["classes"]:
        was, are = then["classes"], now["classes"]
        same = len(os.path.commonprefix([was, are]))
        same = 0 if same < 10 else same  # of many classes those that differ
        was, are = (few(names[same:], 10) or "no more" for names in (was, are))
        raise ValueError(f"{run} was begun with the classes {was}; now they are {are}: {remedy}")
    for name in ("image_size", "mean", "std"):
        if then.get(name, now[name]) != now[name]:
            was, are = shortened(then[name]), shortened(now[name])
            raise ValueError(f"{run} was begun with {name}={was}; now it is {are}: {remedy}")
    for split, (count, digest) in now["pictures"].items():
        before, known = then.get("pictures", {}).get(split, (count, digest))
        if count != before:
            raise ValueError(f"{run}: {split} has {count:,} pictures, it had {before:,}: {remedy}")
        if digest != known:
            raise ValueError(f"{run}: pictures of {split} have other names or sizes: {remedy}")
