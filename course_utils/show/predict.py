"""What a trained network sees in a picture of one's own."""

import os

from torch import nn

from course_utils.data.images import read_image
from course_utils.show.pictures import plot_probabilities
from course_utils.show.predict_files import check_about, likeliest, prepared, probabilities_of
from course_utils.training.checkpoint import load_model


def predict(
    model: str | os.PathLike | nn.Module, source, *, about: dict | None = None, k: int = 3
) -> list[tuple[str, float]]:
    """Draw a picture with its k likeliest classes, and return them with their probabilities.

    ``model``: a checkpoint's path, which knows its classes and normalisation; or a model, with
    ``about`` (see `Splits.about`) to tell them. ``source``: a path, bytes, a PIL image or an
    http(s) URL, see `read_image`. The short side is scaled and the middle cut out, as for the
    validation images of the network.

    Raises `ImageError` for a picture that cannot be read, `CheckpointError` for a checkpoint that
    cannot, ``ValueError`` for a model without ``about``.
    """
    if not isinstance(model, nn.Module):
        model, about = load_model(model)
    check_about(about)
    image = read_image(source)
    pixels = prepared(image, about)  # (3, H, W)
    probabilities = probabilities_of(model, pixels[None])[0]  # (C,)
    plot_probabilities(image, probabilities, about["classes"], k)
    return likeliest(probabilities, about["classes"], k)
