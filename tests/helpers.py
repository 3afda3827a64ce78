"""Small data, a small network and runs of both, for the tests of training; and real processes."""

import multiprocessing
import random
import sys
import traceback

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from course_utils import Batches, Callback, Checkpoint, fit
from course_utils.data.datasets import ImageSet

CLASSES = 4
TIMES = ("seconds", "cpu_seconds", "waiting", "val_seconds")


def small_set(images: int = 50, seed: int = 0) -> ImageSet:
    """Noise with a bright bar, by class higher or lower: (N, 3, 8, 8), learnt in a few steps."""
    chance = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 128, (images, 3, 8, 8), dtype=torch.uint8, generator=chance)
    labels = torch.arange(images) % CLASSES
    for label in range(CLASSES):
        pixels[labels == label, :, 2 * label : 2 * label + 2] += 100
    names = tuple("abcd")
    return ImageSet(pixels, labels, names, (0.4, 0.4, 0.4), (0.2, 0.2, 0.2))


def small_model(seed: int = 0) -> nn.Module:
    """Convolution, batch norm, dropout, linear: what needs train and eval mode, and chance."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(54, CLASSES),
    )


class Noisy(Dataset):
    """Images with noise from Python's, NumPy's and torch's generators, as random transforms do."""

    def __init__(self, data: ImageSet):
        self.data, self.targets = data, data.labels

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int):
        noise = random.random() + np.random.rand() + torch.rand(3, 8, 8)
        return self.data.images[index] / 255 + 0.3 * noise, int(self.targets[index])


def small_run(folder=None, callbacks=(), epochs: int = 3, **changes) -> list[dict]:
    """`fit` on 50 images in 7 steps an epoch, the last of 2 images; everything can be replaced."""
    model = changes.pop("model", None) or small_model()
    rate = changes.pop("rate", 0.05)
    given = {
        "train_loader": Batches(small_set(), 8, shuffle=True, augment=True, padding=1),
        "val_loader": Batches(small_set(30, seed=1), 8),
        "optimizer": torch.optim.SGD(model.parameters(), rate, momentum=0.9, nesterov=True),
        "num_classes": CLASSES,
        **changes,
    }
    saving = [Checkpoint(folder)] if folder else []
    return fit(model, epochs=epochs, callbacks=[*saving, *callbacks], **given)


def noisy_loader(workers: int = 0, **options) -> DataLoader:
    if workers and "fork" in multiprocessing.get_all_start_methods():  # the others are slow
        options["multiprocessing_context"] = "fork"
    return DataLoader(Noisy(small_set()), 8, shuffle=True, num_workers=workers, **options)


class At(Callback):
    """Do something with the state after a given step."""

    def __init__(self, step: int, do):
        self.step, self.do = step, do

    def on_step(self, state) -> None:
        if state.step == self.step:
            self.do(state)


def stop_at(step: int) -> At:
    return At(step, lambda state: setattr(state, "stop", "told to"))


def same(a, b) -> bool:
    """Equal bit for bit, through dictionaries and lists; of a history all but its times."""
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a if k not in TIMES)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


# ---- real processes: forked off a server that has imported torch once -------------------------


class Process:
    """``target(line, *arguments)`` in a process of its own."""

    def __init__(self, target, *arguments):
        methods = multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if "forkserver" in methods:
            context.set_forkserver_preload(["torch._dynamo", "helpers"])
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_report, args=(target, theirs, torch.get_num_threads(), *arguments)
        )
        self.process.start()
        theirs.close()

    def receive(self, seconds: float = 60):
        """What the target sends, or at last what it returns; fails where it failed."""
        assert self.connection.poll(seconds), "the process says nothing"
        kind, value = self.connection.recv()
        assert kind != "error", value
        return value

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *exception) -> None:
        self.process.join(20)
        alive = self.process.is_alive()
        self.process.kill()
        self.process.join()
        assert exception[0] or not alive, "the process does not end"


class Line:
    """The target's end: `send` to the test."""

    def __init__(self, connection):
        self.connection = connection

    def send(self, value) -> None:
        self.connection.send(("value", value))


def _report(target, connection, threads: int, *arguments) -> None:
    torch.set_num_threads(threads)  # else the weights differ in the last bit
    try:
        connection.send(("value", target(Line(connection), *arguments)))
    except BaseException:
        connection.send(("error", traceback.format_exc()))
        sys.exit(1)
