"""The committed reference runs: what they reached, and yours beside them.

``data/reference/<notebook>.json`` holds the records that `course train` and `course test` wrote.
"""

import json
import statistics
from collections.abc import Iterable
from typing import TYPE_CHECKING

from course_utils.commands.recipes import recipe
from course_utils.store.locations import DATA, find

if TYPE_CHECKING:  # matplotlib and torch are imported where they are used: tables need neither
    from matplotlib.figure import Figure

FOLDER = DATA / "reference"

# two-sided 95 % quantiles of Student's t for 1 … 10 degrees of freedom (Student 1908)
T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)


# how the data of the reference runs is called in a sentence
CALLED = {"cifar10": "CIFAR-10", "hymenoptera": "the photographs"}
CALLED |= {"imagenet": "ImageNet", "imagenette": "Imagenette"}


def runs(
    notebook: str, profile: str | None = None, model: str | None = None, **settings
) -> list[dict]:
    """The records of a notebook's reference runs; of one profile, network, settings where given."""
    path = FOLDER / f"{notebook}.json"
    records = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    wanted = {"profile": profile, "model": model, **settings}
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


def show(notebooks: str | Iterable[str], *models: str, profile: str = "cpu") -> None:
    """Print what reference runs of one or several notebooks reached, one line for each network.

    ``models``: which ones, default all. Training error: of the last epoch, on augmented images,
    the mean of the seeds. Seconds: see `seconds_of`.
    """
    notebooks = [notebooks] if isinstance(notebooks, str) else notebooks
    groups = [group for notebook in notebooks for group in by_kind(runs(notebook, profile))]
    groups = [group for group in groups if not models or group[0]["settings"]["model"] in models]
    names = [network_name(group[0]["settings"]) for group in groups]
    width = max([24, *(len(name) + 2 for name in names)])
    columns = "epochs  seeds  training error  test accuracy (range)     seconds"
    print(f"{'network':{width}}{columns}")
    for name, group in zip(names, groups):
        errors = [1 - r["history"][-1]["train_accuracy"] for r in group]
        tested = [100 * r["test"]["accuracy"] for r in group]
        share = f"{statistics.mean(tested):.1f} %{'*' if on_validation(group) else ''}"
        spread = f"{share} ({min(tested):.1f} to {max(tested):.1f})"
        print(
            f"{name:{width}}{group[0]['settings']['epochs']:6}{len(group):7}"
            f"{statistics.mean(errors):16.1%}  {spread:24}{seconds_of(group):9.0f}"
        )
    shown = {group[0]["settings"]["model"] for group in groups}
    marked = [record for group in groups if on_validation(group) for record in group]
    for model in models:
        if model not in shown:
            print(f"{model:24}not measured yet")
    if marked:
        best = any(record["test"].get("chosen") for record in marked)
        chosen = "of the best epoch, chosen on them" if best else "of the last epoch"
        print(f"* of validation images, {chosen}; there are no test images")


def on_validation(group: list[dict]) -> bool:
    """Whether runs were evaluated on validation images, for want of test images."""
    return any(record["test"].get("split") == "val" for record in group)


def run_key(record: dict) -> tuple:
    """What a group of runs shares, and the seed; sorted by profile, network and length."""
    settings = record["settings"]
    first = [settings[name] for name in ("profile", "model", "epochs")]
    return *first, network_name(settings), settings["seed"]


def by_kind(records: list[dict]) -> list[list[dict]]:
    """Records that differ in the seed only."""
    groups: dict[tuple, list[dict]] = {}
    for record in records:
        groups.setdefault(run_key(record)[:-1], []).append(record)
    return list(groups.values())


def network_name(settings: dict) -> str:
    """The network's name, and what it was told that its recipe does not say."""
    told = [f"{name}={value}" for name, value in beside_recipe(settings).items()]
    return " ".join([settings["model"], *told])


