"""What `course train` and `course test` are made of: settings, records, the right data."""

import json
import os
import shlex
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
import torch
import tyro
from helpers import same
from small_sets import small_parts, write_folders
from torch import nn

from course_utils import fit, load_model, profile as profiles
from course_utils.commands import resolve as plan, test as testing, train as runs
from course_utils.commands.recipes import RECIPES, USUAL, recipe
from course_utils.commands.record import Record, command, machine, processor
from course_utils.data import datasets
from course_utils.data.datasets import cifar10
from course_utils.engine.checkpoint import save_checkpoint
from course_utils.engine.run_folder import RecordError, read_record, write_record
from course_utils.engine.settings import TrainSettings
from course_utils.models import create_model, list_models
from course_utils.models.googlenet import GoogLeNet
from course_utils.models.narrow import NarrowResNet
from course_utils.store import locations
from course_utils.store.cifar10_files import fingerprint
from course_utils.training.optim import make_optimizer, make_scheduler

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
        model = create_model("cnn", len(data.classes))
        content = {"model": model.state_dict(), "config": model.config, "about": data.about()}
        save_checkpoint(content, path)
        if record:
            write_record(path.parent, record)
        return path

    return make


# ---- settings ----


@pytest.fixture
def other(monkeypatch):
    """A recipe in which everything is unusual."""
    table = {
        "data": "real", "epochs": 6, "batch_size": 64, "mixed_precision": True, "padding": 2,
        "optimizer": "sgd", "learning_rate": 0.2, "schedule": "cosine", "warm_up": 0.25,
        "weight_decay": 1e-4, "label_smoothing": 0.1, "stem": "cifar", "width": 8,
    }  # fmt: skip
    monkeypatch.setitem(RECIPES, "resnet18", {"tiny": table, "cpu": table | {"epochs": 9}})
    return table


def test_what_is_not_given_comes_from_the_recipe():
    settings = runs.complete(TrainSettings(Path("run")))
    assert (settings.model, settings.profile, settings.seed) == ("cnn", "tiny", 0)
    assert settings.data == "cifar10"
    assert asdict(settings).items() >= {**recipe("cnn", "tiny"), "data": "cifar10"}.items()
    settings = runs.complete(TrainSettings(Path("run"), profile="cpu", batch_size=7))
    assert (settings.profile, settings.batch_size) == ("cpu", 7)
    assert settings.epochs == RECIPES["cnn"]["cpu"]["epochs"]
    assert settings.mixed_precision is True


def test_a_recipe_wins_over_what_is_usual_and_the_command_over_both(other):
    settings = runs.complete(TrainSettings(Path("run"), model="resnet18", learning_rate=0.5))
    expected = {**USUAL, **other, "data": "cifar10", "learning_rate": 0.5}
    assert asdict(settings).items() >= expected.items()
    assert settings.auxiliary is None and settings.enlarge is None
    settings = runs.complete(TrainSettings(Path("run"), model="resnet18", profile="cpu"))
    assert (settings.epochs, settings.learning_rate) == (9, 0.2)
    off = TrainSettings(Path("run"), model="resnet18", warm_up=0.0, mixed_precision=False)
    settings = runs.complete(off)  # what is false is given all the same
    assert (settings.warm_up, settings.mixed_precision) == (0.0, False)


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


def test_a_run_goes_on_without_being_told_again_what_it_is(other, tmp_path):
    mine = tmp_path / "cifar10"
    mine.mkdir()
    told = TrainSettings(tmp_path, model="resnet18", data=str(mine), seed=3, learning_rate=0.3)
    write_record(tmp_path, {"settings": asdict(replace(runs.complete(told), out=None))})
    again = runs.complete(TrainSettings(tmp_path, resume=True))
    assert again == replace(runs.complete(told), resume=True)
    other["learning_rate"] = other["padding"] = 1  # a recipe that was changed meanwhile
    assert runs.complete(TrainSettings(tmp_path, resume=True)) == again


