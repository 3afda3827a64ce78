"""Residual networks: the small one of notebook 03, the paper's, and their plain twins.

He et al., *Deep Residual Learning for Image Recognition*, CVPR 2016. Parameter names and logits of
ResNet-18 to 152 are torchvision's.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class SmallResidualBlock(nn.Module):
    """x + f(x) with two 3×3 convolutions and no batch norm: (N, channels, H, W) → the same."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(F.relu(self.conv1(x)))
        return F.relu(out + x)


class SmallResidualNet(nn.Module):
    """Two residual blocks without batch norm: 23,382 parameters for ten classes.

    images (N, 3, 32, 32) → logits (N, num_classes)
    """

    def __init__(self, num_classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, kernel_size=3)
        self.conv2 = nn.Conv2d(8, 16, kernel_size=3)
        self.block1 = SmallResidualBlock(16)
        self.conv3 = nn.Conv2d(16, 20, kernel_size=3)
        self.block2 = SmallResidualBlock(20)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(20 * 6 * 6, num_classes)

    def forward(self, images: Tensor) -> Tensor:  # (N, 3, 32, 32)
        x = F.relu(self.conv1(images))  # (N, 8, 30, 30)
        x = self.block1(self.pool(F.relu(self.conv2(x))))  # (N, 16, 28, 28) → (N, 16, 14, 14)
        x = self.block2(self.pool(F.relu(self.conv3(x))))  # (N, 20, 12, 12) → (N, 20, 6, 6)
        return self.fc(x.flatten(1))  # (N, 720) → (N, num_classes)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut: figure 5, left. §3.2, equations 1 and 2.

    x (N, in_channels, H, W) → (N, channels, H / stride, W / stride)
    """

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = shortcut(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.downsample(x))


class Bottleneck(nn.Module):
    """1×1 to fewer channels, 3×3, 1×1 back to four times as many: figure 5, right.

    x (N, in_channels, H, W) → (N, 4 · channels, H / stride, W / stride). The stride sits in the
    3×3 convolution, as in torchvision; in the paper in the first 1×1, which skips pixels.
    """

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.downsample = shortcut(in_channels, 4 * channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + self.downsample(x))


def shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """x itself, or a 1×1 projection where the block changes its shape: §3.3, option B."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )


def stage(block: type, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
    """Blocks in a row; the first one changes the number of channels and the side."""
    out_channels = channels * block.expansion
    later = [block(out_channels, channels) for _ in range(blocks - 1)]
    return nn.Sequential(block(in_channels, channels, stride), *later)


LAYERS = {  # table 1: blocks in each stage
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


class ResNet(nn.Module):
    """ResNet-18, 34, 50, 101 or 152: table 1.

    images (N, 3, H, W) → logits (N, num_classes). ``stem="imagenet"``: 7×7 with stride 2, then a
    pool, for 224 px. ``"64px"``: 3×3, then the pool. ``"cifar"``: 3×3 alone, for 32 px. ``width``:
    channels of the first stage; each later stage has twice as many.

    Raises ``ValueError`` for another depth or stem.
    """

    def __init__(
        self, depth: int, num_classes: int = 1000, stem: str = "imagenet", width: int = 64
    ):
        super().__init__()
        if depth not in LAYERS:
            raise ValueError(f"depth is {depth}; ResNet has: {', '.join(map(str, LAYERS))}")
        if stem not in ("imagenet", "64px", "cifar"):
            raise ValueError(f"stem is {stem!r}; ResNet has: imagenet, 64px, cifar")
        if width < 1:
            raise ValueError(f"width is {width}; it must be at least 1")
        block, blocks = LAYERS[depth]
        channels = [width, 2 * width, 4 * width, 8 * width]
        after = [width, *(c * block.expansion for c in channels)]
        kernel_size, stride = (7, 2) if stem == "imagenet" else (3, 1)
        self.conv1 = nn.Conv2d(3, width, kernel_size, stride, kernel_size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.Identity() if stem == "cifar" else nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = stage(block, after[0], channels[0], blocks[0], stride=1)
        self.layer2 = stage(block, after[1], channels[1], blocks[1], stride=2)
        self.layer3 = stage(block, after[2], channels[2], blocks[2], stride=2)
        self.layer4 = stage(block, after[3], channels[3], blocks[3], stride=2)
        self.fc = nn.Linear(after[4], num_classes)
        he_initialisation(self)

    def forward(self, images: Tensor) -> Tensor:  # (N, 3, 224, 224)
        x = F.relu(self.bn1(self.conv1(images)))  # (N, 64, 112, 112)
        x = self.layer1(self.maxpool(x))  # (N, 64 or 256, 56, 56)
        x = self.layer2(x)  # (N, 128 or 512, 28, 28)
        x = self.layer3(x)  # (N, 256 or 1024, 14, 14)
        x = self.layer4(x)  # (N, 512 or 2048, 7, 7)
        return self.fc(x.mean((2, 3)))  # (N, 512 or 2048) → (N, num_classes)


class CifarResNet(nn.Module):
    """The ResNet for CIFAR-10, 6n + 2 layers deep: §4.2, with projection shortcuts.

    images (N, 3, 32, 32) → logits (N, num_classes). ``width``: channels of the first of three
    stages. Raises ``ValueError`` for a depth that is not 6n + 2.
    """

    def __init__(self, depth: int, num_classes: int = 10, width: int = 16):
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if blocks < 1 or rest:
            raise ValueError(f"depth is {depth}; it must be 6n + 2: 20, 32, 44, 56, …")
        if width < 1:
            raise ValueError(f"width is {width}; it must be at least 1")
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = stage(BasicBlock, width, width, blocks, stride=1)
        self.layer2 = stage(BasicBlock, width, 2 * width, blocks, stride=2)
        self.layer3 = stage(BasicBlock, 2 * width, 4 * width, blocks, stride=2)
        self.fc = nn.Linear(4 * width, num_classes)
        he_initialisation(self)

    def forward(self, images: Tensor) -> Tensor:  # (N, 3, 32, 32)
        x = F.relu(self.bn1(self.conv1(images)))  # (N, 16, 32, 32)
        x = self.layer1(x)  # (N, 16, 32, 32)
        x = self.layer2(x)  # (N, 32, 16, 16)
        x = self.layer3(x)  # (N, 64, 8, 8)
        return self.fc(x.mean((2, 3)))  # (N, 64) → (N, num_classes)


def he_initialisation(model: nn.Module) -> None:
    """Weights with variance 2 / fan-out: He et al., *Delving Deep into Rectifiers*, 2015, §2.2."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


def zero_gamma(model: nn.Module) -> nn.Module:
    """Start every block as the identity: the last batch norm of each multiplies by 0.

    Goyal et al., *Accurate, Large Minibatch SGD*, 2017, §5.1.
    """
    for block in model.modules():
        if isinstance(block, (BasicBlock, Bottleneck)):
            last = block.bn3 if isinstance(block, Bottleneck) else block.bn2
            nn.init.zeros_(last.weight)
    return model


class NoShortcut(nn.Module):
    """Carries nothing: adds 0 to the block's output."""

    def forward(self, x: Tensor) -> int:
        return 0


def plain(model: nn.Module) -> nn.Module:
    """The plain twin: the same layers, with every shortcut taken out (§3.3, *plain network*)."""
    for block in model.modules():
        if hasattr(block, "downsample"):
            block.downsample = NoShortcut()
    return model
