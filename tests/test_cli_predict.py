"""`course predict` and `course runs`: in every form, and what they refuse."""

import csv
import io
import json
import math
import os
import shutil
import sys
from pathlib import Path

import loopback as web
import pytest
from picture_folders import CLASSES, SMALL, call, read_json

from course_utils.commands import run_table
from course_utils.commands.predict_files import find_pictures
from course_utils.engine.run_folder import write_record


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    """A run of one epoch from the course's own weights."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    flags = ["--epochs", 1, "--mean", 0.5, 0.5, 0.5, "--keep", 2]
    assert call("train", "--data", pictures, "--out", folder, *SMALL, *flags) == 0
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "copy")


# ---- predict ----


def test_predict_prints_a_table(trained, pictures, course):
    code, said, error = course("predict", trained / "best.pt", pictures / "test")
    lines = said.splitlines()
    assert code == 0 and error == "" and len(lines) == 6
    paths = sorted(str(path) for path in (pictures / "test").rglob("*.png"))
    assert [line.split("  ")[0] for line in lines] == paths
    assert all(line.count(" %") == 3 for line in lines)
    assert len({line.index(" %") for line in lines}) == 1  # in columns


def test_predict_agrees_with_test(trained, copy, pictures, course):
    """The same pictures, prepared in the same way."""
    _, said, _ = course("predict", trained / "best.pt", pictures / "test", "--format", "json")
    named = json.loads(said)
    confusion = [[0] * 3 for _ in CLASSES]
    for row in named:
        confusion[CLASSES.index(Path(row["path"]).parent.name)][CLASSES.index(row["class"])] += 1
    assert course("test", copy / "best.pt")[0] == 0
    tested = read_json(copy / "record.json")["test"]
    assert tested["confusion"] == confusion
    true = [{c["class"]: c["probability"] for c in row["classes"]}[Path(row["path"]).parent.name]
            for row in named]  # fmt: skip
    loss = sum(-math.log(share) for share in true) / len(true)
    assert tested["loss"] == pytest.approx(loss, rel=1e-3)
    for row in named:
        shares = [each["probability"] for each in row["classes"]]
        assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1)
        assert row["probability"] == shares[0] and row["class"] == row["classes"][0]["class"]


def test_predict_writes_files(trained, pictures, course, tmp_path):
    files = [pictures / "val" / "red" / "1.png", pictures / "val" / "blue" / "0.png"]
    out = tmp_path / "größe.csv"
    code, said, _ = course("predict", trained / "best.pt", *files, "--csv", out, "--k", 2)
    assert code == 0 and said == f"2 pictures named in {out}\n"
    assert list(tmp_path.iterdir()) == [out]
    heads, *rows = csv.reader(io.StringIO(out.read_text(encoding="utf-8")))
    assert heads == ["path", "class", "probability", "class_2", "probability_2"]
    assert [row[0] for row in rows] == list(map(str, files))  # in the order given
    assert all(float(row[2]) >= float(row[4]) for row in rows)
    code, _, _ = course("predict", trained / "best.pt", *files, "--json", tmp_path / "a.json")
    assert code == 0 and [row["class"] for row in read_json(tmp_path / "a.json")] == [
        row[1] for row in rows
    ]
    _, said, _ = course("predict", trained / "best.pt", *files, "--format", "csv", "--k", 2)
    assert said == out.read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other pipes")
def test_predict_writes_into_pipes(trained, pictures, course, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    picture = pictures / "val" / "red" / "1.png"
    code, said, _ = course("predict", trained / "best.pt", picture, "--csv", tmp_path / "pipe")
    heads, row = csv.reader(io.StringIO(os.read(reading, 65536).decode()))
    os.close(reading)
    assert code == 0 and said == "" and heads[0] == "path" and row[0] == str(picture)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(not Path("/sys/kernel").exists(), reason="here root may write everywhere")
def test_predict_checks_the_place_before_the_work(course):
    code, _, error = course("predict", "none.pt", "a.png", "--csv", "/sys/kernel/a.csv")
    assert code == 2 and "/sys/kernel: no file can be written there" in error


def test_predict_reads_addresses(trained, pictures, course):
    path = pictures / "val" / "red" / "1.png"
    with web.Loopback() as server:
        url = server.put("/red.png", path.read_bytes())
        _, said, _ = course("predict", trained / "best.pt", url, path, "--format", "json")
    first, second = json.loads(said)
    assert first.pop("path") == url and second.pop("path") == str(path) and first == second


@pytest.mark.parametrize("name", ["none.png", "page.jpg"])
def test_a_bad_picture(trained, pictures, course, tmp_path, name):
    (tmp_path / "page.jpg").write_text("<html>log in</html>")
    good, bad, out = pictures / "val" / "red" / "1.png", tmp_path / name, tmp_path / "out.csv"
    code, said, error = course("predict", trained / "best.pt", good, bad, "--csv", out)
    assert code == 2 and said == "" and error.startswith(f"course: {bad}: ")
    assert error.count("\n") == 1 and not out.exists()
    with pytest.warns(UserWarning) as told:
        skip = ["--bad-images", "skip", "--csv", out]
        code, said, _ = course("predict", trained / "best.pt", good, bad, *skip)
    assert code == 0 and said.startswith("1 pictures named in ")
    assert [str(each.message) for each in told][1] == "1 of 2 pictures left out"
    assert str(told[0].message).startswith(f"{bad}: ")
    with pytest.warns(UserWarning):
        code, _, error = course("predict", trained / "best.pt", bad, "--bad-images", "skip")
    assert code == 2 and error == "course: none of the 1 pictures can be read\n"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["RUN/none.pt", "a.png"], "none.pt is not there"),
        (["RUN/record.json", "a.png"], "record.json is JSON text; expected is"),
        (["RUN/best.pt", "EMPTY"], "holds no pictures"),
        (["RUN/best.pt"], "no picture is named"),
        (["RUN/best.pt", "a.png", "--k", "0"], "k is 0; it must be at least 1"),
        (["RUN/best.pt", "a.png", "--csv", "EMPTY"], "is a folder; name a file"),
        (["RUN/best.pt", "a.png", "--csv", "EMPTY/no/a.csv"], "make it first"),
        (["RUN/best.pt", "a.png", "--csv", "RUN/best.pt"], "best.pt is named twice"),
        (["RUN/best.pt", "a.csv", "--csv", "a.csv"], "a.csv is named twice"),
        (["RUN/best.pt", "a.png", "--csv", "x.csv", "--json", "./x.csv"], "x.csv is named twice"),
        (["RUN/best.pt", "a.png", "--csv", "RUN/last.pt"], "does not end in .csv; name another"),
        (["RUN/best.pt", "a.png", "--json", "RUN/last.pt"], "does not end in .json; name another"),
        (["RUN/best.pt", "a.png", "--device", "cuda:99"], "device 'cuda:99' is not there"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*unchecked")
def test_predictions_that_cannot_be(trained, tmp_path, course, arguments, message):
    (tmp_path / "empty").mkdir()
    places = {"RUN": str(trained), "EMPTY": str(tmp_path / "empty")}
    for name, place in places.items():
        arguments = [text.replace(name, place) for text in arguments]
    code, said, error = course("predict", *arguments)
    assert code == 2 and said == "" and error.count("\n") == 1 and message in error
    assert list(tmp_path.rglob("*")) == [tmp_path / "empty"]


def test_the_home_folder_is_known(pictures, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(pictures))
    assert find_pictures(["~/val/red"]) == find_pictures([pictures / "val" / "red"])
    assert find_pictures(["~/a.png"]) == [str(pictures / "a.png")]


# ---- runs ----


def test_runs_are_compared(trained, copy, pictures, course, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    flags = ["--data", pictures, *SMALL, "--epochs", 1, "--weights", "none"]
    assert course("train", "--out", tmp_path / "deep" / "scratch", *flags)[0] == 0
    assert course("test", copy / "best.pt")[0] == 0
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "record.json").write_text('{"settings": ')
    code, said, error = course("runs", "--csv", tmp_path / "runs.csv")
    assert code == 0 and error.startswith(f"course: {broken / 'record.json'} is damaged")
    assert error.count("\n") == 1
    same, heads, *rows = said.splitlines()
    assert same == "all: data colours, model resnet18, trained all, lr 0.01, batch 4"
    settings = ["weights", "mean", "keep", "epochs", "schedule"]
    assert sorted(heads.split()[1:6]) == sorted(settings)
    assert len(rows) == 2 and {row.split()[0] for row in rows} == {"copy", "deep/scratch"}
    accuracies = [float(row.partition(" %")[0].split()[-1]) for row in rows]
    assert accuracies == sorted(accuracies, reverse=True)
    told = {row["run"]: row for row in csv.DictReader((tmp_path / "runs.csv").open())}
    assert told["copy"]["weights"] == "own" and told["deep/scratch"]["weights"] == "none"
    assert float(told["copy"]["test"]) == read_json(copy / "record.json")["test"]["accuracy"]
    assert told["copy"]["epochs"] == "1/1" and told["deep/scratch"]["test"] == ""
    code, said, _ = course("runs", tmp_path, "--sort", "name")
    assert code == 0 and [row.split()[0] for row in said.splitlines()[2:]] == sorted(told)
    code, said, _ = course("runs", copy)
    assert code == 0 and said.splitlines()[2].split()[0] == "copy"


def test_what_is_no_record_is_named_and_left_out(copy, course):
    good = read_json(copy / "record.json")
    wrong = {**good, "history": [{**good["history"][0], "val_accuracy": "high"}]}
    for name, content in {"list": [1], "text": wrong, "settings": {**good, "settings": []}}.items():
        (copy / name).mkdir()
        (copy / name / "record.json").write_text(json.dumps(content))
    (copy / "folder" / "record.json").mkdir(parents=True)
    code, said, errors = course("runs", copy)
    assert code == 0 and len(said.splitlines()) == 3
    lines = errors.splitlines()
    assert len(lines) == 4 and all(line.endswith("; left out") for line in lines)
    assert all(str(copy / name) in errors for name in ("list", "text", "settings", "folder"))


def test_best_is_of_the_epoch_that_is_kept(copy):
    record = read_json(copy / "record.json")
    (first,) = record["history"]
    values = [(1, 0.7, 0.5), (2, 0.9, 0.8)]  # epoch, accuracy, loss
    record["history"] = [
        {**first, "epoch": epoch, "val_accuracy": accuracy, "val_loss": loss}
        for epoch, accuracy, loss in values
    ]
    for monitor, best in {"val_loss": 0.7, "val_accuracy": 0.9}.items():
        record["settings"]["monitor"] = monitor
        write_record(copy, record)
        ((row,), _) = run_table.find_runs([copy])
        assert row["best val"] == best


def test_equal_runs_stand_by_name_and_nothing_shared_is_not_told():
    rows = [{"run": name, "data": name, "model": name, "best val": 0.5} for name in "bac"]
    rows.append({"run": "0", "data": "d", "model": "d", "best val": None})
    ordered = run_table.in_order(rows, "accuracy")
    assert [row["run"] for row in ordered] == ["a", "b", "c", "0"]
    full = [row | dict.fromkeys(run_table.MAIN[1:]) for row in ordered]
    assert run_table.run_table(full).splitlines()[0].split()[:2] == ["run", "data"]


def test_runs_that_are_not_there(course, tmp_path):
    code, _, error = course("runs", tmp_path / "none")
    assert code == 2 and "there is no such folder of runs" in error
    code, _, error = course("runs", tmp_path)
    assert code == 2 and error == f"course: no runs in {tmp_path}\n"
