"""Killed, cut off or out of disk while saving: a whole checkpoint is there at any moment."""

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
from helpers import Process, small_run

from course_utils import Callback, load_checkpoint, save_checkpoint
from course_utils.engine.checkpoint import load_latest, previous_of
from course_utils.store.files import sha256

posix = pytest.mark.skipif(sys.platform == "win32", reason="fork and limits of POSIX")


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

    def tick() -> None:
        calls["left"] -= 1
        if calls["left"] < 0:
            raise Crash

    def counted(function):
        def wrapped(*arguments, **options):
            tick()
            return function(*arguments, **options)

        return wrapped

    def opened(*arguments, **options):
        file = real["open"](*arguments, **options)
        try:
            tick()  # a file that was opened for writing is empty now
        except Crash:
            file.close()
            raise
        return file

    def save(content, file) -> None:
        buffer = io.BytesIO()
        real["save"](content, buffer)
        data = buffer.getvalue()
        for part in (data[:100], data[100:-100], data[-100:]):
            counted(file.write)(part)
            file.flush()

    real |= {"save": torch.save, "open": Path.open}
    monkeypatch.setattr(torch, "save", save)
    monkeypatch.setattr(Path, "open", opened)
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


@pytest.mark.filterwarnings("error::UserWarning")  # no fall-back to the one before
def test_cut_off_at_every_call_twice_a_whole_one_loads(tmp_path, crash_at):
    """A save is cut off at each of its calls, then the next one at each of its calls."""
    path, states, loaded = tmp_path / "run" / "last.pt", set(), set()
    for first in itertools.count():
        for second in itertools.count():
            shutil.rmtree(path.parent, ignore_errors=True)
            for epoch in (1, 2):
                save_checkpoint(content(epoch), path)
            ended = saved(path, 3, crash_at, first)
            once = load_checkpoint(path)["epoch"]
            assert once in (2, 3) and (once == 3 or not ended)
            if second == 0 and on_disk(path.parent) in states:
                break  # as after the call before
            states.add(on_disk(path.parent))
            ended_again = saved(path, 4, crash_at, second)
            twice = load_checkpoint(path)["epoch"]
            assert twice in (once, 4) and (twice == 4 or not ended_again)
            save_checkpoint(content(5), path)
            assert load_checkpoint(path)["epoch"] == 5
            assert load_checkpoint(previous_of(path))["epoch"] == twice
            loaded.add((once, twice))
            if ended_again:
                break
        if ended:
            break
    assert first > 15 and loaded == {(2, 2), (2, 4), (3, 3), (3, 4)}


def on_disk(folder: Path) -> frozenset:
    files = (file for file in folder.iterdir() if file.suffix != ".part")
    return frozenset((file.name, sha256(file)) for file in files)


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


def fill_the_disk_at_many_sizes(line, path: Path) -> set[str]:
    import resource

    save_checkpoint(content(1), path)
    told = set()
    for limit in range(1, path.stat().st_size, 4000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            save_checkpoint(content(2), path)
        except OSError as error:
            told.add(str(error))
        resource.setrlimit(resource.RLIMIT_FSIZE, 2 * (resource.RLIM_INFINITY,))
        assert load_checkpoint(path)["epoch"] == 1
    return told


@posix
def test_whichever_write_fails_it_says_why(tmp_path):
    path = tmp_path / "last.pt"
    with Process(fill_the_disk_at_many_sizes, path) as process:
        [told] = process.receive()
    assert told == f"{path} could not be saved, the one before is whole: [Errno 27] File too large"
