"""Folders of pictures: what is taken, what is ignored, what is refused, and the right pixels."""

import os
import pickle
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import fit, hymenoptera, image_folder, image_splits
from course_utils.data.datasets import Splits
from course_utils.data.loading import ImageLoader, LoadingError
from course_utils.data.transforms import eval_image
from course_utils.engine.explain import check_labels
from course_utils.store import locations
from course_utils.store.images import ORIENTATION, ImageError, read_image

PIXELS = (np.arange(20 * 24 * 3) % 251).astype(np.uint8).reshape(20, 24, 3)
PICTURE = Image.fromarray(PIXELS)
BOTH = ("train/ants", "train/bees", "val/ants", "val/bees")
as_it_is = torch.nn.Identity()


def fill(root: Path, *folders: str, count: int = 2) -> Path:
    for name in folders or BOTH:
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            PICTURE.save(root / name / f"{number}.png")
    return root


@pytest.fixture
def root(tmp_path):
    """A good folder of two classes; its name is what a student's may be."""
    return fill(tmp_path / "Käfer, Übung 1")


def refused(act, *words, error=ValueError):
    with pytest.raises(error) as caught:
        act()
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text, text


# ---- what is taken, and what is not ----


def test_classes_and_pictures_are_in_the_order_of_their_names(root):
    for name in ("Öl.PNG", "b.JPG", "a.jpeg", "B.webp", "c.Tiff"):
        PICTURE.save(root / "train" / "bees" / name)
    fill(root, "train/Ameise", "train/zebra")
    data = image_folder(root)
    assert data.classes == ("Ameise", "ants", "bees", "zebra")
    bees = [path.name for path, label in data.samples if label == 2]
    assert bees == ["0.png", "1.png", "B.webp", "a.jpeg", "b.JPG", "c.Tiff", "Öl.PNG"]
    assert data.labels.tolist() == [0, 0, 1, 1, *[2] * 7, 3, 3] == data.targets.tolist()
    assert data.labels.dtype == torch.int64 and len(data) == 13 and data.ignored == 0
    assert all(path.parent.name == data.classes[label] for path, label in data.samples)


def test_names_are_the_same_however_umlauts_are_written(tmp_path):
    fill(tmp_path, "train/Bär", "train/Ba\u0308umchen", "val/Ba\u0308r", "val/Bäumchen")
    splits = image_splits(tmp_path)
    assert splits.classes == ("Bär", "Bäumchen") and splits.val.classes == splits.classes


def test_stray_files_are_ignored_and_counted_and_dot_folders_are_no_class(root, capsys):
    fill(root, "train/.ipynb_checkpoints", "train/ants/.ipynb_checkpoints", "train/ants/more")
    (root / "train" / ".DS_Store").write_bytes(b"")
    (root / "train" / "ants" / "._0.png").write_bytes(b"resource fork")
    PICTURE.save(root / "train" / "ants" / "imageNotFound.gif")  # a real GIF, as was published
    (root / "val" / "Thumbs.db").write_bytes(b"")
    (root / "val" / "bees" / "README").write_text("mine")
    splits = image_splits(root)
    assert splits.classes == ("ants", "bees") and len(splits.train) == len(splits.val) == 4
    assert (splits.train.ignored, splits.val.ignored) == (2, 2)
    assert capsys.readouterr().out.startswith(
        "data: Käfer, Übung 1: 4 + 4 images (train + val) of 2 classes: ants, bees; "
        "4 other files ignored (more: 25 % of train/ants, .gif: 25 % of train/ants, .db …)\n"
    )


def test_splits_know_what_a_checkpoint_must(root, capsys, monkeypatch):
    splits = image_splits(root, size=96, mean=[0.1] * 3, std=[0.2] * 3)
    assert isinstance(splits, Splits) and splits.test is None and not splits.drawings
    about = splits.about()
    pictures = about.pop("pictures")
    assert [count for count, _ in pictures.values()] == [4, 4] and list(pictures) == [
        "train",
        "val",
    ]
    assert about == {
        "data": "Käfer, Übung 1", "classes": ["ants", "bees"], "image_size": 96, "resize": 110,
        "mean": [0.1] * 3, "std": [0.2] * 3,
    }  # fmt: skip
    fill(root, "test/ants", "test/bees", count=1)
    monkeypatch.chdir(root / "val")
    splits = image_splits("..", size=96)
    assert len(splits.test) == 2 and splits.name == "Käfer, Übung 1"
    assert (
        "4 + 4 + 2 images (train + val + test) of 2 classes: ants, bees\n"
        in capsys.readouterr().out
    )
    assert image_splits(root, name="mine").about()["data"] == "mine"


