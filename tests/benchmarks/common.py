"""What the benchmarks share: data, the usual data set of tutorials, fair timing, the machine."""

import statistics
import time
from collections.abc import Callable

import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision import transforms

import course_utils
from course_utils.commands import record
from course_utils.data.datasets import ImageSet, cifar10


def training_images(count: int = 45_000) -> ImageSet:
    """CIFAR-10's training images; without them the drawings, repeated to the same count."""
    data = cifar10("real")
    if data.drawings:
        print(f"repeated to {count:,} images")
    return data.train.subset(torch.arange(count) % len(data.train))


class Usual(Dataset):
    """As torchvision.datasets.CIFAR10: an array of pixels, one PIL image at a time."""

    def __init__(self, data: ImageSet, count: int):
        self.pixels = data.images[:count].permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = data.labels[:count].tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(data.mean, data.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def interleaved(sides: dict[str, Callable[[], None]], repetitions: int) -> dict[str, float]:
    """Median CPU seconds of each side, after one run to warm up, in the order A B A B …"""
    seconds = {name: [] for name in sides}
    for repetition in range(repetitions + 1):
        for name, run in sides.items():
            began = time.process_time()  # of this process: other programs do not count
            run()
            if repetition:
                seconds[name].append(time.process_time() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def where(repetitions: int) -> str:
    """How and on what it was measured."""
    told = record.machine(torch.device("cpu"))
    return (
        f"CPU time of 1 thread, median of {repetitions}, interleaved; {told['processor']}, "
        f"bf16 {'in hardware' if told['bf16'] else 'not in hardware'}, torch {told['torch']}, "
        f"course_utils {course_utils.__version__}"
    )
