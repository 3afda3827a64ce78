"""From a picture to the tensor a network was trained on, and back."""

import torch
from PIL import Image
from torch import Tensor


def eval_image(image: Image.Image, size: int, mean, std) -> Tensor:
    """Prepare one picture for a trained network: (3, size, size) float32, normalised.

    The short side is scaled to ``size`` with antialiasing and the middle is cut out.
    """
    from torchvision.transforms import v2  # takes seconds to import

    prepare = v2.Compose(
        [
            v2.PILToTensor(),
            v2.Resize(size, antialias=True),
            v2.CenterCrop(size),
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
