"""The committed reference runs: yours beside them, and the tables of the README.

``data/reference/<notebook>.json`` holds the records that `course train` and `course test` wrote.
"""

import json
import statistics
from collections.abc import Iterable
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course_utils import profile as profiles
from course_utils.data.datasets import DATA, find
from course_utils.recipes import recipe
from course_utils.record import read_record
from course_utils.show.plotting import VERMILLION, tidy

FOLDER = DATA / "reference"
README = DATA.parent / "README.md"

# two-sided 95 % quantiles of Student's t for 1 … 10 degrees of freedom (Student 1908)
T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)


def runs(
    notebook: str, profile: str | None = None, model: str | None = None, epochs: int | None = None
) -> list[dict]:
    """The records of a notebook's reference runs; of one profile, network, length where given."""
    path = FOLDER / f"{notebook}.json"
    records = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    wanted = {"profile": profile, "model": model, "epochs": epochs}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    return [r for r in records if wanted.items() <= r["settings"].items()]


def band(values: list[float]) -> tuple[float, float]:
    """Where one more run of the same kind lies, with 95 % probability, if seeds alone differ.

    mean ± t · s · √(1 + 1/n). Raises ``ValueError`` for fewer than two values.

    >>> [round(v, 2) for v in band([0.60, 0.62, 0.64])]
    [0.52, 0.72]
    """
    count = len(values)
    if count < 2:
        raise ValueError("a band needs at least two reference runs")
    t = T95[min(count - 1, len(T95)) - 1]
    half = t * statistics.stdev(values) * (1 + 1 / count) ** 0.5
    mean = statistics.mean(values)
    return mean - half, mean + half


def show(notebook: str, *models: str, profile: str = "cpu") -> None:
    """Print what the reference runs of these networks reached, on the real data unless told else.

    Training error: of the last epoch, on augmented images. Mean and range over the seeds.
    """
    print("network          epochs  seeds  training error  test accuracy (range)    CPU-seconds")
    for group in _groups(runs(notebook, profile)):
        first = group[0]["settings"]
        if models and first["model"] not in models:
            continue
        errors = [1 - r["history"][-1]["train_accuracy"] for r in group]
        tested = [100 * r["test"]["accuracy"] for r in group]
        spread = f"{statistics.mean(tested):.1f} % ({min(tested):.1f} to {max(tested):.1f})"
        print(
            f"{_network(first):17}{first['epochs']:6}{len(group):7}{statistics.mean(errors):16.1%}"
            f"  {spread:24}{_cpu_seconds(group):12.0f}"
        )


def _groups(records: list[dict]) -> list[list[dict]]:
    """Records that differ in the seed only."""
    groups: dict[tuple, list[dict]] = {}
    for record in records:
        groups.setdefault(_key(record)[:-1], []).append(record)
    return list(groups.values())


def _network(settings: dict) -> str:
    """The network's name, and its width where it is not the usual one."""
    usual = recipe(settings["model"], settings["profile"])["width"]
    width = settings.get("width")
    return settings["model"] + (f" w{width}" if width not in (None, usual) else "")


def _cpu_seconds(group: list[dict]) -> float:
    """Of the training, without validation and test; the median over the seeds."""
    return statistics.median(sum(e["cpu_seconds"] for e in r["history"]) for r in group)


def compare(history: list[dict], notebook: str, model: str | None = None) -> Figure | None:
    """Print a run beside the reference runs of the same profile and network, and draw both.

    Says whether its validation accuracy lies in the band that seeds alone explain, at the same
    number of epochs. ``model``: needed where a notebook has references of several networks.
    Without references to compare with it says so and returns None.
    """
    profile = profiles.name()
    epochs = len(history)
    references = [r for r in runs(notebook, profile, model) if len(r["history"]) >= epochs > 0]
    references = [r for r in references if _network(r["settings"]) == r["settings"]["model"]]
    shortest = min((len(r["history"]) for r in references), default=0)
    references = [r for r in references if len(r["history"]) == shortest]
    if len(references) < 2:
        print(f"no reference runs of {epochs} epochs in the profile {profile} yet")
        return None
    if references[0]["data"] == "cifar10" and find("cifar10").drawings:
        print("the reference runs saw CIFAR-10, yours the drawings: they do not compare")
        return None
    yours = history[-1]["val_accuracy"]
    theirs = [r["history"][epochs - 1]["val_accuracy"] for r in references]
    low, high = band(theirs)
    spread = f"{statistics.mean(theirs):.1%} ± {statistics.stdev(theirs):.1%}"
    print(f"you: {yours:.1%} on validation after {epochs} epochs")
    print(f"reference: {spread} ({len(references)} seeds, {_where(references[0])})")
    if low <= yours <= high:
        print(f"yours lies within {low:.1%} to {high:.1%}: what seeds alone explain")
    else:
        side = "below" if yours < low else "above"
        print(f"yours lies {side} {low:.1%} to {high:.1%}: more than seeds explain; what differs?")
    if references[0]["data"].endswith("drawings"):
        print("These are drawings: the figure says nothing about CIFAR-10.")
    return _draw(history, references)


