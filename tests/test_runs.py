"""What `course train` and `course test` are made of: settings, records, the right data."""

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import tyro
from small_sets import small_parts, write_folders

from course_utils import runs
from course_utils.data import datasets
from course_utils.data.cifar10_files import fingerprint
from course_utils.data.datasets import cifar10
from course_utils.models import create_model
from course_utils.recipes import RECIPES
from course_utils.record import Record, command, machine, processor, read_record, write_record
from course_utils.settings import TrainSettings
from course_utils.training.checkpoint import save_checkpoint

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "tiny")


@pytest.fixture
def real(monkeypatch, tmp_path):
    """A folder with a small set that passes for the true CIFAR-10."""
    parts = small_parts()
    known = {split: (len(part[1]), fingerprint(*part)) for split, part in parts.items()}
    monkeypatch.setattr(datasets, "CIFAR10_FINGERPRINTS", known)
    write_folders(parts, tmp_path / "real" / "cifar10")
    return tmp_path / "real"


@pytest.fixture
def checkpoint(tmp_path):
    """Make an untrained checkpoint of this data, with this record beside it."""

    def make(data, record=None):
        path = tmp_path / "run" / "best.pt"
        model = create_model("cnn")
        content = {"model": model.state_dict(), "config": model.config, "about": data.about()}
        save_checkpoint(content, path)
        if record:
            write_record(path.parent, record)
        return path

    return make


# ---- settings ----


def test_what_is_not_given_comes_from_the_notebooks_table(monkeypatch):
    settings = runs.complete(TrainSettings(Path("run")))
    table = RECIPES["01_cnn_cifar10"]["tiny"]
    assert settings.profile == "tiny" and settings.epochs == table["epochs"]
    assert settings.batch_size == table["batch_size"] and settings.mixed_precision is False
    settings = runs.complete(TrainSettings(Path("run"), profile="cpu", batch_size=7))
    assert (settings.profile, settings.batch_size) == ("cpu", 7)
    assert settings.epochs == RECIPES["01_cnn_cifar10"]["cpu"]["epochs"]
    assert settings.mixed_precision is True


def test_a_run_goes_on_as_it_began(tmp_path):
    begun = {"profile": "cpu", "batch_size": 9, "epochs": 4, "mixed_precision": True, "seed": 0}
    write_record(tmp_path, {"settings": begun})
    resumed = TrainSettings(tmp_path, resume=True)
    assert runs.complete(resumed).profile == os.environ["COURSE_PROFILE"] == "cpu"
    assert runs.complete(resumed).batch_size == 9
    assert runs.complete(replace(resumed, epochs=6)).epochs == 6
    for name, value in {"profile": "tiny", "batch_size": 8, "seed": 1}.items():
        with pytest.raises(ValueError, match=f"was begun with {name}={begun[name]}, not {value}"):
            runs.complete(replace(resumed, **{name: value}))
    assert runs.complete(TrainSettings(tmp_path)).batch_size == 32  # a new run asks nobody


def test_every_profile_has_a_recipe():
    for table in RECIPES.values():
        assert table.keys() == {"tiny", "cpu", "gpu"}
        assert len({tuple(row) for row in table.values()}) == 1
    assert set(runs.RECIPE_OF.values()) <= RECIPES.keys()


# ---- records ----


def test_the_command_gives_back_the_settings():
    settings = TrainSettings(
        Path("RUN"), data="my data", profile="cpu", epochs=3, batch_size=8, learning_rate=2e-4,
        mixed_precision=False, seed=5, device="cpu", threads=2,
    )  # fmt: skip
    words = shlex.split(command(settings))
    assert words[:2] == ["course", "train"]
    assert tyro.cli(TrainSettings, args=words[2:]) == settings
    assert command(TrainSettings(Path("x"), resume=True)) == "course train --out RUN"


def test_records_are_whole_or_told(tmp_path):
    assert read_record(tmp_path) == {}
    write_record(tmp_path, {"name": "Größe"})
    assert read_record(tmp_path) == {"name": "Größe"}
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
    with pytest.raises(TypeError):
        write_record(tmp_path, {"not": object()})
    assert read_record(tmp_path) == {"name": "Größe"}
    (tmp_path / "record.json").write_text('{"name": ')
    with pytest.raises(ValueError, match=r"record.json is damaged \(.*; remove it"):
        read_record(tmp_path)


def test_a_record_that_cannot_be_written_does_not_cost_the_run(tmp_path):
    (tmp_path / "run").write_text("a file where the folder should be")
    settings = runs.complete(TrainSettings(tmp_path / "run"))
    state = type("State", (), {"history": [], "epoch": 0, "epochs": 1})
    with pytest.warns(UserWarning, match="training goes on"):
        Record(settings, cifar10("drawings"), CPU).on_epoch_end(state)


def test_the_machine_is_told():
    told = machine(CPU)
    assert told["device"] == "cpu" and told["processor"] == processor() != ""
    assert told["threads"] == torch.get_num_threads() and told["torch"][0].isdigit()
    assert json.loads(json.dumps(told)) == told


# ---- the right data ----


def test_training_takes_the_data_it_is_told(real, tmp_path, capsys):
    record = runs.train(TrainSettings(tmp_path / "run", data=str(real), epochs=1))
    assert record["data"] == "cifar10" and record["settings"]["data"] == str(real)
    assert f"data: cifar10 in {real / 'cifar10'}\n" in capsys.readouterr().out
    result = runs.test(tmp_path / "run" / "best.pt")  # and the test finds it again
    assert result["images"] == 30 and result["data"] == "cifar10"


def test_the_test_uses_the_data_of_the_training(real, checkpoint, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(real))
    assert runs.test(checkpoint(cifar10("drawings")))["data"] == "cifar10 drawings"
    result = runs.test(checkpoint(cifar10("real")))  # also in the profile tiny
    assert result["data"] == "cifar10" and result["images"] == 30


def test_other_data_than_that_of_the_training_is_refused(real, checkpoint, monkeypatch):
    record = {"settings": {"data": "cifar10", "profile": "cpu"}}
    path = checkpoint(cifar10(real), record)
    monkeypatch.setattr(datasets, "DATA", real.parent / "none")
    message = "best.pt was trained on cifar10 .*, this is cifar10 drawings .*--data"
    with pytest.raises(ValueError, match=message):  # the real data is gone: only drawings are left
        runs.test(path)
    assert read_record(path.parent) == record
    assert runs.test(path, data=str(real))["images"] == 30


def test_other_classes_are_refused(checkpoint):
    data = cifar10("drawings")
    path = checkpoint(replace(data, train=replace(data.train, classes=("ants", "bees"))))
    with pytest.raises(ValueError, match=r"\(2 classes: ants, bees …\), this is .*10 classes"):
        runs.test(path)


def test_the_loaders(real):
    data = cifar10(real)
    train, val = runs.loaders(data, 8, seed=1, device=CPU)
    assert train.crops.shape[0] == 2 * len(data.train)  # augmented
    assert train.shuffle and train.generator.initial_seed() == 1
    assert not val.shuffle and val.crops.shape[:4] == (len(data.val), 3, 1, 1)
    for loader in (train, val):
        images, _ = next(iter(loader))
        assert images.is_contiguous(memory_format=torch.channels_last)
