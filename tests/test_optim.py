"""Optimisers decay what they should; schedules change the learning rate when they should, and the
history says which was in force."""

import math

import pytest
import torch
from helpers import CLASSES, small_model, small_run
from torch import nn
from torch.optim import lr_scheduler

from course_utils import Callback
from course_utils.training.optim import make_optimizer, make_scheduler, schedule_every


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


# ---- optimisers by name ----


@pytest.mark.parametrize(
    "name, first_step",
    [  # where the gradient of the loss is 0, all that is left of the first step is the decay:
        ("adam", 1.0),  # decoupled, Loshchilov & Hutter 2019, algorithm 2, line 12
        ("sgd", 1.9),  # with Nesterov's look ahead by 0.9, Sutskever et al. 2013, equation 4
    ],
)
def test_kernels_and_matrices_decay_and_nothing_else(name, first_step):
    model = small_model()
    for parameter in model.parameters():
        nn.init.uniform_(parameter, 0.5, 1.0)  # a bias of 0 would seem not to decay
        parameter.grad = torch.zeros_like(parameter)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    make_optimizer(model, name, learning_rate=0.1, weight_decay=0.2).step()
    decayed = {"0.weight", "5.weight"}  # of the convolution and the linear layer
    for key, value in model.named_parameters():
        kept = 1 - first_step * 0.1 * 0.2 if key in decayed else 1.0
        assert torch.allclose(value, kept * before[key], rtol=1e-6, atol=0), key


@pytest.mark.parametrize(
    "name, kind",
    [("adam", torch.optim.AdamW), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)],
)
def test_every_parameter_that_trains_is_in_one_group(name, kind):
    model = small_model()
    model[0].requires_grad_(False)
    optimizer = make_optimizer(model, name, 0.3)
    assert type(optimizer) is kind
    assert all((group["lr"], group["weight_decay"]) == (0.3, 0) for group in optimizer.param_groups)
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    trained = [id(p) for part in list(model)[1:] for p in part.parameters()]
    assert sorted(held) == sorted(trained)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_an_optimiser_by_name_learns(name):
    model = small_model()
    history = small_run(model=model, optimizer=make_optimizer(model, name, 0.02, 1e-4), epochs=6)
    assert history[-1]["val_accuracy"] > 0.8


def test_a_model_without_biases_has_an_optimiser():
    make_optimizer(nn.Linear(3, 2, bias=False), "sgd", 0.1).step()


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_momentum_of_sgd(momentum):
    one, other = small_model(), small_model()
    optimizer = make_optimizer(one, "sgd", 0.1, momentum=momentum)
    expected = torch.optim.SGD(other.parameters(), 0.1, momentum, nesterov=momentum > 0)
    for model, chosen in ((one, optimizer), (other, expected)):
        for step in range(3):
            for parameter in model.parameters():
                parameter.grad = torch.full_like(parameter, 0.1 * step + 0.1)
            chosen.step()
    for mine, theirs in zip(one.parameters(), other.parameters()):
        assert torch.allclose(mine, theirs, atol=1e-7)


@pytest.mark.parametrize("name", ["Adam", "SGD", ""])
def test_no_such_optimiser(name):
    message = f"optimizer is {name!r}; it must be 'adam', 'adamw' or 'sgd'"
    with pytest.raises(ValueError, match=message):
        make_optimizer(small_model(), name, 0.1)


# ---- schedules by name ----


def rates(schedule: str, steps: int = 10, warm_up: float = 0.0, used: int = 10) -> list[float]:
    """The learning rates of so many steps, in shares of the optimiser's, in both its groups."""
    optimizer = make_optimizer(small_model(), "sgd", 2.0)
    scheduler = make_scheduler(optimizer, schedule, steps, warm_up)
    found = []
    for _ in range(used):
        one, other = (group["lr"] for group in optimizer.param_groups)
        assert one == other
        found.append(one / 2.0)
        optimizer.step()
        scheduler.step()
    return found


def test_linear():
    assert rates("linear") == pytest.approx([1 - i / 10 for i in range(10)])
    assert rates("linear", used=13)[10:] == [0.0, 0.0, 0.0]  # a run that goes on learns nothing


