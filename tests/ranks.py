"""Several processes that train together: forked like `Process`, and told what torchrun tells."""

import multiprocessing
import os
import socket
from contextlib import ExitStack
from pathlib import Path

import torch
from helpers import CLASSES, At, Process, small_model, small_run, small_set
from picture_folders import call
from torch import nn

from course_utils import Batches
from course_utils.engine.distributed import process_group, replicate, world


def start(target, *arguments, processes: int = 2) -> list[Process]:
    """``target(*arguments)`` in each of so many processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [Process(_numbered, n, processes, port, target, *arguments) for n in range(processes)]


def together(target, *arguments, processes: int = 2) -> list:
    """What ``target(*arguments)`` returns in each of so many processes, by rank."""
    with ExitStack() as ending:
        ranks = [ending.enter_context(p) for p in start(target, *arguments, processes=processes)]
        return [rank.receive() for rank in ranks]


def _numbered(line, rank: int, processes: int, port: int, target, *arguments):
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in told.items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}
    torch.set_num_threads(1)
    if "fork" in multiprocessing.get_all_start_methods():  # as in a process of its own on Linux
        multiprocessing.set_start_method("fork", force=True)
    return target(*arguments)


def command(folder: Path, *words) -> tuple[int, str, str]:
    """``course …`` in one of the processes: exit code, what it printed, and as errors."""
    files = [folder / f"{name}{os.environ['RANK']}" for name in ("out", "err")]
    for descriptor, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    return call(*words), *(file.read_text() for file in files)


class Doubled(nn.Module):
    """To double precision, in which sums hardly depend on their order."""

    def forward(self, images):
        return images.double()


def exact_model() -> nn.Module:
    """Without batch norm, which sees only a process's own images, and without chance."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(Doubled(), *layers, nn.Linear(288, CLASSES)).double()


def shared_run(folder=None, callbacks=(), *, images=50, val_images=31, batch=8, **changes) -> list:
    """`small_run` of all processes together, in a group; returns the history."""
    here = world()
    share = {"rank": here.rank, "processes": here.size}
    chance = {"shuffle": True, "augment": True, "padding": 1}
    changes = {
        "model": replicate(changes.pop("model", None) or small_model()),
        "train_loader": Batches(small_set(images), batch, **chance, **share),
        "val_loader": Batches(small_set(val_images, seed=1), batch, **share),
        **changes,
    }
    return small_run(folder, callbacks, **changes)


def sends(step: int, number: int, rank: int | None = None) -> At:
    """A signal to the process itself after a step; ``rank``: to that one alone."""
    mine = rank in (None, world().rank)
    return At(step, lambda state: mine and os.kill(os.getpid(), number))


def trained(folder, told: tuple = (), timeout: float = 30, changes=None) -> list | str:
    """`shared_run` in a group of its own, or what is said where the others are lost.

    ``told`` is what `sends` takes.
    """
    try:
        with process_group(timeout):
            callbacks = [sends(*told)] if told else []
            return shared_run(folder, callbacks, **changes or {})
    except ConnectionError as error:
        return str(error)
