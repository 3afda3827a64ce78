"""What a run that goes on finds in its folder, and what must be as it was."""

import os
import warnings
from pathlib import Path

from course_utils.engine.checkpoint import load_latest, resumable
from course_utils.engine.rules import shortened
from course_utils.engine.run_folder import RecordError, named, read_json, read_record
from course_utils.engine.saved_values import check_about
from course_utils.engine.settings import RULES, kept_settings, needed_settings
from course_utils.store.class_names import few
from course_utils.store.locations import data_kind


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
    if not resumable(run):
        return {}
    path = run / "config.json"
    try:
        config = read_json(path)
        told = {name: config[name] for name in RULES if name in config and name != "num_classes"}
        if data_kind(told["data"]) == "cifar10":
            told["image_size"] = None  # there config.json tells what the data decided
    except (OSError, ValueError, TypeError, KeyError):
        raise ValueError(
            f"{run} holds a run, but {lost}, and no whole config.json: its settings are unknown"
        ) from None
    with named(path, config):
        begun = kept_settings(told)
    warnings.warn(f"{lost}; the settings are taken from config.json", stacklevel=2)
    return begun


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
            raise ValueError(f"{run}: pictures of {split} have other names or contents: {remedy}")
