"""The small convolutional network of notebook 01, in the manner of LeNet-5.

LeCun et al., *Gradient-Based Learning Applied to Document Recognition*, 1998, §II, with ReLU for
the activation and max pooling for the subsampling.
"""

from torch import Tensor, nn


class CNN(nn.Module):
    """Four convolutions, two poolings, one linear layer: 25,700 parameters for ten classes.

    images (N, 3, 32, 32) → logits (N, num_classes)

    >>> sum(p.numel() for p in CNN().parameters())
    25700
    """

    def __init__(self, num_classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 10, kernel_size=3)
        self.conv2 = nn.Conv2d(10, 15, kernel_size=3)
        self.conv3 = nn.Conv2d(15, 20, kernel_size=5)
        self.conv4 = nn.Conv2d(20, 25, kernel_size=5)
        self.pool = nn.MaxPool2d(2)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(25 * 4 * 4, num_classes)

    def forward(self, images: Tensor) -> Tensor:  # (N, 3, 32, 32)
        x = self.relu(self.conv1(images))  # (N, 10, 30, 30)
        x = self.relu(self.conv2(x))  # (N, 15, 28, 28)
        x = self.pool(self.relu(self.conv3(x)))  # (N, 20, 24, 24) → (N, 20, 12, 12)
        x = self.pool(self.relu(self.conv4(x)))  # (N, 25, 8, 8) → (N, 25, 4, 4)
        return self.fc(x.flatten(1))  # (N, 400) → (N, num_classes)
