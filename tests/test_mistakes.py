"""`course test --pictures --csv`: every mistake with its file, the surest ones as a picture."""

import csv
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import small_set
from picture_folders import CLASSES, SMALL, call, read_json
from PIL import Image

from course_utils.commands.mistakes import MOST, Mistake, draw_mistakes, mistakes_csv, mistakes_png
from course_utils.data.datasets import cifar10
from course_utils.data.folders import image_folder

ODD = {"blue": "b, \"b\" $x_1$", "green": "grün; =1+1", "red": "红色"}  # fmt: skip


@pytest.fixture(scope="module")
def odd(pictures, tmp_path_factory):
    """The pictures in classes with odd names, and half of the test pictures in a wrong one."""
    root = tmp_path_factory.mktemp("odd") / "colours"
    for old in pictures.rglob("*.png"):
        split, name, file = old.relative_to(pictures).parts
        moved = {"blue": "red", "red": "blue"}.get(name, name) if file == "1.png" else name
        target = root / split / ODD[moved if split == "test" else name]
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(old, target / f"{name}, {file}")
    return root


@pytest.fixture(scope="module")
def trained(odd, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "odd"
    assert call("train", "--data", odd, "--out", run, *SMALL, "--epochs", 2) == 0
    return run


def read_csv(path: Path) -> list[dict]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_every_mistake_of_a_folder_has_its_file(trained, odd, tmp_path, course):
    table, gallery = tmp_path / "wrong.csv", tmp_path / "wrong.png"
    code, said, error = course(
        "test", trained / "best.pt", "--csv", table, "--pictures", gallery, "--split", "test"
    )
    assert code == 0 and error == ""
    assert said.splitlines()[-2:] == [f"every mistake: {table}", f"the surest mistakes: {gallery}"]
    rows, result = read_csv(table), read_json(trained / "record.json")["test"]
    assert len(rows) == result["images"] - result["correct"] >= 2
    assert "mistakes" not in result
    for row in rows:
        file = Path(row["file"])
        assert file.is_file() and file.parent == odd / "test" / row["truth"]
        assert row["predicted"] in ODD.values() and row["predicted"] != row["truth"]
    shares = [float(row["confidence"]) for row in rows]
    assert shares == sorted(shares, reverse=True) and 1 / 3 < shares[-1] <= shares[0] <= 1
    files = [row["file"] for row in rows]
    assert course("predict", trained / "best.pt", *files, "--csv", tmp_path / "named.csv")[0] == 0
    for named, row in zip(read_csv(tmp_path / "named.csv"), rows):
        assert named["class"] == row["predicted"]
        assert float(named["probability"]) == pytest.approx(float(row["confidence"]), abs=1e-3)
    assert Image.open(gallery).format == "PNG"
    assert not list(tmp_path.glob("*.part"))


def test_of_cifar10_the_index_in_the_test_set_is_told(tmp_path, course):
    run, table = tmp_path / "run", tmp_path / "wrong.csv"
    assert course("train", "--out", run, "--epochs", 1)[0] == 0
    assert course("test", run / "best.pt", "--csv", table)[0] == 0
    rows, test = read_csv(table), cifar10("drawings").test
    assert rows[0].keys() == {"index", "truth", "predicted", "confidence"}
    result = read_json(run / "record.json")["test"]
    assert len(rows) == result["images"] - result["correct"]
    assert all(row["truth"] == test.classes[test[int(row["index"])][1]] for row in rows)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--pictures", "a.txt"], "a.txt is there already and does not end in .png"),
        (["--csv", "none/a.csv"], "there is no folder none"),
        (["--csv", "a.csv", "--pictures", "./a.csv"], "a.csv is named twice"),
    ],
)
def test_places_are_checked_before_the_work(tmp_path, course, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("mine")
    code, said, error = course("test", "none.pt", *flags)
    assert code == 2 and said == "" and message in error and error.count("\n") == 1
    assert Path("a.txt").read_text() == "mine"


def mistakes(count: int) -> list[Mistake]:
    return [Mistake(i, i, "蚂蚁, \"$x$\"", "b" * 40, 1.0) for i in range(count)]  # fmt: skip


def test_names_come_back_from_the_table():
    made = mistakes(2)
    head, *rows = csv.reader(io.StringIO(mistakes_csv(made, "index")))
    assert head == ["index", "truth", "predicted", "confidence"]
    assert [row[1:3] for row in rows] == [[m.truth, m.predicted] for m in made]


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("count", [0, 1, 7, 500])
def test_the_gallery_fits_on_one_page(count):
    about = f"{count} images of noise"
    given = mistakes(count), small_set(500), about
    figure = draw_mistakes(*given)
    assert len(figure.axes) == min(count, MOST)
    width, height = Image.open(io.BytesIO(mistakes_png(*given))).size
    assert width <= 1200 and height <= 1200
    title = figure.texts[0].get_text()
    first = {0: "No mistake", 1: "1 mistake", 7: "7 mistakes", 500: "The 24 surest of 500 mistakes"}
    assert title.startswith(first[count]) and title.endswith(about)
    box = figure.get_tightbbox()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width / 100 and box.y1 <= height / 100


def test_the_gallery_tells_truth_prediction_confidence_and_file(pictures):
    data = image_folder(pictures, "test", size=32)
    path = str(data.samples[3][0])
    figure = draw_mistakes([Mistake(3, path, "green", "red", 0.876)], data, "6 images of colours")
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == [Path(path).name, "→ red 87.6 %", "green"]
    shown = np.asarray(ax.images[0].get_array())
    assert torch.equal(torch.tensor(shown), (data[3][0] / 255).permute(1, 2, 0))
    assert CLASSES[data[3][1]] == "green"
