"""What a trained network sees in a picture of one's own."""

import os

import torch
from torch import nn

from course_utils.data.images import read_image
from course_utils.data.transforms import eval_image
from course_utils.show.pictures import plot_probabilities
from course_utils.training.checkpoint import load_model
from course_utils.training.metrics import eval_mode


def predict(
    model: str | os.PathLike | nn.Module, source, *, about: dict | None = None, k: int = 3
) -> list[tuple[str, float]]:
    """Draw a picture with its k likeliest classes, and return them with their probabilities.

    ``model``: a checkpoint's path, which knows its classes and normalisation; or a model, with
    ``about`` (see `Splits.about`) to tell them. ``source``: a path, bytes, a PIL image or an
    http(s) URL, see `read_image`. The short side is scaled to the network's image size and the
    middle cut out.

    Raises `ImageError` for a picture that cannot be read, `CheckpointError` for a checkpoint that
    cannot, ``ValueError`` for a model without ``about``.
    """
    if not isinstance(model, nn.Module):
        model, about = load_model(model)
    if not about or not {"classes", "image_size", "mean", "std"} <= about.keys():
        raise ValueError("predict needs classes, image_size, mean and std: pass about=data.about()")
    image = read_image(source)
    pixels = eval_image(image, about["image_size"], about["mean"], about["std"])  # (3, H, W)
    device = next(model.parameters()).device
    with torch.no_grad(), eval_mode(model):
        probabilities = model(pixels[None].to(device)).softmax(1)[0].cpu()  # (C,)
    plot_probabilities(image, probabilities, about["classes"], k)
    best = probabilities.topk(min(k, len(probabilities)))
    return [(about["classes"][i], float(p)) for p, i in zip(*best, strict=True)]
