"""One image, whatever it is: the right pixels, or one line that says why not."""

import io
import os
import struct
import zlib

import loopback as web
import numpy as np
import pytest
from PIL import Image, ImageDraw

from course_utils.store.images import ORIENTATION, ImageError, read_image

RAMP = (np.arange(16 * 16 * 3) % 256).astype(np.uint8).reshape(16, 16, 3)
GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
PICTURE = Image.fromarray(RAMP)


def encoded(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


PNG = encoded(PICTURE, "PNG")


def pixels(source, **options):
    image = read_image(source, **options)
    assert image.mode == "RGB" and type(image) is Image.Image
    return np.asarray(image).astype(int)


def grey(values):
    return np.repeat(np.asarray(values)[..., None], 3, axis=2)


def refused(source, *words, **options):
    with pytest.raises(ImageError) as caught:
        read_image(source, **options)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_png_with_a_large_profile_is_read():
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    profile = chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(3 << 20)))
    text = chunk(b"zTXt", b"mine\0\0" + zlib.compress(bytes(3 << 20)))
    for before, behind in ((profile, b""), (b"", text), (profile, text)):
        assert (pixels(PNG[:33] + before + PNG[33:-12] + behind + PNG[-12:]) == RAMP).all()
    refused(PNG[:33] + profile + PNG[33:-40], "damaged")


# ---- sources ----


def test_path_bytes_and_image_give_the_same(tmp_path):
    path = tmp_path / "ä picture.png"
    path.write_bytes(PNG)
    for source in (path, str(path), PNG, PICTURE):
        assert (pixels(source) == RAMP).all()
    with pytest.raises(TypeError, match="not a ndarray"):
        read_image(RAMP)


def test_the_given_image_stays_as_it_is():
    image = PICTURE.copy()
    read_image(image).putpixel((0, 0), (1, 2, 3))
    assert image.getpixel((0, 0)) == (0, 1, 2)


