"""What a file is that is no checkpoint, told by its first bytes."""

import zipfile
from pathlib import Path

BEGINNINGS = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"\x89HDF": "an HDF5 file, such as Keras's",
    b"\x93NUMPY": "a NumPy array",
    b"\x1f\x8b": "a gzip archive",
    b"version https://git-lfs": "a Git LFS pointer, whose content was not fetched",
    b"<": "a web page or XML",
    b"{": "JSON text",
}
MEMBERS = {
    "constants.pkl": "a TorchScript archive",
    "data.pkl": "",  # torch.save's own
    "[Content_Types].xml": "an office document",
    "model.weights.h5": "a Keras model",
}


def kind_of(path: Path) -> str | None:
    """What a file is, in words; None for one that torch.save may have written."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
        if not head:
            return "an empty file"
        if head.startswith(b"PK"):
            return _archive(path)
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
    if head[8:10] == b'{"':
        return "a safetensors file"
    return next((kind for bytes_, kind in BEGINNINGS.items() if head.startswith(bytes_)), None)


def _archive(path: Path) -> str | None:
    with zipfile.ZipFile(path) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    found = next((kind for member, kind in MEMBERS.items() if member in names), "a zip archive")
    if all(name.endswith(".npy") for name in names):
        return "a NumPy archive"
    return found or None
