"""Whatever happens, a whole checkpoint of good weights is on the disk, and the user is told."""

import io
import itertools
import math
import os
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path

import pytest
import torch
from helpers import At, Process, small_run, stop_at
from torch import nn

from course_utils import Callback, load_checkpoint, save_checkpoint
from course_utils.training.checkpoint import load_latest, previous_of

posix = pytest.mark.skipif(sys.platform == "win32", reason="fork and limits of POSIX")


# ---- losses that are not finite ----------------------------------------------------------------


class BadLoss(nn.CrossEntropyLoss):
    """Becomes bad at one step of training, once."""

    def __init__(self, step: int, bad: float):
        super().__init__()
        self.step, self.bad, self.calls = step, bad, 0

    def forward(self, logits, labels):
        self.calls += 1
        loss = super().forward(logits, labels)
        return loss * self.bad if self.calls == self.step else loss


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("step", [1, 8, 18, 21])
def test_a_bad_loss_stops_the_run_and_names_its_step(step, bad, tmp_path, capsys):
    history = small_run(tmp_path, epochs=9, loss_fn=BadLoss(step, bad))
    done = (step - 1) // 7
    assert [entry["epoch"] for entry in history] == list(range(1, done + 1))
    assert f"the loss is not finite since step {step};" in capsys.readouterr().out
    if not done:
        assert not list(tmp_path.glob("*.pt"))
        return
    for name in ("last.pt", "best.pt"):
        content = load_checkpoint(tmp_path / name)
        assert content["epoch"] <= done and content["batch"] == 0
        assert all(value.isfinite().all() for value in content["model"].values())
    assert load_checkpoint(tmp_path / "last.pt")["epoch"] == done


def test_a_bad_loss_ends_a_long_epoch_soon():
    seen = []
    look = [At(step, lambda state: seen.append(state.step)) for step in range(1, 100)]
    batches = 99 * [(torch.randn(2, 3, 8, 8), torch.tensor([0, 1]))]
    assert small_run(callbacks=look, train_loader=batches, loss_fn=BadLoss(30, float("nan"))) == []
    assert seen[-1] == 50


def test_a_stop_just_after_a_bad_loss_saves_nothing(tmp_path, capsys):
    small_run(tmp_path, [stop_at(10)], loss_fn=BadLoss(9, float("nan")))
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 7
    assert "not finite since step 9" in capsys.readouterr().out


def test_a_bad_loss_after_a_resume_within_an_epoch_has_its_right_step(tmp_path, capsys):
    small_run(tmp_path, [stop_at(10)])
    small_run(tmp_path, resume=tmp_path, loss_fn=BadLoss(3, float("nan")))
    assert "not finite since step 13;" in capsys.readouterr().out
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 10


def test_weights_that_blow_up_in_the_last_step_are_seen_in_validation(tmp_path, capsys):
    def blow_up(state) -> None:
        state.model[5].weight.data.fill_(float("inf"))

    history = small_run(tmp_path, [At(14, blow_up)])
    assert len(history) == 1
    assert "the validation loss is not finite after step 14" in capsys.readouterr().out
    assert load_checkpoint(tmp_path / "last.pt")["epoch"] == 1


def test_a_rate_much_too_large_is_caught_for_real(tmp_path, capsys):
    small_run(tmp_path, epochs=50, rate=1e30)
    assert "not finite" in capsys.readouterr().out


# ---- killed while saving -----------------------------------------------------------------------


def content(epoch: int) -> dict:
    return {"model": {"weight": torch.full((30_000,), float(epoch))}, "epoch": epoch}


def kill_while_saving(line, path: Path) -> list[int]:
    """A dozen times: save without end in another process, and kill it at some moment."""
    found = []
    for kill in range(12):
        child = os.fork()
        if child == 0:
            for epoch in itertools.count(load_latest(path)["epoch"] + 1):
                save_checkpoint(content(epoch), path)
        time.sleep(0.02 + 0.007 * kill)
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        loaded = load_checkpoint(path)  # the last one itself, without a fall-back
        assert (loaded["model"]["weight"] == loaded["epoch"]).all()
        found.append(loaded["epoch"])
    return found


