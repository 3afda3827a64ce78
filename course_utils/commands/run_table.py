"""Runs beside each other: what `course runs` prints."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from course_utils.engine.run_folder import best_epochs, read_record
from course_utils.store.files import csv_text
from course_utils.store.terminal import shown
from course_utils.store.text import table

# settings that are told in any case; the others where runs differ in them
MAIN = ("model", "weights", "trained", "learning_rate", "batch_size")
HEADS = {"learning_rate": "lr", "batch_size": "batch"}
UNTOLD = ("data", "epochs", "threads", "device", "tensorboard", "progress", "workers")


def find_runs(folders: Iterable[Path]) -> tuple[list[dict], list[str]]:
    """Every run at or below these folders, one row each; and what is damaged, one line each.

    Raises ``ValueError`` for a folder that is not there.
    """
    rows, damaged = [], []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise ValueError(f"{folder}: there is no such folder of runs")
        for path in sorted(folder.rglob("record.json")):
            name = path.parent.relative_to(folder).as_posix()
            try:
                record = read_record(path.parent)
            except (ValueError, OSError) as error:
                damaged.append(str(error))
                continue
            try:
                rows.append(_row(name if name != "." else folder.name, record))
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                damaged.append(f"{path} is no record of a run ({error!r})")
    return rows, damaged


def _row(name: str, record: dict) -> dict:
    settings, history = record["settings"], record["history"]
    test = record.get("test", {})
    row = {"run": name, "data": record["data"]}
    row |= {key: settings.get(key) for key in MAIN}
    row |= {key: value for key, value in settings.items() if key not in (*MAIN, *UNTOLD)}
    return row | {
        "epochs": f"{len(history)}/{settings['epochs']}",
        "best val": _best(history, settings.get("monitor") or "val_accuracy"),
        "test": float(test["accuracy"]) if test and test.get("split", "test") == "test" else None,
        "minutes": sum(entry["seconds"] for entry in history) / 60,
        "finished": "yes" if record["finished"] else "no",
    }


def _best(history: list[dict], monitor: str) -> float | None:
    """The validation accuracy of the epoch that best.pt holds."""
    best = best_epochs(history, monitor)[:1]
    return next((float(e["val_accuracy"]) for e in history if e["epoch"] in best), None)


def in_order(rows: Sequence[dict], sort: str) -> list[dict]:
    """By best validation ``accuracy``, the highest first, or by ``name``."""
    by_name = sorted(rows, key=lambda row: row["run"])
    if sort == "name":
        return by_name
    return sorted(by_name, key=lambda row: 1 if row["best val"] is None else -row["best val"])


def run_table(rows: Sequence[dict], columns: int | None = None) -> str:
    """The runs as aligned text: settings in which they differ as columns, the others in a line.

    ``columns``: of the terminal; None for no limit.
    """
    told = ("data", *MAIN)
    results = [key for key in rows[0] if key in ("epochs", "best val", "test", "minutes")]
    settings = [key for key in _keys(rows) if key not in ("run", *results, "finished")]
    differ = [key for key in settings if len({_cell(key, row.get(key)) for row in rows}) > 1]
    same = [
        f"{HEADS.get(key, key)} {_cell(key, rows[0][key])}"
        for key in told
        if key not in differ and rows[0][key] is not None
    ]
    keys = ["run", *differ, *results, "finished"]
    cells = [[HEADS.get(key, key) for key in keys]]
    cells += [[_cell(key, row.get(key)) for key in keys] for row in rows]
    lines = table(cells, [key in ("run", "data", *MAIN[:3]) for key in keys], columns)
    first = "all: " if len(rows) > 1 else ""
    return "\n".join([first + ", ".join(same), *lines] if same else lines)


def _keys(rows: Sequence[dict]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _cell(key: str, value) -> str:
    if value is None:
        return "-"
    if key in ("best val", "test"):
        return f"{100 * value:.1f} %"
    if key == "minutes":
        return f"{value:.1f}"
    return f"{value:g}" if isinstance(value, float) else shown(str(value))


def as_csv(rows: Sequence[dict]) -> str:
    """Every run with every setting, unrounded."""
    keys = _keys(rows)
    cells = ([_plain(row.get(key)) for key in keys] for row in rows)
    return csv_text([keys, *cells])


def _plain(value):
    return json.dumps(value) if isinstance(value, list) else value
