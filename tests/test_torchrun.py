"""torchrun: training and functions in several processes of this machine, which leave nothing."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from helpers import same
from picture_folders import read_json, write_pictures
from ranks import together
from signalled import train_pictures

from course_utils import load_checkpoint, torchrun

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork, and signals between processes"),
]
MARK = "COURSE_TEST_TORCHRUN"


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch, tmp_path):
    """No process of the test is left, children of children too; and so none of their ports."""
    monkeypatch.setenv(MARK, str(tmp_path))
    monkeypatch.chdir(Path(__file__).parents[1])
    yield
    gone, left = psutil.wait_procs(marked(tmp_path), timeout=10)  # a data worker looks every 5 s
    for process in left:
        process.kill()
    assert not left


def marked(mark: Path) -> list[psutil.Process]:
    """The processes that a test started, but for those that serve all tests."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # another user's, or gone
            mine = process.environ().get(MARK) == str(mark)
            if mine and os.getpid() not in (process.pid, process.ppid()):
                found.append(process)
    return found


def test_course_train_in_two_processes(tmp_path, capsys):
    out = tmp_path / "run"
    words = "--data cifar10 --model cnn --profile tiny --epochs 2 --no-tensorboard --timeout 100"
    printed = torchrun(["-m", "course_utils", "train", "--out", str(out), *words.split()])
    assert capsys.readouterr().out == printed
    lines = printed.splitlines()  # of the first process only
    assert [line for line in lines if line.startswith("epoch ")] == [lines[-3], lines[-2]]
    assert lines[-1].startswith(f"saved in {out}")
    record, saved = read_json(out / "record.json"), load_checkpoint(out / "last.pt")
    assert record["finished"] and same(record["history"], saved["history"])
    assert record["machine"]["processes"] == 2 and record["machine"]["threads"] == 1
    assert "--timeout 100.0" in record["command"]
    assert not any(name.startswith("module.") for name in saved["model"])
    assert len(saved["other_ranks"]) == 1


def whole(out: Path, pictures: Path) -> dict:
    return train_pictures(out, pictures, weights="none")


def rest(out: Path, pictures: Path) -> dict:
    return train_pictures(out, pictures, resume=True)


@pytest.mark.exhaustive
def test_a_lost_process_and_a_stop_change_nothing(tmp_path):
    """Killed in epoch 2, started again, told to end in epoch 3, taken up: the same to the bit."""
    pictures = write_pictures(tmp_path / "pictures", train=12, val=3)
    script = str(Path(__file__).with_name("signalled.py"))
    with pytest.raises(RuntimeError, match="torchrun ended with exit code"):
        torchrun([script, str(tmp_path / "run"), str(pictures)], max_restarts=1, quiet=True)
    stopped = load_checkpoint(tmp_path / "run" / "last.pt")
    assert (stopped["step"], stopped["epoch"], stopped["batch"]) == (12, 2, 2)
    together(rest, tmp_path / "run", pictures)
    together(whole, tmp_path / "whole", pictures)
    ended, expected = (load_checkpoint(tmp_path / name / "last.pt") for name in ("run", "whole"))
    assert expected["step"] == 15
    assert all(same(ended[part], expected[part]) for part in expected)


def say(word, number):
    import os

    print(f"rank {os.environ['RANK']} of {os.environ['WORLD_SIZE']}: {word} {number + 1}")


def fail(rank):
    import os
    import time

    if int(os.environ["RANK"]) == rank:
        raise ValueError("this one fails")
    time.sleep(600)


def test_a_function_runs_in_each_process(capsys):
    printed = torchrun(say, "grüße", 41, processes=3)
    assert sorted(printed.splitlines()) == [f"rank {n} of 3: grüße 42" for n in range(3)]
    assert capsys.readouterr().out == printed


def test_a_function_that_fails_ends_all_and_is_told(capsys):
    with pytest.raises(RuntimeError, match="torchrun ended with exit code 1"):
        torchrun(fail, 1, quiet=True)
    assert "ValueError: this one fails" in capsys.readouterr().out


SLEEPERS = """
from course_utils import torchrun

def sleep():
    import signal, sys, time

    def leave(number, frame):
        print("saved", flush=True)
        sys.exit(1)

    signal.signal(signal.SIGTERM, leave)
    print("sleeping", flush=True)
    time.sleep(600)

torchrun(sleep)
"""


def test_the_stop_button_ends_all_processes(tmp_path):
    script = tmp_path / "sleepers.py"
    script.write_text(SLEEPERS)
    path = os.pathsep.join(sys.path)
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as caller:
        assert [caller.stdout.readline() for _ in range(2)] == 2 * ["sleeping\n"]
        caller.send_signal(signal.SIGINT)
        try:
            out, err = caller.communicate(timeout=60)
        finally:
            caller.kill()
    assert "KeyboardInterrupt" in err and out.count("saved\n") == 2, out + err
    assert not marked(tmp_path)  # at once, when the caller goes on