CHANGED = {
    "data": "folder", "model": "cnn", "profile": "cpu", "batch_size": 9, "seed": 5,
    "mixed_precision": False, "stem": "64px", "width": 4, "auxiliary": True, "enlarge": 64,
    "padding": 0, "optimizer": "adam", "learning_rate": 0.3, "schedule": "linear",
    "warm_up": 0.0, "weight_decay": 0.0, "label_smoothing": 0.0,
}  # fmt: skip


@pytest.mark.parametrize("name, value", CHANGED.items())
def test_what_a_run_cannot_change_on_the_way(other, tmp_path, name, value):
    begun = runs.complete(TrainSettings(tmp_path, model="resnet18"))
    write_record(tmp_path, {"settings": asdict(replace(begun, out=None))})
    message = f"was begun with {name}={getattr(begun, name)}, not {value}: resume with"
    with pytest.raises(ValueError, match=message):
        runs.complete(TrainSettings(tmp_path, resume=True, **{name: value}))
    free = {"device": "cpu", "threads": 1}
    runs.complete(TrainSettings(tmp_path, resume=True, **free))


@pytest.mark.parametrize(
    "schedule, warm_up, free",
    [
        ("constant", 0.0, True), ("plateau", 0.0, True), ("constant", 0.1, False),
        ("linear", 0.0, False), ("cosine", 0.1, False),
    ],
)  # fmt: skip
def test_a_run_grows_longer_only_where_its_length_does_not_bend_the_rate(
    tmp_path, schedule, warm_up, free
):
    told = TrainSettings(tmp_path, epochs=4, schedule=schedule, warm_up=warm_up)
    write_record(tmp_path, {"settings": asdict(replace(runs.complete(told), out=None))})
    resumed = TrainSettings(tmp_path, resume=True)
    assert runs.complete(resumed).epochs == runs.complete(replace(resumed, epochs=4)).epochs == 4
    if free:
        assert runs.complete(replace(resumed, epochs=6)).epochs == 6
    else:
        with pytest.raises(ValueError, match="was begun with epochs=4, not 6"):
            runs.complete(replace(resumed, epochs=6))


def test_every_network_has_a_recipe_for_every_profile():
    assert sorted(RECIPES) == sorted(list_models())
    names = {field.name for field in fields(TrainSettings)}
    for model, table in RECIPES.items():
        assert table.keys() == {"tiny", "cpu", "gpu"}, model
        for profile in table:
            full = recipe(model, profile)
            assert full.keys() == {*USUAL, "data", "epochs", "batch_size", "mixed_precision"}
            assert full.keys() <= names and full["data"] in ("real", "drawings")
            assert (full["data"] == "drawings") == (profile == "tiny")


def test_the_gpu_recipe_takes_steps_on_the_cpu(real, tmp_path):
    model, options = "resnet34", {"width": 4}
    told = TrainSettings(
        tmp_path / "run", data=str(real), model=model, profile="gpu", device="cpu", epochs=2,
        **options,
    )  # fmt: skip
    record = runs.train(told)
    assert record["finished"] and record["history"][-1]["step"] == 2
    for name in ("batch_size", "optimizer", "learning_rate", "schedule", "label_smoothing"):
        assert record["settings"][name] == RECIPES[model]["gpu"][name]


@pytest.mark.parametrize("profile", ["tiny", "cpu", "gpu"])
def test_every_recipe_can_be_carried_out(profile):
    """Its network is built, its optimiser and its schedule are made; nothing is trained."""
    data = type("Data", (), {"classes": tuple("abcdefghij"), "train": None})
    for model in RECIPES:
        settings = runs.complete(TrainSettings(Path("run"), model=model, profile=profile))
        if model == "narrow_resnet":
            continue  # it looks at data; trained below
        with torch.device("meta"):
            network = runs.build(settings, data)
        optimizer = make_optimizer(network, settings.optimizer, settings.learning_rate)
        make_scheduler(optimizer, settings.schedule, 100, settings.warm_up)


# ---- records ----


