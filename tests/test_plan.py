"""Settings are filled in from recipe and weights; those that make no sense together are refused."""

import hashlib
from dataclasses import replace
from pathlib import Path

import loopback as web
import pytest
import torch
from small_sets import small_parts, write_folders

from course_utils.commands import resolve as plan
from course_utils.commands.recipes import SCRATCH, TRANSFER, default_model, recipe
from course_utils.engine import pretrained as trained
from course_utils.engine.settings import TrainSettings
from course_utils.models import create_model
from course_utils.store.fetching import DownloadError

RUN = Path("RUN")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "tiny")


def told(**settings) -> TrainSettings:
    return plan.complete(TrainSettings(RUN, **settings))


# ---- recipes for folders ----


def test_pictures_in_folders_have_the_recipe_of_transfer_learning(tmp_path):
    for data in ("hymenoptera", str(tmp_path)):
        for profile in ("tiny", "cpu", "gpu"):
            full = recipe("resnet18", profile, data)
            assert full.items() >= TRANSFER[profile].items()
            assert full.keys() == recipe("resnet18", profile, "cifar10").keys()
            assert default_model(data, profile) == "resnet18"
    settings = told(data="hymenoptera")
    assert (settings.model, settings.weights, settings.trained) == ("resnet18", "own", "all")
    usual = recipe("resnet18", "tiny", "hymenoptera")
    assert (settings.image_size, settings.crop_scale) == (usual["image_size"], usual["crop_scale"])
    assert settings.padding is None and settings.crop_scale


def test_from_scratch_it_is_the_network_that_the_own_weights_are_of():
    with_weights, scratch = told(data="hymenoptera"), told(data="hymenoptera", weights="none")
    assert scratch == replace(with_weights, weights="none", **SCRATCH)
    assert told(data="hymenoptera", model="cnn").learning_rate == SCRATCH["learning_rate"]
    assert told(data="hymenoptera", weights="none", schedule="step").schedule == "step"
    assert (scratch.stem, scratch.width) == ("64px", 32)
    sizes = [told(data="hymenoptera", weights=w, profile="cpu").image_size for w in ("own", "none")]
    assert sizes == [96, 96]
    large = told(data="hymenoptera", weights="none", profile="gpu")
    assert (large.stem, large.width, large.image_size) == (None, None, 224)


@pytest.mark.parametrize(
    "each, batch_size, rate", [(1, 4, 0.0025), (80, 16, 0.01), (800, 32, 0.02)]
)
def test_batch_and_rate_of_a_folder_follow_its_pictures(each, batch_size, rate, tmp_path):
    for label in "abc":
        (tmp_path / "train" / label).mkdir(parents=True)
        for number in range(each):
            (tmp_path / "train" / label / f"{number}.png").touch()
        (tmp_path / "val" / label).mkdir(parents=True)
        (tmp_path / "val" / label / "0.png").touch()
    folder = {"data": str(tmp_path)}
    for weights in ("own", "none"):
        settings = told(**folder, weights=weights)
        assert (settings.batch_size, settings.learning_rate) == (batch_size, rate)
    assert told(**folder, weights="own", batch_size=64).learning_rate == 0.04
    assert told(**folder, weights="own", learning_rate=0.5).batch_size == batch_size
    assert told(**folder, weights="own", optimizer="adam").learning_rate == 0.001
    settings = told(data="hymenoptera")  # as in notebook 04
    assert (settings.batch_size, settings.learning_rate) == (4, 0.001)


def test_the_stages_need_a_rate_that_falls(tmp_path):
    settings = told(data="hymenoptera", trained="staged")
    assert (settings.schedule, settings.weights) == ("cosine", "own")
    assert told(data="hymenoptera", trained="staged", schedule="step").schedule == "step"


# ---- weights of networks that the course has none of ----


