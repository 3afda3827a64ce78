"""From a picture to the tensor a network was trained on, and back.

The presets work on uint8 pixels, one picture at a time; what is the same for every picture, float
and normalisation, `ImageLoader` does to the batch.
"""

import torch
from PIL import Image
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # training images, per channel, as torchvision publishes them
IMAGENET_STD = (0.229, 0.224, 0.225)


def train_transform(size: int = 224, scale: tuple[float, float] = (0.08, 1.0)):
    """Crop by chance, scale, mirror by chance: (3, H, W) uint8 → (3, size, size) uint8.

    The crop has a share of the picture's area from ``scale``, and sides of 3 : 4 to 4 : 3.

    Source: Szegedy et al., *Going Deeper with Convolutions*, 2015, §6.
    """
    from torchvision.transforms import v2  # takes seconds to import

    crop = v2.RandomResizedCrop(size, scale=scale, antialias=True)
    return v2.Compose([crop, v2.RandomHorizontalFlip()])


def eval_transform(size: int = 224, resize: int | None = None):
    """Scale the short side, cut out the middle: (3, H, W) uint8 → (3, size, size) uint8.

    The short side becomes ``resize`` pixels, by default 256 for a size of 224 and in proportion.

    >>> eval_transform(96)(torch.zeros(3, 300, 200, dtype=torch.uint8)).shape
    torch.Size([3, 96, 96])
    """
    from torchvision.transforms import v2

    resize = resize or eval_resize(size)
    return v2.Compose([v2.Resize(resize, antialias=True), v2.CenterCrop(size)])


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
    from torchvision.transforms import v2

    prepare = v2.Compose(
        [
            v2.PILToTensor(),
            eval_transform(size, resize or size),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(mean, std),
        ]
    )
    return prepare(image.convert("RGB"))


def denormalise(images: Tensor, mean, std) -> Tensor:
    """Undo the normalisation: (…, 3, H, W) normalised → the same shape, values 0 to 1.

    >>> x = torch.rand(2, 3, 4, 4)
    >>> torch.allclose(denormalise((x - 0.5) / 0.25, [0.5] * 3, [0.25] * 3), x, atol=1e-6)
    True
    """
    mean, std = (torch.as_tensor(v, device=images.device).view(3, 1, 1) for v in (mean, std))
    return (images * std + mean).clamp(0, 1)
