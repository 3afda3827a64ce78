"""From a picture to the tensor a network was trained on, and back (notebook 04).

The presets work on uint8 pixels, one picture at a time; what is the same for every picture, float
and normalisation, `ImageLoader` does to the batch.
"""

import math
import random
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # training images, per channel, as torchvision publishes them
IMAGENET_STD = (0.229, 0.224, 0.225)
LOG_RATIO = math.log(4 / 3)  # of a crop's sides


def train_transform(
    size: int = 224, scale: tuple[float, float] = (0.08, 1.0), rotation: float = 0.0
) -> "TrainTransform":
    """Random crop, scale, random mirror image: (3, H, W) uint8 → (3, size, size) uint8.

    The crop has a share of the picture's area from ``scale``, and sides of 3 : 4 to 4 : 3. With a
    ``rotation`` it is turned by up to so many degrees either way, its corners filled with black.

    Source: Szegedy et al., *Going Deeper with Convolutions*, 2015, §6.
    """
    return TrainTransform(size, scale, rotation)


@dataclass(frozen=True)
class TrainTransform:
    """What `train_transform` gives; chance comes from Python's generator.

    The same as torchvision's RandomResizedCrop (antialiased), RandomHorizontalFlip and
    RandomRotation (nearest pixel), without what these cost beside the work.
    """

    size: int
    scale: tuple[float, float]
    rotation: float

    def __call__(self, image: Tensor) -> Tensor:
        top, left, height, width = random_crop(*image.shape[1:], self.scale)
        image = resized(image[:, top : top + height, left : left + width], self.size, self.size)
        if random.random() < 0.5:
            image = image.flip(2)
        return rotated(image, random.uniform(-self.rotation, self.rotation))


def random_crop(height: int, width: int, scale: tuple[float, float]) -> tuple[int, int, int, int]:
    """Top, left, height and width of a part of a picture, as torchvision chooses them.

    >>> random_crop(300, 400, scale=(1, 1)) == (0, 0, 300, 400)
    True
    """
    for _ in range(10):
        area = height * width * random.uniform(*scale)
        ratio = math.exp(random.uniform(-LOG_RATIO, LOG_RATIO))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return random.randint(0, height - h), random.randint(0, width - w), h, w
    # the largest part in the middle with sides of 3 : 4 to 4 : 3
    w, h = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
    return (height - h) // 2, (width - w) // 2, h, w


def scaled_size(height: int, width: int, short: int) -> tuple[int, int]:
    """Height and width of a picture whose short side is scaled to so many pixels.

    >>> scaled_size(375, 500, 256)
    (256, 341)
    """
    shorter = min(height, width)
    return int(short * height / shorter), int(short * width / shorter)


def resized(image: Tensor, height: int, width: int) -> Tensor:
    """Scale with antialiasing: (3, H, W) uint8 → (3, height, width) uint8."""
    if image.shape[1:] == (height, width):
        return image
    # with its colours side by side, as it was decoded, this takes half the time; image[None] alone
    # would not show that they are
    image = image.permute(1, 2, 0).contiguous()[None].permute(0, 3, 1, 2)
    return F.interpolate(image, (height, width), mode="bilinear", antialias=True)[0]


def rotated(image: Tensor, degrees: float) -> Tensor:
    """Turn about the middle, by the nearest pixel, black outside: (3, H, W) uint8, as it came."""
    if not degrees:
        return image
    # Pillow takes 0.15 ms for 224 × 224 pixels, tensors six times that
    turned = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).rotate(degrees)
    return torch.from_numpy(np.array(turned)).permute(2, 0, 1)


def eval_transform(size: int = 224, resize: int | None = None) -> "EvalTransform":
    """Scale the short side, cut out the middle: (3, H, W) uint8 → (3, size, size) uint8.

    The short side becomes ``resize`` pixels, by default 256 for a size of 224 and in proportion.
    Raises ``ValueError`` for less than ``size``.

    >>> eval_transform(96)(torch.zeros(3, 300, 200, dtype=torch.uint8)).shape
    torch.Size([3, 96, 96])
    """
    resize = resize or eval_resize(size)
    if resize < size:
        raise ValueError(f"resize is {resize}: nothing of size {size} can be cut out of that")
    return EvalTransform(size, resize)


@dataclass(frozen=True)
class EvalTransform:
    """What `eval_transform` gives: torchvision's Resize (antialiased) and CenterCrop."""

    size: int
    resize: int

    def __call__(self, image: Tensor) -> Tensor:
        image = resized(image, *scaled_size(*image.shape[1:], self.resize))
        top, left = (round((side - self.size) / 2) for side in image.shape[1:])
        return image[:, top : top + self.size, left : left + self.size]


def eval_resize(size: int) -> int:
    """The short side that torchvision's preset scales to before it cuts out ``size``.

    >>> eval_resize(224), eval_resize(96)
    (256, 110)
    """
    return round(size * 256 / 224)


def eval_image(image: Image.Image, size: int, mean, std, resize: int | None = None) -> Tensor:
    """Prepare one picture for a trained network: (3, size, size) float32, normalised.

    The short side is scaled to ``resize`` (None: ``size``) with antialiasing, and the middle is
    cut out.
    """
    pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    mean, std = (torch.as_tensor(v).view(3, 1, 1) for v in (mean, std))
    return (eval_transform(size, resize or size)(pixels) / 255 - mean) / std


def denormalise(images: Tensor, mean, std) -> Tensor:
    """Undo the normalisation: (…, 3, H, W) normalised → the same shape, values 0 to 1.

    >>> x = torch.rand(2, 3, 4, 4)
    >>> torch.allclose(denormalise((x - 0.5) / 0.25, [0.5] * 3, [0.25] * 3), x, atol=1e-6)
    True
    """
    mean, std = (torch.as_tensor(v, device=images.device).view(3, 1, 1) for v in (mean, std))
    return (images * std + mean).clamp(0, 1)
