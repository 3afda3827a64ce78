"""From the name of a data set, or a folder, to batches."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from picture_folders import write_pictures
from small_sets import small_parts, write_folders

from course_utils.commands import resolve as plan
from course_utils.commands.open_data import eval_loader, loaders, open_data, open_for
from course_utils.data.batches import Batches
from course_utils.data.loading import ImageLoader
from course_utils.data.transforms import EvalTransform, train_transform
from course_utils.engine.settings import TrainSettings
from course_utils.store.locations import DRAWINGS, data_kind


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "tiny")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "colours", train=3, val=2)


def told(**settings) -> TrainSettings:
    return plan.complete(TrainSettings(Path("RUN"), **{"weights": "none", **settings}))


def test_data_kind(tmp_path, pictures, monkeypatch):
    write_folders(small_parts(train=1, test=1), tmp_path / "cifar10")
    assert data_kind(str(tmp_path)) == data_kind(str(tmp_path / "cifar10")) == "cifar10"
    assert data_kind(str(DRAWINGS / "hymenoptera_data")) == data_kind("hymenoptera")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drawings").mkdir()  # a folder of this name is not the course's drawings
    assert data_kind("drawings") == data_kind(str(pictures)) == "folder"


def test_every_setting_reaches_the_pictures(pictures):
    own = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
    settings = told(data=str(pictures), image_size=24, crop_scale=0.5, **own)
    data = open_for(settings, "real")
    assert data.classes == ("blue", "green", "red") and data.test is None
    for part in (data.train, data.val):
        assert part.image_size == 24 and (part.mean, part.std) == (own["mean"], own["std"])
    assert data.train.transform == train_transform(24, (0.5, 1.0))


def test_mean_and_std_of_cifar():
    own = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
    for part in ("train", "val", "test"):
        found = getattr(open_data("cifar10", "drawings", **own), part)
        assert (found.mean, found.std) == (own["mean"], own["std"])


def test_another_number_of_classes_is_refused(pictures):
    assert open_for(told(data=str(pictures), num_classes=3), "real").classes
    with pytest.raises(ValueError, match=r"num_classes is 4, but .* has 3 classes \(blue, green,"):
        open_for(told(data=str(pictures), num_classes=4), "real")


def test_loaders_of_pictures(pictures):
    settings = told(data=str(pictures), image_size=24, batch_size=3, seed=3)
    train, val = loaders(open_for(settings, "real"), settings, "cpu")
    assert isinstance(train, ImageLoader) and isinstance(val, ImageLoader)
    assert train.generator.initial_seed() == 3 and len(train) == 3
    several = told(data=str(pictures), workers=2)
    assert [part.num_workers for part in loaders(open_for(several, "real"), several, "cpu")] == [
        2,
        2,
    ]
    images, _ = next(iter(train))
    assert images.shape == (3, 3, 24, 24)
    assert images.is_contiguous(memory_format=torch.channels_last)
    orders = [torch.cat([labels for _, labels in train]).tolist() for _ in range(2)]
    assert orders[0] != sorted(orders[0]) and orders[0] != orders[1]  # shuffled, anew each epoch
    assert torch.cat([labels for _, labels in val]).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("augment", ["usual", "none"])
def test_augmentation_of_pictures(pictures, augment):
    settings = told(data=str(pictures), image_size=24, augment=augment)
    train, _ = loaders(open_for(settings, "real"), settings, "cpu")
    again = [train.dataset[0][0] for _ in range(3)]
    assert torch.equal(again[0], again[1]) == torch.equal(again[0], again[2]) == (augment == "none")


@pytest.mark.parametrize("augment", ["usual", "none"])
def test_rotation_and_colours_are_wired(pictures, augment):
    settings = told(data=str(pictures), image_size=24, augment=augment)
    asked = {"rotation": 7.0, "colour_jitter": (0.1, 0.2, 0.3, 0.4)}
    settings = SimpleNamespace(**vars(settings) | asked)
    data = open_for(settings, "real")
    assert data.train.transform.rotation == 7 and not hasattr(data.val.transform, "rotation")
    train, val = loaders(data, settings, "cpu", rank=1, processes=2)
    assert val.jitter is None and (train.rank, train.processes, val.rank) == (1, 2, 1)
    if augment == "none":
        assert train.jitter is None and isinstance(train.dataset.transform, EvalTransform)
    else:
        assert train.jitter.strengths == (0.1, 0.2, 0.3, 0.4)
    settings.colour_jitter = (0.0,) * 4
    assert loaders(data, settings, "cpu")[0].jitter is None


def test_processes_share_the_images_of_either_kind(pictures):
    for settings, form in ((told(data=str(pictures), image_size=16), "real"), (told(), "drawings")):
        data = open_for(settings, form)
        whole = torch.cat([labels for _, labels in loaders(data, settings, "cpu")[1]])
        parts = [loaders(data, settings, "cpu", rank=r, processes=2) for r in range(2)]
        for rank, (train, val) in enumerate(parts):
            assert torch.equal(torch.cat([labels for _, labels in val]), whole[rank::2])
            assert train.joint_sizes == parts[0][0].joint_sizes


@pytest.mark.parametrize("augment", ["usual", "none"])
def test_augmentation_of_cifar(augment):
    settings = told(augment=augment)
    train, val = loaders(open_for(settings, "drawings"), settings, "cpu")
    assert isinstance(train, Batches) and train.shuffle and not val.shuffle
    assert train.crops.shape[0] == len(train.data) * (2 if augment == "usual" else 1)


def test_evaluation_sees_every_image_once(pictures):
    data = open_data(str(pictures), "real", size=16)
    loader = eval_loader(data.train)
    assert torch.cat([labels for _, labels in loader]).tolist() == data.train.labels.tolist()
