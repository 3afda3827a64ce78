"""How fast this machine loads images and trains a network: what the planner needs to know."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from course_utils.commands.planner.published import fit_rate
from course_utils.commands.planner.scaling import Job
from course_utils.data import profile
from course_utils.data.folders import ImageFolder, image_folder
from course_utils.data.loading import ImageLoader
from course_utils.models import create_model
from course_utils.store.locations import find
from course_utils.training.timing import synchronise


def measure_loader(dataset: ImageFolder, seconds: float = 3.0, batch_size: int = 32) -> float:
    """Training images a second of one core: decoded, cropped, flipped, normalised.

    Counted in CPU seconds of this process, so that other programs do not matter.
    """

    def batches() -> Iterator[int]:
        while True:
            for images, _ in ImageLoader(dataset, batch_size, shuffle=True):
                yield len(images)

    endless = batches()
    next(endless)  # to warm up
    images, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        images += next(endless)
    return images / (time.process_time() - began)


def measure_network(
    name: str,
    device: torch.device | str = "cpu",
    sizes: tuple[int, int] | None = None,
    *,
    image_size: int = 224,
    seconds: float = 3.0,
) -> tuple[float, float]:
    """Peak in images/s and overhead in seconds of training steps on synthetic images.

    The two come from the rates at two batch ``sizes`` (default: 4 and 8, on a GPU 64 and 256), each
    measured for so many ``seconds``. Mixed precision and memory format are those of `course train`.
    """
    device = torch.device(device)
    few, many = sizes or ((4, 8) if device.type == "cpu" else (64, 256))
    model = create_model(name, 1000)
    layout = {"device": device, "memory_format": profile.memory_format(model, device)}
    model = model.to(**layout)
    step = training_step(model, device)
    rates = [(n, _rate(step, n, image_size, layout, seconds)) for n in (few, many)]
    try:
        peak, overhead = fit_rate(*rates)
    except ValueError:  # too noisy to tell the two apart
        return rates[1][1], 0.0
    return (peak, overhead) if overhead > 0 else (rates[1][1], 0.0)


def training_step(model: nn.Module, device: torch.device):
    """A function (images, labels) that does one step of SGD, in mixed precision where it pays."""
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    amp_dtype = profile.amp_dtype(device)
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)

    def step(images: torch.Tensor, labels: torch.Tensor) -> None:
        optimizer.zero_grad()
        with torch.autocast(device.type, amp_dtype or torch.bfloat16, enabled=bool(amp_dtype)):
            loss = loss_fn(model(images), labels)
        loss.backward()
        optimizer.step()

    return step


def _rate(step, batch: int, image_size: int, layout: dict, seconds: float) -> float:
    """Images a second at this batch, after steps to warm up."""
    images, device = torch.randn(batch, 3, image_size, image_size).to(**layout), layout["device"]
    labels = torch.arange(batch, device=device)
    together = 1 if device.type == "cpu" else 10  # a GPU is told ahead; to wait each time slows it
    for _ in range(2 * together - 1):
        step(images, labels)
    synchronise(device)
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(together):
            step(images, labels)
        synchronise(device)
        steps += together
    return batch * steps / (time.perf_counter() - began)


def measured_job(
    job: Job, pictures: Path | None, device: torch.device, seconds: float = 3.0
) -> tuple[Job, dict]:
    """The job with the rates of this machine in it, and of each where it was measured.

    A rate that is given already stays. ``pictures``: a folder with train/<class>, or None for the
    drawings.
    """
    rates, told = {}, {}
    if job.images_per_second_per_core == Job().images_per_second_per_core:
        root = pictures or find("imagenet", "drawings").path
        dataset = image_folder(root, "train", bad_images="unchecked")
        rates["images_per_second_per_core"] = measure_loader(dataset, seconds)
        where = "pictures of the folder named" if pictures else "drawings, which are small"
        told["images_per_second_per_core"] = f"measured here: {where}"
    if job.images_per_second_per_gpu is None:
        peak, overhead = measure_network(job.model, device, seconds=seconds)
        rates |= {"images_per_second_per_gpu": peak, "overhead_ms": 1e3 * overhead}
        where = f"measured here: {device.type}, synthetic images of 224 px"
        told |= dict.fromkeys(("images_per_second_per_gpu", "overhead_ms"), where)
    return replace(job, **rates), told
