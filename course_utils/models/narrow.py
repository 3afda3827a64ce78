"""A narrow residual network for training without a GPU, designed for notebook 03.

Shaped after the ResNet-9 of Page, *How to Train Your ResNet*, 2018–2019, and after Jordan, *94% on
CIFAR-10 in 3.29 Seconds on a Single GPU*, 2024, §3: frozen whitening first, pooling early, few
channels, maximum over all positions at the end.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NarrowResNet(nn.Module):
    """Whitening, then two stages of a convolution with pooling and a residual block.

    images (N, 3, 32, 32) → logits (N, num_classes). Call `whiten` once before training. 261,682
    parameters for ten classes, of which 261,034 train. The maxima over all positions are large:
    0.2 is chosen so that the initial loss is near ln C. Raises ``ValueError`` for a width that is
    odd or above 54.
    """

    def __init__(self, num_classes: int = 10, width: int = 24):
        super().__init__()
        if width % 2 or not 2 <= width <= 54:  # 27 directions of a 3×3 window, with both signs
            raise ValueError(f"width is {width}; it must be even, from 2 to 54")
        self.whitening = nn.Conv2d(3, width, 3, padding=1, bias=False).requires_grad_(False)
        self.stage1 = nn.Sequential(ConvPool(width, 2 * width), ResidualBlock(2 * width))
        self.stage2 = nn.Sequential(ConvPool(2 * width, 4 * width), ResidualBlock(4 * width))
        self.fc = nn.Linear(4 * width, num_classes)

    def forward(self, images: Tensor) -> Tensor:  # (N, 3, 32, 32)
        x = F.max_pool2d(F.relu(self.whitening(images)), 2)  # (N, 24, 16, 16)
        x = self.stage1(x)  # (N, 48, 8, 8)
        x = self.stage2(x)  # (N, 96, 4, 4)
        return 0.2 * self.fc(x.amax((2, 3)))  # (N, 96) → (N, num_classes)

    @torch.no_grad()
    def whiten(self, images: Tensor) -> None:
        """Set the first, frozen convolution from normalised training images (N, 3, H, W).

        Its kernels are the directions in which 3×3 windows vary, strongest first, each scaled to
        variance one, and once more with the other sign, which ReLU would lose (Jordan 2024, §3.2).
        """
        windows = F.unfold(images.float(), 3).transpose(1, 2).reshape(-1, 27)  # (windows, 27)
        variances, directions = torch.linalg.eigh(windows.T @ windows / len(windows))
        # 0.01: directions in which hardly anything varies are mostly noise, and stay small
        kernels = (directions / (variances + 0.01).sqrt()).T.flip(0)  # (27, 27), strongest first
        half = kernels[: len(self.whitening.weight) // 2].view(-1, 3, 3, 3)
        self.whitening.weight.copy_(torch.cat([half, -half]))


class ConvPool(nn.Module):
    """Convolution, pooling, batch norm, ReLU: (N, C, H, W) → (N, out_channels, H / 2, W / 2).

    Pooled first, batch norm and ReLU have a quarter of the work.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.pool(self.conv(x))))


class ResidualBlock(nn.Module):
    """x + f(x), without a ReLU after the sum: (N, channels, H, W) → the same."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        return x + F.relu(self.bn2(self.conv2(out)))
