"""Reference runs: the arithmetic of the band, what `compare` says, and the tables."""

import copy
import json
import statistics

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils.record import write_record
from course_utils.show import reference
from course_utils.show.reference import band, compare

NOTEBOOK = "01_cnn_cifar10"


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    """Reference runs in a folder of their own, and no figures left over."""
    monkeypatch.setattr(reference, "FOLDER", tmp_path / "reference")
    monkeypatch.setenv("COURSE_PROFILE", "tiny")
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def history(accuracy: float, epochs: int = 3) -> list[dict]:
    """A history that ends at this accuracy."""
    return [
        {
            "epoch": epoch,
            "val_accuracy": accuracy * epoch / epochs,
            "val_loss": 2 / epoch,
            "cpu_seconds": 5.0 + accuracy,
        }
        for epoch in range(1, epochs + 1)
    ]


def record(seed: int, accuracy: float, profile="tiny", data="cifar10 drawings", **other) -> dict:
    return {
        "settings": {"profile": profile, "model": "cnn", "seed": seed, "epochs": 3},
        "data": data,
        "history": history(accuracy),
        "finished": True,
        "machine": {"device": "cpu", "processor": "Abacus 5", "threads": 1, "torch": "2.15.0"},
        "date": "2026-11-20",
        "test": {"accuracy": accuracy + 0.01},
    } | other


@pytest.fixture
def add(tmp_path):
    """Add these records as references, through folders of runs."""

    def put(*records, notebook=NOTEBOOK):
        folders = []
        for number, kept in enumerate(records):
            folders.append(tmp_path / f"run{number}")
            folders[-1].mkdir(exist_ok=True)
            write_record(folders[-1], kept)
        reference.add(notebook, folders)

    return put


# ---- the band ----


def test_the_band_against_a_published_t_value():
    # NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2: t(0.975; 4) = 2.776
    values = [0.70, 0.71, 0.69, 0.72, 0.68]
    low, high = band(values)
    half = 2.776 * statistics.stdev(values) * (6 / 5) ** 0.5
    assert low == pytest.approx(0.70 - half, rel=2e-3) and high == pytest.approx(0.70 + half, 2e-3)
    # for many runs it nears the normal distribution's 1.96
    assert reference.T95[0] > 12.7 and list(reference.T95) == sorted(reference.T95, reverse=True)
    many = [0.5, 0.6] * 20
    assert (band(many)[1] - 0.55) / statistics.stdev(many) == pytest.approx(2.23 * (41 / 40) ** 0.5)


def test_one_more_run_lies_in_the_band_19_times_out_of_20():
    draws = np.random.default_rng(0).normal(0.66, 0.005, size=(4000, 6))
    inside = 0
    for *references, one_more in draws.tolist():
        low, high = band(references)
        inside += low <= one_more <= high
    assert 0.94 < inside / len(draws) < 0.96


def test_no_band_from_one_run():
    with pytest.raises(ValueError, match="a band needs at least two reference runs"):
        band([0.6])


# ---- compare ----


@pytest.mark.parametrize(
    "accuracy, said",
    [
        (0.61, "yours lies within 55.0% to 65.0%: what seeds alone explain"),
        (0.50, "yours lies below 55.0% to 65.0%: more than seeds explain"),
        (0.70, "yours lies above 55.0% to 65.0%: more than seeds explain"),
    ],
)
def test_compare(add, capsys, accuracy, said):
    add(record(0, 0.60), record(1, 0.61), record(2, 0.59), record(3, 0.9, profile="cpu"))
    assert compare(history(accuracy), NOTEBOOK) is plt.gcf()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"you: {accuracy:.1%} on validation after 3 epochs"
    assert lines[1] == "reference: 60.0% ± 1.0% (3 seeds, 1 thread of Abacus 5)"
    assert lines[2].startswith(said)
    assert lines[3] == "These are drawings: the figure says nothing about CIFAR-10."


def test_a_shorter_run_is_compared_at_its_own_epochs(add, capsys):
    add(record(0, 0.60), record(1, 0.61))
    compare(history(0.40, epochs=3)[:2], NOTEBOOK)
    assert "reference: 40.3% ± 0.5%" in capsys.readouterr().out


def test_what_compare_draws(add):
    add(record(0, 0.60), record(1, 0.62))
    figure = compare(history(0.61), NOTEBOOK)
    for ax, key, scale in zip(figure.axes, ("val_loss", "val_accuracy"), (1, 100)):
        drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]
        expected = [history(a) for a in (0.60, 0.62, 0.61)]
        assert drawn == [([1, 2, 3], [scale * e[key] for e in rows]) for rows in expected]
        shown = [text.get_text() for text in ax.get_legend().get_texts()]
        assert shown == ["reference runs", "your run"] and ax.get_xlabel() == "epoch"
    assert figure.axes[1].get_ylabel() == "validation accuracy (%)"