def test_official_weights_of_another_network_are_where_it_begins(tmp_path, monkeypatch):
    path = tmp_path / "resnet34.pth"
    torch.save(create_model("resnet34", 1000, width=8).state_dict(), path)
    content = path.read_bytes()
    name = f"resnet34-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    monkeypatch.setattr(trained, "DATA", tmp_path)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    with web.Loopback() as server:
        monkeypatch.setitem(trained.OFFICIAL, "resnet34", server.put(f"/{name}", content))
        settings = told(data="hymenoptera", model="resnet34", profile="cpu")
    assert (settings.weights, settings.image_size, settings.stem) == ("official", 224, None)
    assert (tmp_path / "weights" / name).read_bytes() == content


def test_without_them_it_begins_from_random_ones_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(trained, "DATA", tmp_path)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    for model in ("resnet34", "resnet50", "googlenet"):
        address = f"http://127.0.0.1:9/{model}-00000000.pth"
        monkeypatch.setitem(trained.OFFICIAL, model, address)
        folder = {"data": "hymenoptera", "model": model, "profile": "cpu"}
        loud = f"{model} begins from random weights, .* put {model}-00000000.pth into"
        with pytest.warns(UserWarning, match=loud):
            settings = told(**folder)
        assert settings == told(**folder, weights="none")
        assert settings.learning_rate == SCRATCH["learning_rate"]
        with pytest.raises(DownloadError, match="no official weights"):
            told(**folder, weights="official")
        with pytest.warns(UserWarning, match="random"), pytest.raises(ValueError, match="no weigh"):
            told(**folder, trained="head")
    capsys.readouterr()
    told(data="hymenoptera", model="cnn")
    assert "weights: cnn begins from random ones" in capsys.readouterr().out


def test_cifar_in_a_folder_is_still_cifar(tmp_path):
    folder = write_folders(small_parts(train=1, test=1), tmp_path / "cifar10")
    for data in (folder, tmp_path):
        settings = told(data=str(data))
        assert (settings.model, settings.weights, settings.padding) == ("cnn", "none", 4)


@pytest.mark.parametrize("model", ["cnn", "small_residual", "resnet20", "narrow_resnet"])
def test_networks_for_32_px_get_them(model):
    settings = told(data="hymenoptera", model=model)
    assert (settings.image_size, settings.weights, settings.stem) == (32, "none", None)


def test_weights_decide_over_network_and_size():
    settings = told(data="hymenoptera", weights="own", profile="gpu")
    assert (settings.stem, settings.width, settings.image_size) == ("64px", 32, 96)
    assert told(data="hymenoptera", image_size=64).image_size == 64  # unless told
    settings = told(model="resnet18", weights="own")  # CIFAR-10 keeps its size
    assert (settings.stem, settings.width, settings.image_size) == ("64px", 32, None)


def test_a_file_brings_how_its_pictures_were_prepared(tmp_path):
    model = create_model("resnet18", 3, width=8)
    about = {"image_size": 48, "mean": [0.5, 0.5, 0.5], "std": [0.1, 0.2, 0.3]}
    path = str(tmp_path / "best.pt")
    torch.save({"model": model.state_dict(), "config": model.config, "about": about}, path)
    settings = told(data="hymenoptera", weights=path)
    assert (settings.image_size, settings.width) == (48, 8)
    assert (settings.mean, settings.std) == ((0.5, 0.5, 0.5), (0.1, 0.2, 0.3))
    mine = {"image_size": 40, "mean": (0.1, 0.1, 0.1)}
    settings = told(data="hymenoptera", weights=path, **mine)
    assert (settings.image_size, settings.mean, settings.std) == (*mine.values(), (0.1, 0.2, 0.3))
    settings = told(model="resnet18", weights=path)  # CIFAR-10 keeps its size
    assert (settings.image_size, settings.mean) == (None, (0.5, 0.5, 0.5))
    torch.save(model.state_dict(), path)  # which tells nothing
    settings = told(data="hymenoptera", weights=path)
    assert (settings.image_size, settings.mean) == (TRANSFER["tiny"]["image_size"], None)


