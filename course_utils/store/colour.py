"""Random changes of colour, a whole batch at once."""

import math

import torch
from torch import Tensor

GREY = (0.299, 0.587, 0.114)  # luma of ITU-R BT.601, which Pillow and torchvision use
# to luma and two axes of colour (NTSC's YIQ), in which a turn changes the hue
YIQ = torch.tensor([[*GREY], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]).mT


class ColourJitter:
    """Change brightness, contrast, saturation and hue of each image at random, in this order.

    The first three multiply by a factor from 1 - v to 1 + v (0 at least), as in torchvision: of
    the value, of the distance from the image's mean grey, of the distance from each pixel's own
    grey. ``hue`` turns the colour circle by up to so much of a whole turn either way, at most 0.5;
    it turns it in YIQ, where the luma stays, so that it differs from torchvision's turn in HSV,
    where the largest channel stays. The four are one affine map of the colours of an image (a 3×4
    matrix), and values are clamped once, at the end.

    Raises ``ValueError`` for a negative strength or a hue above 0.5.

    >>> images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    >>> ColourJitter(0.2, 0.2, 0.2, 0.1)(images).shape
    torch.Size([2, 3, 4, 4])
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
    ):
        strengths = {
            "brightness": brightness,
            "contrast": contrast,
            "saturation": saturation,
            "hue": hue,
        }
        for name, strength in strengths.items():
            if not 0 <= strength <= (0.5 if name == "hue" else math.inf):
                which = "from 0 to 0.5 of a turn" if name == "hue" else "0 or greater"
                raise ValueError(f"{name} is {strength}; it must be {which}")
        self.strengths = tuple(strengths.values())
        strength, middle = torch.tensor(self.strengths), torch.tensor([1.0, 1, 1, 0])
        self.low, self.high = middle - strength, middle + strength
        self.low[:3].clamp_(min=0)

    def draw(self) -> Tensor:
        """For one image: three factors, and the turn of the hue as a share of a circle: (4,)."""
        return torch.lerp(self.low, self.high, torch.rand(4))

    def __call__(self, images: Tensor, factors: Tensor | None = None) -> Tensor:
        """Images (B, 3, H, W), values 0 to 255, changed by ``factors`` (B, 4), by default drawn.

        The result is float32, channels_last, clamped to 0 … 255.
        """
        if factors is None:
            factors = torch.stack([self.draw() for _ in images])
        maps = (part.to(images.device) for part in colour_maps(factors.cpu()))
        return as_images(mapped(as_rows(images).float(), *maps))


def colour_maps(factors: Tensor) -> tuple[Tensor, Tensor]:
    """The changes of `ColourJitter` as maps: colour → colour @ matrix + share · mean grey.

    factors (B, 4) → (B, 3, 3), (B,), on the CPU.
    """
    brightness, contrast, saturation, turn = factors.unbind(1)
    angle = 2 * math.pi * turn  # from red to yellow, as in HSV
    change = torch.zeros(len(factors), 3, 3)
    change[:, 0, 0] = 1
    change[:, 1, 1] = change[:, 2, 2] = saturation * angle.cos()
    change[:, 2, 1] = saturation * angle.sin()
    change[:, 1, 2] = -change[:, 2, 1]
    matrices = (brightness * contrast)[:, None, None] * (YIQ @ change @ YIQ.inverse())
    # contrast moves towards the mean grey, on which saturation and hue do nothing
    return matrices, (1 - contrast) * brightness


def mapped(rows: Tensor, matrices: Tensor, shares: Tensor) -> Tensor:
    """Apply `colour_maps` to rows of pixels (B, H, 3·W), and clamp to 0 … 255."""
    batch, height, length = rows.shape
    grey = torch.tensor(GREY, device=rows.device).repeat(length // 3) / (length // 3)
    offset = shares * (rows.mean(1) @ grey)
    # several pixels side by side: a product with three columns only is six times slower
    beside = 4 if height * length % 12 == 0 else 1
    eye = torch.eye(beside, device=rows.device)
    blocks = torch.einsum("pq,bij->bpiqj", eye, matrices).reshape(batch, 3 * beside, -1)
    pixels = rows.view(batch, -1, 3 * beside)
    return torch.baddbmm(offset[:, None, None], pixels, blocks).clamp_(0, 255).view_as(rows)


def normalised(
    images: Tensor,
    scale: Tensor,
    shift: Tensor,
    jitter: ColourJitter | None = None,
    factors: Tensor | None = None,
) -> Tensor:
    """A batch (B, 3, H, W) uint8 as float32, times ``scale`` (3,) plus ``shift``, channels_last.

    Before that its colours are changed by ``jitter``, if there is one, with ``factors`` on the CPU.
    """
    batch, _, height, width = images.shape
    result = torch.empty(batch, height, width * 3, device=images.device)
    scale, shift = scale.repeat(width), shift.repeat(width)  # as long as a row: three is too short
    maps = colour_maps(factors) if jitter else ()
    maps = [part.to(images.device, non_blocking=True) for part in maps]
    # on a CPU one image at a time: what is in the cache is not read from memory again
    step = 1 if images.device.type == "cpu" else batch
    for i in range(0, batch, step):
        part = slice(i, i + step)
        rows = as_rows(images[part]).float()
        if jitter:
            rows = mapped(rows, *(m[part] for m in maps))
        torch.addcmul(shift, rows, scale, out=result[part])
    return as_images(result)


def as_rows(images: Tensor) -> Tensor:
    """(B, 3, H, W) → (B, H, 3·W): a row of pixels after the other, colours side by side."""
    return images.permute(0, 2, 3, 1).flatten(2)


def as_images(rows: Tensor) -> Tensor:
    """What `as_rows` undoes: (B, H, 3·W) → (B, 3, H, W) in channels_last."""
    batch, height, _ = rows.shape
    return rows.view(batch, height, -1, 3).permute(0, 3, 1, 2)
