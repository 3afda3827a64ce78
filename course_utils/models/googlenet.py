"""GoogLeNet: the small Inception net of notebook 02, and the full network.

Szegedy et al., *Going Deeper with Convolutions*, CVPR 2015, with the batch norm of Ioffe & Szegedy,
*Batch Normalization*, ICML 2015. Parameter names and eval-mode logits are torchvision's.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEMS = ("imagenet", "cifar")


class SmallInception(nn.Module):
    """One Inception module of four branches, 24 + 16 + 24 + 24 = 88 channels, without batch norm.

    x (N, in_channels, H, W) → (N, 88, H, W)
    """

    def __init__(self, in_channels: int):
        super().__init__()
        self.pool1x1 = nn.Conv2d(in_channels, 24, kernel_size=1)
        self.only1x1 = nn.Conv2d(in_channels, 16, kernel_size=1)
        self.reduce5x5 = nn.Conv2d(in_channels, 16, kernel_size=1)
        self.conv5x5 = nn.Conv2d(16, 24, kernel_size=5, padding=2)
        self.reduce3x3 = nn.Conv2d(in_channels, 16, kernel_size=1)
        self.conv3x3a = nn.Conv2d(16, 24, kernel_size=3, padding=1)
        self.conv3x3b = nn.Conv2d(24, 24, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        pool = self.pool1x1(F.avg_pool2d(x, 3, stride=1, padding=1))  # (N, 24, H, W)
        one = self.only1x1(x)  # (N, 16, H, W)
        five = self.conv5x5(F.relu(self.reduce5x5(x)))  # (N, 24, H, W)
        three = self.conv3x3a(F.relu(self.reduce3x3(x)))  # (N, 24, H, W)
        three = self.conv3x3b(F.relu(three))  # (N, 24, H, W)
        return F.relu(torch.cat([pool, one, five, three], dim=1))  # (N, 88, H, W)


class SmallInceptionNet(nn.Module):
    """Two small Inception modules: 138,154 parameters for ten classes.

    images (N, 3, 32, 32) → logits (N, num_classes)
    """

    def __init__(self, num_classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3)
        self.conv2 = nn.Conv2d(16, 64, kernel_size=3)
        self.inception1 = SmallInception(64)
        self.conv3 = nn.Conv2d(88, 64, kernel_size=3)
        self.inception2 = SmallInception(64)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(88 * 6 * 6, num_classes)

    def forward(self, images: Tensor) -> Tensor:  # (N, 3, 32, 32)
        x = F.relu(self.conv1(images))  # (N, 16, 30, 30)
        x = self.pool(F.relu(self.conv2(x)))  # (N, 64, 28, 28) → (N, 64, 14, 14)
        x = self.inception1(x)  # (N, 88, 14, 14)
        x = self.pool(F.relu(self.conv3(x)))  # (N, 64, 12, 12) → (N, 64, 6, 6)
        x = self.inception2(x)  # (N, 88, 6, 6)
        return self.fc(x.flatten(1))  # (N, 3168) → (N, num_classes)


class ConvBNReLU(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1):
        super().__init__()
        padding = kernel_size // 2
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Four branches over the same input, concatenated: §4, figure 2b.

    x (N, in_channels, H, W) → (N, one + three + five + pool, H, W). ``reduce3`` and ``reduce5`` are
    the channels that a 1×1 convolution leaves for the wider kernel behind it. The branch called
    5×5 in the paper has a 3×3 kernel here, as in torchvision: its weights would not fit otherwise.
    """

    def __init__(
        self,
        in_channels: int,
        one: int,
        reduce3: int,
        three: int,
        reduce5: int,
        five: int,
        pool: int,
    ):
        super().__init__()
        self.branch1 = ConvBNReLU(in_channels, one, 1)
        self.branch2 = nn.Sequential(
            ConvBNReLU(in_channels, reduce3, 1), ConvBNReLU(reduce3, three, 3)
        )
        self.branch3 = nn.Sequential(
            ConvBNReLU(in_channels, reduce5, 1), ConvBNReLU(reduce5, five, 3)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), ConvBNReLU(in_channels, pool, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)]
        return torch.cat(branches, dim=1)