def test_training_images_vary_and_the_others_do_not(root):
    fill(root, "test/ants", "test/bees")
    splits = image_splits(root, size=16)
    for part, varied in ((splits.train, True), (splits.val, False), (splits.test, False)):
        images = torch.stack([part[0][0] for _ in range(5)])
        assert images.dtype == torch.uint8 and images.shape == (5, 3, 16, 16)
        assert bool((images != images[0]).any()) == varied


def test_scale_is_that_of_the_training_crops(root):
    square = torch.from_numpy(PIXELS[:, :20]).permute(2, 0, 1)
    for path in (root / "train" / "ants").iterdir():
        PICTURE.crop((0, 0, 20, 20)).save(path)
    for scale, whole in ((1, 1), True), ((0.1, 0.2), False):
        image, _ = image_splits(root, size=20, scale=scale).train[0]
        assert (torch.equal(image, square) or torch.equal(image.flip(-1), square)) == whole


# ---- layouts that are refused ----


def test_a_folder_that_is_not_there(root, tmp_path):
    layout = str(Path("no", "train", "<class>", "*.jpg"))
    refused(
        lambda: image_splits(tmp_path / "no"),
        f"{tmp_path / 'no'}: there is no such folder; expected", layout,
        error=FileNotFoundError,
    )  # fmt: skip
    refused(lambda: image_splits(root / "train" / "ants" / "0.png"), "0.png: ", "expected")


@pytest.mark.parametrize(
    "folders, words",
    [
        (("ants", "bees"), ("no folder train; there are: ants, bees; hold", "--val-share 0.2")),
        (
            ("train/ants", "train/bees", "test/a"),
            ("no folder val; there are: test, train; hold", "--val-share 0.2", "train --val 0.2"),
        ),
    ],
)
def test_a_missing_split_is_named_with_those_there(tmp_path, folders, words):
    fill(tmp_path, *folders)
    refused(lambda: image_splits(tmp_path), str(tmp_path), *words, error=FileNotFoundError)


def test_no_classes_or_only_one(tmp_path):
    (tmp_path / "train").mkdir()
    PICTURE.save(tmp_path / "train" / "0.png")
    refused(lambda: image_folder(tmp_path), "train: has no class folders; expected", "<class>")
    fill(tmp_path, "train/ants")
    refused(lambda: image_folder(tmp_path), "train: has only one class, ants; expected")


def test_an_empty_class_is_named(root):
    folder = root / "train" / "wasps"
    folder.mkdir()
    refused(lambda: image_splits(root), f"{folder}: is empty; expected {root}")
    PICTURE.save(folder / "a.gif")
    refused(lambda: image_splits(root), f"{folder}: holds no pictures, only .gif; save them as")
    fill(root, "train/wasps/summer", "train/wasps/.git")
    refused(lambda: image_splits(root), f"{folder}: holds no pictures but folders (summer)")


def test_train_and_val_with_different_classes(root):
    fill(root, "train/wasps", "val/flies")
    refused(lambda: image_splits(root), "different classes: only train has wasps; only val has fl")
    fill(root, "val/wasps", "train/flies", "test/ants", "test/bees")
    refused(lambda: image_splits(root), "train and test have different", "has flies, wasps")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_links_in_a_circle_and_into_nothing(root):
    link = root / "train" / "wasps"
    for target in (link, root / "gone"):
        link.symlink_to(target)
        refused(lambda: image_splits(root), f"{link}: is a link that leads nowhere")
        link.unlink()
    link.symlink_to(root / "train")  # is not followed for ever
    refused(lambda: image_splits(root), f"{link}: holds no pictures but folders (ants, bees, wasps")
    link.unlink()
    picture = root / "train" / "ants" / "2.png"
    picture.symlink_to(picture)
    refused(lambda: image_splits(root), f"{picture}: ")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs permissions as Unix has them")
def test_a_folder_that_may_not_be_read():
    with tempfile.TemporaryDirectory() as name:
        root = fill(Path(name))
        os.chmod(name, 0o755)
        folder = root / "train" / "bees"
        folder.chmod(0)
        user = os.geteuid()
        try:
            if user == 0:  # who may read everything
                os.seteuid(65534)
            refused(lambda: image_splits(root), f"{folder}: Permission denied")
        finally:
            os.seteuid(user)
            folder.chmod(0o755)


# ---- pictures that cannot be read ----

HTML = b"<!doctype html><title>Log in</title>"


