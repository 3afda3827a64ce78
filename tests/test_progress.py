"""The bar on a terminal: a real one, and none elsewhere."""

import io
import os
import re
import sys
import threading
from types import SimpleNamespace

import pytest
from helpers import small_run, stop_at

from course_utils.commands import progress
from course_utils.commands.progress import ProgressBar, ProgressLines
from course_utils.show.live import LivePlot


@pytest.fixture
def terminal(monkeypatch):
    """Run something whose output goes to a pseudo-terminal; returns all that arrived there."""
    termios = pytest.importorskip("termios", reason="Windows has no pseudo-terminals")

    def run(do) -> str:
        master, slave = os.openpty()
        termios.tcsetwinsize(slave, (24, 100))
        arrived = []

        def listen() -> None:
            while True:
                try:
                    content = os.read(master, 4096)
                except OSError:  # Linux says so where the other end is closed
                    return
                if not content:
                    return
                arrived.append(content)

        listener = threading.Thread(target=listen)
        listener.start()
        with os.fdopen(slave, "w") as file, monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", file)
            patched.setattr(sys, "stderr", file)
            do()
        listener.join(10)
        os.close(master)
        return b"".join(arrived).decode().replace("\r\n", "\n")

    return run


def test_a_terminal_shows_loss_and_rate_and_then_the_line_of_the_epoch(terminal, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    said = terminal(lambda: small_run(callbacks=[ProgressBar(), LivePlot()], epochs=2))
    assert re.search(r"epoch 1/2: .* 3/7 .*loss=\d\.\d{4}, lr=0\.05", said)
    assert re.search(r"epoch 2/2: .* 7/7 ", said)
    lines = said.split("\n")
    assert len(lines) == 3 and lines[-1] == ""  # the bar has left no line behind
    for number, line in enumerate(lines[:2], 1):
        shown = line.rpartition("\r")[2]  # what stands there in the end
        assert shown.startswith(f"epoch {number}/2   train ") and shown.endswith(" waiting")


def test_a_run_that_is_stopped_leaves_no_bar(terminal, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    said = terminal(lambda: small_run(callbacks=[ProgressBar(), stop_at(3)]))
    last = said.rstrip("\n").rpartition("\r")[2]
    assert last == "stopped: told to, after 0 epochs and 3 steps"


def test_it_looks_at_the_loss_a_few_times_a_second_only(terminal, monkeypatch):
    times = iter(range(10_000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times) / 10)  # 0.1 s a step
    said = terminal(lambda: small_run(callbacks=[ProgressBar()], epochs=1))
    assert 1 <= len(set(re.findall(r"loss=(\d\.\d{4})", said))) <= 3


def test_without_a_terminal_nothing_is_written():
    file = io.StringIO()
    small_run(callbacks=[ProgressBar(file)], epochs=1)
    assert file.getvalue() == ""


# ---- lines ----


def test_every_so_many_steps_a_line(capsys):
    small_run(callbacks=[ProgressLines(3)], epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:20] for line in lines] == [
        f"epoch {epoch}/2   step {step}/7" for epoch in (1, 2) for step in (3, 6)
    ]
    tail = r"   loss \d\.\d{4}   lr 0\.05   \d+ images/s   0:\d\d:\d\d to go"
    assert all(re.fullmatch(tail, line[20:]) for line in lines)


@pytest.fixture
def clock(monkeypatch):
    """Every look at it is a second later."""
    times = iter(range(100_000))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(times)))


def test_without_a_terminal_a_line_every_30_seconds(clock, monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS", 4)
    small_run(callbacks=[ProgressLines()], epochs=1)
    assert "step 4/7" in capsys.readouterr().out


def test_on_a_terminal_the_bar_is_enough(clock, terminal, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS", 0)
    said = terminal(lambda: small_run(callbacks=[ProgressLines()], epochs=1))
    assert said == ""


def test_time_to_go_is_that_of_all_epochs_and_begins_anew_with_a_resume(clock, tmp_path, capsys):
    small_run(tmp_path, [stop_at(7)], epochs=1)
    lines = ProgressLines(7)
    small_run(tmp_path, [lines], epochs=3, resume=tmp_path)
    first, last = [line for line in capsys.readouterr().out.splitlines() if "to go" in line]
    assert first.startswith("epoch 2/3   step 7/7") and last.endswith("0:00:00 to go")
    assert not first.endswith("0:00:00 to go")
