"""`course train` and `course test` on folders of pictures; and what they refuse."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from picture_folders import CLASSES, SMALL, call, read_json, write_pictures

from course_utils.engine.checkpoint import load_checkpoint
from course_utils.store.locations import DRAWINGS


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    """A run of two epochs from the course's own weights."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    flags = ["--epochs", 2, "--keep", 2, "--save-from", 2, "--mean", 0.5, 0.5, 0.5]
    assert call("train", "--data", pictures, "--out", folder, *SMALL, *flags) == 0
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "copy")


def record(folder: Path) -> dict:
    return read_json(folder / "record.json")


def listing(folder: Path) -> dict:
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(".lock")
    }


# ---- train ----


def test_a_run_keeps_what_it_was(trained, pictures):
    config, kept = read_json(trained / "config.json"), record(trained)
    expected = {"data": str(pictures), "model": "resnet18", "weights": "own", "num_classes": 3}
    expected |= {"stem": "64px", "width": 32, "image_size": 32, "mean": [0.5, 0.5, 0.5]}
    expected |= {"std": [0.229, 0.224, 0.225], "keep": 2, "epochs": 2, "schedule": "step"}
    assert config.items() >= expected.items() and kept["finished"]
    assert not {"out", "resume"} & config.keys() and str(trained) not in json.dumps(config)
    told = config.keys() - {"format", "version"}
    assert told == kept["settings"].keys() and kept["data"] == "colours"
    about = load_checkpoint(trained / "best.pt")["about"]
    assert about["classes"] == CLASSES and about["resize"] == 37
    [named] = trained.glob("epoch*.pt")
    last = kept["history"][-1]
    accuracy, loss = last["val_accuracy"], last["val_loss"]
    assert named.name == f"epoch002_accuracy{accuracy:.4f}_loss{loss:.4f}.pt"


def test_it_begins_with_the_weights(trained):
    assert record(trained)["history"][-1]["val_accuracy"] > 0.8  # of noise in three colours


def test_a_run_goes_on_without_its_weights(copy, course, monkeypatch):
    monkeypatch.setattr("course_utils.engine.pretrained.OWN", Path("gone"))
    code, said, error = course("train", "--out", copy, "--resume", "--epochs", 3)
    assert code == 0, error
    assert "epoch 3/3" in said and "weights:" not in said
    assert read_json(copy / "config.json")["epochs"] == 3 and len(record(copy)["history"]) == 3


def test_only_the_head_learns(pictures, tmp_path, course):
    flags = ["--data", pictures, *SMALL, "--epochs", 1, "--trained", "head", "--no-tensorboard"]
    assert course("train", "--out", tmp_path / "run", *flags)[0] == 0
    model = load_checkpoint(tmp_path / "run" / "last.pt")["model"]
    own = torch.load(DRAWINGS / "weights" / "resnet18_w32_tiny_imagenet.pt", weights_only=True)
    same = [name for name in own if model[name].shape == own[name].shape]
    assert all(torch.equal(model[name], own[name]) for name in same) and "bn1.running_mean" in same
    assert not any("tfevents" in name for name in listing(tmp_path / "run"))
    [optimizer] = [load_checkpoint(tmp_path / "run" / "last.pt")["optimizer"]]
    assert sum(len(group["params"]) for group in optimizer["param_groups"]) == 2


@pytest.mark.parametrize("model", ["cnn", "narrow_resnet"])
def test_networks_for_small_images(pictures, tmp_path, course, model):
    flags = ["--data", pictures, "--model", model, "--epochs", 1, "--optimizer", "adamw"]
    assert course("train", "--out", tmp_path / "run", *flags)[0] == 0
    assert read_json(tmp_path / "run" / "config.json")["image_size"] == 32


def test_bad_images_are_left_out_where_told(pictures, tmp_path, course):
    data = shutil.copytree(pictures, tmp_path / "data")
    for split in ("train", "test"):
        (data / split / "red" / "0.png").write_bytes(b"<html>not found</html>")
    flags = ["--data", data, *SMALL, "--epochs", 1]
    code, _, error = course("train", "--out", tmp_path / "run", *flags)
    assert code == 2 and error.count("\n") == 1 and not (tmp_path / "run").exists()
    assert "0.png: is a web page" in error and "--bad-images skip" in error
    assert course("train", "--out", tmp_path / "run", *flags, "--bad-images", "skip")[0] == 0
    code, said, _ = course("test", tmp_path / "run" / "best.pt")  # as in training
    assert code == 0 and "5 images of data" in said


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--num-classes", 4], "num_classes is 4, but "),
        (["--model", "cnn", "--image-size", 96], "try --image-size 32"),
        (["--trained", "head", "--weights", "none"], "what has not learnt cannot be frozen"),
        (["--padding", 2], "padding: not for pictures in folders"),
        (["--width", 8], "width is 8, but the weights have 32"),
        (["--std", 0, 1, 1], "std is (0.0, 1.0, 1.0)"),
        (["--resume"], "holds no last.pt to go on from; leave --resume out to begin a run"),
        (["--weights", "."], "holds no resnet18-f37072fd.pth"),
    ],
)
def test_what_is_refused_before_anything_is_written(
    pictures, tmp_path, course, monkeypatch, flags, message
):
    monkeypatch.chdir(tmp_path)
    code, _, error = course("train", "--data", pictures, "--out", tmp_path / "run", *flags)
    assert code == 2 and error.startswith("course: ") and error.count("\n") == 1
    assert message in error and not (tmp_path / "run").exists()


