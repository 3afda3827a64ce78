"""Read one image, from wherever it comes and whatever its pixels are, or say why not."""

import http.client
import io
import os
import struct
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from course_utils.store.web import WebError, explain, is_web, open_url

ImageSource = str | os.PathLike | bytes | Image.Image

# not all that Pillow knows: reading EPS, for one, starts another program
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")

MAX_PIXELS = 50_000_000
NARROWEST = 200  # long side over short: scaled by its short side, a strip would fill the memory

ORIENTATION = 0x0112  # the EXIF tag
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageError(ValueError):
    """An image that cannot be read, in one line that names it."""


def read_image(
    source: ImageSource,
    *,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = 50_000_000,
    timeout: float = 15,
) -> Image.Image:
    """Read an image upright and as RGB, 8 bits each: from a path, bytes, PIL image or http(s) URL.

    EXIF rotation is applied. Transparency is laid on white. CMYK becomes RGB by the plain formula
    (1 - C)(1 - K), without colour profiles; 16 bits become 8 by v / 257. Of an animation the first
    frame is taken. Raises `ImageError` for what cannot be read, for floating-point and 32-bit
    pixels (nobody can say which value is white), for strips (a side over 200 times the other), for
    more than ``max_pixels``, and for more than ``max_bytes`` or ``timeout`` seconds from the web.

    >>> read_image(Image.new("LA", (4, 3), (0, 0))).getpixel((0, 0))  # black, but transparent
    (255, 255, 255)
    """
    with _naming(source), ExitStack() as stack:
        file = None
        if not isinstance(source, Image.Image):
            file = stack.enter_context(_stream(source, max_bytes, timeout))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # of bombs (max_pixels is stricter), of broken EXIF
        if file is None:
            return _upright_rgb(source, max_pixels)
        try:
            return _decoded(file, max_pixels)
        except ValueError as error:
            if "MAX_TEXT" not in str(error):  # Pillow's limit for profiles and texts in a PNG
                raise
            return _decoded(io.BytesIO(_without_texts(file)), max_pixels)


@contextmanager
def _naming(source: ImageSource) -> Iterator[None]:
    """Turn whatever happens into one `ImageError` that names the source."""
    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source)
        name = text if len(text) < 200 else f"{text[:200]}…"
    elif isinstance(source, (bytes, Image.Image)):
        name = "the given bytes" if isinstance(source, bytes) else "the given image"
    else:
        kind = type(source).__name__
        raise TypeError(f"an image is a path, an address, bytes or a PIL image, not a {kind}")
    try:
        yield
    except (ImageError, WebError) as error:
        raise ImageError(f"{name}: {error}") from None
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: far too many pixels; make it smaller ({error})") from None
    except Exception as error:  # on a broken file Pillow's readers raise nearly anything
        why = getattr(error, "strerror", None) or error
        raise ImageError(f"{name}: damaged, cut off or unreadable ({why})") from error


def _stream(source: str | os.PathLike | bytes, max_bytes: int, timeout: float) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if isinstance(source, str) and "://" in source:
        return _from_web(source, max_bytes, timeout)
    path = Path(source).expanduser()
    if path.is_dir():
        raise ImageError("is a folder; give one image file")
    if not path.is_file():
        raise ImageError("is no regular file" if path.exists() else "there is no such file")
    return path.open("rb")


def _from_web(url: str, max_bytes: int, timeout: float) -> BinaryIO:
    if not is_web(url):
        raise ImageError("only http and https addresses are read")
    data, end = io.BytesIO(), time.monotonic() + timeout
    with open_url(url, timeout=timeout, allowed=is_web) as response:
        try:
            while chunk := response.read1(1 << 16):
                if data.tell() + len(chunk) > max_bytes:
                    raise ImageError(f"sends more than {max_bytes / 1e6:g} MB")
                if time.monotonic() > end:
                    raise ImageError(f"is too slow, not there after {timeout:g} s")
                data.write(chunk)
            if response.length:  # what is still missing of the length that was told
                raise ImageError(f"was cut off, {response.length:,} bytes are missing")
        except (OSError, http.client.HTTPException) as error:
            raise ImageError(explain(error)) from error
    return data


def _decoded(file: BinaryIO, max_pixels: int) -> Image.Image:
    with _identified(file) as image:
        return _upright_rgb(image, max_pixels)


def _without_texts(file: BinaryIO) -> bytes:
    """A PNG without its colour profile and texts, none of which is used."""
    file.seek(0)
    data, at = file.read(), 8  # behind the signature
    kept = [data[:at]]
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind not in (b"iCCP", b"tEXt", b"zTXt", b"iTXt"):
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _identified(file: BinaryIO) -> Image.Image:
    Image.init()  # registers every format this Pillow was built with
    try:
        return Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])
    except UnidentifiedImageError:
        file.seek(0)
        raise ImageError(_what_else(file.read(512))) from None


def _what_else(start: bytes) -> str:
    if not start:
        return "is empty"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "is a web page (or SVG), not an image of pixels"
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return "is in HEIC format; export it as JPEG first"
    return f"is damaged or none of {', '.join(FORMATS)}"


def check_size(width: int, height: int, max_pixels: int = MAX_PIXELS) -> None:
    """Raise `ImageError` for no pixels at all, for too many, and for strips."""
    pixels = width * height
    if not pixels:
        raise ImageError("has no pixels")
    if pixels > max_pixels:
        most = f"{max_pixels / 1e6:g} million"
        raise ImageError(f"has {pixels / 1e6:.0f} million pixels; make it smaller, {most} at most")
    if max(width, height) > NARROWEST * min(width, height):
        raise ImageError(f"is a strip of {width} × {height} pixels; cut out a part")


def _upright_rgb(image: Image.Image, max_pixels: int) -> Image.Image:
    check_size(*image.size, max_pixels)
    image.load()
    rgb = _rgb(_upright(image))
    rgb.info = {}  # EXIF among it, which no longer holds
    return rgb


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = UPRIGHT.get(image.getexif().get(ORIENTATION))
    except Exception:  # unreadable EXIF asks for no rotation, and the pixels are whole
        turn = None
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ImageError("has floating-point pixels, whose range is unknown; save it as 8-bit")
    if image.mode.startswith("I"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey (also where Pillow keeps it in 32 bits): 65535 is white, 65535 / 257 = 255.

    Pillow's own conversion clips instead, which turns most of such an image white.
    """
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError("has 32-bit pixels, whose range is unknown; save it as 8-bit")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))
