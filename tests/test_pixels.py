"""Pictures decoded by the short way have the pixels, and the faults, of the long one."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.store.images import ORIENTATION, ImageError, read_image
from course_utils.store.locations import DRAWINGS
from course_utils.store.pixels import is_plain_jpeg, read_pixels

DRAWING = next((DRAWINGS / "hymenoptera_data" / "val" / "bees").iterdir())
PLAIN = {
    "usual.jpg": ("RGB", {"quality": 85}),
    "full colour.jpg": ("RGB", {"quality": 95, "subsampling": 0}),
    "progressive.jpeg": ("RGB", {"progressive": True}),
    "grey.JPG": ("L", {}),
    "photo.jpg": ("RGB", {"orientation": 1}),
}
OTHERS = {
    **{f"turned {n}.jpg": ("RGB", {"orientation": n}) for n in range(2, 9)},
    "ink.jpg": ("CMYK", {}),
    "picture.png": ("RGB", {}),
    "really a png.jpg": ("RGB", {"format": "PNG"}),
}


def written(path, mode: str, orientation: int | None = None, **options):
    exif = Image.Exif()
    if orientation:
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    Image.open(DRAWING).resize((151, 97)).convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize("name", [*PLAIN, *OTHERS])
def test_pixels_are_those_of_read_image(name, tmp_path):
    mode, options = (PLAIN | OTHERS)[name]
    path = written(tmp_path / name, mode, **options)
    assert is_plain_jpeg(path.read_bytes()) == (name in PLAIN)
    pixels = read_pixels(path)
    assert pixels.dtype == torch.uint8 and pixels.shape[0] == 3
    known = torch.from_numpy(np.array(read_image(path))).permute(2, 0, 1)
    assert torch.equal(pixels, known)  # to the last bit


@pytest.mark.parametrize("orientation", [1, 6])
def test_exif_behind_the_frame_header_counts_too(orientation, tmp_path):
    path = written(tmp_path / "photo.jpg", "RGB", orientation=orientation)
    data = path.read_bytes()
    at = data.index(b"\xff\xe1")
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    scan = data.index(b"\xff\xda")  # the pixels
    path.write_bytes(data[:at] + data[end:scan] + data[at:end] + data[scan:])
    assert is_plain_jpeg(path.read_bytes()) == (orientation == 1)
    known = torch.from_numpy(np.array(read_image(path))).permute(2, 0, 1)
    assert torch.equal(read_pixels(path), known) and known.shape[1] == (97, 151)[orientation == 6]


def content(fault: str) -> bytes:
    """A file that is no whole picture."""
    file = io.BytesIO()
    size = (6000, 20) if fault == "strip" else (300, 200)
    Image.open(DRAWING).resize(size).save(file, "JPEG")
    data = file.getvalue()
    return {
        "cut off": data[: len(data) // 2],
        "cut in the header": data[:100],
        "empty": b"",
        "only a beginning": data[:2],
        "web page": b"<html>not found</html>",
        "strip": data,
    }[fault]


@pytest.mark.parametrize(
    "fault", ["cut off", "cut in the header", "empty", "only a beginning", "web page", "strip"]
)
def test_faults_are_those_of_read_image(fault, tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(content(fault))
    with pytest.raises(ImageError) as known:
        read_image(path)
    with pytest.raises(ImageError) as told:
        read_pixels(path)
    assert str(told.value) == str(known.value) and str(path) in str(told.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ImageError, match="there is no such file"):
        read_pixels(tmp_path / "x.jpg")


def test_huge_pictures_are_refused_before_they_are_decoded(tmp_path):
    path = tmp_path / "x.jpg"
    data = bytearray(content("strip"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = (8_000).to_bytes(2, "big") * 2
    path.write_bytes(data)
    assert not is_plain_jpeg(bytes(data))
    with pytest.raises(ImageError, match="has 64 million pixels"):
        read_pixels(path)
