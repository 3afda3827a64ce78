"""ResNet-50 on this device: images a second on synthetic images, and fed with real JPEGs.

uv run python tests/benchmarks/resnet50_throughput.py [FOLDER with train/<class>] [--compile]

Wanted on a GPU: fed, at least 95 % of synthetic, waiting at most 5 % of the time.
"""

import argparse
import math
import os
from dataclasses import replace
from pathlib import Path

import torch

from course_utils import ImageLoader, Timer, create_model, image_folder, profile
from course_utils.commands.planner.rates import training_step
from course_utils.commands.record import machine
from course_utils.store.locations import find

WANTED_RATIO, WANTED_WAITING = 0.95, 0.05


def arguments() -> argparse.Namespace:
    device = profile.best_device()
    small = device.type == "cpu"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, help="with train/<class>; default: drawings"
    )
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--batch-size", type=int, default=8 if small else 256)
    # many: the workers are some 30 batches ahead when the clock starts
    parser.add_argument("--steps", type=int, default=4 if small else 500)
    parser.add_argument("--warm-up", type=int, default=1 if small else 20, help="steps not timed")
    parser.add_argument("--workers", type=int, default=0 if small else os.cpu_count() - 1)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--compile", action="store_true", help="torch.compile the network")
    asked = parser.parse_args()
    asked.device = device
    return asked


def synthetic(asked: argparse.Namespace):
    """The same random batch over and over, on the device already."""
    shape = (asked.batch_size, 3, asked.image_size, asked.image_size)
    images = torch.randn(shape, device=asked.device).to(memory_format=torch.channels_last)
    labels = torch.arange(asked.batch_size, device=asked.device) % 1000
    while True:
        yield images, labels


def real(asked: argparse.Namespace):
    """Batches of the folder's pictures, decoded and augmented, epoch after epoch."""
    root = asked.folder or find("imagenet", "drawings").path
    data = image_folder(root, "train", size=asked.image_size, bad_images="unchecked")
    steps = asked.steps + asked.warm_up  # one epoch is enough, so that no worker starts anew
    times = math.ceil(steps * asked.batch_size / len(data))
    print(f"{len(data):,} {'pictures' if asked.folder else 'drawings'}, {times} times")
    layout = {"device": asked.device, "memory_format": torch.channels_last}
    long = replace(data, samples=list(data.samples) * times)
    yield from ImageLoader(long, asked.batch_size, shuffle=True, workers=asked.workers, **layout)


def timed(step, batches, asked: argparse.Namespace) -> Timer:
    """The clock of all steps after those to warm up."""
    for _ in range(asked.warm_up):
        step(*next(batches))
    timer = Timer(asked.device)
    with timer:
        for k, (images, labels) in enumerate(timer.batches(batches), 1):
            step(images, labels)
            if k == asked.steps:
                break
    return timer


def main() -> None:
    asked = arguments()
    model = create_model(asked.model, 1000)
    model = model.to(asked.device, memory_format=torch.channels_last)
    step = training_step(torch.compile(model) if asked.compile else model, asked.device)
    rates, waiting = {}, {}
    for name, source in {"synthetic": synthetic, "fed": real}.items():
        timer = timed(step, source(asked), asked)
        rates[name] = asked.steps * asked.batch_size / timer.seconds
        waiting[name] = timer.waiting / timer.seconds
        print(f"{name:10} {rates[name]:8,.1f} images/s, waiting {waiting[name]:.1%}")
    ratio = rates["fed"] / rates["synthetic"]
    print(f"fed is {ratio:.1%} of synthetic (wanted ≥ {WANTED_RATIO:.0%})", end=", ")
    print(f"waiting {waiting['fed']:.1%} of the time (wanted ≤ {WANTED_WAITING:.0%})")
    about, amp = machine(asked.device), profile.amp_dtype(asked.device) or torch.float32
    print(
        f"{asked.model} at {asked.image_size} px, batch {asked.batch_size}, {asked.steps} steps, "
        f"{str(amp).removeprefix('torch.')}, channels_last, compiled: {asked.compile}, "
        f"{asked.workers} workers; {about['device']}, {about['processor']}, torch {about['torch']}"
    )


if __name__ == "__main__":
    main()
