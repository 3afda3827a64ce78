"""The folder of a run: where it lies, its record, its best epochs; needs no torch."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock

from course_utils.engine.rules import Rule, checked, shortened
from course_utils.engine.settings import kept_settings
from course_utils.store.files import write_whole
from course_utils.store.formats import check_format, written_by
from course_utils.store.locations import ROOT

RUNS = ROOT / "runs"


def runs_folder() -> Path:
    """Where runs are kept: ``$COURSE_RUNS``, else ``runs/`` of the course."""
    return Path(os.environ.get("COURSE_RUNS") or RUNS)


def new_run(name: str, root: str | os.PathLike | None = None) -> Path:
    """Make and print a fresh, time-stamped folder ``<root>/<name>/<time>`` for a run.

    ``root``: default ``$COURSE_RUNS``, else ``runs/`` of the course.
    """
    root = Path(root) if root else runs_folder()
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for number in range(1000):
        folder = root / name / (f"{stamp}-{number}" if number else stamp)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise OSError(f"{folder} cannot be made ({error}); set COURSE_RUNS elsewhere") from None
        print(f"run folder: {folder.relative_to(root.parent)}")
        return folder
    raise OSError(f"{root / name} holds a thousand runs of this second")


class RecordError(ValueError):
    """A file of a run holds a value that cannot be, or is of a newer version."""


NUMBERS = {"val_loss": Rule(), "val_accuracy": Rule(least=0, most=1), "seconds": Rule(least=0)}
TEST = {"accuracy": (float, Rule(least=0, most=1)), "split": (Literal["test", "val"], Rule())}
MACHINE = {"threads": (int, Rule(least=1)), "processes": (int, Rule(least=1))}
MACHINE |= {name: (str, Rule()) for name in ("device", "processor", "torch")}
RECORD = {name: (str, Rule()) for name in ("data", "date", "command", "stopped")}
RECORD |= {"images": (int, Rule(least=0)), "finished": (bool, Rule()), "history": (list, Rule())}
RECORD |= {name: (dict, Rule()) for name in ("settings", "machine", "test")}


def read_record(folder: Path) -> dict:
    """The record of a run, its values checked; empty where it has none.

    Raises ``ValueError`` where it is damaged, and `RecordError` for a value that cannot be.
    """
    path = folder / "record.json"
    if not path.exists():
        return {}
    record = read_json(path)
    with named(path, record):
        check_values(record, RECORD)
        check_values(record.get("test", {}), TEST, "test.")
        check_values(record.get("machine", {}), MACHINE, "machine.")
        check_history(record.get("history", []))
        if "settings" in record:
            record["settings"] = kept_settings(record["settings"])
    return record


def read_json(path: Path) -> dict:
    """A file of a run that holds names and values; raises ``ValueError`` where it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged (it is no record of a run); remove it")
    return content


@contextmanager
def named(path: Path, content: dict) -> Iterator[None]:
    """For what looks at the content of a file: its ``ValueError`` as `RecordError` that names it.

    First of all a newer format is refused.
    """
    try:
        check_format(path, content)
    except ValueError as error:
        raise RecordError(str(error)) from None
    try:
        yield
    except ValueError as error:
        raise RecordError(f"{path}: {error} ({written_by(content)})") from error


def check_values(content: dict, kinds: dict[str, tuple], before: str = "") -> None:
    """Raise ``ValueError`` for a value of another type or out of its range; absent ones are."""
    for name, (kind, rule) in kinds.items():
        if name in content:
            try:
                checked(content[name], kind, rule)
            except ValueError as error:
                raise ValueError(f"{before}{name} is {error}") from None


def check_history(history: list) -> None:
    """Raise ``ValueError`` unless there is an entry for each epoch from the first, of numbers."""
    for number, entry in enumerate(history, 1):
        where = f"history[{number - 1}]"
        check_values({where: entry}, {where: (dict, Rule())})
        if entry.get("epoch") != number:
            raise ValueError(f"{where}.epoch is {shortened(entry.get('epoch'))}, not {number}")
        kinds = {name: (float, NUMBERS.get(name, Rule())) for name in {*NUMBERS, *entry}}
        lacking = [name for name in NUMBERS if name not in entry]
        if lacking:
            raise ValueError(f"{where} has no {lacking[0]}")
        check_values(entry, kinds, f"{where}.")


@contextmanager
def record_lock(folder: Path) -> Iterator[None]:
    """For those who read a run's record and write it back: the training and `course test`."""
    with FileLock(folder / ".record.lock"):
        yield


def write_record(folder: Path, content: dict) -> None:
    """Write the record of a run, whole or not at all."""
    write_whole(folder / "record.json", json.dumps(content, indent=1))


def best_epochs(history: list[dict], monitor: str) -> list[int]:
    """Epochs from best to worst by ``monitor`` (a loss low, others high); of equals the earlier.

    >>> best_epochs([{"epoch": 1, "val_loss": 2.0}, {"epoch": 2, "val_loss": 1.0}], "val_loss")
    [2, 1]
    """
    sign = 1 if monitor.endswith("loss") else -1
    return [e["epoch"] for e in sorted(history, key=lambda e: (sign * e[monitor], e["epoch"]))]
