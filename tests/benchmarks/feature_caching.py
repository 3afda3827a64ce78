"""Training a head on frozen features: the backbone in every batch against features computed once.

uv run python tests/benchmarks/feature_caching.py [resnet50]
uv run python tests/benchmarks/feature_caching.py accuracy
"""

import statistics
import sys

import torch
from common import interleaved, where
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from course_utils import (
    ImageLoader,
    accuracy_interval,
    backbone_features,
    create_model,
    fit,
    freeze,
    hymenoptera,
    make_optimizer,
    pretrained,
    profile,
    read_image,
    train_head,
)
from course_utils.data.transforms import IMAGENET_MEAN, IMAGENET_STD

EPOCHS, REPETITIONS = 25, 3
WANTED = {1: 40, 4: 15}
AMP = profile.amp_dtype(torch.device("cpu"))


class Usual(Dataset):
    """As torchvision.datasets.ImageFolder with the transforms of PyTorch's tutorial."""

    def __init__(self, samples, crop):
        normalise = transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)
        self.samples = samples
        self.transform = transforms.Compose([*crop, transforms.ToTensor(), normalise])

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, label = self.samples[index]
        return self.transform(read_image(path)), label


def usual_epoch(name: str, data):
    """One epoch of the tutorial: batches of 4, float32, NCHW, validation after it."""
    model = create_model(name, 2).requires_grad_(False)
    model.fc.requires_grad_(True)
    optimizer = torch.optim.SGD(model.fc.parameters(), 0.001, momentum=0.9)
    random = [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip()]
    middle = [transforms.Resize(256), transforms.CenterCrop(224)]
    train = DataLoader(Usual(data.train.samples, random), 4, shuffle=True)
    val = DataLoader(Usual(data.val.samples, middle), 4)
    loss_fn = nn.CrossEntropyLoss()

    def run():
        model.train()
        for images, labels in train:
            optimizer.zero_grad()
            loss = loss_fn(model(images), labels)
            loss.backward()
            optimizer.step()
            loss.item()
        model.eval()
        with torch.no_grad():
            sum(int((model(images).argmax(1) == labels).sum()) for images, labels in val)

    return run


def cached(name: str, data, views: int):
    """All of it: features of every view, and 25 epochs of the head."""
    layout = {"memory_format": torch.channels_last}
    model = create_model(name, 2).to(**layout)

    def run():
        train = backbone_features(model, ImageLoader(data.train, 16, **layout), views, AMP)
        val = backbone_features(model, ImageLoader(data.val, 16, **layout), 1, AMP)
        train_head(model, train, val, epochs=EPOCHS)

    return run


def speed(name: str) -> None:
    torch.set_num_threads(1)
    data = hymenoptera("real", size=224)
    sides = {"usual": usual_epoch(name, data)} | {k: cached(name, data, k) for k in WANTED}
    seconds = interleaved(sides, REPETITIONS)
    whole = EPOCHS * seconds["usual"]
    print(f"{name}, {len(data.train)} + {len(data.val)} pictures at 224 px, {EPOCHS} epochs")
    print(f"usual: {seconds['usual']:.1f} s an epoch, {whole:.0f} s for {EPOCHS} such epochs")
    for views, wanted in WANTED.items():
        ratio = whole / seconds[views]
        print(f"{views} views: {seconds[views]:.1f} s, {ratio:.0f} times as fast (≥ {wanted})")
    print(where(REPETITIONS))


def accuracy(seeds: int = 5) -> None:
    """Of both ways, with the course's own backbone at 96 px; the last epoch's."""
    reached = {"usual, 25 epochs": [], "1 view": [], "4 views": []}
    for seed in range(seeds):
        data = hymenoptera("real", size=96, scale=(0.25, 1.0))
        val_loader = ImageLoader(data.val, 64)
        for name, values in reached.items():
            profile.seed_everything(seed)
            model = pretrained("resnet18", 2, "own").to(memory_format=torch.channels_last)
            if name.startswith("usual"):
                freeze(model, "head")
                loader = ImageLoader(data.train, 16, shuffle=True, seed=seed)
                optimizer = make_optimizer(model, "sgd", 0.01)
                options = {"epochs": EPOCHS, "num_classes": 2, "amp_dtype": AMP}
                history = fit(model, loader, val_loader, optimizer, **options)
            else:
                loader = ImageLoader(data.train, 64, shuffle=True, seed=seed)
                features = backbone_features(model, loader, int(name[0]), AMP)
                val = backbone_features(model, val_loader, 1, AMP)
                history = train_head(model, features, val, seed=seed)
            values.append(history[-1]["val_accuracy"])
    for name, values in reached.items():
        mean, count = statistics.mean(values), len(data.val)
        low, high = accuracy_interval(round(mean * count), count)
        print(
            f"{name:17} {mean:.1%} ± {statistics.stdev(values):.1%} ({seeds} seeds), "
            f"95 % interval of {count} pictures {low:.1%} to {high:.1%}"
        )


if __name__ == "__main__":
    asked = sys.argv[1] if len(sys.argv) > 1 else "resnet50"
    accuracy() if asked == "accuracy" else speed(asked)
