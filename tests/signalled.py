"""`course train` that loses a process after step 8, and is told to end after step 12.

Run by ``torchrun --max-restarts 1 signalled.py OUT PICTURES``: 5 steps an epoch, 3 epochs.
"""

import os
import signal
import sys
import time
from pathlib import Path

import torch
from helpers import At
from torch import nn

from course_utils.commands import train as runs
from course_utils.engine.distributed import restarted, world
from course_utils.engine.settings import TrainSettings

SETTINGS = {"model": "cnn", "profile": "tiny", "epochs": 3, "batch_size": 8}


def train_pictures(out: Path, pictures: Path, callbacks=(), workers: int = 0, **told) -> dict:
    """The record of a run with chance in the network."""
    torch.set_num_threads(1)
    usual, build = runs.callbacks, runs.build
    runs.callbacks = lambda *about: [*usual(*about), *callbacks]
    runs.build = lambda *about: nn.Sequential(nn.Dropout(0.2), build(*about))
    settings = {"data": str(pictures), "image_size": 32, "workers": workers, **SETTINGS, **told}
    return runs.train(TrainSettings(out, tensorboard=False, **settings))


def kill_one(state) -> None:
    """The second process is killed, once."""
    if world().rank and not restarted():
        os.kill(os.getpid(), signal.SIGKILL)


def end_torchrun(state) -> None:
    """The first one tells torchrun, which is its parent, and all wait within the step."""
    if not world().rank:
        os.kill(os.getppid(), signal.SIGTERM)
    until = time.monotonic() + 20
    while not state.asked and time.monotonic() < until:
        time.sleep(0.01)


if __name__ == "__main__":
    out, pictures = map(Path, sys.argv[1:])
    train_pictures(out, pictures, [At(8, kill_one), At(12, end_torchrun)], 1, weights="none")
