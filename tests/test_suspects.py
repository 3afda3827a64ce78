"""Damage that decoders pass over is told by name; whole pictures are never called damaged."""

import io
import os
import warnings

import numpy as np
import pytest
from picture_folders import call, write_pictures
from PIL import Image

from course_utils import image_splits
from course_utils.commands.cache import make_cache
from course_utils.store.checking import looked_at
from course_utils.store.images import ORIENTATION
from course_utils.store.locations import DRAWINGS
from course_utils.store.suspects import decoder_messages, is_zeroed

DRAWING = next((DRAWINGS / "hymenoptera_data" / "val" / "bees").iterdir())


def photo(orientation: int = 1, **options) -> bytearray:
    """A JPEG as a camera writes it: with detail everywhere."""
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = orientation
    pixels = np.asarray(Image.open(DRAWING).convert("RGB").resize((300, 200))).astype(int)
    pixels += np.random.default_rng(0).integers(-30, 30, pixels.shape)
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    picture.save(file, "JPEG", exif=exif, **options)
    return bytearray(file.getvalue())


def damaged(how: str, orientation: int = 1) -> bytes:
    data = photo(orientation)
    middle = len(data) // 2
    if how == "zeroed":
        data[middle : middle + 64] = bytes(64)
    elif how == "rest zeroed":
        data[middle:-2] = bytes(len(data) - 2 - middle)
    elif how == "cut, then ended":
        data[middle:-2] = b""
    return bytes(data)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("how", ["zeroed", "rest zeroed", "cut, then ended"])
def test_damage_is_told_of_the_right_picture(tmp_path, how, orientation, capfd):
    paths = [tmp_path / f"{number}.jpg" for number in range(9)]
    for path in paths:
        path.write_bytes(photo(orientation))
    paths[4].write_bytes(damaged(how, orientation))
    looks = dict(looked_at(paths, workers=3))
    assert [index for index, look in looks.items() if look.suspect] == [4]
    assert looks[4].suspect.startswith(("zeros stand", "Corrupt JPEG data"))
    assert not any(look.fault for look in looks.values())
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
def test_even_pictures_are_not_suspect(options):
    for colour in ("black", "white", (128, 128, 128)):
        file = io.BytesIO()
        image = Image.new("RGB", (1500, 1000), colour)
        image.paste((200, 30, 30), (700, 500, 760, 540))
        image.save(file, "JPEG", **options)
        assert not is_zeroed(file.getvalue())
    assert not is_zeroed(bytes(photo(**options)))
    assert not is_zeroed(bytes(photo(**options)) + bytes(1000))  # behind the end


def test_no_drawing_is_suspect():
    paths = [p for p in DRAWINGS.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg")]
    assert len(paths) > 200 and not any(is_zeroed(path.read_bytes()) for path in paths)


def test_headers_cut_anywhere_are_no_error():
    data = damaged("zeroed")
    for length in range(0, 700, 7):
        is_zeroed(data[:length])


def test_what_others_write_meanwhile_is_passed_on(capfd):
    with decoder_messages() as told:
        os.write(2, b"Corrupt JPEG data: premature end of data segment\nmine\n")
    assert told == ["Corrupt JPEG data: premature end of data segment"]
    assert capfd.readouterr().err == "mine\n"


def test_check_training_and_cache_name_it(tmp_path, capfd):
    root = write_pictures(tmp_path / "birds", train=2, val=1)
    bad = root / "train" / "red" / "bad.jpg"
    bad.write_bytes(damaged("cut, then ended"))
    assert call("data", "check", root) == 1
    said = capfd.readouterr().out
    assert f"{bad}: suspect: Corrupt JPEG data" in said and "suspect: 1," in said
    splits = image_splits(root)
    said = capfd.readouterr()
    assert f"data: train: suspect: 1 of 7: {bad}: Corrupt JPEG data" in said.out
    assert [path for path, _ in splits.train.samples if path in splits.train.suspect] == [bad]
    splits.train[6]  # each epoch, without a word
    assert capfd.readouterr().err == "" == said.err
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make_cache(root, tmp_path / "cache", "birds")
    assert f"{bad}: suspect: Corrupt JPEG data" in capfd.readouterr().out