@pytest.mark.parametrize(
    "content, why",
    [
        (b"", "is empty"),
        (b"\n <!DOCTYPE html><title>Not found</title>", "web page"),
        (b"GIF89", "is damaged or none of JPEG, PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC format; export it as JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is damaged or none of"),
        (PNG[: len(PNG) // 2], "damaged, cut off"),
    ],
    ids=["empty", "html", "unknown", "heic", "eps", "cut"],
)
def test_what_is_no_image_is_named(tmp_path, content, why):
    path = tmp_path / "cat.jpg"
    path.write_bytes(content)
    refused(path, f"{path}: ", why)
    refused(content, "the given bytes: ", why)


def test_paths_that_are_no_files(tmp_path):
    refused(tmp_path, f"{tmp_path}: is a folder; give one image file")
    refused(tmp_path / "gone.png", "gone.png: there is no such file")
    refused("file:///etc/passwd", "only http and https")
    refused("data:image/png;base64," + "A" * 9000, "…: ")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
        refused(tmp_path / "pipe", "is no regular file")


KINDS = ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000"]


@pytest.mark.parametrize(
    "kind, options", [*((k, {}) for k in KINDS), ("JPEG", {"progressive": True})]
)
def test_a_truncated_file_never_gives_other_pixels(kind, options):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind, **options)
    whole, refusals = pixels(data), 0
    for end in range(0, len(data), len(data) // 19):
        try:
            assert (pixels(data[:end]) == whole).all()
        except ImageError:
            refusals += 1
    assert refusals >= 19


# ---- modes ----


def test_one_bit_grey_and_palette():
    bits = GREY > 99
    assert (pixels(encoded(Image.fromarray(bits), "PNG")) == grey(bits * 255)).all()
    assert (pixels(encoded(Image.fromarray(GREY), "PNG")) == grey(GREY)).all()
    palette = Image.new("P", (16, 16))
    palette.putdata(GREY.ravel().tolist())
    palette.putpalette(bytes(range(256)) * 2 + bytes(range(256)))
    colours = np.frombuffer(bytes(palette.getpalette()), np.uint8).reshape(256, 3)
    assert (pixels(encoded(palette, "PNG")) == colours[GREY]).all()
    assert (pixels(encoded(palette, "GIF")) == colours[GREY]).all()
    see_through = colours[GREY].copy()
    see_through[GREY == 7] = 255
    assert (pixels(encoded(palette, "PNG", transparency=7)) == see_through).all()


def test_transparency_is_laid_on_white():
    alpha = GREY.T.copy()
    for colour, mode in ((RAMP, "RGBA"), (GREY, "LA")):
        image = Image.fromarray(colour)
        image.putalpha(Image.fromarray(alpha))
        assert image.mode == mode
        share = alpha[..., None] / 255
        on_white = (colour if mode == "RGBA" else grey(colour)) * share + 255 * (1 - share)
        for source in (image, encoded(image, "PNG"), encoded(image, "TIFF")):
            assert abs(pixels(source) - on_white).max() <= 1
    keyed = encoded(PICTURE, "PNG", transparency=(0, 1, 2))  # one colour counts as clear
    assert (pixels(keyed)[0, 0] == 255).all() and (pixels(keyed)[0, 1] == RAMP[0, 1]).all()
    keyed = encoded(Image.fromarray(GREY), "PNG", transparency=0)
    assert (pixels(keyed)[0, :2] == [[255] * 3, [1] * 3]).all()


def test_cmyk():
    ink = np.stack([GREY, GREY.T, GREY[::-1], GREY[:, ::-1] // 2], axis=2)
    image = Image.fromarray(ink, "CMYK")
    colour, black = ink[..., :3].astype(float), ink[..., 3:].astype(float)
    plain = (255 - colour) * (255 - black) / 255
    assert abs(pixels(encoded(image, "TIFF")) - plain).max() <= 1
    # JPEG keeps Adobe's inverted inks; a flat colour survives its compression
    flat = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    data = encoded(flat, "JPEG", quality=95)
    assert b"Adobe" in data
    assert abs(pixels(data) - [255, 0, 0]).max() <= 3


def test_sixteen_bits_are_scaled_not_clipped():
    deep = GREY.astype(np.uint16) * 257
    files = [encoded(Image.fromarray(deep), kind) for kind in ("PNG", "TIFF", "PPM")]
    big_endian = Image.frombytes("I;16B", (16, 16), deep.astype(">u2").tobytes())
    files.append(encoded(big_endian, "TIFF"))
    for source in (*files, Image.fromarray(deep), Image.fromarray(deep.astype(np.int32))):
        assert (pixels(source) == grey(GREY)).all()
    header = b"P6 16 16 65535\n"
    colour = header + (RAMP.astype(">u2") * 257).tobytes()
    assert (pixels(colour) == RAMP).all()


@pytest.mark.parametrize("value, why", [(1e5, "32-bit"), (-1, "32-bit")])
def test_32_bits_are_refused(value, why):
    refused(encoded(Image.new("I", (4, 4), int(value)), "TIFF"), why, "save it as 8-bit")


def test_floating_point_is_refused():
    refused(encoded(Image.new("F", (4, 4), 0.5), "TIFF"), "floating-point", "save it as 8-bit")


def test_of_an_animation_the_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert Image.open(io.BytesIO(data)).n_frames == 3
        assert abs(pixels(data) - [255, 0, 0]).max() <= 3  # WebP is lossy


# ---- orientation ----


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_rotation(kind, orientation):
    upright = Image.new("RGB", (48, 32))
    draw = ImageDraw.Draw(upright)
    draw.rectangle((0, 0, 15, 15), "red")
    draw.rectangle((32, 0, 47, 15), "lime")
    stored = {  # how the EXIF standard says rows and columns lie in the file
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: a.transpose(1, 0, 2)[::-1],
        7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    }[orientation](np.asarray(upright))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif)
    once = read_image(data)
    assert once.size == (48, 32)
    for at in ((8, 8), (40, 8), (24, 24), (8, 24), (40, 24)):
        distance = np.subtract(once.getpixel(at), upright.getpixel(at))
        assert abs(distance).max() < 40  # JPEG and WebP are lossy
    assert (pixels(once) == np.asarray(once)).all()  # and is not turned again


@pytest.mark.filterwarnings("error")
def test_broken_exif_does_not_cost_the_picture():
    for exif in (b"Exif\0\0II*\0" + b"\xff" * 30, b"nonsense"):
        assert (pixels(encoded(PICTURE, "PNG", exif=exif)) == RAMP).all()


# ---- size ----


def test_too_many_pixels_are_refused_before_decoding():
    data = encoded(Image.new("1", (8000, 7000)), "PNG")  # 56 million in 7 kB
    refused(data, "56 million pixels; make it smaller, 50 million at most")
    refused(data[:100], "56 million")  # only the header was read
    refused(PNG, "at most", max_pixels=255)
    assert read_image(PNG, max_pixels=256).size == (16, 16)
    refused(Image.new("RGB", (0, 5)), "has no pixels")


def test_strips_are_refused():  # their short side scaled to 224 pixels, they would fill the memory
    refused(encoded(Image.new("L", (3, 601)), "PNG"), "a strip of 3 × 601 pixels")
    assert read_image(Image.new("L", (600, 3))).size == (600, 3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("side", [10_000, 20_000])  # Pillow warns of the one, refuses the other
def test_pillows_own_limits_become_the_same_refusal(side):
    header = bytearray(encoded(Image.new("1", (8, 8)), "BMP"))
    header[18:26] = side.to_bytes(4, "little") * 2
    refused(bytes(header), "pixels; make it smaller")


# ---- the web ----


@pytest.fixture
def server(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with web.Loopback() as server:
        yield server


def test_reads_from_an_address(server):
    server.put("/a picture.png", PNG)
    server.pages["/a%20picture.png"] = server.pages["/a picture.png"]
    assert (pixels(f"{server.root}/a picture.png") == RAMP).all()
    server.put("/moved", b"", web.redirect("/a%20picture.png"))
    assert (pixels(f"{server.root}/moved") == RAMP).all()
    server.put("/no-length", PNG, web.tells_no_length)
    assert (pixels(f"{server.root}/no-length") == RAMP).all()


def test_a_body_shorter_than_told_is_refused_though_its_picture_is_whole(server):
    refused(server.put("/cat.png", PNG + PNG, web.cut), f"was cut off, {len(PNG):,} bytes are miss")


def test_a_redirect_to_another_server_is_told(server):
    with web.Loopback() as other:
        there = other.put("/cat.png", PNG)
        server.put("/cat.png", b"", web.redirect(there))
        told = f"{server.root[7:]} redirects to {other.root[7:]}"
        with pytest.warns(UserWarning, match=told):
            assert (pixels(f"{server.root}/cat.png") == RAMP).all()


@pytest.mark.parametrize(
    "manner, why",
    [
        (web.status(404), "answered 404 Not Found"),
        (web.web_page, "is a web page"),
        (web.cut, "bytes are missing"),
        (web.hang, "gave no answer in time"),
        (web.hang_midway, "gave no answer in time"),
        (web.trickle, "is too slow"),
        (web.redirect("file:///etc/passwd"), "file:///etc/passwd' is not allowed"),
        (web.redirect("ftp://127.0.0.1/x.png"), "redirects to ftp:"),
    ],
    ids=["404", "page", "cut", "hang", "midway", "trickle", "to a file", "to ftp"],
)
def test_an_address_that_fails_is_named(server, manner, why):
    address = server.put("/cat.png", PNG, manner)
    refused(address, f"{address}: ", why, timeout=0.3 if "time" in why or "slow" in why else 9)


def test_bytes_from_the_web_are_capped(server):
    refused(server.put("/big", PNG, web.tells_no_length), "sends more than", max_bytes=100)
    refused("https://nowhere.invalid/cat.png", "nowhere.invalid", "has no address")