def damaged(path: Path, how: str) -> Path:
    PICTURE.save(path, quality=95) if path.suffix == ".jpg" else PICTURE.save(path)
    if how == "huge":  # only its header says so: 108 million pixels, of which Pillow warns
        header = bytearray(path.read_bytes())
        header[18:26] = (10_400).to_bytes(4, "little") * 2
        path.write_bytes(header)
    else:
        whole = path.read_bytes()
        path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "html": HTML}[how])
    return path


@pytest.mark.parametrize(
    "how, name, why",
    [
        ("cut", "x.jpg", "damaged, cut off or unreadable"),
        ("empty", "x.jpg", "is empty"),
        ("html", "x.jpg", "is a web page"),
        ("huge", "x.bmp", "has 108 million pixels; make it smaller, 50 million at most"),
    ],
)
def test_a_picture_that_cannot_be_read(root, capsys, how, name, why):
    path = damaged(root / "val" / "bees" / name, how)
    remedy = 'bad_images="skip" (--bad-images skip)'
    refused(lambda: image_splits(root), f"{path}: ", why, remedy, error=ImageError)
    assert capsys.readouterr().out == ""

    splits = image_splits(root, bad_images="skip")
    ((left_out, reason),) = splits.val.bad
    assert left_out == path and why in reason and str(path) not in reason
    assert len(splits.val) == 4 and splits.val.labels.tolist() == [0, 0, 1, 1]
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"data: val: left out 1 of 5 images, first {path}: ")
    assert "4 + 4 images" in said[1]

    unchecked = image_folder(root, "val", bad_images="unchecked")
    with pytest.raises(LoadingError) as error:
        list(ImageLoader(unchecked, 2))
    assert f"image 4 ({path}) failed: ImageError: " in str(error.value)
    assert why in str(error.value)


def test_of_many_bad_pictures_the_number_and_the_first_are_told(root):
    paths = [damaged(root / "train" / "bees" / f"x{i}.png", "empty") for i in range(3)]
    refused(lambda: image_folder(root), f"3 of 7 images cannot be read, first {paths[0]}: is empty")
    assert [path for path, _ in image_folder(root, bad_images="skip").bad] == paths


def test_a_class_that_is_empty_without_its_bad_pictures(root):
    for number in range(2):
        damaged(root / "train" / "bees" / f"{number}.png", "empty")
    refused(
        lambda: image_splits(root, bad_images="skip"),
        f"{root / 'train' / 'bees'}: no image in it can be read",
    )


def test_another_word_for_bad_images(root):
    refused(lambda: image_splits(root, bad_images="ignore"), "'ignore': it is fail, skip, unchec")


def test_checking_leaves_the_warning_filters_as_they_were(root):
    fill(root, count=50)  # several threads at a time
    before = list(warnings.filters)
    image_folder(root)
    assert warnings.filters == before


# ---- the right pixels ----

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def odd_pictures() -> dict[str, tuple[Image.Image, np.ndarray]]:
    """Pictures of every odd kind with the RGB pixels that they show."""
    three = np.repeat(GREY[..., None], 3, axis=2)
    palette = Image.fromarray(GREY, "P")
    palette.putpalette(bytes(range(255, -1, -1)) * 3)  # 256 colours from its 768 bytes
    colours = np.frombuffer(bytes(palette.getpalette()), np.uint8).reshape(-1, 3)
    clear = Image.new("RGBA", (16, 16), (10, 20, 30, 0))
    ink = np.zeros((16, 16, 4), np.uint8)
    ink[..., 0] = GREY
    plain = np.stack([255 - GREY, 0 * GREY + 255, 0 * GREY + 255], axis=2)
    return {
        "grey.png": (Image.fromarray(GREY), three),
        "sixteen bits.png": (Image.fromarray(GREY.astype(np.uint16) * 257), three),
        "palette.png": (palette, colours[GREY]),
        "clear.png": (clear, np.full((16, 16, 3), 255, np.uint8)),
        "cmyk.tif": (Image.fromarray(ink, "CMYK"), plain),
    }


def test_odd_kinds_give_the_right_pixels(root):
    expected = {}
    for name, (image, pixels) in odd_pictures().items():
        image.save(root / "train" / "ants" / name)
        expected[name] = pixels
    data = image_folder(root, transform=as_it_is)
    for i, (path, _) in enumerate(data.samples):
        pixels, label = data[i]
        assert pixels.dtype == torch.uint8 and type(label) is int
        wanted = expected.pop(path.name, PIXELS)
        assert (pixels.permute(1, 2, 0).numpy() == wanted).all(), path.name
    assert not expected


