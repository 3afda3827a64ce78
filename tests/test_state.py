"""A run taken up again ends as if it had never stopped, bit for bit."""

import pytest
import torch
from helpers import Noisy, noisy_loader, same, small_model, small_run, small_set, stop_at
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, RandomSampler

from course_utils import Batches, load_checkpoint
from course_utils.engine.checkpoint import CheckpointError
from course_utils.training.callbacks import EarlyStopping

STEPS = 7  # an epoch


def plain() -> dict:
    """Batches with shuffling and augmentation, SGD with momentum, a schedule by steps, dropout."""
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    schedule = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=6 * STEPS)
    batches = Batches(small_set(), 8, shuffle=True, augment=True, padding=1, seed=3)
    parts = dict(model=model, optimizer=optimizer, scheduler=schedule)
    return dict(parts, train_loader=batches, schedule_every="step")


def fused_adam_and_random_transforms() -> dict:
    model = small_model()
    optimizer = torch.optim.AdamW(model.parameters(), 0.01, fused=True)
    schedule = lr_scheduler.CosineAnnealingLR(optimizer, 6)
    parts = dict(model=model, optimizer=optimizer, scheduler=schedule)
    return dict(parts, train_loader=noisy_loader())


def workers() -> dict:
    return dict(train_loader=noisy_loader(2, generator=torch.Generator().manual_seed(5)))


def own_sampler() -> dict:
    sampler = RandomSampler(range(50), replacement=True, generator=torch.Generator())
    return dict(train_loader=DataLoader(Noisy(small_set()), 8, sampler=sampler))


def plateau() -> dict:
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5, threshold=0.2)
    return dict(model=model, optimizer=optimizer, scheduler=schedule)


def half_precision() -> dict:
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    schedule = lr_scheduler.MultiStepLR(optimizer, [2, 4])
    return dict(model=model, optimizer=optimizer, scheduler=schedule, amp_dtype=torch.float16)


RUNS = [plain, fused_adam_and_random_transforms, workers, own_sampler, plateau, half_precision]
_whole = {}


def whole(run, tmp_path_factory) -> dict:
    """The last checkpoint of six epochs without a stop."""
    if run not in _whole:
        folder = tmp_path_factory.mktemp("whole")
        small_run(folder, epochs=6, **run())
        _whole[run] = load_checkpoint(folder / "last.pt")
    return _whole[run]


@pytest.mark.parametrize(
    "run, stop",
    [
        *((run, stop) for run in RUNS for stop in (3 * STEPS, 2 * STEPS + 4) if run != workers),
        (workers, STEPS + 4),
        (plain, 1),
    ],
)
def test_stopped_and_resumed_is_uninterrupted(run, stop, tmp_path, tmp_path_factory):
    first = small_run(tmp_path, [stop_at(stop)], epochs=6, **run())
    assert len(first) == stop // STEPS
    torch.manual_seed(99)  # whatever happens in between
    history = small_run(tmp_path, epochs=6, resume=tmp_path, **run())
    resumed, expected = load_checkpoint(tmp_path / "last.pt"), whole(run, tmp_path_factory)
    for part in expected:
        assert same(resumed[part], expected[part]), part
    assert same(history, expected["history"]) and len(history) == 6


def test_what_is_compared_can_differ(tmp_path_factory):
    """The runs above do depend on chance, on the schedule and on the state of the optimiser."""
    checkpoints = {run: whole(run, tmp_path_factory) for run in RUNS}
    weights = [c["model"]["5.weight"] for c in checkpoints.values()]
    assert not any(torch.equal(a, b) for a, b in zip(weights, weights[1:]))
    assert checkpoints[plateau]["history"][-1]["learning_rate"] < 0.5
    assert checkpoints[half_precision]["scaler"]["_growth_tracker"] > 0
    assert checkpoints[half_precision]["history"][-1]["learning_rate"] == pytest.approx(1e-4)
    assert "momentum_buffer" in checkpoints[plain]["optimizer"]["state"][0]


def test_after_the_last_epoch_nothing_is_left_to_do(tmp_path):
    before = small_run(tmp_path)
    content = load_checkpoint(tmp_path / "last.pt")
    assert small_run(tmp_path, resume=tmp_path) == before  # times too
    assert same(load_checkpoint(tmp_path / "last.pt"), content)


def test_early_stopping_is_not_forgotten(tmp_path):
    patience = EarlyStopping(1, "val_loss")
    stopped = small_run(tmp_path, [patience], epochs=50, rate=3.0)
    assert 2 <= len(stopped) < 50
    assert small_run(tmp_path, [patience], epochs=50, rate=3.0, resume=tmp_path) == stopped


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(num_classes=5), ["number of classes", "is 4", "run 5"]),
        (dict(optimizer="adam"), ["optimizer", "is SGD", "run Adam"]),
        (dict(scheduler="step"), ["scheduler", "is none", "run StepLR"]),
        (dict(amp_dtype=torch.float16), ["gradient scaler", "is off", "run on"]),
        (dict(train_loader=Batches(small_set(), 10)), ["epoch of 7 batches", "loader of 5"]),
    ],
)
def test_another_run_is_refused_by_both_names(change, words, tmp_path):
    small_run(tmp_path, [stop_at(10)])
    model = small_model(7)
    before = [p.clone() for p in model.parameters()]
    optimizer = torch.optim.Adam if change.get("optimizer") else torch.optim.SGD
    change["optimizer"] = optimizer = optimizer(model.parameters(), 0.1)
    if "scheduler" in change:
        change["scheduler"] = lr_scheduler.StepLR(optimizer, 1)
    with pytest.raises(CheckpointError) as error:
        small_run(resume=tmp_path, model=model, **change)
    assert all(word in str(error.value) for word in words), error.value
    assert same(before, list(model.parameters())), "the model was changed before the refusal"


def test_between_epochs_another_batch_size_is_welcome(tmp_path):
    """Out of memory later: go on with smaller batches."""
    small_run(tmp_path, epochs=1)
    history = small_run(tmp_path, resume=tmp_path, train_loader=Batches(small_set(), 5))
    assert [entry["step"] for entry in history] == [7, 17, 27]


def test_weights_alone_are_no_run(tmp_path):
    torch.save({"model": small_model().state_dict()}, tmp_path / "w.pt")
    with (
        pytest.warns(UserWarning, match="unchecked"),
        pytest.raises(ValueError, match="weights only"),
    ):
        small_run(resume=tmp_path / "w.pt")


def test_a_checkpoint_holds_what_predict_needs(tmp_path):
    small_run(tmp_path, epochs=1)
    assert {"config", "about", "num_classes"} <= load_checkpoint(tmp_path / "last.pt").keys()
