"""JPEGs that can be decoded although part of their data is lost: told by name, not refused.

libjpeg writes a line to the process's standard error, without a name, and fills the rest with
grey. Zeros in the middle it often does not notice at all: they are valid codes.
"""

import os
import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from course_utils.store.pixels import is_plain_jpeg, jpeg_decoder

MESSAGES = ("Corrupt JPEG data", "Premature end of JPEG file")
ZEROS = bytes(32)
END_OF_BLOCK = 0


@contextmanager
def decoder_messages() -> Iterator[list[str]]:
    """What libjpeg says meanwhile of damaged data, in a list that is filled at the end.

    It changes the process's standard error: use it in one thread at a time, around any number of
    threads that decode. All else that is written there is passed on.
    """
    told = []
    try:
        before = os.dup(2)
    except OSError:  # closed
        yield told
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield told
        finally:
            os.dup2(before, 2)
            os.close(before)
            file.seek(0)
            for line in file.read().decode(errors="replace").splitlines(keepends=True):
                if line.startswith(MESSAGES):
                    told.append(line.strip())
                else:
                    os.write(2, line.encode())


def suspicion(path: Path) -> str:
    """Why a picture that could be decoded is suspect, as far as its decoder did not say so."""
    try:
        data = path.read_bytes()
    except OSError:  # gone meanwhile: whoever reads it tells
        return ""
    if data[:2] == b"\xff\xd8" and not is_plain_jpeg(data):
        decode_as_it_is(path)  # Pillow read it, which passes its decoder's messages over
    return "zeros stand where pixels were" if is_zeroed(data) else ""


def noticed_by_decoder(paths: Iterable[Path]) -> dict[Path, str]:
    """Which of these pictures libjpeg calls damaged, and how: decoded one by one."""
    found = {}
    for path in paths:
        with decoder_messages() as told:
            decode_as_it_is(path)
        if told:
            found[path] = told[0]
    return found


def decode_as_it_is(path: Path) -> None:
    """Decode a JPEG of any kind for the sake of the decoder's messages."""
    decode = jpeg_decoder()
    try:
        data = torch.from_numpy(np.fromfile(path, np.uint8))
        if decode and data[:2].tolist() == [0xFF, 0xD8]:
            decode(data)
    except (OSError, RuntimeError):
        pass  # whoever reads the picture tells why it cannot be read


def is_zeroed(data: bytes) -> bool:
    """Whether zeros stand in a JPEG's data where no pixels can have been encoded so.

    The all-zero code means the first symbol of a Huffman table. Unless that is the end of a block,
    as in tables made for pictures with large even areas, 32 zero bytes hold a block of brightness
    whose 63 coefficients are all the same: no picture has one. Progressive JPEGs are left alone.
    """
    at, baseline, first = 2, False, {}
    try:
        if data[:2] != b"\xff\xd8":
            return False
        while True:
            marker, length = struct.unpack_from(">HH", data, at)
            baseline |= marker in (0xFFC0, 0xFFC1)
            if marker == 0xFFC4:
                first |= _first_symbols(data[at + 4 : at + 2 + length])
            if marker == 0xFFDA:  # the pixels, of brightness first
                table = 0x10 | data[at + 6] & 0x0F
                end = data.find(b"\xff\xd9", at)
                zeros = data.find(ZEROS, at, end if end > 0 else None) > 0
                return baseline and first[table] != END_OF_BLOCK and zeros
            if marker >> 8 != 0xFF:
                return False
            at += 2 + length
    except (struct.error, LookupError):
        return False


def _first_symbols(tables: bytes) -> dict[int, int]:
    """Class (16: of AC coefficients) and number of each Huffman table → its first symbol."""
    at, found = 0, {}
    while at < len(tables):
        found[tables[at]] = tables[at + 17]
        at += 17 + sum(tables[at + 1 : at + 17])
    return found
