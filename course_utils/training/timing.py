"""Clocks that wait for the device, and tell waiting for data from training (notebook 01)."""

import time
from collections.abc import Iterable, Iterator

import torch


def synchronise(device: torch.device | str) -> None:
    """Wait until the device has done all it was told: without it a clock times the telling."""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()


class Timer:
    """Wall and CPU seconds of a block, and how many of them were spent waiting for data.

    ``seconds`` is wall time, ``cpu_seconds`` that of all threads of this process, ``waiting`` the
    wall time inside the iterator given to `batches`.

    >>> with Timer() as timer:
    ...     batches = [b for b in timer.batches([1, 2, 3])]
    >>> timer.seconds >= timer.waiting >= 0
    True
    """

    def __init__(self, device: torch.device | str = "cpu"):
        self.device = device
        self.seconds = self.cpu_seconds = self.waiting = 0.0

    def __enter__(self) -> "Timer":
        synchronise(self.device)
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *exception) -> None:
        synchronise(self.device)
        self.seconds += time.perf_counter() - self._start[0]
        self.cpu_seconds += time.process_time() - self._start[1]

    def batches(self, loader: Iterable) -> Iterator:
        """Iterate over a loader and add the time spent inside it to ``waiting``."""
        batches = iter(loader)
        while True:
            began = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            finally:
                self.waiting += time.perf_counter() - began
            yield batch