def test_automatic_weights_are_named_by_what_was_found(monkeypatch):
    real = plan.find_weights
    monkeypatch.setattr(plan, "find_weights", lambda model, wanted: real(model, "own"))
    assert told(data="hymenoptera", profile="cpu", weights="auto").weights == "own"
    assert told(data="hymenoptera", profile="cpu").weights == "own"  # auto in the recipe
    assert told(data="hymenoptera", weights="a file").weights == "a file"


def test_warm_up_in_epochs_is_a_share_of_the_steps():
    settings = told(epochs=8, warm_up_epochs=2, schedule="cosine")
    assert (settings.warm_up, settings.warm_up_epochs) == (0.25, None)


def test_the_profile_of_an_own_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_PROFILE")
    assert told(data="hymenoptera").profile == "tiny"
    assert told(data=str(tmp_path), weights="none").profile in ("cpu", "gpu")


# ---- what cannot be ----

FOLDER = {"data": "hymenoptera"}


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"warm_up": 0.1, "warm_up_epochs": 1, "schedule": "linear"}, "the same in two units"),
        ({"warm_up_epochs": 3, "epochs": 3, "schedule": "linear"}, "warm_up_epochs is 3, but"),
        ({"schedule": "step", "warm_up": 0.1}, "schedule 'step' has no warm_up: set warm_up to 0"),
        ({"schedule": "plateau", "warm_up_epochs": 1}, "schedule 'plateau' has no warm_up"),
        ({"model": "plain20", "schedule": "step"}, "schedule 'step' has no warm_up"),
        ({"optimizer": "adamw", "momentum": 0.5}, "momentum is SGD's, not that of adamw"),
        ({"momentum": 1.0}, "momentum is 1.0; it must be a number from 0 to below 1"),
        ({"trained": "head"}, "trained is head, but there are no weights"),
        ({**FOLDER, "trained": "last_stage", "weights": "none"}, "trained is last_stage, but"),
        ({"keep": 0}, "keep is 0; it must be an integer from 1 to 1000000 or all"),
        ({"log_every": 0}, "log_every is 0; it must be an integer from 1 to"),
        ({"eval_batch_size": 0}, "eval_batch_size is 0; it must be an integer from 1 to"),
        ({**FOLDER, "trained": "staged", "epochs": 2}, "staged has 3 stages, but there are 2 epo"),
        ({**FOLDER, "trained": "staged", "weights": "none"}, "trained is staged, but there are no"),
        ({"save_from": 0}, "save_from is 0; it must be an integer from 1 to"),
        ({"keep": 2, "save_from": 4, "epochs": 3}, "save_from is 4, but there are 3 epochs"),
        ({"save_from": 2, "epochs": 3}, "save_from .* needs --keep 2 or more"),
        ({**FOLDER, "crop_scale": 0.0}, "crop_scale is 0.0; it must be a number above 0"),
        ({**FOLDER, "crop_scale": 1.5}, "crop_scale is 1.5; .* above 0, at most 1"),
        ({"std": (0.2, 0.0, 0.2)}, r"std is \(0.2, 0.0, 0.2\); it must be 3 numbers above 0"),
        ({"std": (0.2, float("nan"), 0.2)}, "std is"),
        ({"mean": (0.5, 0.5, 125.0)}, "mean is .*; it must be 3 numbers from 0 to 1"),
        ({**FOLDER, "image_size": 0}, "image_size is 0; it must be an integer from 1 to 2048"),
        ({**FOLDER, "image_size": 2049}, "image_size is 2049; it must be an integer from 1 to"),
        ({"seed": -1}, "seed is -1; it must be an integer from 0 to"),
        ({"weight_decay": float("inf")}, "weight_decay is inf; it must be a number, 0 or greater"),
        ({**FOLDER, "workers": -1}, "workers is -1; it must be an integer from 0 to 256"),
        ({**FOLDER, "padding": 2}, "padding: not for pictures in folders"),
        ({"image_size": 64, "workers": 2}, "image_size, workers: not for CIFAR-10's 32 px images"),
        ({"learning_rate": 0.1, "learning_rate_per_256": 0.1}, "say the same: give one of them"),
        ({"step_epochs": 3}, "step_epochs: of schedule step, not of constant; leave it out"),
        ({"optimizer": "adam", "nesterov": True}, "momentum is SGD's, not that of adam"),
        ({"rotation": 10.0}, "rotation: not for CIFAR-10's 32 px images; leave it out"),
        ({"colour_jitter": (0.1, 0.1, 0.1, 0.6)}, "it must be 4 numbers from 0 to 1, 1, 1, 0.5"),
        ({"accumulate": 0}, "accumulate is 0; it must be an integer from 1"),
        ({"timeout": 0.0}, "timeout is 0.0; it must be a number above 0"),
        ({"augment": "none", "padding": 2}, "augment none changes nothing: leave padding out"),
        ({**FOLDER, "augment": "none", "crop_scale": 0.5}, "leave crop_scale out"),
        ({**FOLDER, "stem": "cifar"}, "stem is cifar, but the weights have 64px .*leave --stem"),
        ({**FOLDER, "width": 64}, "width is 64, but the weights have 32"),
        ({**FOLDER, "weights": "nowhere"}, "weights 'nowhere': neither auto, official, own nor"),
        ({**FOLDER, "model": "cnn", "weights": "own"}, "own weights are of resnet18, not of cnn"),
        ({"weights": "official"}, "there are no official weights of cnn"),
        ({"data": "nowhere"}, "data 'nowhere' is none of cifar10, .*, imagenette, nor a folder"),
        ({"resume": True, "weights": "own"}, "leave --weights out with --resume"),
        ({"zero_gamma": True}, "zero_gamma: cnn has no shortcuts around its blocks; leave it out"),
        ({"model": "plain18", "zero_gamma": True}, "zero_gamma: plain18 has no shortcuts"),
        ({"decay": "all"}, "decay says what weight_decay is of, and that is 0"),
        ({"accumulate": 64, "batch_size": 32}, "accumulate is 64, but a batch has 32 images"),
        ({"change_processes": True}, "change_processes: a new run has as many as there are"),
        (
            {"optimizer": "sgd", "momentum": 0.0, "nesterov": True},
            "nesterov: there is no momentum that it could look ahead of",
        ),
        (
            {"schedule": "step", "step_epochs": 3, "epochs": 3},
            "step_epochs is 3, but there are 3 epochs",
        ),
    ],
)  # fmt: skip
def test_flags_that_make_no_sense(settings, message):
    with pytest.raises(ValueError, match=message):
        told(**settings)
    assert not RUN.exists()


