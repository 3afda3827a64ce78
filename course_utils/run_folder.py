"""The folder of a run: where it lies, its record, its best epochs; needs no torch."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock

from course_utils.files import write_whole

RUNS = Path(__file__).resolve().parents[1] / "runs"


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


def read_record(folder: Path) -> dict:
    """The record of a run; empty where it has none."""
    path = folder / "record.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); remove it") from error
    kinds = {"settings": dict, "history": list, "test": dict}
    if not isinstance(record, dict) or not all(
        isinstance(record[name], kind) for name, kind in kinds.items() if name in record
    ):
        raise ValueError(f"{path} is damaged (it is no record of a run); remove it")
    return record


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
