"""Where one of several processes fails, stops, or never comes, the others say so and leave."""

import os
import signal
import sys
from pathlib import Path

import pytest
from picture_folders import SMALL, read_json, write_pictures
from ranks import command, start, together, trained

from course_utils.engine.checkpoint import load_latest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork, and signals between processes"),
]
LOST = "another process ended, or said nothing for {} s; its own message tells why"


@pytest.mark.exhaustive
def test_a_process_that_hangs_is_waited_for_until_the_time_out(tmp_path):
    ranks = start(trained, tmp_path, (10, signal.SIGSTOP, 1), 2)
    with ranks[0], ranks[1]:
        try:
            assert LOST.format(2) in ranks[0].receive()
        finally:
            os.kill(ranks[1].process.pid, signal.SIGCONT)
        assert "rank 1: " + LOST.format(2) in ranks[1].receive()
    assert load_latest(tmp_path)["step"] == 6  # of the last whole epoch


def test_a_process_that_is_killed_ends_the_others(tmp_path):
    ranks = start(trained, tmp_path, (10, signal.SIGKILL, 1))
    with ranks[0], ranks[1]:
        assert LOST.format(30) in ranks[0].receive()
    assert ranks[1].process.exitcode == -signal.SIGKILL
    assert load_latest(tmp_path)["step"] == 6


def test_a_process_that_never_comes_is_not_waited_for_for_ever():
    first, other = start(never, "while the other is absent")
    with first, other:
        assert LOST.format(1) in first.receive()
        assert other.receive() == "absent"


def never(why: str) -> list | str:
    return "absent" if os.environ["RANK"] == "1" else trained(None, timeout=1)


def test_a_picture_that_cannot_be_read_is_named_by_the_process_that_reads_it(tmp_path):
    root = insects(tmp_path / "hymenoptera_data")
    bad = root / "train" / "bees" / "2.png"
    bad.write_bytes(bad.read_bytes()[:40])
    words = ["train", "--out", tmp_path / "run", "--data", root, "--model", "cnn", *SMALL]
    results = together(command, tmp_path, *words, "--batch-size", 8)
    assert [code for code, *_ in results] == [2, 2]
    errors = [err for *_, err in results]
    [named] = [err for err in errors if str(bad) in err]
    assert named.startswith("course: image ") and named.count("\n") == 1
    [other] = [err for err in errors if err != named]
    assert LOST.format(300) in other
    assert not list((tmp_path / "run").glob("*.pt"))


def insects(root: Path) -> Path:
    """Pictures in the layout that is not looked through before training."""
    write_pictures(root, train=8, val=4)
    for split in ("train", "val"):
        (root / split / "blue").rename(root / split / "ants")
        (root / split / "green").rename(root / split / "bees")
        for file in [*(root / split / "red").iterdir(), root / split / "red"]:
            file.rmdir() if file.is_dir() else file.unlink()
    return root


def test_a_run_goes_on_with_as_many_processes_as_it_began(tmp_path, pictures, course):
    words = ["--data", pictures, "--model", "cnn", *SMALL, "--schedule", "constant"]
    words += ["--batch-size", 4, "--epochs", 1, "--no-tensorboard"]
    told = "cannot resume: the number of processes of the checkpoint is {}, that of this run {}"
    one, two = tmp_path / "one", tmp_path / "two"
    assert course("train", "--out", one, *words)[0] == 0
    folder = tmp_path / "words"
    folder.mkdir()
    first, second = together(command, folder, "train", "--out", two, *words)
    assert first[0] == second[0] == 0
    assert "saved in" in first[1] and second[1] == ""  # the first one speaks for all
    assert read_json(two / "record.json")["machine"]["processes"] == 2
    code, _, err = course("train", "--out", two, "--resume", "--epochs", 2)
    assert code == 2 and err.count("\n") == 1 and told.format(2, 1) in err
    results = together(command, folder, "train", "--out", one, "--resume", "--epochs", 2)
    for code, _, err in results:
        assert code == 2 and told.format(1, 2) in err
    assert len(read_json(one / "record.json")["history"]) == 1