def test_a_folder_that_no_run_can_have(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "find_weights", None)  # it comes first
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ValueError, match="file is a file; choose another folder"):
            plan.complete(TrainSettings(out, **FOLDER))
    (tmp_path / "last.pt").touch()
    with pytest.raises(FileExistsError, match="holds a run already"):
        plan.complete(TrainSettings(tmp_path, **FOLDER))
    if Path("/sys/kernel").is_dir():
        with pytest.raises(OSError, match="/sys/kernel: no file can be written there"):
            plan.complete(TrainSettings(Path("/sys/kernel/run"), **FOLDER))


def test_no_plain_network_begins_with_nothing_but_zeros():
    for model in ("plain18", "plain50"):
        assert recipe(model, "gpu", "imagenet")["zero_gamma"] is False
    assert recipe("resnet50", "gpu", "imagenet")["zero_gamma"] is True


def test_what_is_on_the_border_is_allowed():
    told(warm_up_epochs=2, epochs=3, schedule="linear")
    told(keep=2, save_from=3, epochs=3)
    told(keep="all", save_from=3, epochs=3)
    told(**FOLDER, crop_scale=1.0)
    told(model="resnet18", optimizer="sgd", momentum=0.0, mean=(0.0, 0.5, 1.0), std=(1.0, 0.1, 0.1))
    told(model="plain20", schedule="step", warm_up=0.0)
