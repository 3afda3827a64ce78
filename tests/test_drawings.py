"""The embedded drawings are what the code draws, complete, small and all different."""

import hashlib
import io
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from draw.canvas import Canvas, fill_mask
from draw.sets import SETS, draw, encode, files, picture

TINY = Path(__file__).parents[1] / "data" / "tiny"


def committed(path: str) -> np.ndarray:
    with Image.open(TINY / path) as image:
        assert image.mode == "RGB"
        return np.asarray(image).astype(int)


def drawn_files() -> list[Path]:
    """All files in the sets' folders; a cache may lie beside these."""
    found = (p for drawn in SETS.values() for p in (TINY / drawn.folder).rglob("*"))
    return sorted(p for p in found if p.is_file())


@pytest.mark.parametrize("name", SETS)
def test_redrawn_pictures_equal_the_committed_ones(name):
    """One picture of every class and split, each time another index, drawn alone."""
    seen = set()
    for path, (split, label, index) in files(name):
        count = SETS[name].counts[split]
        if (split, label) in seen or index != (7 * len(seen)) % count:
            continue
        seen.add((split, label))
        pixels = picture(name, split, label, index)
        if path.endswith("png"):
            assert np.array_equal(committed(path), pixels), path
        else:
            again = np.asarray(Image.open(io.BytesIO(encode(pixels, path)))).astype(int)
            apart = np.abs(committed(path) - again)  # other JPEG libraries round a little otherwise
            assert apart.max() <= 12 and apart.mean() <= 0.3, path
            assert np.abs(committed(path) - pixels).mean() < 6, path
    assert len(seen) == len(SETS[name].classes) * len(SETS[name].counts)


@pytest.mark.parametrize(
    ("folder", "splits", "classes", "pattern"),
    [
        ("cifar10", {"train": 100, "test": 30}, 10, "[0-9][0-9][0-9][0-9].png"),
        ("hymenoptera_data", {"train": 24, "val": 15}, 2, "*.jpg"),
        ("imagenet", {"train": 12, "val": 5}, 10, "n*_*.JPEG"),
    ],
)
def test_layout_and_counts(folder, splits, classes, pattern):
    names = {split: sorted(p.name for p in (TINY / folder / split).iterdir()) for split in splits}
    assert {p.name for p in (TINY / folder).iterdir()} == set(splits)
    assert all(len(found) == classes and found == names["train"] for found in names.values())
    for split, count in splits.items():
        for label in names[split]:
            found = list((TINY / folder / split / label).iterdir())
            assert len(found) == count
            assert all(p.match(pattern) for p in found)


def test_nothing_but_the_drawings_and_at_most_4_mb():
    expected = {path for name in SETS for path, _ in files(name)}
    found = {p.relative_to(TINY).as_posix() for p in drawn_files()}
    assert found == expected
    assert sum((TINY / path).stat().st_size for path in found) <= 4_000_000


def test_no_two_pictures_are_the_same():
    """Not within a split, and none of the training pictures among the test pictures."""
    digests = {}
    for path in drawn_files():
        with Image.open(path) as image:
            digest = hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()
        assert digest not in digests, f"{path} equals {digests[digest]}"
        digests[digest] = path


@pytest.mark.parametrize(("name", "sizes"), [(n, {*s.sizes}) for n, s in SETS.items()])
def test_sizes_and_contrast(name, sizes):
    found = set()
    for path, _ in files(name):
        pixels = committed(path)
        found.add((pixels.shape[1], pixels.shape[0]))
        assert pixels.std() > 8, f"{path} is almost blank"
    assert found == sizes


def test_wide_and_tall_pictures_about_256_pixels():
    sizes = SETS["hymenoptera"].sizes
    assert any(w > h for w, h in sizes) and any(h > w for w, h in sizes)
    assert all(200 <= max(size) <= 280 for size in sizes)


def test_a_picture_depends_on_nothing_but_its_name():
    """Drawn in another process, with another hash seed, after nothing else."""
    code = (
        "import sys; from draw.sets import picture;"
        "sys.stdout.buffer.write(picture('cifar10', 'test', 'cat', 3).tobytes())"
    )
    picture("cifar10", "test", "dog", 0)
    random.seed(1)
    here = picture("cifar10", "test", "cat", 3).tobytes()
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=TINY).stdout == here
    )
    assert picture("cifar10", "train", "cat", 3).tobytes() != here


def test_draw_writes_the_layout(tmp_path, monkeypatch):
    monkeypatch.setitem(SETS["hymenoptera"].counts, "train", 1)
    monkeypatch.setitem(SETS["hymenoptera"].counts, "val", 0)
    size = draw("hymenoptera", tmp_path)
    found = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    paths = [p.relative_to(tmp_path).as_posix() for p in found]
    assert paths == [f"hymenoptera_data/train/{label}/0000.jpg" for label in ("ants", "bees")]
    assert size == sum(p.stat().st_size for p in found)


def test_polygons_are_filled_to_the_pixel():
    square = np.array([[16, 16], [64, 16], [64, 48], [16, 48]])  # x 1 … 4, y 1 … 3, in 1/16 pixel
    expected = np.zeros((5, 6), bool)
    expected[1:3, 1:4] = True
    assert np.array_equal(fill_mask([square], 5, 6), expected)
    assert np.array_equal(fill_mask([square[::-1]], 5, 6), expected)  # either way round
    assert np.array_equal(fill_mask([square, square], 5, 6), expected)  # overlaps leave no hole
    assert not fill_mask([square - 160], 5, 6).any()  # outside


def test_canvas_places_turns_and_mirrors():
    def drawn(**how):
        c = Canvas(20, 20, 1)
        c.place(**how)
        c.box(0.2, -0.1, 0.8, 0.1, (255, 255, 255), shade=0)
        rows, columns = np.nonzero(c.pixels()[..., 0])
        return columns.min(), columns.max(), rows.min(), rows.max()

    assert drawn() == (12, 17, 9, 10)
    assert drawn(flip=True) == (2, 7, 9, 10)
    assert drawn(angle=90) == (9, 10, 12, 17)
    assert drawn(y=0.45, size=0.5) == (11, 13, 14, 14)
