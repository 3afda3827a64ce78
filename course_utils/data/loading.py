"""A DataLoader whose faults name the image and the remedy."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset


class LoadingError(OSError):
    """A data set or one of its worker processes failed."""


class Loader(DataLoader):
    """PyTorch's DataLoader with seeded order, a time-out, and faults told in one line.

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
        workers: int = 0,
        seed: int = 0,
        timeout: float = 120,
        **options,
    ):
        lonely = shuffle and len(dataset) % batch_size == 1
        super().__init__(
            _Named(dataset),
            batch_size,
            shuffle=shuffle,
            num_workers=workers,
            generator=torch.Generator().manual_seed(seed),
            timeout=timeout if workers else 0,
            persistent_workers=workers > 0,
            **{"drop_last": lonely, **options},
        )

    def __iter__(self) -> Iterator:
        batches = super().__iter__()
        while True:
            try:
                yield next(batches)
            except StopIteration:
                return
            except (RuntimeError, OSError, EOFError) as error:  # LoadingError among them
                # left to the garbage collector, each worker would hold everything up for 5 s
                getattr(batches, "_shutdown_workers", lambda: None)()
                self._iterator = None  # of persistent workers: the next epoch starts new ones
                raise LoadingError(self._explain(error)) from error

    def _explain(self, error: Exception) -> str:
        text = str(error).strip() or type(error).__name__
        died = isinstance(error, (ConnectionError, EOFError))  # its end of the pipe is gone
        if died or "exited unexpectedly" in text or "killed by signal" in text:
            return (
                "a data worker died, most likely for want of memory: use fewer workers "
                f"(now {self.num_workers}) or a smaller batch_size (now {self.batch_size})"
            )
        if "timed out" in text:
            return (
                f"no batch came within {self.timeout:g} s: a data worker hangs; "
                "use workers=0 to see where, or a longer timeout"
            )
        # what a worker raises comes as a traceback, with the message in its last line
        return text.splitlines()[-1].rpartition("LoadingError: ")[2]


class ImageLoader(Loader):
    """A `Loader` of an `ImageFolder`: images (B, 3, S, S) float32 normalised, labels (B,) int64.

    Both come on ``device``. Pixels travel there as uint8, a quarter of the bytes, and become
    floats and normalised there, the whole batch at once. All else is as for `Loader`.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        device: torch.device | str = "cpu",
        memory_format: torch.memory_format = torch.contiguous_format,
        **options,
    ):
        self.device, self.memory_format = torch.device(device), memory_format
        pinned = self.device.type == "cuda"  # then copying goes on while the GPU computes
        super().__init__(dataset, batch_size, **{"pin_memory": pinned, **options})
        self.labels = dataset.labels
        mean, std = (
            torch.tensor(v, device=device).view(3, 1, 1) for v in (dataset.mean, dataset.std)
        )
        self.scale, self.shift = 1 / (255 * std), -mean / std  # normalised = image·scale + shift

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in super().__iter__():
            images = images.to(self.device, non_blocking=True)
            images = images.contiguous(memory_format=self.memory_format)  # still one byte a value
            labels = labels.to(self.device, non_blocking=True)
            yield torch.addcmul(self.shift, images, self.scale), labels


class _Named(Dataset):
    """A data set that says which image failed; its other attributes are the wrapped one's."""

    def __init__(self, dataset: Dataset):
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int):
        try:
            return self.dataset[index]
        except Exception as error:
            samples = getattr(self.dataset, "samples", None)
            path = f" ({samples[index][0]})" if samples else ""
            why = " ".join(f"{type(error).__name__}: {error}".split())  # in one line
            raise LoadingError(f"image {index}{path} failed: {why}") from error

    def __getattr__(self, name: str):
        if name == "dataset":  # not there yet while a worker unpickles this
            raise AttributeError(name)
        return getattr(self.dataset, name)
