"""A DataLoader whose random numbers repeat exactly, and whose errors name the image and the remedy.

Notebook 04.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from course_utils.store.balance import draw_order
from course_utils.store.colour import ColourJitter, normalised
from course_utils.store.sharing import joint_sizes
from course_utils.store.workers import (
    Drawn,
    LoadingError,
    Seeded,
    explanation,
    lost_children_later,
    outlive_a_stop,
)


class Loader(DataLoader):
    """PyTorch's DataLoader with random numbers that repeat, a time-out, and errors in one line.

    Order and augmentation come from ``generator`` (from ``seed``), drawn at the start of an epoch:
    every image gets a seed of its own, for torch's, NumPy's and Python's generators. So batches are
    the same bit for bit with any number of workers or processes, an epoch can be repeated by
    restoring the generator's state, and the generators outside are left alone. Setting ``skip``
    leaves out so many batches of the next epoch, without reading them.

    ``batch_size`` is that of all processes together; of each batch, ``rank`` of ``processes``
    takes its part, see `store.sharing`, where ``joint_sizes`` comes from too. ``draw``, where it is
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
            Seeded(dataset, draw),
            batch_size // processes,
            sampler=Drawn(len(range(rank, sum(self.joint_sizes), processes))),
            num_workers=workers,
            generator=torch.Generator().manual_seed(seed),
            timeout=timeout if workers else 0,
            persistent_workers=workers > 0,
            **{"worker_init_fn": outlive_a_stop, **options},
        )

    def __iter__(self) -> Iterator:
        self._draw_epoch()
        state, batches = self.generator.get_state(), None
        try:
            self._check_workers()
            with nullcontext() if self._iterator else lost_children_later():
                batches = super().__iter__()  # a worker may die as early as here
            self.generator.set_state(state)  # new workers get a seed from it, old ones do not
            yield from batches
        except (RuntimeError, OSError, EOFError) as error:  # LoadingError among them
            # left to the garbage collector, each worker would hold everything up for 5 s
            with suppress(RuntimeError):  # only now PyTorch may notice that a worker was killed
                getattr(batches or self._iterator, "_shutdown_workers", lambda: None)()
            self._iterator = None  # of persistent workers: the next epoch starts new ones
            raise LoadingError(explanation(error, self)) from error

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
