"""The pixels of a picture file as a tensor, by the shortest way."""

import io
import os
import struct
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_utils.store.images import ORIENTATION, UPRIGHT, ImageError, check_size, read_image


def read_pixels(path: str | os.PathLike, quick: bool = True) -> Tensor:
    """The pixels of a picture file: (3, H, W) uint8, exactly those of `read_image`, only sooner.

    Usual JPEGs are decoded straight into a tensor; all others, and those that cannot be read,
    are left to `read_image`, which raises `ImageError`. Not ``quick``, all are: the other decoder
    writes to the standard error about damaged data.
    """
    decode = jpeg_decoder() if quick else None
    try:
        # a pipe is not read, which would wait
        data = np.fromfile(path, np.uint8) if decode and os.path.isfile(path) else b""
        if is_plain_jpeg(data):
            return decode(torch.from_numpy(data))
    except (OSError, RuntimeError):
        pass  # read_image says why
    return torch.from_numpy(np.array(read_image(path))).permute(2, 0, 1)


@cache
def jpeg_decoder() -> Callable[[Tensor], Tensor] | None:
    """torchvision's, from the bytes of a file to RGB; None where it has none any more.

    Its public name, ``torchvision.io.decode_jpeg``, warns at every call since torchvision 0.29
    that it will move to another package.
    """
    try:
        from torchvision.io import ImageReadMode  # takes seconds to import

        decode = torch.ops.image.decode_jpeg
    except (ImportError, AttributeError):
        return None
    return lambda data: decode(data, ImageReadMode.RGB.value, False)  # not turned by its EXIF data


def is_plain_jpeg(data: bytes | np.ndarray) -> bool:
    """Whether this begins as a JPEG does of 8-bit grey or YCbCr colours, not rotated, not huge."""
    at, usual = 2, False
    try:
        if struct.unpack_from(">H", data) != (0xFFD8,):
            return False
        while True:  # up to the pixels: EXIF data may also stand behind the frame header
            marker, length = struct.unpack_from(">HH", data, at)
            if marker in (0xFFC0, 0xFFC1, 0xFFC2):  # baseline, extended, progressive
                bits, height, width, colours = struct.unpack_from(">BHHB", data, at + 4)
                check_size(width, height)
                usual = bits == 8 and colours in (1, 3)
            if marker == 0xFFDA:
                return usual
            if marker >> 8 != 0xFF or (marker == 0xFFE1 and _is_turned(data)):
                return False
            at += 2 + length
    except (struct.error, ImageError):  # it ends in the header, or its size is refused
        return False


def _is_turned(data: bytes | np.ndarray) -> bool:
    """Whether its EXIF data asks for a rotation: so do one in ten photographs from cameras."""
    try:
        return Image.open(io.BytesIO(data)).getexif().get(ORIENTATION) in UPRIGHT
    except Exception:
        return True  # unreadable: read_image knows what to do
