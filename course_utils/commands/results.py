"""The committed reference runs as they come in, and as the tables of the README."""

import json
import statistics
from collections.abc import Iterable
from pathlib import Path

from course_utils.commands import reference
from course_utils.commands.reference import by_kind, network_name, run_key, runs, seconds_of, where
from course_utils.engine.run_folder import read_record
from course_utils.store.files import write_whole
from course_utils.store.locations import DATA

README = DATA.parent / "README.md"


def add(notebook: str, folders: Iterable[Path]) -> None:
    """Put the records of tested runs among a notebook's references, in place of the same seed's.

    Raises ``ValueError`` for a run that was not finished and tested.
    """
    kept = {run_key(r): r for r in runs(notebook)}
    for folder in folders:
        record = read_record(Path(folder))
        if not record.get("finished"):
            raise ValueError(f"{folder} holds no finished run: course train --out {folder}")
        if "test" not in record:
            raise ValueError(f"{folder} was not tested: course test {Path(folder) / 'best.pt'}")
        kept[run_key(record)] = record
    reference.FOLDER.mkdir(exist_ok=True)
    ordered = [kept[key] for key in sorted(kept)]
    text = ",\n".join(map(_as_text, ordered))
    path = reference.FOLDER / f"{notebook}.json"
    write_whole(path, f"[\n{text}\n]\n")


def _as_text(record: dict) -> str:
    """A record as JSON that a person can read: one line an entry."""
    history = ",\n  ".join(map(json.dumps, record["history"]))
    lines = [
        f'"{key}": [\n  {history}\n ]' if key == "history" else f'"{key}": {json.dumps(value)}'
        for key, value in record.items()
    ]
    return "{" + ",\n ".join(lines) + "}"


def tables() -> str:
    """Every notebook's results as Markdown, from the committed records."""
    lines = [
        "| notebook | network | profile | data | epochs | seeds | test accuracy | seconds "
        "| machine, torch, date |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for path in sorted(reference.FOLDER.glob("*.json")):
        lines += [_row(path.stem, group) for group in by_kind(runs(path.stem))]
    return "\n".join(lines)


def _row(notebook: str, group: list[dict]) -> str:
    first, accuracies = group[0], [r["test"]["accuracy"] for r in group]
    spread = f" ± {100 * statistics.stdev(accuracies):.1f}" if len(group) > 1 else ""
    split = ", validation" if reference.on_validation(group) else ""
    cells = [
        notebook,
        network_name(first["settings"]),
        first["settings"]["profile"],
        first["data"] + (f", {first['images']:,} images" if "images" in first else ""),
        str(first["settings"]["epochs"]),
        str(len(group)),
        f"{100 * statistics.mean(accuracies):.1f}{spread} %{split}",
        f"{seconds_of(group):.0f}",
        f"{where(first)}, torch {first['machine']['torch']}, {first['date']}",
    ]
    return "| " + " | ".join(cells) + " |"


BEGIN, END = "<!-- results: written by `course results --write` -->", "<!-- end of results -->"


def write_readme(path: Path = README) -> None:
    """Put the tables between the README's two marks."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} lacks the lines {BEGIN} and {END}")
    write_whole(path, f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}")
