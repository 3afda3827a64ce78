"""Several processes that train one network together, each on its part of every batch.

torchrun starts them and numbers them: the number of a process is its rank, rank 0 speaks and
writes for all. Where a process is alone everything here does nothing, so that the training loop
is the same for one process and for a thousand.

Li et al., *PyTorch Distributed: Experiences on Accelerating Data Parallel Training*, 2020.
"""

import gc
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

GRACE = 3  # seconds in which torchrun ends a process whose fellow failed, which tells the reason


@dataclass(frozen=True)
class World:
    """This process's number, that on its machine, and how many there are in all."""

    rank: int = 0
    local_rank: int = 0
    size: int = 1


def world() -> World:
    """The processes that train together; one alone outside of `process_group`."""
    if not (dist.is_available() and dist.is_initialized()):
        return World()
    return World(dist.get_rank(), int(os.environ.get("LOCAL_RANK", 0)), dist.get_world_size())


@contextmanager
def process_group(timeout: float = 300) -> Iterator[World]:
    """Join the processes that torchrun started, and part in the end; alone, nothing happens.

    They speak by NCCL between GPUs and by gloo between CPUs. Where another one ends or says nothing
    for ``timeout`` seconds, this raises ``ConnectionError`` instead of waiting for ever.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield World()
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        dist.init_process_group(backend, timeout=timedelta(seconds=timeout))
        yield world()
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        time.sleep(GRACE)
        rank = os.environ.get("RANK")
        why = str(error).strip().splitlines()[0][:200]
        raise ConnectionError(
            f"rank {rank}: another process ended, or said nothing for {timeout:g} s; its own "
            f"message tells why, and --timeout waits longer ({why})"
        ) from error
    dist.destroy_process_group()  # not after an error: it would wait for those that are gone
    gc.collect()  # what gloo frees while Python shuts down aborts the process


def restarted() -> bool:
    """Whether torchrun has started these processes again after one was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) > 0


def launch_id() -> str | None:
    """Which torchrun started this process, the first time or again; None where none did."""
    known = os.environ.get("TORCHELASTIC_RUN_ID")
    return f"{socket.gethostname()} {os.getppid()}" if known == "none" else known


def own_device(device: torch.device) -> torch.device:
    """The device of this process: on each machine the first has the first GPU, and so on.

    Raises ``ValueError`` where there are fewer GPUs than processes, or the device cannot be shared.
    """
    here = world()
    if here.size == 1 or device.type == "cpu":
        return device
    if device.type != "cuda" or device.index is not None:
        raise ValueError(f"device {device} is one for {here.size} processes: use --device cpu")
    if here.local_rank >= (found := torch.cuda.device_count()):
        raise ValueError(f"this machine has {found} GPUs: start torchrun --nproc-per-node {found}")
    device = torch.device("cuda", here.local_rank)
    torch.cuda.set_device(device)
    return device


@contextmanager
def main_first() -> Iterator[None]:
    """Rank 0 does this block before the others, which then find its files."""
    here = world()
    if here.rank:
        all_gather(None)  # returns when rank 0 comes to the same place
    yield
    if not here.rank:
        all_gather(None)


def replicate(model: nn.Module) -> nn.Module:
    """The model as each process trains it: with the mean of all processes' gradients.

    From here on the processes' own chance, such as dropout's, differs. Alone, the model itself.
    """
    here = world()
    if here.size == 1:
        return model
    if here.rank:
        torch.manual_seed(torch.initial_seed() + here.rank)
    on_gpu = next(model.parameters()).is_cuda
    return DistributedDataParallel(
        model, device_ids=[here.local_rank] if on_gpu else None, gradient_as_bucket_view=True
    )


def unwrapped(model: nn.Module) -> nn.Module:
    """The network itself, whose names have no ``module.`` in front."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def micro_batches(state, images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor, float]]:
    """This process's batch in ``state.accumulate`` parts, each with the weight of its mean loss.

    Weighted so, the gradients add up to those of the mean over the joint batch of all processes,
    even where their parts differ in size. Gradients are exchanged once, with the last part.
    """
    processes = world().size
    sizes = getattr(state.loader, "joint_sizes", None)
    joint = sizes[state.batch] if sizes else len(labels) * processes
    pieces = list(zip(images.chunk(state.accumulate), labels.chunk(state.accumulate), strict=True))
    for number, (some_images, some_labels) in enumerate(pieces, 1):
        last = number == len(pieces)
        alone = processes == 1 or last
        with nullcontext() if alone else state.model.no_sync():
            # DistributedDataParallel divides the sum by the number of processes
            yield some_images, some_labels, len(some_labels) * processes / joint


def all_reduce_sum(value: Tensor) -> Tensor:
    """Add up a tensor over all processes, in place."""
    if world().size > 1:
        dist.all_reduce(value)
    return value


def all_reduce_min(value: Tensor) -> Tensor:
    """The least value of all processes, element by element, in place."""
    if world().size > 1:
        dist.all_reduce(value, dist.ReduceOp.MIN)
    return value


def all_gather(value) -> list:
    """What each process has, by rank; plain values and tensors on the CPU."""
    if (size := world().size) == 1:
        return [value]
    values = [None] * size
    dist.all_gather_object(values, value)
    return values


@torch.no_grad()
def synchronised(model: nn.Module) -> nn.Module:
    """The network itself, with rank 0's running statistics, which the checkpoint holds too.

    For the validation: `replicate`'s copies would wait for one another at every batch.
    """
    network = unwrapped(model)
    if world().size > 1:
        for buffer in network.buffers():
            dist.broadcast(buffer, src=0)
    return network
