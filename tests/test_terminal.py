"""What reaches a terminal cannot drive it; closed streams cost nothing."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from course_utils import create_model, save_checkpoint
from course_utils.commands.evaluation import class_table
from course_utils.commands.predict_files import Named, as_table
from course_utils.commands.run_table import run_table
from course_utils.store.terminal import shown

ROOT = Path(__file__).resolve().parents[1]
BAD = "red\x1b[31m\nblue\u202e"


@pytest.mark.parametrize(
    "text, result",
    [
        (BAD, r"red\x1b[31m\nblue\u202e"),
        ("größer 中文 👩\u200d🔬", "größer 中文 👩\u200d🔬"),
        ("a\tb\x85\u2028", r"a\tb\x85\u2028"),
        ("\udc80", r"\udc80"),
    ],
)
def test_shown(text, result):
    assert shown(text) == result and shown(shown(text)) == result


def test_names_of_classes_files_and_runs_are_escaped():
    row = {"run": BAD, "data": BAD, "model": "cnn", "epochs": "1/1", "finished": "yes"}
    row |= {"weights": None, "trained": None, "learning_rate": 0.1, "batch_size": 8}
    row |= {"best val": 0.5, "test": None, "minutes": 1.0}
    tested = {"classes": [BAD, "b"], "class_images": [1, 1], "class_correct": [1, 1]}
    tested |= {"confused": [], "confusion": [[1, 0], [0, 1]]}
    texts = [
        class_table(tested),
        as_table([Named(BAD, [(BAD, 1.0)])]),
        run_table([row, row | {"data": "b"}]),
    ]
    for text in texts:
        assert "\x1b" not in text and "\u202e" not in text and r"\x1b[31m\n" in text


@pytest.mark.filterwarnings("ignore:.*unchecked")
def test_an_error_that_names_a_class_is_one_line(course, pictures, tmp_path):
    model = create_model("cnn", 2)
    about = {"data": BAD, "classes": [BAD, "b"], "image_size": 32}
    about |= {"mean": [0.5] * 3, "std": [0.5] * 3}
    saved = {"model": model.state_dict(), "config": model.config, "about": about}
    save_checkpoint(saved, tmp_path / "best.pt")
    code, _, error = course("test", tmp_path / "best.pt", "--data", pictures)
    assert code == 2 and error.count("\n") == 1 and "\x1b" not in error
    assert r"red\x1b[31m\nblue" in error


MORE_CLOSED = (">&- 2>&-", "<&- >&- 2>&-")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="closes streams as a POSIX shell does")
@pytest.mark.parametrize(
    "closed, code",
    [(">&-", 0), *(pytest.param(c, 0, marks=pytest.mark.exhaustive) for c in MORE_CLOSED)],
)
def test_closed_streams_cost_nothing(tmp_path, pictures, closed, code):
    out = tmp_path / "run"
    words = [sys.executable, "-m", "course_utils", "train", "--data", pictures, "--out", out]
    words += ["--model", "cnn", "--weights", "none", "--epochs", "1", "--threads", "1"]
    command = f"exec {shlex.join(map(str, words))} {closed}"
    environment = {**os.environ, "COURSE_PROFILE": "tiny"}
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, cwd=ROOT, env=environment)
    assert (done.returncode, done.stderr) == (code, b"")
    assert torch.load(out / "last.pt", weights_only=True)["epoch"] == 1  # nothing printed into it