def test_a_folder_of_another_layout(tmp_path, course):
    (tmp_path / "data" / "train").mkdir(parents=True)
    code, _, error = course("train", "--data", tmp_path / "data", "--out", tmp_path / "run")
    assert code == 2 and "expected" in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


# ---- test ----


def test_the_test_of_a_folder(copy, course):
    code, said, _ = course("test", copy / "best.pt")
    result, lines = record(copy)["test"], said.splitlines()
    assert code == 0 and result["split"] == "test" and result["images"] == 6
    assert result["classes"] == CLASSES and result["top"]["k"] == 2
    share = f"{100 * result['accuracy']:.1f} %"
    assert f"test accuracy: {result['correct']} of 6 images of colours, {share}" in lines
    assert f"top-2 accuracy {100 * result['top']['accuracy']:.1f} %" in lines
    assert lines[-4].split() == ["true", "class", "images", "accuracy", "taken", "for", *CLASSES]
    for line, name, row in zip(lines[-3:], CLASSES, result["confusion"]):
        share = f"{100 * row[CLASSES.index(name)] / 2:.1f}"
        assert line.split() == [name, "2", share, "%", *map(str, row)]


def test_validation_images_never_take_the_place_of_test_images(copy, course):
    assert course("test", copy / "best.pt", "--split", "val")[0] == 0
    assert record(copy)["test"]["split"] == "val"
    assert course("test", copy / "best.pt")[0] == 0
    assert record(copy)["test"]["split"] == "test"
    code, said, _ = course("test", copy / "best.pt", "--split", "val")
    assert code == 0 and said.splitlines()[1].startswith("validation accuracy: ")
    assert "the best epoch was chosen on these images" in said
    assert record(copy)["test"]["split"] == "test"


def test_another_folder_of_the_same_classes(copy, course, tmp_path):
    other = write_pictures(tmp_path / "more", seed=1, train=1, val=1, test=3)
    before = record(copy)
    code, said, _ = course("test", copy / "best.pt", "--data", other)
    assert code == 0 and "9 images of more" in said
    assert record(copy) == before  # which tells of the run's own data


def test_another_folder_of_the_same_name(copy, course, tmp_path, pictures):
    other = write_pictures(tmp_path / "colours", seed=1, train=1, val=1, test=3)
    before = record(copy)
    assert course("test", copy / "best.pt", "--data", other)[0] == 0
    assert record(copy) == before
    own = pictures / "train" / ".."  # on another way
    assert course("test", copy / "best.pt", "--data", own)[0] == 0
    assert record(copy)["test"]["images"] == 6


def test_narrow_resnet_keeps_the_whitening_of_its_weights(pictures, tmp_path, course):
    flags = ["--data", pictures, "--model", "narrow_resnet", "--epochs", 1]
    assert course("train", "--out", tmp_path / "first", *flags)[0] == 0
    weights = tmp_path / "first" / "best.pt"
    flags += ["--weights", weights, "--mean", 0.1, 0.2, 0.3]
    assert course("train", "--out", tmp_path / "second", *flags)[0] == 0
    first, second = (
        load_checkpoint(tmp_path / run / "last.pt")["model"]["whitening.weight"]
        for run in ("first", "second")
    )
    assert torch.equal(first, second)


def test_fewer_epochs_are_kept_by_name_after_a_resume(copy, course):
    assert list(copy.glob("epoch*.pt"))
    flags = ["--resume", "--epochs", 3, "--keep", 1, "--save-from", 1]
    assert course("train", "--out", copy, *flags)[0] == 0
    assert not list(copy.glob("epoch*.pt*"))


def test_a_run_among_its_pictures_is_refused(pictures, course):
    code, _, error = course("train", "--data", pictures, "--out", pictures / "train" / "run")
    assert code == 2 and "lies among the pictures" in error
    assert not (pictures / "train" / "run").exists()


@pytest.mark.parametrize("part", ["train", "train/red"])
def test_a_part_of_a_folder_is_no_data(pictures, tmp_path, course, part):
    code, _, error = course("train", "--data", pictures / part, "--out", tmp_path / "run")
    assert code == 2 and f"is only a part: name the folder around it, {pictures}\n" in error


def test_a_set_without_test_images_says_what_to_do(course, tmp_path):
    flags = ["--epochs", 1, "--batch-size", 16, *SMALL]
    folder = tmp_path / "run"
    assert course("train", "--data", "hymenoptera", "--out", folder, *flags)[0] == 0
    before = listing(folder)
    code, _, error = course("test", folder / "best.pt")
    assert code == 2 and error.count("\n") == 1 and listing(folder) == before
    assert "hymenoptera has no test images; --split val evaluates" in error
    code, said, _ = course("test", folder / "best.pt", "--split", "val")
    assert code == 0 and "30 images of hymenoptera drawings" in said and "top-" not in said
    assert "the best epoch was chosen on these images" in said and record(folder)["test"]["chosen"]
    _, said, _ = course("test", folder / "last.pt", "--split", "val")
    assert "chosen" not in said and not record(folder)["test"]["chosen"]
    code, _, error = course("test", folder / "best.pt", "--data", "cifar10")
    assert code == 2 and "(2 classes: ants, bees), this is cifar10 drawings (10 classes:" in error
