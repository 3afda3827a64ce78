"""From JPEG files of ImageNet's size to training batches: the usual way against `ImageLoader`.

uv run python tests/benchmarks/imagenet_pipeline.py [FOLDER of pictures]
"""

import sys
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import torch
from common import interleaved, where
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from course_utils import ColourJitter, ImageLoader, Loader, eval_transform, train_transform
from course_utils.commands.cache import make_cache
from course_utils.commands.planner.preset_costs import costs_table, preset_costs
from course_utils.data.folders import ImageFolder
from course_utils.data.transforms import IMAGENET_MEAN, IMAGENET_STD, eval_resize
from course_utils.store.checking import pictures_below
from course_utils.store.locations import DRAWINGS, places

SIZE, BATCH, REPETITIONS, MOST = 224, 50, 3, 100
ROTATION, COLOURS = 10, (0.2, 0.2, 0.2, 0.2)

torch.set_num_threads(1)


class Usual(Dataset):
    """As torchvision.datasets.ImageFolder: one PIL image at a time."""

    def __init__(self, paths: list[Path], *steps):
        self.paths = paths
        normalise = transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)
        self.transform = transforms.Compose([*steps, transforms.ToTensor(), normalise])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with self.paths[index].open("rb") as file:
            image = Image.open(file).convert("RGB")
        return self.transform(image), 0


def ours(paths: list[Path], transform, **options) -> ImageLoader:
    form = (SIZE, eval_resize(SIZE), IMAGENET_MEAN, IMAGENET_STD, transform)
    data = ImageFolder(paths[0].parent, "", ("any",), [(p, 0) for p in paths], [], [], {}, *form)
    return ImageLoader(data, BATCH, memory_format=torch.channels_last, **options)


def iterate(loader):
    def run():
        for _ in loader:
            pass

    return run


def pixels_only(loader: ImageLoader):
    """What is done image by image, in workers: bytes on their way to the device."""

    def run():
        for _ in Loader.__iter__(loader):
            pass

    return run


def training(paths: list[Path]) -> ImageLoader:
    augment = train_transform(SIZE, rotation=ROTATION)
    return ours(paths, augment, shuffle=True, jitter=ColourJitter(*COLOURS))


def difference(usual: DataLoader, own: ImageLoader) -> float:
    """Mean absolute difference of the batches, in grey levels of 255."""
    std = 255 * torch.tensor(IMAGENET_STD).view(3, 1, 1)
    pairs = zip(usual, own, strict=True)
    values = [(std * (a - b)).abs().mean(dim=(1, 2, 3)) for (a, _), (b, _) in pairs]
    return torch.cat(values).mean().item()


def report(name: str, seconds: float, base: float, wanted: str = "") -> None:
    print(f"{name:44}{1e3 * seconds:6.2f} ms{base / seconds:7.2f} times{wanted}")


if __name__ == "__main__":
    samples = [place / "imagenet_sample" for place in places()]
    known = next((folder for folder in samples if folder.is_dir()), DRAWINGS / "imagenet")
    folder = Path(sys.argv[1]) if sys.argv[1:] else known
    paths = pictures_below(folder)[0][:MOST]
    print(f"{len(paths)} pictures of {folder.name}, {SIZE} px, in batches of {BATCH}\n")
    with tempfile.TemporaryDirectory() as made:
        with redirect_stdout(StringIO()):
            make_cache(folder, Path(made, "cache"), "pictures")
        cached = pictures_below(Path(made, "cache"))[0][:MOST]
        usual = [
            transforms.RandomResizedCrop(SIZE),
            transforms.RandomHorizontalFlip(),
            transforms.RandomRotation(ROTATION),
            transforms.ColorJitter(*COLOURS),
        ]
        middle = [transforms.Resize(256), transforms.CenterCrop(SIZE)]
        val = DataLoader(Usual(paths, *middle), BATCH), ours(paths, eval_transform(SIZE))
        own, from_cache = training(paths), training(cached)
        sides = {
            "usual": iterate(DataLoader(Usual(paths, *usual), BATCH, shuffle=True)),
            "all": iterate(own),
            "pixels": pixels_only(own),
            "cached": iterate(from_cache),
            "cached pixels": pixels_only(from_cache),
            "usual val": iterate(val[0]),
            "val": iterate(val[1]),
        }
        spent = interleaved(sides, REPETITIONS)
        each = {name: value / len(paths) for name, value in spent.items()}
        report("training, the usual way", each["usual"], each["usual"])
        report("ours, all of it on one core", each["all"], each["usual"], " (wanted: 3)")
        report("  of it in workers, for a GPU to finish", each["pixels"], each["usual"])
        report("ours from the cache, all", each["cached"], each["usual"], " (wanted: 6)")
        report("  of it in workers", each["cached pixels"], each["usual"])
        report("validation, the usual way", each["usual val"], each["usual val"])
        report("ours", each["val"], each["usual val"], " (wanted: 1.7)")
        print(f"  mean difference {difference(*val):.4f} grey levels (at most 0.01)\n")
        print(costs_table(preset_costs(paths, SIZE, ROTATION, COLOURS)), end="\n\n")
    print(where(REPETITIONS))