@posix
def test_killed_at_any_moment_while_saving_a_whole_one_loads(tmp_path):
    path = tmp_path / "last.pt"
    save_checkpoint(content(0), path)
    with Process(kill_while_saving, path) as process:
        found = process.receive()
    assert found == sorted(found) and found[-1] > 3
    save_checkpoint(content(found[-1] + 1), path)
    assert load_checkpoint(previous_of(path))["epoch"] == found[-1]


class Crash(BaseException):
    """The power is cut."""


@pytest.fixture
def crash_at(monkeypatch):
    """``crash_at(n)``: nothing is done any more from the n-th call to the system on."""
    calls, real = {"left": math.inf}, {}

    def counted(function):
        def wrapped(*arguments, **options):
            calls["left"] -= 1
            if calls["left"] < 0:
                raise Crash
            return function(*arguments, **options)

        return wrapped

    def save(content, file) -> None:
        buffer = io.BytesIO()
        real["save"](content, buffer)
        data = buffer.getvalue()
        for part in (data[:100], data[100:-100], data[-100:]):
            counted(file.write)(part)
            file.flush()

    real["save"] = torch.save
    monkeypatch.setattr(torch, "save", save)
    monkeypatch.setattr(os, "fsync", lambda file: None)  # slow
    for name in ("fsync", "replace", "link", "unlink"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    return lambda call: calls.update(left=call)


def saved(path: Path, epoch: int, crash_at, call: int) -> bool:
    """Whether a save comes to its end when the power is cut at that call."""
    crash_at(call)
    try:
        save_checkpoint(content(epoch), path)
        return True
    except Crash:
        return False
    finally:
        crash_at(math.inf)


def test_cut_off_at_every_call_twice_a_whole_one_loads(tmp_path, crash_at):
    """A save is cut off at each of its calls, then the next one at each of its calls."""
    loaded, ended = set(), False
    for first in itertools.count():
        for second in itertools.count():
            path = tmp_path / f"{first}-{second}" / "last.pt"
            for epoch in (1, 2):
                save_checkpoint(content(epoch), path)
            ended = saved(path, 3, crash_at, first)
            once = load_checkpoint(path)["epoch"]
            assert once in (2, 3) and (once == 3 or not ended)
            ended_again = saved(path, 4, crash_at, second)
            twice = load_checkpoint(path)["epoch"]
            assert twice in (once, 4) and (twice == 4 or not ended_again)
            save_checkpoint(content(5), path)
            assert load_checkpoint(path)["epoch"] == 5
            assert load_checkpoint(previous_of(path))["epoch"] == twice
            loaded.add((once, twice))
            shutil.rmtree(path.parent)
            if ended_again:
                break
        if ended:
            break
    assert first > 8 and loaded == {(2, 2), (2, 4), (3, 3), (3, 4)}


# ---- a full disk -------------------------------------------------------------------------------


def fill_the_disk(line, folder: Path):
    """From the second epoch on no file may grow beyond 8 kB, as on a full disk."""
    import resource

    class Limit(Callback):
        def on_epoch_end(self, state) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        history = small_run(folder, [Limit()])
    return len(history), [str(warning.message) for warning in told]


@posix
def test_on_a_full_disk_training_goes_on_and_the_old_one_is_intact(tmp_path):
    with Process(fill_the_disk, tmp_path) as process:
        epochs, told = process.receive()
    assert epochs == 3
    assert any("last.pt could not be saved" in t and "training goes on" in t for t in told), told
    assert all("File too large" in text for text in told)
    assert load_checkpoint(tmp_path / "last.pt")["epoch"] == 1
    assert not list(tmp_path.glob("*.part"))
    assert len(small_run(tmp_path, resume=tmp_path)) == 3


# ---- two runs, one folder ----------------------------------------------------------------------


def intrude(line, folder: Path) -> str:
    try:
        small_run(folder)
    except FileExistsError as error:
        return str(error)
    return "it was let in"


def test_the_second_run_into_a_folder_is_refused(tmp_path):
    answers = []

    def let_another_try(state) -> None:
        with Process(intrude, tmp_path) as process:
            answers.append(process.receive())

    assert len(small_run(tmp_path, [At(3, let_another_try)])) == 3
    assert answers == [f"another run is writing to {tmp_path}; choose another folder"]
