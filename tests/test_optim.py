"""Schedules change the learning rate when they should, and the history says which was in force."""

import pytest
import torch
from helpers import CLASSES, small_run
from torch import nn
from torch.optim import lr_scheduler

from course_utils import Callback


class Rates(Callback):
    """The learning rate each step was taken with: `on_step` of the optimiser, before it."""

    def __init__(self, optimizer):
        self.used = []
        optimizer.register_step_pre_hook(
            lambda optimizer, *_: self.used.append(optimizer.param_groups[0]["lr"])
        )


def run(schedule, every="epoch", epochs=4, rate=0.1):
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, CLASSES))
    optimizer = torch.optim.SGD(model.parameters(), rate)
    rates = Rates(optimizer)
    history = small_run(
        model=model, optimizer=optimizer, scheduler=schedule and schedule(optimizer),
        schedule_every=every, epochs=epochs,
    )  # fmt: skip
    return rates.used, [entry["learning_rate"] for entry in history]


def test_without_a_schedule_the_rate_stays():
    assert run(None) == (28 * [0.1], 4 * [0.1])


def test_every_epoch():
    used, told = run(lambda o: lr_scheduler.StepLR(o, step_size=1, gamma=0.5))
    assert told == pytest.approx([0.1, 0.05, 0.025, 0.0125])
    assert used == [rate for rate in told for _ in range(7)]


def test_every_step():
    used, told = run(lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, total_iters=28), every="step")
    assert used == pytest.approx([0.1 * (1 - i / 28) for i in range(28)])
    assert told == [used[i] for i in (6, 13, 20, 27)]


def test_plateau_looks_at_the_validation_loss():
    """Too small a rate to learn anything: worse than the first epoch by its threshold, always."""
    used, told = run(
        lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.1, patience=0, eps=0), rate=1e-12
    )
    assert told == pytest.approx([1e-12, 1e-12, 1e-13, 1e-14])
    assert used[14] == told[2]
    _, learning = run(lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0), rate=0.01)
    assert learning == 4 * [0.01]  # the validation loss falls all the while


def test_plateau_cannot_be_stepped_every_step():
    with pytest.raises(ValueError, match="ReduceLROnPlateau needs the validation loss"):
        run(lr_scheduler.ReduceLROnPlateau, every="step")
