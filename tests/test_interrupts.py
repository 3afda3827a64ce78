"""Ctrl-C, SIGTERM and the kernel's interrupt end a run after its step, and nothing is lost."""

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from helpers import At, Process, noisy_loader, same, small_run
from jupyter_client.manager import start_new_kernel

from course_utils import load_checkpoint
from course_utils.engine.checkpoint import load_latest
from course_utils.engine.interrupts import stop_on_interrupt

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals between processes")


def handlers() -> list:
    return [signal.getsignal(number) for number in SIGNALS]


def send(number: int):
    return lambda state: signal.raise_signal(number)


@pytest.fixture(autouse=True)
def hang_up_is_not_ignored():
    """As in a terminal, also where nohup began the tests."""
    number = getattr(signal, "SIGHUP", None)
    before = number and signal.signal(number, signal.SIG_DFL)
    yield
    if number:
        signal.signal(number, before)


SIGNALS = [signal.SIGINT, signal.SIGTERM, *filter(None, [getattr(signal, "SIGHUP", None)])]


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_ends_the_run_after_its_step(number, tmp_path, capsys):
    before, seen = handlers(), []
    look = At(10, lambda state: seen.append(state.step))
    history = small_run(tmp_path, [At(10, send(number)), look], epochs=50)
    assert len(history) == 1 and seen == [10]
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 10
    word = "interrupted" if number == signal.SIGINT else "asked to terminate"
    assert f"stopped: {word}, after 1 epochs and 3 steps" in capsys.readouterr().out
    assert handlers() == before


@posix
def test_nohup_stands(tmp_path, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert len(small_run(tmp_path, [At(10, send(signal.SIGHUP))])) == 3
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_second_interrupt_raises_and_saves_no_torn_step(tmp_path):
    before = handlers()

    def impatient(state) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        small_run(tmp_path, [At(10, impatient)])
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 7
    assert handlers() == before
    assert len(small_run(tmp_path, resume=tmp_path)) == 3  # and the lock is free


def test_the_first_interrupt_only_asks_even_when_the_run_ends_anyway(tmp_path):
    def end(state) -> None:
        state.stop = "told to"
        signal.raise_signal(signal.SIGINT)

    assert len(small_run(tmp_path, [At(10, end)])) == 1
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 10


def test_handlers_not_set_from_python_come_back_as_default(monkeypatch):
    asked = []
    monkeypatch.setattr(signal, "signal", lambda number, handler: asked.append(handler))
    with stop_on_interrupt(object()):
        pass
    count = len(SIGNALS)
    assert len(asked) == 2 * count and asked[count:] == count * [signal.SIG_DFL]


def until_told(line, folder: Path) -> list[dict]:
    """Train; after step 10 say so and wait within the step for the signal to come."""

    def wait(state) -> None:
        line.send("training")
        until = time.monotonic() + 20
        while not state.asked and time.monotonic() < until:
            time.sleep(0.001)

    return small_run(folder, [At(10, wait)])


@pytest.mark.slow
@posix
def test_a_process_told_to_stop_is_taken_up_again_bit_for_bit(tmp_path):
    numbers = (signal.SIGINT, signal.SIGTERM)
    runs = [Process(until_told, tmp_path / number.name) for number in numbers]
    expected = small_run(tmp_path / "whole")
    for number, process in zip(numbers, runs):
        with process:
            assert process.receive() == "training"
            os.kill(process.process.pid, number)
            assert same(process.receive(), expected[:1])
        assert process.process.exitcode == 0
        folder = tmp_path / number.name
        assert load_latest(folder)["step"] == 10
        assert same(small_run(folder, resume=folder), expected)
        whole, resumed = (load_checkpoint(f / "last.pt") for f in (tmp_path / "whole", folder))
        assert all(same(resumed[part], whole[part]) for part in whole)


@posix
def test_a_ctrl_c_in_the_terminal_does_not_end_the_data_workers():
    def interrupt(state) -> None:
        [worker] = multiprocessing.active_children()
        os.kill(worker.pid, signal.SIGINT)

    loader = noisy_loader(1)
    assert len(small_run(callbacks=[At(3, interrupt)], train_loader=loader)) == 3


def test_workers_that_die_of_the_same_ctrl_c_do_not_spoil_the_stop(tmp_path):
    """In a terminal Ctrl-C reaches workers that were started before `fit`, too."""

    class Dies:
        def __len__(self) -> int:
            return 7

        def __iter__(self):
            for number, batch in enumerate(noisy_loader()):
                if number == 4:
                    signal.raise_signal(signal.SIGINT)
                    raise RuntimeError("DataLoader worker (pid 7) exited unexpectedly")
                yield batch

    assert small_run(tmp_path, train_loader=Dies()) == []
    assert load_checkpoint(tmp_path / "last.pt")["batch"] == 4


CELL = """
from helpers import At, small_run
history = small_run(epochs=10**6, callbacks=[At(10, lambda state: print("training", flush=True))])
print(len(history) >= 1, type(history[-1]["val_loss"]).__name__)
"""


ASLEEP = """
import time
print("training", flush=True)
time.sleep(30)
"""


@pytest.mark.slow
@posix
def test_the_kernels_interrupt_returns_the_history(monkeypatch):
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    monkeypatch.setenv("PYTHONPATH", path)
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        printed = []

        def show(message) -> None:
            printed.append(message["content"].get("text", ""))
            if "training" in printed[-1]:
                manager.interrupt_kernel()

        reply = client.execute_interactive(CELL, timeout=60, output_hook=show)
        assert reply["content"]["status"] == "ok", reply["content"]
        assert "stopped: interrupted, after" in "".join(printed)
        assert "True float" in "".join(printed)
        # and the kernel's own interrupt is back
        reply = client.execute_interactive(ASLEEP, timeout=60, output_hook=show)
        assert reply["content"]["ename"] == "KeyboardInterrupt"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