def test_the_command_gives_back_the_settings(tmp_path):
    common = {
        "epochs": 3, "batch_size": 8, "optimizer": "sgd", "learning_rate": 2e-4, "momentum": 0.25,
        "weight_decay": 0.125, "label_smoothing": 0.3, "seed": 5, "device": "cpu", "threads": 2,
        "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4), "tensorboard": False, "progress": False,
        "num_classes": 7, "keep": 3, "save_from": 2, "accumulate": 2, "decay": "all", "top_k": 3,
        "nesterov": False, "compile": True, "timeout": 60.0, "eval_batch_size": 9,
        "log_every": 5, "summary": True, "balance": "loss",
    }  # fmt: skip
    small = TrainSettings(
        Path("RUN"), data=str(tmp_path / "mine"), model="googlenet", stem="imagenet",
        auxiliary=True, enlarge=96, width=3, profile="cpu", schedule="plateau", image_size=64,
        crop_scale=0.5, rotation=5.0, colour_jitter=(0.1, 0.2, 0.3, 0.4), bad_images="skip",
        workers=2, weights="none", monitor="val_accuracy", val_share=0.25, labels="labels.csv",
        mixed_precision=False, **common,
    )  # fmt: skip
    mine = tmp_path / "cifar10"
    mine.mkdir()
    (tmp_path / "mine").mkdir()
    told = {"weights": "own", "trained": "head", "augment": "none", "warm_up": 0.5}
    other = TrainSettings(
        Path("RUN"), data=str(mine), model="resnet18", profile="tiny", schedule="cosine",
        mixed_precision=True, monitor="val_loss", **told, **common,
    )  # fmt: skip
    named = set()
    adam = {"optimizer": "adamw", "momentum": None, "nesterov": None}
    last = replace(other, augment=None, padding=1, **adam)
    steps = {"schedule": "step", "step_epochs": 2, "step_factor": 0.2, "warm_up": 0.0}
    steps |= {"learning_rate": None, "learning_rate_per_256": 0.1, "zero_gamma": True}
    stepped = replace(other, **steps, weights=None, trained=None)
    apart = replace(small, val_share=None, labels=None, data_val=str(tmp_path))
    for settings in (small, apart, other, last, stepped):
        full = runs.complete(settings)
        words = shlex.split(command(full))
        assert words[:2] == ["course", "train"]
        again = tyro.cli(TrainSettings, args=words[2:])
        assert runs.complete(again) == full
        named |= {f"--{word[5:]}" if word.startswith("--no-") else word for word in words}
    everything = {f"--{field.name.replace('_', '-')}" for field in fields(TrainSettings)}
    # the model that is usual for the data, the monitor that is usual, and what becomes warm_up
    assert everything - {"--resume", "--change-processes", "--warm-up-epochs", "--monitor"} <= named


@pytest.mark.parametrize("weights", ["none", "own"])
def test_the_command_repeats_a_run_on_pictures(weights):
    told = {"weights": weights, "schedule": "step", "batch_size": 4, "learning_rate": 0.001}
    for given in ({"weights": weights}, told):
        settings = runs.complete(TrainSettings(Path("RUN"), data="hymenoptera", **given))
        words = shlex.split(command(settings))
        assert runs.complete(tyro.cli(TrainSettings, args=words[2:])) == settings


@pytest.mark.parametrize("model", ["cnn", "narrow_resnet", "resnet20", "resnet18", "googlenet"])
@pytest.mark.parametrize("profile", ["tiny", "cpu", "gpu"])
@pytest.mark.parametrize("given", [{}, {"seed": 2, "epochs": 77, "mixed_precision": False}])
def test_the_command_leaves_out_what_the_recipe_says(model, profile, given):
    settings = runs.complete(TrainSettings(Path("RUN"), model=model, profile=profile, **given))
    words = shlex.split(command(settings))
    again = runs.complete(tyro.cli(TrainSettings, args=words[2:]))
    assert again == settings
    if not given:
        named = [] if model == "cnn" else ["--model", model]
        assert words[4:] == [*named, "--profile", profile]