def test_rotation_is_applied_in_training_and_in_prediction(root):
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:, :24] = (255, 0, 0)
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # stored lying on its left side
    lying = Image.fromarray(np.rot90(upright).copy())
    path = root / "train" / "ants" / "0.png"
    for split in ("train", "val"):
        lying.save(root / split / "ants" / "0.png", exif=exif)
    trained = image_folder(root, transform=as_it_is)[0][0]
    assert (trained.permute(1, 2, 0).numpy() == upright).all()
    data = image_folder(root, "val", size=16)
    images, _ = next(iter(ImageLoader(data, 2)))
    predicted = eval_image(read_image(path), 16, data.mean, data.std, data.resize)
    assert (images[0] - predicted).abs().max() < 1e-5
    assert images[0, 0, :, 2].min() > 2 and images[0, 0, :, -2].max() < -2  # red left, black right


def test_samples_are_pairs_that_are_made_when_they_are_asked_for(root):
    PICTURE.save(root / "train" / "ants" / "Öl, 1.png")
    data = image_folder(root)
    samples = data.samples
    assert len(samples) == 5 and samples[-1] == (root / "train" / "bees" / "1.png", 1)
    assert samples[2] == (root / "train" / "ants" / "Öl, 1.png", 0)
    assert list(samples[1:3]) == [samples[1], samples[2]] and len(samples[:2]) == 2
    assert [label for _, label in samples] == [0, 0, 0, 1, 1]
    with pytest.raises(IndexError):
        samples[5]
    assert samples.without([0, 4]) == samples[1:4] != samples
    assert replace(data, samples=list(samples) * 2).labels.tolist() == [0, 0, 0, 1, 1] * 2


# ---- training on them ----


def test_labels_out_of_range_are_told(root):
    loader = ImageLoader(image_folder(root, size=8), 4, shuffle=True)
    with pytest.raises(ValueError, match="labels run from 0 to 1, but num_classes is 1"):
        check_labels([loader], 1)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 64, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match="num_classes is 1"):
        fit(model, loader, loader, optimizer, epochs=1, num_classes=1)


def test_a_lonely_last_image_is_left_out_of_training(root):
    fill(root, "train/bees", count=3)  # 5 images
    splits = image_splits(root, size=8)
    sizes = [len(labels) for _, labels in ImageLoader(splits.train, 4, shuffle=True)]
    assert sizes == [4]
    assert [len(labels) for _, labels in ImageLoader(splits.train, 4)] == [4, 1]


@pytest.mark.parametrize("bad", [False, True])
def test_in_workers(root, bad):
    if bad:
        path = damaged(root / "val" / "bees" / "x.png", "cut")
    data = image_folder(root, "val", size=8, bad_images="unchecked")
    loader = ImageLoader(data, 2, workers=1)
    if bad:
        with pytest.raises(LoadingError) as error:
            list(loader)
        assert f"image 4 ({path}) failed" in str(error.value) and "\n" not in str(error.value)
    else:
        there = list(ImageLoader(data, 2))
        for (images, labels), (ours, known) in zip(loader, there, strict=True):
            assert torch.equal(images, ours) and torch.equal(labels, known)


def test_spawned_workers_can_have_it(root):
    data = image_folder(root, size=8)
    spawned = pickle.loads(pickle.dumps(data))
    assert spawned.samples == data.samples and spawned[3][0].shape == (3, 8, 8)


# ---- ants and bees ----


def test_the_drawings_of_ants_and_bees(capsys):
    splits = hymenoptera("drawings", size=64)
    assert capsys.readouterr().out == (
        "data: the embedded drawings\n"
        "data: hymenoptera: 48 + 30 images (train + val) of 2 classes: ants, bees\n"
    )
    assert splits.drawings and splits.about()["data"] == "hymenoptera drawings"
    assert splits.train[0][0].shape == (3, 64, 64)
    assert len(image_splits(splits.train.root).train) == 48  # all of them can be read


def test_ants_and_bees_are_found_and_not_checked_unless_asked_for(root, tmp_path, monkeypatch):
    folder = root.rename(tmp_path / "hymenoptera_data")
    damaged(folder / "train" / "bees" / "x.jpg", "empty")
    monkeypatch.setattr(locations, "DATA", tmp_path)
    monkeypatch.delenv("COURSE_DATA")
    splits = hymenoptera()
    assert splits.train.root == folder and len(splits.train) == 5
    assert splits.about()["data"] == "hymenoptera"
    assert len(hymenoptera(bad_images="skip").train) == 4


def test_the_real_ants_and_bees():
    """Where they are at hand."""
    try:
        splits = hymenoptera(Path(__file__).parents[1] / "data")
    except FileNotFoundError:
        pytest.skip("the real ants and bees are not in data/")
    assert splits.train.labels.bincount().tolist() == [123, 121] and splits.train.ignored == 1
    assert splits.val.labels.bincount().tolist() == [70, 83]
