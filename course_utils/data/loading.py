"""A DataLoader whose chance repeats exactly and whose faults name the image and the remedy.

Notebook 04.
"""

import errno
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from course_utils.store.balance import draw_order
from course_utils.store.colour import ColourJitter, normalised
from course_utils.store.sharing import joint_sizes


class LoadingError(OSError):
    """A data set or one of its worker processes failed."""


class Loader(DataLoader):
    """PyTorch's DataLoader with chance that repeats, a time-out, and faults told in one line.

    Order and augmentation come from ``generator`` (from ``seed``), drawn at the start of an epoch:
    every image gets a seed of its own, for torch's, NumPy's and Python's generators. So batches are
    the same bit for bit with any number of workers or processes, an epoch can be repeated by
    restoring the generator's state, and the generators outside are left alone. Setting ``skip``
    leaves out so many batches of the next epoch, without reading them.

    ``batch_size`` is that of all processes together; of each batch, ``rank`` of ``processes``
    takes its part, see `data.sharing`, where ``joint_sizes`` comes from too. ``draw``, where it is
    given, is called for each image, by its seed, and what it returns is added to the item. With
    ``weights`` (N,) each image comes as often as its weight says, see `draw_order`.

    Raises `LoadingError`: an image that cannot be read is named by index and path, a worker that
    was killed or hangs for ``timeout`` seconds is called that. A shuffled last batch of one
    single image is left out, since batch norm cannot learn from it.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        shuffle: bool = False,
        drop_last: bool = False,
        workers: int = 0,
        seed: int = 0,
        rank: int = 0,
        processes: int = 1,
        draw: Callable[[], Tensor] | None = None,
        weights: Tensor | None = None,
        timeout: float = 120,
        **options,
    ):
        if not shuffle:  # nobody learns from these: any share will do
            batch_size = max(batch_size // processes, min(batch_size, 1)) * processes
        sizes = joint_sizes(len(dataset), batch_size, processes, training=shuffle)
        self.joint_sizes = [size for size in sizes if size == batch_size or not drop_last]
        self.shuffle, self.rank, self.processes, self.skip = shuffle, rank, processes, 0
        self.weights = weights
        super().__init__(
            _Seeded(dataset, draw),
            batch_size // processes,
            sampler=_Drawn(len(range(rank, sum(self.joint_sizes), processes))),
            num_workers=workers,
            generator=torch.Generator().manual_seed(seed),
            timeout=timeout if workers else 0,
            persistent_workers=workers > 0,
            **{"worker_init_fn": _outlive_a_stop, **options},
        )

    def __iter__(self) -> Iterator:
        self._draw_epoch()
        state, batches = self.generator.get_state(), None
        try:
            self._check_workers()
            with nullcontext() if self._iterator else _lost_children_later():
                batches = super().__iter__()  # a worker may die as early as here
            self.generator.set_state(state)  # new workers get a seed from it, old ones do not
            yield from batches
        except (RuntimeError, OSError, EOFError) as error:  # LoadingError among them
            # left to the garbage collector, each worker would hold everything up for 5 s
            with suppress(RuntimeError):  # only now PyTorch may notice that a worker was killed
                getattr(batches or self._iterator, "_shutdown_workers", lambda: None)()
            self._iterator = None  # of persistent workers: the next epoch starts new ones
            raise LoadingError(self._explain(error)) from error

    def _draw_epoch(self) -> None:
        """Order and seeds of all images, of which this process reads its own."""
        images = len(self.dataset)
        order = places = torch.arange(images)
        if self.shuffle:
            order, places = draw_order(images, self.weights, self.generator)
        seeds = torch.randint(2**32, (images,), generator=self.generator)  # NumPy takes 32 bits
        mine = slice(self.rank, sum(self.joint_sizes), self.processes)
        order, places = (x[mine][self.skip * self.batch_size :] for x in (order, places))
        self.sampler.images, self.sampler.seeds = order, seeds[places]
        self.skip = 0

    def _check_workers(self) -> None:
        """Raise where one of the epoch before is gone: PyTorch would wait for ``timeout``."""
        workers = getattr(self._iterator, "_workers", ())
        if lost := [worker.pid for worker in workers if not worker.is_alive()]:
            raise RuntimeError(f"workers exited unexpectedly: {lost}")

    def _explain(self, error: Exception) -> str:
        text = str(error).strip() or type(error).__name__
        if "shared memory" in text or "Bus error" in text:
            return (
                "the data workers' shared memory, /dev/shm, is full: read without workers "
                "(--workers 0), or give a container more of it (docker run --shm-size 2g)"
            )
        died = isinstance(error, (ConnectionError, EOFError))  # its end of the pipe is gone
        if died or "exited unexpectedly" in text or "killed by signal" in text:
            size = self.batch_size * self.processes
            return (
                "a data worker died, most likely for want of memory: use fewer workers "
                f"(now {self.num_workers}) or a smaller batch_size (now {size})"
            )
        if "timed out" in text:
            return (
                f"no batch came within {self.timeout:g} s: a data worker hangs; "
                "use workers=0 to see where, or a longer timeout"
            )
        # what a worker raises comes as a traceback, with the message in its last line
        told = text.splitlines()[-1].rpartition("LoadingError: ")[2]
        if os.strerror(errno.EMFILE) in told:
            told += "; allow more: ulimit -n 4096"
        return told


class ImageLoader(Loader):
    """A `Loader` of an `ImageFolder`: images (B, 3, S, S) float32 normalised, labels (B,) int64.

    Both come on ``device``. Pixels travel there as uint8, a quarter of the bytes, and become
    floats and normalised there, the whole batch at once; their colours are changed there too if
    there is a ``jitter``. All else is as for `Loader`.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        jitter: ColourJitter | None = None,
        device: torch.device | str = "cpu",
        memory_format: torch.memory_format = torch.contiguous_format,
        **options,
    ):
        self.device, self.memory_format = torch.device(device), memory_format
        self.jitter = jitter
        pinned = self.device.type == "cuda"  # then copying goes on while the GPU computes
        draw = jitter.draw if jitter else None
        usual = {"pin_memory": pinned, "draw": draw, "collate_fn": _interleaved}
        super().__init__(dataset, batch_size, **usual | options)
        self.labels = dataset.labels
        mean, std = (torch.tensor(v, device=device) for v in (dataset.mean, dataset.std))
        self.scale, self.shift = 1 / (255 * std), -mean / std  # normalised = image·scale + shift

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in super().__iter__():
            images, labels, *factors = batch
            images, labels = (x.to(self.device, non_blocking=True) for x in (images, labels))
            images = normalised(images, self.scale, self.shift, self.jitter, *factors)
            yield images.contiguous(memory_format=self.memory_format), labels


def _interleaved(items: list[tuple]) -> list:
    """A batch whose pixels keep their three colours side by side, as they were decoded."""
    items = [(image.permute(1, 2, 0).contiguous(), *rest) for image, *rest in items]
    images, *rest = default_collate(items)  # in workers, into memory that is shared
    return [images.permute(0, 3, 1, 2), *rest]


class _Drawn:
    """The sampler: what one process reads in this epoch, image by image, as (index, seed)."""

    def __init__(self, count: int):
        self.count = count  # of a whole epoch
        self.images = self.seeds = torch.empty(0, dtype=torch.int64)  # until one is drawn

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for images, seeds in zip(self.images.split(1000), self.seeds.split(1000)):
            yield from zip(images.tolist(), seeds.tolist())


class _Seeded(Dataset):
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
        with _generators_kept():
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


def _outlive_a_stop(worker: int) -> None:
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
def _lost_children_later() -> Iterator[None]:
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
def _generators_kept() -> Iterator[None]:
    """Leave the global generators as they were: without workers they are those of the training."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