def test_numbers_that_cannot_be():
    for name, value, message in [
        ("epochs", 0, "epochs is 0; it must be an integer from 1 to 1000000"),
        ("width", 0, "width is 0; it must be an integer from 1 to 4096"),
        ("enlarge", -32, "enlarge is -32; it must be an integer from 1"),
        ("padding", -1, "padding is -1; it must be an integer from 0"),
        ("weight_decay", -0.1, "weight_decay is -0.1; it must be a number, 0 or"),
        ("label_smoothing", -0.1, "label_smoothing is -0.1; it must be a number from 0 to 1"),
        ("warm_up", 1.5, "warm_up is 1.5; it must be a number from 0 to below 1"),
        ("label_smoothing", 1.5, "label_smoothing is 1.5; it must be a number from 0 to 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            runs.complete(TrainSettings(Path("run"), **{name: value}))
    zero = {"padding": 0, "weight_decay": 0.0, "label_smoothing": 0.0}
    assert runs.complete(TrainSettings(Path("run"), **zero)).padding == 0


# ---- networks ----


def test_build(real):
    data = cifar10(real)
    settings = TrainSettings(
        Path("run"), model="googlenet", stem="imagenet", auxiliary=True, enlarge=64
    )
    model = runs.build(settings, data)
    assert isinstance(model, GoogLeNet) and model.enlarge.size == 64 and model.aux1 is not None
    expected = {"stem": "imagenet", "auxiliary": True, "enlarge": 64}
    assert model.config == {"name": "googlenet", "num_classes": 10, **expected}
    narrow = TrainSettings(Path("run"), model="narrow_resnet", width=8)
    one, other = (runs.build(narrow, data).whitening.weight for _ in range(2))
    assert torch.equal(one, other)  # from the images, not by chance
    assert not torch.equal(one, NarrowResNet(width=8).whitening.weight)


def test_training_follows_every_setting(real, tmp_path):
    """The same run, put together by hand."""
    told = {"batch_size": 32, "padding": 1, "optimizer": "sgd", "learning_rate": 0.05, "seed": 3}
    bent = {"schedule": "linear", "warm_up": 0.2, "weight_decay": 0.5, "label_smoothing": 0.3}
    settings = TrainSettings(tmp_path / "run", data=str(real), epochs=2, **told, **bent)
    full = runs.complete(settings)
    found = runs.train(settings)["history"]
    profiles.start(seed=3)
    model = create_model("cnn").to(memory_format=torch.channels_last)
    train, val = runs.loaders(cifar10(real), full, CPU)
    optimizer = make_optimizer(model, "sgd", 0.05, weight_decay=0.5)
    by_hand = fit(
        model, train, val, optimizer, epochs=2, num_classes=10,
        loss_fn=nn.CrossEntropyLoss(label_smoothing=0.3),
        scheduler=make_scheduler(optimizer, "linear", 2 * len(train), warm_up=0.2),
        schedule_every="step",
    )  # fmt: skip
    assert same(found, by_hand) and found[-1]["learning_rate"] < 0.2 * 0.05


@pytest.mark.parametrize(
    "model, options",
    [
        ("resnet18", {"width": 8, "schedule": "cosine", "warm_up": 0.2}),
        ("narrow_resnet", {"width": 16}),
        ("googlenet", {"stem": "imagenet", "auxiliary": True}),
        ("plain20", {"width": 4, "schedule": "plateau", "warm_up": 0.0}),
    ],
)
def test_each_kind_of_network_trains_and_is_tested(real, tmp_path, model, options):
    told = TrainSettings(
        tmp_path / "run", data=str(real), model=model, epochs=1, batch_size=64, **options
    )
    record = runs.train(told)
    assert record["finished"] and record["settings"].items() >= options.items()
    network, about = load_model(tmp_path / "run" / "best.pt")
    options = {name: value for name, value in options.items() if name in plan.MODEL_OPTIONS}
    assert network.config.items() >= {"name": model, **options}.items()
    assert about["image_size"] == 32
    result = testing.test(tmp_path / "run" / "best.pt")
    assert result["images"] == 30 and result["accuracy"] >= 0
    kept = read_record(tmp_path / "run")["history"][0]
    assert kept["val_loss"] == record["history"][0]["val_loss"] > 0


def test_records_are_whole_or_told(tmp_path):
    assert read_record(tmp_path) == {}
    write_record(tmp_path, {"name": "Größe"})
    assert read_record(tmp_path) == {"name": "Größe"}
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
    with pytest.raises(TypeError):
        write_record(tmp_path, {"not": object()})
    assert read_record(tmp_path) == {"name": "Größe"}
    (tmp_path / "record.json").write_text("[1]")
    with pytest.raises(ValueError, match="record.json is damaged"):
        read_record(tmp_path)
    for part in ("settings", "history", "test"):
        write_record(tmp_path, {part: 1})
        with pytest.raises(RecordError, match=rf"record.json: {part} is 1; it must be a"):
            read_record(tmp_path)
    (tmp_path / "record.json").write_text('{"name": ')
    with pytest.raises(ValueError, match=r"record.json is damaged \(.*; remove it"):
        read_record(tmp_path)


def test_a_record_that_cannot_be_written_does_not_cost_the_run(tmp_path):
    settings = runs.complete(TrainSettings(tmp_path / "run"))
    (tmp_path / "run").write_text("a file where the folder should be")
    state = type("State", (), {"history": [], "epoch": 0, "epochs": 1, "stop": ""})
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
    result = testing.test(tmp_path / "run" / "best.pt")  # and the test finds it again
    assert result["images"] == 30 and result["data"] == "cifar10"


def test_the_test_uses_the_data_of_the_training(real, checkpoint, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(real))
    assert testing.test(checkpoint(cifar10("drawings")))["data"] == "cifar10 drawings"
    result = testing.test(checkpoint(cifar10("real")))  # also in the profile tiny
    assert result["data"] == "cifar10" and result["images"] == 30


def test_other_data_than_that_of_the_training_is_refused(real, checkpoint, monkeypatch):
    record = {"settings": {"data": "cifar10", "profile": "cpu"}}
    path = checkpoint(cifar10(real), record)
    monkeypatch.setattr(locations, "DATA", real.parent / "none")
    message = "best.pt was trained on cifar10 .*, this is cifar10 drawings .*--data"
    with pytest.raises(ValueError, match=message):  # the real data is gone: only drawings are left
        testing.test(path)
    assert read_record(path.parent) == record
    assert testing.test(path, data=str(real))["images"] == 30


def test_other_classes_are_refused(checkpoint):
    data = cifar10("drawings")
    path = checkpoint(replace(data, train=replace(data.train, classes=("ants", "bees"))))
    with pytest.raises(ValueError, match=r"\(2 classes: ants, bees\), this is .*10 classes"):
        testing.test(path)


def test_the_loaders(real):
    data = cifar10(real)
    settings = runs.complete(TrainSettings(Path("run"), batch_size=8, padding=3, seed=1))
    train, val = runs.loaders(data, settings, device=CPU)
    assert train.crops.shape[:4] == (2 * len(data.train), 3, 7, 7)  # augmented
    assert train.shuffle and train.generator.initial_seed() == 1
    assert not val.shuffle and val.crops.shape[:4] == (len(data.val), 3, 1, 1)
    for loader in (train, val):
        images, _ = next(iter(loader))
        assert images.is_contiguous(memory_format=torch.channels_last)


# ---- started again by torchrun ----


def test_a_restart_goes_on_with_its_own_run_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "first")
    told = TrainSettings(tmp_path / "run", profile="tiny", epochs=1, tensorboard=False)
    whole = runs.train(told)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert runs.train(told)["history"] == whole["history"]  # nothing is left to do
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "second")
    with pytest.raises(FileExistsError, match="holds a run already"):
        runs.train(told)
    (tmp_path / "run" / "last.pt").unlink()  # as a kill between best.pt and last.pt leaves it
    with pytest.raises(FileExistsError, match="holds a run already"):
        runs.train(told)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "first")
    again = runs.train(told)
    assert [e["val_loss"] for e in again["history"]] == [e["val_loss"] for e in whole["history"]]
