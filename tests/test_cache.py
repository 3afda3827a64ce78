"""Caches of scaled pictures: made whole, gone on with, and never taken for the originals."""

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import Process
from loopback import wait_until
from PIL import Image

from course_utils import find, image_splits, imagenette
from course_utils.commands.cache import check_folders, make_cache
from course_utils.store import locations
from course_utils.store.cache_marker import FILE, LIST, Marker, read_marker, write_marker
from course_utils.store.images import ORIENTATION, read_image
from course_utils.store.locations import DRAWINGS, data_kind


def picture(path: Path, width: int, height: int, **options) -> Path:
    """A smooth one, which JPEG changes little."""
    path.parent.mkdir(parents=True, exist_ok=True)
    down, right = np.meshgrid(np.linspace(0, 255, height), np.linspace(0, 255, width))
    pixels = np.stack([down.T, right.T, 255 - down.T], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def root(tmp_path):
    """Large, small, lying, and other pictures of two classes; and no pictures."""
    root = tmp_path / "photos"
    for split in ("train", "val"):
        for name in ("ants", "bees"):
            picture(root / split / name / "large.JPEG", 600, 400)
            picture(root / split / name / "small.jpg", 300, 200)
    picture(root / "train" / "ants" / "other.png", 400, 600)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    picture(root / "train" / "bees" / "lying.jpg", 600, 400, exif=exif)
    (root / "train" / "bees" / "notes.txt").write_text("mine")
    (root / "train" / ".git").mkdir()
    picture(root / "train" / ".git" / "hidden.jpg", 600, 400)
    return root


def content(folder: Path) -> dict[str, bytes]:
    """Every picture, by its name."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_pictures_are_scaled_upright_and_in_their_places(root, tmp_path):
    out = tmp_path / "cache"
    assert make_cache(root, out, "photos") == []
    made = content(out)
    assert set(made) == {
        *(f"{s}/{c}/{n}" for s in ("train", "val") for c in ("ants", "bees")
          for n in ("large.JPEG", "small.jpg")),
        "train/ants/other.png.jpg", "train/bees/lying.jpg",
    }  # fmt: skip
    assert made["val/ants/small.jpg"] == (root / "val/ants/small.jpg").read_bytes()
    for name, size in {
        "val/ants/large.JPEG": (384, 256),
        "train/ants/other.png.jpg": (256, 384),
        "train/bees/lying.jpg": (256, 384),
    }.items():
        scaled = read_image(out / name)
        assert scaled.size == size
        original = read_image(root / name.removesuffix(".jpg" if ".png" in name else ""))
        expected = np.asarray(original.resize(size, Image.Resampling.BILINEAR), np.int16)
        assert np.abs(np.asarray(scaled, np.int16) - expected).mean() < 1.5
    assert not list(out.rglob("*.part"))


def test_a_cache_is_called_what_it_is(root, tmp_path, capsys):
    out = tmp_path / "quick"
    make_cache(root, out, "photos")
    capsys.readouterr()
    splits = image_splits(out, size=32)
    assert splits.name == "photos short side 256" == splits.about()["data"]
    assert "data: photos short side 256: 6 + 4 images" in capsys.readouterr().out
    assert image_splits(out, name="photos").name == "photos short side 256"  # even so
    originals = image_splits(root, size=32)
    assert originals.name == "photos" and originals.classes == splits.classes
    assert originals.val.samples[0][0].name == splits.val.samples[0][0].name


def test_caches_of_named_sets_are_found_where_the_originals_are_not(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(locations, "DATA", tmp_path)
    monkeypatch.delenv("COURSE_DATA")
    real, out = tmp_path / "imagenette2-320", tmp_path / "imagenette-256"
    for split in ("train", "val"):
        for wnid in ("n01440764", "n02102040"):
            picture(real / split / wnid / "a.JPEG", 330, 320)
    make_cache(real, out, "imagenette")
    assert find("imagenette").path == real
    elsewhere = out.rename(tmp_path / "anywhere")
    assert data_kind(str(elsewhere)) == "imagenette" and data_kind("imagenette") == "imagenette"
    for where in (elsewhere, None):
        if where is None:
            real.rename(tmp_path / "gone")
            elsewhere.rename(out)
        splits = imagenette(where, size=32)
        assert splits.name == "imagenette short side 256" and not splits.drawings
        assert splits.classes == ("tench", "English springer")
        assert "a cache of short side 256" in capsys.readouterr().out


def test_a_cache_of_drawings_stays_drawings(tmp_path):
    out = tmp_path / "imagenette"  # as the real one may be called
    make_cache(DRAWINGS / "imagenet", out, "imagenette", drawings=True)
    splits = imagenette(out, size=32)
    assert splits.drawings and splits.about()["data"] == "imagenette short side 256 drawings"


def test_it_goes_on_and_makes_again_what_has_changed(root, tmp_path, capsys):
    out = tmp_path / "cache"
    make_cache(root, out, "photos")
    first = content(out)
    large, gone = root / "val" / "ants" / "large.JPEG", root / "train" / "ants" / "other.png"
    picture(large, 400, 600)
    gone.unlink()
    (out / "val" / "bees" / "large.JPEG").write_bytes(b"cut off by a full disk")
    before = {name: (out / name).stat().st_mtime_ns for name in first}
    capsys.readouterr()
    assert make_cache(root, out, "photos") == []
    assert capsys.readouterr().out == (
        f"{out}: there already: 7, changed since, made again: 1, gone, removed: 1\n"
    )
    second = content(out)
    assert set(first) - set(second) == {"train/ants/other.png.jpg"}
    assert read_image(out / "val" / "ants" / "large.JPEG").size == (256, 384)
    assert second["val/bees/large.JPEG"] == first["val/bees/large.JPEG"]
    touched = {n for n in second if (out / n).stat().st_mtime_ns != before[n]}
    assert touched == {"val/ants/large.JPEG", "val/bees/large.JPEG"}


def make_slowly(line, root, out):
    """In a process that is killed meanwhile."""
    import course_utils.commands.cache as cache

    quick = cache._scaled

    def slow(path):
        time.sleep(0.05)
        return quick(path)

    cache._scaled = slow
    make_cache(root, out, "photos", workers=1)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_killed_and_started_again(root, tmp_path):
    out, whole = tmp_path / "cache", tmp_path / "whole"
    make_cache(root, whole, "photos")
    with pytest.raises(EOFError), Process(make_slowly, root, out) as process:
        wait_until(lambda: (out / LIST).exists() and (out / LIST).read_text().count("\n") >= 3)
        os.kill(process.process.pid, signal.SIGKILL)
        process.receive()
    assert 3 <= len(content(out)) < len(content(whole))
    with pytest.raises(ValueError, match="cache is a cache that was not finished: run the `course"):
        image_splits(out)
    with (out / LIST).open("a") as file:
        file.write('["train/ants/la')  # the line that was being written
    make_cache(root, out, "photos")
    assert content(out) == content(whole) and len(image_splits(out).train) == 6


def test_pictures_that_cannot_be_read_are_named_and_left_out(root, tmp_path):
    bad = root / "val" / "ants" / "bad.jpg"
    bad.write_bytes((root / "val" / "ants" / "large.JPEG").read_bytes()[:3000])
    out = tmp_path / "cache"
    (fault,) = make_cache(root, out, "photos")
    assert fault.startswith(f"{bad}: ") and "\n" not in fault
    assert not (out / "val" / "ants" / "bad.jpg").exists() and len(image_splits(out).val) == 4
    assert len(make_cache(root, out, "photos")) == 1  # and again, as long as it is there


def test_folders_that_cannot_be(root, tmp_path):
    out, file = tmp_path / "cache", tmp_path / "file"
    make_cache(root, out, "photos")
    file.touch()
    for source, target, message in (
        (tmp_path / "no", out, "there is no such folder"),
        (root, root / "cache", "lie in each other"),
        (root, tmp_path, "lie in each other"),
        (out, tmp_path / "other", "is a cache itself"),
        (root, file, "is a file; choose another folder"),
    ):
        with pytest.raises(ValueError, match=message):
            check_folders(source, target)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(ValueError, match="mine holds something else; choose another"):
        make_cache(root, tmp_path / "mine", "photos")
    with pytest.raises(ValueError, match="cache is a cache of photos; choose another folder"):
        make_cache(root, out, "other photos")


def test_two_copies_of_one_name(root, tmp_path):
    picture(root / "train" / "ants" / "other.png.jpg", 300, 200)
    with pytest.raises(ValueError, match="other.png.jpg: its copy and that of .* one name"):
        make_cache(root, tmp_path / "cache", "photos")


def test_the_marker(tmp_path):
    marker = Marker("photos", 256, 95, complete=True)
    assert read_marker(tmp_path) is None
    write_marker(tmp_path, marker)
    assert read_marker(tmp_path) == marker != replace(marker, short_side=128)
    for text in ("{", '{"of": "x"}', "[]", json.dumps({"of": 1, "more": 2})):
        (tmp_path / FILE).write_text(text)
        (tmp_path / LIST).touch()
        with pytest.raises(ValueError, match="cache.json is damaged") as told:
            read_marker(tmp_path)
        assert "remove" not in str(told.value)
        (tmp_path / LIST).unlink()  # then it is another program's
        assert read_marker(tmp_path) is None


def test_threads_are_as_before(root, tmp_path):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        make_cache(root, tmp_path / "cache", "photos", workers=2)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


# ---- the command line ----


def test_the_command(root, tmp_path, course):
    out = tmp_path / "photos-256"
    code, said, error = course("data", "cache", root)
    assert (code, error) == (0, "") and said == f"{out} is there; use it with --data {out}\n"
    (root / "val" / "ants" / "bad.jpg").write_bytes(b"")
    code, said, error = course("data", "cache", root, "--out", tmp_path / "b", "--workers", 1)
    assert code == 1 and "bad.jpg: is empty\n" in said and "without 1 that cannot be read" in said
    for arguments, message in (
        (["cifar10"], "it needs no cache"),
        (["imagenette"], "say with --out where a cache of these shall be"),
        (["nothing"], "data 'nothing' is none of"),
        ([out], "is a cache itself"),
    ):
        code, _, error = course("data", "cache", *arguments)
        assert code == 2 and message in error and error.count("\n") == 1


def test_a_run_on_a_cache_knows_it(root, tmp_path, course):
    out, run = tmp_path / "photos-256", tmp_path / "run"
    course("data", "cache", root)
    small = ["--image-size", 32, "--learning-rate", 0.01, "--epochs", 1, "--batch-size", 2]
    code, _, error = course("train", "--data", out, "--out", run, "--weights", "none", *small)
    assert code == 0, error
    code, said, _ = course("test", run / "best.pt", "--split", "val")
    assert code == 0 and "photos short side 256" in said
    code, _, _ = course("test", run / "best.pt", "--split", "val", "--data", root)
    assert code == 0
    assert course("predict", run / "best.pt", root / "val" / "ants" / "large.JPEG")[0] == 0
