"""What stands around a `Loader`'s worker processes: seeds, signals, and why one failed."""

import errno
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset


class LoadingError(OSError):
    """A data set or one of its worker processes failed."""


class Drawn:
    """The sampler: what one process reads in this epoch, image by image, as (index, seed)."""

    def __init__(self, count: int):
        self.count = count  # of a whole epoch
        self.images = self.seeds = torch.empty(0, dtype=torch.int64)  # until one is drawn

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for images, seeds in zip(self.images.split(1000), self.seeds.split(1000)):
            yield from zip(images.tolist(), seeds.tolist())


class Seeded(Dataset):
    """A data set whose chance comes from seeds, and that says which image failed.

    Its other attributes are the wrapped one's.
    """

    def __init__(self, dataset: Dataset, draw: Callable[[], Tensor] | None):
        self.dataset, self.draw = dataset, draw

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int):
        return self.dataset[index]

    def __getitems__(self, items: list[tuple[int, int]]) -> list:
        """What PyTorch asks for: all of a batch."""
        with generators_kept():
            return [self._item(index, seed) for index, seed in items]

    def _item(self, index: int, seed: int):
        random.seed(seed)
        np.random.seed(seed)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the GPUs too
        try:
            item = self.dataset[index]
        except Exception as error:
            samples = getattr(self.dataset, "samples", None)
            path = f" ({samples[index][0]})" if samples else ""
            why = " ".join(f"{type(error).__name__}: {error}".split())  # in one line
            raise LoadingError(f"image {index}{path} failed: {why}") from error
        return item if self.draw is None else (*item, self.draw())

    def __getattr__(self, name: str):
        if name == "dataset":  # not there yet while a worker unpickles this
            raise AttributeError(name)
        return getattr(self.dataset, name)


def outlive_a_stop(worker: int) -> None:
    """Leave it to the training, which saves first, when this worker ends.

    torchrun, Slurm and a terminal send their signals to workers too.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # which tells who sent it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_with_the_training, daemon=True).start()


def _end_with_the_training() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)


@contextmanager
def lost_children_later() -> Iterator[None]:
    """Hold back what PyTorch raises for a killed worker: while it starts others it would be lost.

    By the handler and not by the thread's mask, since other threads get the signal too.
    """
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "SIGCHLD")):  # Windows
        yield
        return
    held, holding, before = [], True, signal.getsignal(signal.SIGCHLD)

    def hold(number, frame) -> None:
        if holding:
            held.append(number)
        elif callable(before):  # PyTorch's own handler, once it is there, calls this one
            before(number, frame)

    signal.signal(signal.SIGCHLD, hold)
    try:
        yield
    finally:
        holding = False
        if signal.getsignal(signal.SIGCHLD) is hold:
            signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)
        now = signal.getsignal(signal.SIGCHLD)
        if held and callable(now):
            now(signal.SIGCHLD, None)


@contextmanager
def generators_kept() -> Iterator[None]:
    """Leave the global generators as they were: without workers they are those of the training."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def explanation(error: Exception, loader: DataLoader) -> str:
    """Why the workers of a loader failed, in one line, with the remedy."""
    text = str(error).strip() or type(error).__name__
    if "shared memory" in text or "Bus error" in text:
        return (
            "the data workers' shared memory, /dev/shm, is full: read without workers "
            "(--workers 0), or give a container more of it (docker run --shm-size 2g)"
        )
    died = isinstance(error, (ConnectionError, EOFError))  # its end of the pipe is gone
    if died or "exited unexpectedly" in text or "killed by signal" in text:
        size = loader.batch_size * loader.processes
        return (
            "a data worker died, most likely for want of memory: use fewer workers "
            f"(now {loader.num_workers}) or a smaller batch_size (now {size})"
        )
    if "timed out" in text:
        return (
            f"no batch came within {loader.timeout:g} s: a data worker hangs; "
            "use workers=0 to see where, or a longer timeout"
        )
    # what a worker raises comes as a traceback, with the message in its last line
    told = text.splitlines()[-1].rpartition("LoadingError: ")[2]
    if os.strerror(errno.EMFILE) in told:
        told += "; allow more: ulimit -n 4096"
    return told
