"""Reference runs: the arithmetic of the band, what `compare` says, and the tables."""

import copy
import json
import statistics

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils.commands import reference, results
from course_utils.commands.recipes import recipe
from course_utils.commands.reference import band, compare
from course_utils.engine.run_folder import write_record

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
            "train_accuracy": accuracy * epoch / epochs / 2,
            "val_accuracy": accuracy * epoch / epochs,
            "val_loss": 2 / epoch,
            "cpu_seconds": 5.0 + accuracy,
            "seconds": 1.0,
        }
        for epoch in range(1, epochs + 1)
    ]


def record(
    seed: int, accuracy: float, profile="tiny", data="cifar10 drawings", model="cnn", epochs=3,
    width=None, **other,
) -> dict:  # fmt: skip
    settings = {"profile": profile, "model": model, "seed": seed, "epochs": epochs, "width": width}
    return {
        "settings": settings,
        "data": data,
        "history": history(accuracy, epochs),
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
        results.add(notebook, folders)

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


def test_compare_takes_the_references_of_this_network(add, capsys):
    add(record(0, 0.60), record(1, 0.61), record(2, 0.62))
    add(record(0, 0.40, model="plain20"), record(1, 0.42, model="plain20"))
    compare(history(0.41), NOTEBOOK, model="plain20")
    assert "reference: 41.0% ± 1.4% (2 seeds" in capsys.readouterr().out
    compare(history(0.41), NOTEBOOK, model="cnn")
    said = capsys.readouterr().out
    assert "reference: 61.0% ± 1.0% (3 seeds" in said and "yours lies below" in said
    assert compare(history(0.41), NOTEBOOK, model="resnet20") is None


def test_compare_takes_the_references_of_the_nearest_length(add, capsys):
    """A schedule bends by the length of a run: six epochs of twelve are no run of six."""
    add(*(record(seed, 0.60 + seed / 100) for seed in (0, 1)))
    add(*(record(seed, 0.90 + seed / 100, epochs=12) for seed in (0, 1, 2)))
    means = {2: "40.3% ± 0.5% (2", 3: "60.5% ± 0.7% (2", 6: "45.5%", 12: "91.0%"}
    for epochs, said in means.items():
        compare(history(0.5, epochs=epochs), NOTEBOOK)
        assert f"reference: {said}" in capsys.readouterr().out, epochs
    assert compare(history(0.5, epochs=13), NOTEBOOK) is None


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


def test_one_notebook_has_several_networks_and_lengths(add):
    add(record(0, 0.6), record(0, 0.5, model="plain20"), record(0, 0.7, model="resnet20"))
    add(record(0, 0.8, epochs=9), record(0, 0.9, profile="cpu", data="cifar10", model="resnet20"))
    add(record(0, 0.65))  # in place of the first alone

    def found(**wanted):
        return [r["test"]["accuracy"] - 0.01 for r in reference.runs(NOTEBOOK, **wanted)]

    assert found() == pytest.approx([0.9, 0.65, 0.8, 0.5, 0.7])
    assert found(model="resnet20") == pytest.approx([0.9, 0.7])
    assert found(model="resnet20", profile="tiny") == pytest.approx([0.7])
    assert found(model="cnn", epochs=9) == pytest.approx([0.8])
    assert found(epochs=3) == pytest.approx([0.9, 0.65, 0.5, 0.7])
    assert found(model="resnet34") == []


def test_add_refuses_runs_that_are_not_ready(add, tmp_path):
    untested, unfinished = record(1, 0.6), record(1, 0.6, finished=False)
    del untested["test"]
    for kept, message in ((untested, "was not tested: course test "), (unfinished, "no finished")):
        with pytest.raises(ValueError, match=message):
            add(record(0, 0.6), kept)
        assert reference.runs(NOTEBOOK) == []
    with pytest.raises(ValueError, match="holds no finished run"):
        results.add(NOTEBOOK, [tmp_path / "none"])


def test_tables(add):
    add(record(0, 0.60), record(1, 0.61), record(2, 0.62), record(0, 0.7, "cpu", "cifar10"))
    gpu = record(0, 0.9, profile="gpu", data="cifar10", model="resnet18")
    gpu["machine"] |= {"device": "NVIDIA H200"}
    longer = record(0, 0.8, profile="gpu", data="cifar10", model="plain20", epochs=10)
    add(gpu, record(1, 0.92, epochs=4, model="plain20"), longer, notebook="03_resnet")
    rows = [[c.strip() for c in r.strip("|").split("|")] for r in results.tables().splitlines()]
    assert len({len(row) for row in rows}) == 1 and len(rows) == 7
    where = "1 thread of Abacus 5, torch 2.15.0, 2026-11-20"
    assert rows[2:] == [
        [NOTEBOOK, "cnn", "cpu", "cifar10", "3", "1", "71.0 %", "17", where],
        [NOTEBOOK, "cnn", "tiny", "cifar10 drawings", "3", "3", "62.0 ± 1.0 %", "17", where],
        ["03_resnet", "plain20", "gpu", "cifar10", "10", "1", "81.0 %", "58", where],
        ["03_resnet", "resnet18", "gpu", "cifar10", "3", "1", "91.0 %", "3",
         "NVIDIA H200, torch 2.15.0, 2026-11-20"],
        ["03_resnet", "plain20", "tiny", "cifar10 drawings", "4", "1", "93.0 %", "24", where],
    ]  # fmt: skip


def test_what_was_measured_on_validation_images_says_so(add, capsys):
    real = {"profile": "cpu", "data": "hymenoptera", "model": "resnet18"}
    kept = [record(seed, 0.8, **real) for seed in range(2)]
    for each in kept:
        each["settings"]["data"] = "hymenoptera"
        each["test"] |= {"split": "val", "chosen": True}
    add(*kept, record(0, 0.6, profile="cpu", data="cifar10"))
    rows = [[c.strip() for c in r.split("|")] for r in results.tables().splitlines()[2:]]
    assert [row[7] for row in rows] == ["61.0 %", "81.0 ± 0.0 %, validation"]
    reference.show(NOTEBOOK)
    *_, own, pictures, note = capsys.readouterr().out.splitlines()
    assert "61.0 % (61.0 to 61.0)" in own and "81.0 %* (81.0 to 81.0)" in pictures
    assert note.startswith("* of validation images, of the best epoch, chosen on them")
    for each in kept:
        each["test"]["chosen"] = False
    add(*kept)
    reference.show(NOTEBOOK, "resnet18")
    assert "* of validation images, of the last epoch;" in capsys.readouterr().out
    reference.show(NOTEBOOK, "cnn")
    assert "*" not in capsys.readouterr().out


def test_a_network_is_named_by_what_differs_from_the_recipe_of_its_data(add):
    pictures = recipe("resnet18", "tiny", "hymenoptera")
    usual = record(0, 0.8, data="hymenoptera drawings", model="resnet18")
    usual["settings"] |= {**pictures, "data": "hymenoptera", "epochs": 3}
    scratch = copy.deepcopy(usual)
    scratch["settings"] |= {"weights": "none", "batch_size": 16, "learning_rate": 0.01}
    add(usual, scratch)
    names = [row.split("|")[2].strip() for row in results.tables().splitlines()[2:]]
    told = "weights=none learning_rate=0.01 batch_size=16"
    assert sorted(names) == ["resnet18", f"resnet18 {told}"]


def test_where_the_recipe_takes_what_can_be_had_the_same_weights_compare(
    add, capsys, monkeypatch, tmp_path
):
    monkeypatch.setenv("COURSE_PROFILE", "cpu")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    (tmp_path / "hymenoptera_data").mkdir()  # the photographs, not the drawings
    own = [record(seed, 0.8 + seed / 100, "cpu", "hymenoptera", "resnet18") for seed in range(3)]
    for kept in own:
        pictures = recipe("resnet18", "cpu", "hymenoptera")
        kept["settings"] |= {**pictures, "data": "hymenoptera", "epochs": 3}
        kept["settings"] |= {"weights": "own", "image_size": 96}
    faster = copy.deepcopy(own)
    for kept in faster:
        kept["settings"]["learning_rate"] = 0.01
    add(*own, *faster)
    assert compare(history(0.81), NOTEBOOK, model="resnet18", weights="own")
    assert "reference: 81.0% ± 1.0% (3 seeds" in capsys.readouterr().out
    assert compare(history(0.81), NOTEBOOK, model="resnet18", weights="official") is None
    for kept in own:
        kept["history"] = history(0.9 + kept["settings"]["seed"] / 20)
    add(*own)
    compare(history(0.99), NOTEBOOK, weights="own")
    assert "to 100.0%: what seeds alone explain" in capsys.readouterr().out


def test_another_width_is_another_network(add):
    usual = recipe("resnet20", "cpu")["width"]
    real = {"profile": "cpu", "data": "cifar10"}
    narrow = record(0, 0.6, model="resnet20", width=5, **real)
    old = record(0, 0.7, **real)
    del old["settings"]["width"]  # from before there were widths
    add(record(0, 0.5, model="resnet20", width=usual, **real), narrow, old)
    add(narrow)
    assert len(reference.runs(NOTEBOOK)) == 3
    names = [row.split("|")[2].strip() for row in results.tables().splitlines()[2:]]
    assert sorted(names) == ["cnn", "resnet20", "resnet20 width=5"]


def test_show(add, capsys):
    real = {"profile": "cpu", "data": "cifar10"}
    add(record(0, 0.60, **real), record(1, 0.62, **real), record(0, 0.9))
    add(record(0, 0.50, model="plain20", **real), record(0, 0.7, model="plain20", epochs=6, **real))
    reference.show(NOTEBOOK)
    _, *rows = capsys.readouterr().out.splitlines()
    assert [" ".join(row.split()) for row in rows] == [
        "cnn 3 2 69.5% 62.0 % (61.0 to 63.0) 17",
        "plain20 3 1 75.0% 51.0 % (51.0 to 51.0) 16",
        "plain20 6 1 65.0% 71.0 % (71.0 to 71.0) 34",
    ]
    reference.show(NOTEBOOK, "cnn", "resnet20", profile="tiny")
    _, row, missing = capsys.readouterr().out.splitlines()
    assert " ".join(row.split()) == "cnn 3 1 55.0% 91.0 % (91.0 to 91.0) 18"
    assert missing.split() == ["resnet20", "not", "measured", "yet"]
    add(record(0, 0.80, model="resnet20", **real), notebook="03_resnet")
    reference.show((NOTEBOOK, "03_resnet"), "plain20", "resnet20")
    assert [row.split()[0] for row in capsys.readouterr().out.splitlines()[1:]] == [
        *("plain20", "plain20", "resnet20")
    ]


def test_what_was_told_apart_from_the_recipe_is_another_kind(add):
    real = {"profile": "cpu", "data": "cifar10", "model": "resnet20"}
    changed = record(0, 0.6, **real)
    changed["settings"] |= {"weight_decay": 0.5, "threads": 1, "device": "cpu"}
    add(record(0, 0.7, **real), changed)
    names = [row.split("|")[2].strip() for row in results.tables().splitlines()[2:]]
    assert sorted(names) == ["resnet20", "resnet20 weight_decay=0.5"]


def test_a_planned_learning_rate_compares_at_its_full_length_only(add, capsys):
    records = [record(seed, 0.6 + seed / 100, model="resnet20") for seed in range(3)]
    for kept in records:
        kept["settings"]["schedule"] = recipe("resnet20", "tiny")["schedule"]
    add(*records)
    assert compare(history(0.6, 2), NOTEBOOK) is None
    assert "no reference runs of 2 epochs" in capsys.readouterr().out
    assert compare(history(0.6, 3), NOTEBOOK) is not None


def test_write_readme(add, tmp_path):
    readme = tmp_path / "README.md"
    before, after = "# Größe\n\ntext\n\n", "\n\nmore | text\n"
    readme.write_text(before + results.BEGIN + "\nold\n" + results.END + after, "utf-8")
    add(record(0, 0.60))
    results.write_readme(readme)
    text = readme.read_bytes()
    results.write_readme(readme)
    assert readme.read_bytes() == text and b"\r" not in text and b"old" not in text
    assert text.decode() == (
        f"{before}{results.BEGIN}\n\n{results.tables()}\n\n{results.END}{after}"
    )
    for broken in ("no marks", results.BEGIN, results.END + results.BEGIN):
        readme.write_text(broken, "utf-8")
        with pytest.raises(ValueError, match="README.md lacks the lines"):
            results.write_readme(readme)
        assert readme.read_text("utf-8") == broken


# ---- what is committed ----


def committed() -> list[dict]:
    files = sorted((reference.DATA / "reference").glob("*.json"))
    return [r for file in files for r in json.loads(file.read_text(encoding="utf-8"))]


def test_the_readme_is_in_step_with_the_committed_records(monkeypatch):
    monkeypatch.undo()
    text = results.README.read_text(encoding="utf-8")
    assert text.count(results.BEGIN) == text.count(results.END) == 1
    between = text.partition(results.BEGIN)[2].partition(results.END)[0]
    assert between.strip() == results.tables(), "run `course results --write`"


def test_the_committed_records_are_whole():
    for kept in copy.deepcopy(committed()):
        assert kept["finished"] and len(kept["history"]) == kept["settings"]["epochs"]
        assert {"accuracy", "interval", "images"} <= kept["test"].keys()
        assert {"processor", "cores", "threads", "torch"} <= kept["machine"].keys()
        assert kept["date"] and " train --out RUN" in kept["command"]
        if kept["settings"]["profile"] != "tiny":
            images = {"cifar10": 10_000, "hymenoptera": 153, "imagenette": 500}[kept["data"]]
            assert kept["test"]["images"] == images