def test_cosine():
    """Half a period: slow at both ends, half-way in the middle, and still above 0 at the last."""
    found = rates("cosine", used=11)
    assert found[0] == 1.0 and found[5] == pytest.approx(0.5) and found[10] == pytest.approx(0.0)
    assert found[2] == pytest.approx((1 + math.cos(math.pi / 5)) / 2) and found[9] > 0.02
    assert [a + b for a, b in zip(found, found[::-1])] == pytest.approx(11 * [1.0])


@pytest.mark.parametrize("warm_up, warm", [(0.2, 2), (0.5, 5)])
def test_warm_up_grows_evenly_to_the_full_rate_and_then_falls(warm_up, warm):
    growing = [(i + 1) / (warm + 1) for i in range(warm)]
    left = 10 - warm
    falls = {
        "constant": [1.0] * left,
        "linear": [1 - i / left for i in range(left)],
        "cosine": [(1 + math.cos(math.pi * i / left)) / 2 for i in range(left)],
    }
    for schedule, falling in falls.items():
        assert rates(schedule, warm_up=warm_up) == pytest.approx(growing + falling), schedule


def test_a_share_that_is_no_whole_step():
    found = rates("linear", steps=7, warm_up=0.2, used=7)  # 1.4 steps
    assert found[:2] == pytest.approx([1 / 2.4, 2 / 2.4])
    assert found[2:] == pytest.approx([1 - (i - 1.4) / 5.6 for i in range(2, 7)])


def test_a_constant_rate_needs_no_schedule():
    assert make_scheduler(make_optimizer(small_model(), "sgd", 1.0), "constant", 10) is None


def test_plateau_halves_after_5_epochs_down_to_a_hundredth():
    optimizer = make_optimizer(small_model(), "sgd", 2.0)
    scheduler = make_scheduler(optimizer, "plateau", steps=1)
    found = []
    for epoch in range(60):
        found.append(optimizer.param_groups[0]["lr"] / 2.0)
        assert optimizer.param_groups[1]["lr"] == optimizer.param_groups[0]["lr"]
        scheduler.step(1.0 if epoch else 2.0)  # the second epoch is the best there ever was
    assert found[:15] == 8 * [1.0] + 6 * [0.5] + [0.25]
    assert sorted(set(found)) == pytest.approx([0.01, *(0.5**i for i in range(6, -1, -1))])
    assert found[-10:] == pytest.approx(10 * [0.01])


def test_step_takes_a_tenth_every_7_epochs():
    used, told = run(lambda o: make_scheduler(o, "step", 28), schedule_every("step"), epochs=15)
    assert told == pytest.approx(7 * [0.1] + 7 * [0.01] + [0.001])
    assert used == pytest.approx([rate for rate in told for _ in range(7)])


def test_how_often_each_schedule_is_stepped():
    every = {"constant": "step", "linear": "step", "cosine": "step"}
    every |= {"plateau": "epoch", "step": "epoch"}
    assert {name: schedule_every(name) for name in every} == every


def test_a_schedule_by_name_in_a_run():
    used, told = run(lambda o: make_scheduler(o, "linear", 28, warm_up=0.25), every="step")
    growing = [0.1 * (i + 1) / 8 for i in range(7)]
    assert used == pytest.approx(growing + [0.1 * (1 - i / 21) for i in range(21)])
    assert told == [used[i] for i in (6, 13, 20, 27)]
    used, _ = run(lambda o: make_scheduler(o, "plateau", 28), rate=1e-7, epochs=8)
    assert used == 49 * [1e-7] + 7 * [5e-8]  # learns nothing: the best was the first


@pytest.mark.parametrize(
    "schedule, warm_up, message",
    [
        ("steps", 0.0, "schedule is 'steps'; it must be constant, linear, cosine, plateau or step"),
        ("step", 0.1, "schedule 'step' has no warm_up: set warm_up to 0, or choose linear"),
        ("plateau", 0.1, "schedule 'plateau' has no warm_up: set warm_up to 0, or choose linear"),
        ("linear", 1.0, "warm_up is 1.0; it is a share of the steps, from 0 to below 1"),
        ("constant", -0.1, "warm_up is -0.1; it is a share"),
        ("cosine", float("nan"), "warm_up is nan; it is a share"),
    ],
)
def test_no_such_schedule(schedule, warm_up, message):
    with pytest.raises(ValueError, match=message):
        make_scheduler(make_optimizer(small_model(), "sgd", 0.1), schedule, 10, warm_up)