def beside_recipe(settings: dict) -> dict:
    """The settings of a run that are not its recipe's, but for data and length.

    An image size that the recipe leaves to the weights is not among them.
    """
    usual = recipe(settings["model"], settings["profile"], settings.get("data", "cifar10"))
    usual = {n: v for n, v in usual.items() if n not in ("data", "epochs")}
    if usual["image_size"] is None:
        del usual["image_size"]
    other = {n: settings[n] for n in usual if settings.get(n) is not None}
    other = {n: tuple(v) if isinstance(v, list) else v for n, v in other.items()}
    return {n: v for n, v in other.items() if v != usual[n]}


def seconds_of(group: list[dict]) -> float:
    """Of the training, without validation and test; the median over the seeds.

    On a CPU the processor time of all threads, on a GPU the time that passed.
    """
    clock = "cpu_seconds" if group[0]["machine"]["device"] == "cpu" else "seconds"
    return statistics.median(sum(e[clock] for e in r["history"]) for r in group)


def compare(
    history: list[dict], notebook: str, model: str | None = None, **settings
) -> "Figure | None":
    """Print a run beside the reference runs of the same profile and network, and draw both.

    Says whether its validation accuracy lies in the band that seeds alone explain, at the same
    number of epochs. ``model``: needed where a notebook has references of several networks;
    ``weights=``: where the recipe takes what can be had. Without references to compare with it
    says so and returns None.
    """
    from course_utils.data import profile as profiles

    profile = profiles.name()
    epochs = len(history)
    references = [r for r in runs(notebook, profile, model, **settings) if _comparable(r, epochs)]
    shortest = min((len(r["history"]) for r in references), default=0)
    references = [r for r in references if len(r["history"]) == shortest]
    if len(references) < 2:
        print(f"no reference runs of {epochs} epochs in the profile {profile} yet")
        return None
    data, _, drawn = references[0]["data"].partition(" ")
    if not drawn and find(data).drawings:
        print(f"the reference runs saw {CALLED[data]}, yours the drawings: they do not compare")
        return None
    yours = history[-1]["val_accuracy"]
    theirs = [r["history"][epochs - 1]["val_accuracy"] for r in references]
    low, high = (min(max(side, 0.0), 1.0) for side in band(theirs))
    spread = f"{statistics.mean(theirs):.1%} ± {statistics.stdev(theirs):.1%}"
    print(f"you: {yours:.1%} on validation after {epochs} epochs")
    images = references[0].get("images")
    seen = f"{images:,} training images, " if images else ""
    print(f"reference: {spread} ({len(references)} seeds, {seen}{where(references[0])})")
    if low <= yours <= high:
        print(f"yours lies within {low:.1%} to {high:.1%}: what seeds alone explain")
    else:
        side = "below" if yours < low else "above"
        print(f"yours lies {side} {low:.1%} to {high:.1%}: more than seeds explain; what differs?")
    if drawn:
        print(f"These are drawings: the figure says nothing about {CALLED[data]}.")
    return _draw(history, references)


def _comparable(record: dict, epochs: int) -> bool:
    """Whether a run of the recipe that was so long can be laid beside this record.

    Where the learning rate follows a plan over the whole run, only one of the same length can.
    """
    settings, length = record["settings"], len(record["history"])
    told = beside_recipe(settings)
    if told.get("weights") in ("own", "official"):
        del told["weights"]  # the recipe says auto
    if told or epochs < 1:
        return False
    planned = settings.get("schedule", "constant") in ("linear", "cosine")
    return length == epochs if planned else length >= epochs


def _draw(history: list[dict], references: list[dict]) -> "Figure":
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    from course_utils.show.plotting import VERMILLION, tidy

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


def where(record: dict) -> str:
    machine = record["machine"]
    if machine["device"] != "cpu":
        return machine["device"]
    threads, processes = machine["threads"], machine.get("processes", 1)
    each = f"{processes} processes with " if processes > 1 else ""
    return f"{each}{threads} thread{'s' if threads > 1 else ''} of {machine['processor']}"
