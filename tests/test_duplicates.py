"""The same picture in two splits is found, scaled or not; other pictures are not taken for it."""

import shutil

import numpy as np
import pytest
import torch
from picture_folders import SMALL, write_pictures
from PIL import Image

from course_utils import image_splits
from course_utils.store.checking import looked_at
from course_utils.store.duplicates import alike, equal_files, sketch
from course_utils.store.locations import DRAWINGS

JPEG = {".jpg", ".jpeg"}
DRAWN = [path for path in sorted(DRAWINGS.rglob("*")) if path.suffix.lower() in JPEG]


@pytest.fixture(scope="module")
def sketches():
    return [look.sketch for _, look in looked_at(DRAWN, sketches=True)]


def test_drawings_of_one_class_are_not_taken_for_copies(sketches):
    assert len(sketches) > 200 and not list(alike(sketches))


@pytest.mark.parametrize("scale, quality", [(1, 50), (0.5, 75), (0.3, 90), (2, 90)])
def test_copies_are_found_when_scaled_and_saved_anew(sketches, tmp_path, scale, quality):
    chosen = range(0, len(DRAWN), 9)
    paths = [tmp_path / f"{index}.jpg" for index in chosen]
    for index, path in zip(chosen, paths):
        image = Image.open(DRAWN[index]).convert("RGB")
        size = [round(side * scale) for side in image.size]
        image.resize(size).save(path, quality=quality)
    copies = [look.sketch for _, look in looked_at(paths, sketches=True)]
    assert list(alike(sketches, copies)) == [(index, i) for i, index in enumerate(chosen)]


def test_pictures_with_little_in_them_differ():
    chance = torch.Generator().manual_seed(0)
    even = [torch.full((3, 40, 40), grey, dtype=torch.uint8) for grey in (100, 102)]
    noise = [torch.randint(90, 110, (3, 40, 40), dtype=torch.uint8, generator=chance)
             for _ in range(20)]  # fmt: skip
    spots = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    spots[0, :, 10:14, 10:14], spots[1, :, 40:44, 30:34] = 255, 255
    assert not list(alike([sketch(pixels) for pixels in (*even, *noise, *spots)]))
    assert list(alike([sketch(even[0])], [sketch(even[0])])) == [(0, 0)]


@pytest.fixture
def root(tmp_path):
    """Of three pictures of val one is the same file as in train, one was scaled."""
    root = write_pictures(tmp_path / "birds", train=4, val=1)
    shutil.copy(root / "train" / "red" / "2.png", root / "val" / "red" / "same.png")
    image = Image.open(DRAWN[0])
    image.save(root / "train" / "blue" / "drawing.jpg")
    image.resize([2 * side for side in image.size]).save(root / "val" / "blue" / "larger.jpg")
    return root


def test_check_names_all_in_two_splits(root, course):
    code, said, _ = course("data", "check", root)
    assert code == 0 and "in two splits: 2," in said
    assert f"{root / 'val/red/same.png'}: is the same picture as {root / 'train/red/2.png'}" in said
    assert f"{root / 'val/blue/larger.jpg'}: is the same picture as " in said
    shutil.copy(root / "train" / "red" / "2.png", root / "train" / "red" / "9.png")
    code, said, _ = course("data", "check", root / "train")
    assert code == 0 and "twice: 1," in said and f"{root / 'train/red/9.png'}: is the same" in said


def test_a_training_names_equal_files(root, tmp_path, course):
    flags = ["--model", "cnn", "--weights", "none", "--epochs", 1, "--no-tensorboard", *SMALL]
    code, said, _ = course("train", "--data", root, "--out", tmp_path / "run", *flags)
    pair = f"first {root / 'train' / 'red' / '2.png'} = {root / 'val' / 'red' / 'same.png'}"
    assert code == 0 and f"data: birds: in two splits: 1, {pair}" in said
    (root / "val" / "red" / "same.png").unlink()
    code, said, _ = course("train", "--data", root, "--out", tmp_path / "other", *flags)
    assert code == 0 and "in two splits" not in said


def test_only_files_of_one_size_with_one_middle_are_read(tmp_path, monkeypatch):
    chance, parts = np.random.default_rng(0), {"train": {}, "val": {}}
    for split, sizes in parts.items():
        for number in range(50):
            path = tmp_path / f"{split}{number}"
            path.write_bytes(chance.bytes(9_000))
            sizes[path] = 9_000
    shutil.copy(tmp_path / "train7", tmp_path / "val3")
    read = []
    monkeypatch.setattr(
        "course_utils.store.duplicates.sha256", lambda path: read.append(path.name) or 0
    )
    assert equal_files(parts) == [(tmp_path / "train7", tmp_path / "val3")]
    assert sorted(read) == ["train7", "val3"]


def test_many_pictures_are_not_looked_at_before_a_training(root, monkeypatch, capsys):
    monkeypatch.setattr("course_utils.data.folders.MANY", 5)
    assert image_splits(root).train.sizes is None
    assert "in two splits" not in capsys.readouterr().out
