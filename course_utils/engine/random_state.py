"""Every source of chance in one dictionary that a checkpoint can hold."""

import random

import numpy as np
import torch


def random_state(loader=None) -> dict:
    """The state of Python's, NumPy's and torch's generators, and of the loader's own if it has one.

    Generators inside data workers are not among them: `Loader` seeds them for every image,
    PyTorch's own DataLoader in every epoch, unless its workers persist.
    """
    _, keys, position, has_gauss, gauss = np.random.get_state()
    state = {
        "python": random.getstate(),
        "numpy": (torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
        "loader": [generator.get_state() for generator in _generators(loader)],
    }
    if torch.cuda.is_initialized():  # else this would take memory on every GPU
        state["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_random_state(state: dict, loader=None) -> None:
    """Put every generator back to a state from `random_state`; a device's where it is there."""
    random.setstate(state["python"])
    keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(state["torch"])
    for generator, its_state in zip(_generators(loader), state["loader"], strict=True):
        generator.set_state(its_state)
    if "cuda" in state and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all(state["cuda"])
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


def _generators(loader) -> list[torch.Generator]:
    """Those of the loader and of its sampler."""
    owners = (loader, getattr(loader, "sampler", None))
    found = (getattr(owner, "generator", None) for owner in owners)
    return [generator for generator in found if generator is not None]