class AuxiliaryHead(nn.Module):
    """A classifier in the middle of the network, for training only: §5.

    x (N, in_channels, H, W) → logits (N, num_classes). On Apple's MPS H and W must be multiples of
    4, since its adaptive pooling takes no others.
    """

    def __init__(self, in_channels: int, num_classes: int):
        super().__init__()
        self.conv = ConvBNReLU(in_channels, 128, 1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(1024, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.adaptive_avg_pool2d(x, 4))  # (N, 128, 4, 4)
        return self.fc2(self.dropout(F.relu(self.fc1(x.flatten(1)))))


class GoogLeNet(nn.Module):
    """The network of the paper's table 1: 6,624,904 parameters for 1000 classes, 13,004,888 with
    auxiliary heads.

    images (N, 3, H, W) → logits (N, num_classes). With ``auxiliary=True`` and in training mode it
    gives three logits, ``(main, auxiliary2, auxiliary1)``: train with the loss of `with_auxiliary`.

    ``stem="imagenet"`` is the paper's, for 224 px: it leaves an eighth of the side. ``"cifar"`` is
    one 3×3 convolution, for 32 px. ``enlarge`` scales the images to that side first, on the
    device. ``transform_input=True`` accepts images normalised with ImageNet's mean and standard
    deviation for weights that were trained on the range −1 to 1, as torchvision's official ones.

    Raises ``ValueError`` for another stem.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        stem: str = "imagenet",
        auxiliary: bool = False,
        dropout: float = 0.2,
        enlarge: int | None = None,
        transform_input: bool = False,
    ):
        super().__init__()
        if stem not in STEMS:
            raise ValueError(f"stem is {stem!r}; GoogLeNet has: {', '.join(STEMS)}")
        self.enlarge = nn.Upsample(enlarge, mode="bilinear") if enlarge else nn.Identity()
        self.transform = OfficialInput() if transform_input else nn.Identity()
        if stem == "imagenet":
            self.conv1 = ConvBNReLU(3, 64, kernel_size=7, stride=2)
            self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
            self.conv2 = ConvBNReLU(64, 64, kernel_size=1)
            self.conv3 = ConvBNReLU(64, 192, kernel_size=3)
            self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        else:
            self.conv1 = ConvBNReLU(3, 192, kernel_size=3)
            self.maxpool1 = self.conv2 = self.conv3 = self.maxpool2 = nn.Identity()
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = AuxiliaryHead(512, num_classes) if auxiliary else None
        self.aux2 = AuxiliaryHead(528, num_classes) if auxiliary else None
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        # shapes for 224 px and the paper's stem, or for 32 px and the other
        x = self.transform(self.enlarge(images))
        x = self.maxpool1(self.conv1(x))  # (N, 64, 56, 56), or (N, 192, 32, 32)
        x = self.maxpool2(self.conv3(self.conv2(x)))  # (N, 192, 28, 28)
        x = self.inception3b(self.inception3a(x))  # (N, 480, 28, 28)
        x = middle1 = self.inception4a(self.maxpool3(x))  # (N, 512, 14, 14), or … 16, 16
        x = self.inception4c(self.inception4b(x))  # (N, 512, 14, 14)
        x = middle2 = self.inception4d(x)  # (N, 528, 14, 14)
        x = self.maxpool4(self.inception4e(x))  # (N, 832, 7, 7), or … 8, 8
        x = self.inception5b(self.inception5a(x))  # (N, 1024, 7, 7)
        x = x.mean((2, 3))  # global average pooling: (N, 1024)
        logits = self.fc(self.dropout(x))  # (N, num_classes)
        if self.training and self.aux1 is not None:
            return logits, self.aux2(middle2), self.aux1(middle1)
        return logits


class OfficialInput(nn.Module):
    """From ImageNet's normalisation to the range −1 to 1, (N, 3, H, W) both."""

    def __init__(self):
        super().__init__()
        mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
        self.register_buffer("scale", (std / 0.5).view(3, 1, 1), persistent=False)
        self.register_buffer("shift", ((mean - 0.5) / 0.5).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return images * self.scale + self.shift


def with_auxiliary(loss_fn, weight: float = 0.3):
    """A loss for models that give several logits: the first one's, and 0.3 times each other's (§5).

    For one logits tensor it is ``loss_fn`` itself.

    >>> logits, labels = torch.zeros(4, 10), torch.tensor([0, 1, 2, 3])
    >>> loss = with_auxiliary(F.cross_entropy)
    >>> round(float(loss((logits, logits, logits), labels) / loss(logits, labels)), 4)
    1.6
    """

    def loss(logits: Tensor | tuple[Tensor, ...], labels: Tensor) -> Tensor:
        if isinstance(logits, Tensor):
            return loss_fn(logits, labels)
        main, *auxiliary = logits
        return loss_fn(main, labels) + weight * sum(loss_fn(a, labels) for a in auxiliary)

    return loss
