"""PyTorch's errors in terms of the settings that fix them."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from course_utils.data.profile import unsafe_in_channels_last


def check_memory_format(model: nn.Module, loader) -> None:
    """Raise ``ValueError`` where training this model would damage memory on processors without
    AVX-512: see `unsafe_in_channels_last`.
    """
    weights = [p for p in model.parameters() if p.dim() == 4 and p.device.type == "cpu"]
    last = torch.channels_last
    given = getattr(loader, "memory_format", None) == last
    used = any(p.is_contiguous(memory_format=last) and not p.is_contiguous() for p in weights)
    if weights and (given or used) and (layer := unsafe_in_channels_last(model)):
        raise ValueError(
            f"{layer}: a strided 1×1 convolution with fewer than 8 input channels crashes in "
            "channels_last on many CPUs; give the model and the loaders "
            "memory_format=profile.memory_format(model, device)"
        )


def check_labels(loaders: Iterable, num_classes: int) -> None:
    """Raise ``ValueError`` for a label outside 0 … num_classes − 1, where the labels are at hand.

    They are in ``loader.labels`` and ``loader.dataset.targets``.
    """
    for loader in loaders:
        labels = _labels(loader)
        if labels is None or labels.dim() != 1 or not len(labels):
            continue
        low, high = map(int, labels.aminmax())
        if low < 0 or high >= num_classes:
            raise ValueError(
                f"labels run from {low} to {high}, but num_classes is {num_classes}: "
                f"they must lie in 0 … {num_classes - 1}"
            )


def _labels(loader) -> torch.Tensor | None:
    dataset = getattr(loader, "dataset", None)
    labels = getattr(loader, "labels", getattr(dataset, "targets", None))
    if labels is None or getattr(dataset, "target_transform", None):  # targets: before it
        return None
    try:
        return torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError):  # words, lists of boxes, …
        return None


def count_batches(loader) -> int:
    """``len(loader)``; raises ``ValueError`` where it has none (iterable data sets) or is 0."""
    try:
        count = len(loader)
    except TypeError:
        raise ValueError(
            f"the training loader ({type(loader).__name__}) has no length: give it or its data "
            "set a __len__, since schedules and a resume count batches"
        ) from None
    if count == 0:
        raise ValueError("the training loader is empty: fewer images than a batch, and drop_last?")
    return count


SMALLER = "try smaller images or a smaller model"


@contextmanager
def explained(loader, num_classes: int) -> Iterator[None]:
    """Say what to change when memory runs out or a label does not fit; nothing is done silently."""
    try:
        yield
    except (RuntimeError, MemoryError, IndexError) as error:
        if is_out_of_memory(error):
            raise MemoryError(_smaller(_joint(loader))) from error
        label = re.search(r"Target (-?\d+) is out of bounds", str(error))
        if label or "device-side assert" in str(error):
            raise ValueError(
                f"label {label[1] if label else '(which, a GPU does not say)'} does not fit: "
                f"labels must lie in 0 … {num_classes - 1}, and the model must give "
                f"num_classes = {num_classes} logits"
            ) from error
        raise


@contextmanager
def explained_memory() -> Iterator[None]:
    """The same of memory where no batch is at hand; what `explained` said already stays."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or str(error).startswith("out of memory"):
            raise
        raise MemoryError(f"out of memory: {SMALLER}") from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether this is how PyTorch or Python says that the memory, or the GPU's, is too small."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "DefaultCPUAllocator" in str(error) or "out of memory" in str(error)  # CPU, MPS


def _joint(loader) -> int | None:
    """The batch size of all processes together, where the loader has one."""
    size = max(getattr(loader, "joint_sizes", ()), default=None)
    return size or getattr(loader, "batch_size", None)


def _smaller(batch_size: int | None) -> str:
    if batch_size is None:
        return "out of memory: try a smaller batch size, or mixed precision (amp_dtype)"
    if batch_size == 1:
        return f"out of memory at batch_size=1: {SMALLER}"
    return (
        f"out of memory at batch_size={batch_size}: try batch_size={batch_size // 2}, "
        "or mixed precision (amp_dtype)"
    )
