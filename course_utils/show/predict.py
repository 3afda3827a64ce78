"""What a trained network sees in a picture of one's own (notebook 04)."""

import os
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.data.transforms import eval_image
from course_utils.engine.checkpoint import load_model
from course_utils.show.pictures import plot_probabilities
from course_utils.store.images import read_image
from course_utils.training.metrics import eval_mode


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


def prepared(image, about: dict) -> Tensor:
    """A picture as the network was shown its validation images: (3, S, S), normalised."""
    size = about["image_size"]
    return eval_image(image, size, about["mean"], about["std"], about.get("resize"))


@torch.no_grad()
def probabilities_of(model: nn.Module, images: Tensor) -> Tensor:
    """Probabilities (N, C), on the CPU, of images (N, 3, H, W)."""
    device = next(model.parameters()).device
    with eval_mode(model):
        return model(images.to(device)).softmax(1).cpu()


def likeliest(probabilities: Tensor, classes: Sequence[str], k: int) -> list[tuple[str, float]]:
    """The ``k`` likeliest classes with their probabilities, from probabilities (C,).

    >>> likeliest(torch.tensor([0.25, 0.75]), ["ants", "bees"], k=1)
    [('bees', 0.75)]
    """
    best = probabilities.topk(min(k, len(classes)))
    return [(classes[i], float(p)) for p, i in zip(*best, strict=True)]


def check_about(about: dict | None) -> None:
    """Raise ``ValueError`` unless this says how to prepare a picture for the network."""
    if not about or not {"classes", "image_size", "mean", "std"} <= about.keys():
        raise ValueError("predict needs classes, image_size, mean and std: pass about=data.about()")