def _draw(history: list[dict], references: list[dict]) -> Figure:
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    grey = {"color": "0.6", "linewidth": 1}
    mine = {"color": VERMILLION, "marker": "o", "markersize": 4, "label": "your run"}
    for ax, quantity, unit, scale in zip(
        panels, ("loss", "accuracy"), ("nats per image", "%"), (1, 100)
    ):
        for rows in [*(record["history"] for record in references), history]:
            epochs, values = zip(*((e["epoch"], scale * e[f"val_{quantity}"]) for e in rows))
            ax.plot(epochs, values, **(mine if rows is history else grey))
        ax.lines[0].set_label("reference runs")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        tidy(ax, x="epoch", y=f"validation {quantity} ({unit})").legend(frameon=False)
    return figure


def _where(record: dict) -> str:
    machine = record["machine"]
    if machine["device"] != "cpu":
        return machine["device"]
    threads = machine["threads"]
    return f"{threads} thread{'s' if threads > 1 else ''} of {machine['processor']}"


def add(notebook: str, folders: Iterable[Path]) -> None:
    """Put the records of tested runs among a notebook's references, in place of the same seed's.

    Raises ``ValueError`` for a run that was not finished and tested.
    """
    kept = {_key(r): r for r in runs(notebook)}
    for folder in folders:
        record = read_record(Path(folder))
        if not record.get("finished"):
            raise ValueError(f"{folder} holds no finished run: course train --out {folder}")
        if "test" not in record:
            raise ValueError(f"{folder} was not tested: course test {Path(folder) / 'best.pt'}")
        kept[_key(record)] = record
    FOLDER.mkdir(exist_ok=True)
    ordered = [kept[key] for key in sorted(kept)]
    text = ",\n".join(map(_as_text, ordered))
    path = FOLDER / f"{notebook}.json"
    path.write_text(f"[\n{text}\n]\n", encoding="utf-8", newline="\n")


def _as_text(record: dict) -> str:
    """A record as JSON that a person can read: one line an entry."""
    history = ",\n  ".join(map(json.dumps, record["history"]))
    lines = [
        f'"{key}": [\n  {history}\n ]' if key == "history" else f'"{key}": {json.dumps(value)}'
        for key, value in record.items()
    ]
    return "{" + ",\n ".join(lines) + "}"


def _key(record: dict) -> tuple:
    settings = record["settings"]
    names = ("profile", "model", "epochs", "seed")
    profile, model, epochs, seed = (settings[name] for name in names)
    return profile, model, settings.get("width") or 0, epochs, seed


def tables() -> str:
    """Every notebook's results as Markdown, from the committed records."""
    lines = [
        "| notebook | network | profile | data | epochs | seeds | test accuracy | CPU-seconds "
        "| machine, torch, date |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for path in sorted(FOLDER.glob("*.json")):
        lines += [_row(path.stem, group) for group in _groups(runs(path.stem))]
    return "\n".join(lines)


def _row(notebook: str, group: list[dict]) -> str:
    first, accuracies = group[0], [r["test"]["accuracy"] for r in group]
    spread = f" ± {100 * statistics.stdev(accuracies):.1f}" if len(group) > 1 else ""
    cells = [
        notebook,
        _network(first["settings"]),
        first["settings"]["profile"],
        first["data"],
        str(first["settings"]["epochs"]),
        str(len(group)),
        f"{100 * statistics.mean(accuracies):.1f}{spread} %",
        f"{_cpu_seconds(group):.0f}",
        f"{_where(first)}, torch {first['machine']['torch']}, {first['date']}",
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
    path.write_text(
        f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}", encoding="utf-8", newline="\n"
    )