def test_nothing_to_compare_with(add, capsys, monkeypatch):
    def says(rows):
        assert compare(rows, NOTEBOOK) is None
        return capsys.readouterr().out

    none = "no reference runs of {} epochs in the profile {} yet\n"
    assert says(history(0.6)) == none.format(3, "tiny")
    add(record(0, 0.6))
    assert says(history(0.6)) == none.format(3, "tiny")
    add(record(0, 0.60), record(1, 0.61))
    assert says(history(0.6, epochs=4)) == none.format(4, "tiny")
    assert says([]) == none.format(0, "tiny")
    monkeypatch.setenv("COURSE_PROFILE", "cpu")
    assert says(history(0.6)) == none.format(3, "cpu")
    add(record(0, 0.6, "cpu", "cifar10"), record(1, 0.61, "cpu", "cifar10"))
    assert "saw CIFAR-10, yours the drawings" in says(history(0.6))  # no real data in the tests
    assert not plt.get_fignums()


# ---- records and tables ----


def test_add_keeps_one_record_a_seed(add):
    add(record(1, 0.61), record(0, 0.60), record(0, 0.66, profile="cpu"))
    add(record(1, 0.63))
    kept = reference.runs(NOTEBOOK)
    assert [(r["settings"]["profile"], r["settings"]["seed"]) for r in kept] == [
        ("cpu", 0), ("tiny", 0), ("tiny", 1),
    ]  # fmt: skip
    assert kept[2]["history"] == history(0.63)
    assert len(reference.runs(NOTEBOOK, "tiny")) == 2 and reference.runs("02") == []


def test_add_refuses_runs_that_are_not_ready(add, tmp_path):
    untested, unfinished = record(1, 0.6), record(1, 0.6, finished=False)
    del untested["test"]
    for kept, message in ((untested, "was not tested: course test "), (unfinished, "no finished")):
        with pytest.raises(ValueError, match=message):
            add(record(0, 0.6), kept)
        assert reference.runs(NOTEBOOK) == []
    with pytest.raises(ValueError, match="holds no finished run"):
        reference.add(NOTEBOOK, [tmp_path / "none"])


def test_tables(add):
    add(record(0, 0.60), record(1, 0.61), record(2, 0.62), record(0, 0.7, "cpu", "cifar10"))
    gpu = record(0, 0.9, profile="gpu", data="cifar10")
    gpu["machine"] |= {"device": "NVIDIA H200"}
    add(gpu, notebook="03_resnet")
    rows = [[c.strip() for c in r.strip("|").split("|")] for r in reference.tables().splitlines()]
    assert len({len(row) for row in rows}) == 1 and len(rows) == 5
    where = "1 thread of Abacus 5, torch 2.15.0, 2026-11-20"
    assert rows[2:] == [
        [NOTEBOOK, "cnn", "cpu", "cifar10", "3", "1", "71.0 %", "17", where],
        [NOTEBOOK, "cnn", "tiny", "cifar10 drawings", "3", "3", "62.0 ± 1.0 %", "17", where],
        ["03_resnet", "cnn", "gpu", "cifar10", "3", "1", "91.0 %", "18",
         "NVIDIA H200, torch 2.15.0, 2026-11-20"],
    ]  # fmt: skip


def test_write_readme(add, tmp_path):
    readme = tmp_path / "README.md"
    before, after = "# Größe\n\ntext\n\n", "\n\nmore | text\n"
    readme.write_text(before + reference.BEGIN + "\nold\n" + reference.END + after, "utf-8")
    add(record(0, 0.60))
    reference.write_readme(readme)
    text = readme.read_bytes()
    reference.write_readme(readme)
    assert readme.read_bytes() == text and b"\r" not in text and b"old" not in text
    assert text.decode() == (
        f"{before}{reference.BEGIN}\n\n{reference.tables()}\n\n{reference.END}{after}"
    )
    for broken in ("no marks", reference.BEGIN, reference.END + reference.BEGIN):
        readme.write_text(broken, "utf-8")
        with pytest.raises(ValueError, match="README.md lacks the lines"):
            reference.write_readme(readme)
        assert readme.read_text("utf-8") == broken


# ---- what is committed ----


def committed() -> list[dict]:
    files = sorted((reference.DATA / "reference").glob("*.json"))
    return [r for file in files for r in json.loads(file.read_text(encoding="utf-8"))]


def test_the_readme_is_in_step_with_the_committed_records(monkeypatch):
    monkeypatch.undo()
    text = reference.README.read_text(encoding="utf-8")
    assert text.count(reference.BEGIN) == text.count(reference.END) == 1
    between = text.partition(reference.BEGIN)[2].partition(reference.END)[0]
    assert between.strip() == reference.tables(), "run `course results --write`"


def test_the_committed_records_are_whole():
    for kept in copy.deepcopy(committed()):
        assert kept["finished"] and len(kept["history"]) == kept["settings"]["epochs"]
        assert {"accuracy", "interval", "images"} <= kept["test"].keys()
        assert {"processor", "cores", "threads", "torch"} <= kept["machine"].keys()
        assert kept["date"] and kept["command"].startswith("course train --out RUN")
        if kept["settings"]["profile"] != "tiny":
            assert kept["data"] == "cifar10" and kept["test"]["images"] == 10_000
