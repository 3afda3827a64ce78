"""ImageNet and Imagenette: found, named in words, and explained where they are still packed."""

from pathlib import Path

import pytest
from PIL import Image

from course_utils import find, image_splits, imagenet, imagenette
from course_utils.commands.open_data import open_data
from course_utils.store import locations
from course_utils.store.class_names import IMAGENETTE, class_names
from course_utils.store.locations import DRAWINGS, data_kind

WNIDS = sorted(IMAGENETTE)


def fill(root: Path, wnids=WNIDS[:2], splits=("train", "val")) -> Path:
    for split in splits:
        for wnid in wnids:
            (root / split / wnid).mkdir(parents=True)
            Image.new("RGB", (40, 30)).save(root / split / wnid / f"{wnid}_1.JPEG")
    return root


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No data but the drawings and what a test puts here."""
    monkeypatch.setattr(locations, "DATA", tmp_path)
    monkeypatch.delenv("COURSE_DATA")
    return tmp_path


@pytest.mark.parametrize("open_it", [imagenet, imagenette])
def test_the_drawings_stand_in_for_both(open_it, nowhere, capsys):
    splits = open_it(size=32)
    assert splits.drawings and splits.about()["data"] == f"{open_it.__name__} drawings"
    assert (len(splits.train), len(splits.val), splits.test) == (120, 50, None)
    assert splits.classes == tuple(IMAGENETTE.values()) == splits.val.classes
    assert splits.train.samples[0][0].parent.name == WNIDS[0] and splits.classes[0] == "tench"
    said = capsys.readouterr().out
    assert said.startswith("data: the embedded drawings\n")
    assert "120 + 50 images (train + val) of 10 classes: tench, English springer" in said


def test_imagenette_is_found_in_every_published_layout_the_largest_first(nowhere):
    for layout in ("imagenette", "imagenette2-160", "imagenette2-320", "imagenette2"):
        fill(nowhere / layout)
        assert find("imagenette").path == nowhere / layout
        assert find("imagenette", nowhere / layout).path == nowhere / layout
    splits = imagenette(size=16)
    assert not splits.drawings and splits.about()["data"] == "imagenette"
    assert find("imagenet").drawings  # which Imagenette is not
    fill(nowhere / "imagenet")
    assert find("imagenet").path == nowhere / "imagenet"


def test_data_kind_and_open_data(nowhere):
    for name in ("imagenet", "imagenette"):
        assert data_kind(name) == name == data_kind(str(fill(nowhere / name)))
        splits = open_data(str(nowhere / name), "real", size=16, rotation=5)
        assert splits.name == name and splits.train.transform.rotation == 5
        assert open_data(name, "drawings").drawings
    assert data_kind(str(DRAWINGS / "imagenet")) == "imagenet"


def test_pictures_are_not_checked_first(nowhere):
    bad = fill(nowhere / "imagenet") / "train" / WNIDS[0] / "x.JPEG"
    bad.write_bytes(b"")
    assert len(imagenet().train) == 3
    assert len(imagenet(bad_images="skip").train) == 2


def test_a_thousand_classes_have_torchvisions_names():
    wnids = tuple(f"n{number:08d}" for number in range(1000))
    names = class_names(wnids)
    assert names[0] == "tench" and names[999] == "toilet tissue" and len(set(names)) == 1000
    assert class_names(wnids[:999]) == wnids[:999]
    others = tuple(f"class {number:03d}" for number in range(1000))
    assert class_names(others) == others


def told(root: Path, error: type[Exception]) -> str:
    with pytest.raises(error) as caught:
        image_splits(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_validation_pictures_without_class_folders(tmp_path):
    fill(tmp_path, splits=["train"])
    (tmp_path / "val").mkdir()
    for number in (1, 2):
        (tmp_path / "val" / f"ILSVRC2012_val_{number:08d}.JPEG").touch()
    text = told(tmp_path, ValueError)
    assert text.startswith(f"{tmp_path / 'val'}: holds ImageNet's validation pictures without cla")
    assert "torchvision.datasets.ImageNet" in text and "ILSVRC2012_devkit_t12.tar.gz" in text


def test_classes_that_are_still_packed(tmp_path):
    (tmp_path / "train").mkdir()
    for wnid in WNIDS:
        (tmp_path / "train" / f"{wnid}.tar").touch()
    assert f"{tmp_path / 'train'}: holds the classes of ImageNet, each still" in told(
        tmp_path, ValueError
    )


def test_archives_that_are_still_packed(tmp_path):
    (tmp_path / "ILSVRC2012_img_val.tar").touch()
    assert "holds ImageNet, still packed; torchvision" in told(tmp_path, FileNotFoundError)
