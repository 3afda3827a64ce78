"""The command line: a run from beginning to end in real processes, every mistake in one line."""

import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
import torch

from course_utils.commands import cli, download, reference, results
from course_utils.data.profile import best_device
from course_utils.engine.checkpoint import load_checkpoint
from course_utils.store.fetching import Source

ROOT = Path(__file__).resolve().parents[1]
COURSE = [sys.executable, "-m", "course_utils"]
ABSENT = next(kind for kind in ("cuda", "mps") if kind != best_device().type)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run of one epoch, and what training printed."""
    folder = tmp_path_factory.mktemp("runs") / "größer als 1"
    command = [*COURSE, "train", "--out", str(folder), "--epochs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture
def copy(trained, tmp_path):
    """A copy of that run, to do things to."""
    return shutil.copytree(trained[0], tmp_path / "copy")


def listing(folder):
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(".lock")
    }


def record(folder):
    return json.loads((folder / "record.json").read_text(encoding="utf-8"))


# ---- a run from beginning to end ----


def test_train(trained):
    folder, said = trained
    lines = said.splitlines()
    assert lines[:2] == ["profile tiny, device cpu, seed 0", "data: the embedded drawings"]
    assert lines[2].startswith("epoch 1/1   train ") and len(lines) == 4
    assert lines[3] == f"saved in {folder}; next: course test {folder / 'best.pt'}"
    expected = {"best.pt", "best.pt.sha256", "last.pt", "record.json", "config.json"}
    assert expected <= listing(folder).keys()
    assert any(name.startswith("events.out.tfevents") for name in listing(folder))
    kept = record(folder)
    assert kept["finished"] and kept["data"] == "cifar10 drawings" and len(kept["history"]) == 1
    assert kept["settings"]["batch_size"] == 32 and kept["settings"]["profile"] == "tiny"
    assert {"processor", "torch", "threads"} <= kept["machine"].keys() and kept["date"]
    assert str(folder) not in json.dumps(kept)
    about = load_checkpoint(folder / "best.pt")["about"]
    assert len(about["classes"]) == 10 and about["image_size"] == 32


def test_the_recorded_command_repeats_the_run(trained, tmp_path, course):
    command = record(trained[0])["command"].split()
    assert command[:4] == ["course", "train", "--out", "RUN"]
    assert course("train", "--out", tmp_path / "again", *command[4:])[0] == 0
    for name in ("train_loss", "val_loss", "val_accuracy"):
        one, other = (record(f)["history"][0][name] for f in (trained[0], tmp_path / "again"))
        assert one == pytest.approx(other, abs=1e-6)


def test_test_prints_once_and_adds_to_the_record(copy, course):
    before = record(copy)
    code, said, error = course("test", copy / "best.pt")
    assert code == 0 and error == ""
    result = record(copy)["test"]
    assert said.count("test accuracy") == 1
    share, images = f"{100 * result['accuracy']:.1f} %", result["images"]
    right = f"{result['correct']} of {images} images of cifar10 drawings"
    assert f"test accuracy: {right}, {share}\n95 % interval " in said
    assert result["correct"] == round(result["accuracy"] * images)
    assert f"top-5 accuracy {100 * result['top']['accuracy']:.1f} %\n" in said
    assert len(said.splitlines()) == 5 + 1 + 10 and result["split"] == "test"
    assert sum(map(sum, result["confusion"])) == result["images"]
    assert result["interval"][0] < result["accuracy"] < result["interval"][1]
    assert record(copy) == {**before, "test": result}


def test_resume(trained, copy, course):
    code, said, _ = course("train", "--out", copy, "--resume", "--epochs", 2)
    assert code == 0 and "epoch 2/2" in said and "epoch 1/2" not in said
    after = record(copy)
    assert [entry["epoch"] for entry in after["history"]] == [1, 2]
    assert after["history"][0] == record(trained[0])["history"][0]


def test_another_network_and_seed_goes_on_as_it_was_told_to(tmp_path, course, capsys):
    """The command that is printed after an interruption names the folder alone."""
    folder, told = tmp_path / "run", ["--model", "small_residual", "--seed", 4]
    assert course("train", "--out", folder, *told, "--epochs", 1)[0] == 0
    code, said, _ = course("train", "--out", folder, "--resume", "--epochs", 2)
    assert code == 0 and "profile tiny, device cpu, seed 4" in said and "epoch 2/2" in said
    kept = record(folder)["settings"]
    assert (kept["model"], kept["seed"]) == ("small_residual", 4)
    assert load_checkpoint(folder / "last.pt")["config"]["name"] == "small_residual"


def test_a_finished_run_is_left_as_it_is(copy, course):
    assert course("test", copy / "best.pt")[0] == 0
    before = listing(copy)
    code, said, error = course("train", "--out", copy, "--resume")
    assert code == 0 and error == "" and listing(copy) == before
    assert said.startswith(f"nothing is left to train: {copy} has its 1 epochs\n")
    assert course("train", "--out", copy, "--resume", "--epochs", 2)[0] == 0
    after, first = record(copy), json.loads(before["record.json"])
    assert "test" not in after and after["settings"]["epochs"] == len(after["history"]) == 2
    assert after["date"] == first["date"] and "--epochs 2" in after["command"]


def test_a_result_that_cannot_be_recorded_is_still_told(copy, course):
    in_the_way = copy / f"record.json.{os.getpid()}.part"
    in_the_way.mkdir()
    before = (copy / "record.json").read_bytes()
    with pytest.warns(UserWarning, match="the result is not recorded"):
        code, said, _ = course("test", copy / "best.pt")
    assert code == 0 and "test accuracy" in said
    assert (copy / "record.json").read_bytes() == before


@pytest.mark.slow
def test_what_a_terminal_cannot_show_costs_nothing(trained, tmp_path):
    """A name in Cyrillic on a Western Windows."""
    shutil.copytree(trained[0], tmp_path / "Ж")
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    command = [*COURSE, "runs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment)
    assert done.returncode == 0 and b"\\u0416 " in done.stdout and done.stderr == b""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other pipes")
def test_a_reader_that_leaves_ends_it_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    command = [*COURSE, "data", "status"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, cwd=ROOT)
    os.close(writing)
    assert done.stderr == b"" and done.returncode == 141


def test_resume_with_other_settings_is_refused(copy, course):
    before = listing(copy)
    code, _, error = course("train", "--out", copy, "--resume", "--batch-size", 64)
    assert code == 2 and listing(copy) == before
    assert error == (
        f"course: {copy} was begun with batch_size=32, not 64: "
        "resume with the same, or choose another folder\n"
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_interrupted_it_saves_and_can_go_on(tmp_path, course):
    folder = tmp_path / "run"
    command = [*COURSE, "train", "--out", str(folder), "--epochs", "500"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    first = [process.stdout.readline() for _ in range(3)][-1]
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert first.startswith("epoch   1/500") and errors == ""
    assert "stopped: interrupted, after" in said
    assert f"not finished; to go on: course train --out {folder} --resume" in said
    assert process.returncode == 1
    kept, done = record(folder), load_checkpoint(folder / "last.pt")["epoch"]
    assert not kept["finished"] and len(kept["history"]) == done
    code, said, _ = course("train", "--out", folder, "--resume", "--epochs", done + 1)
    assert code == 0 and record(folder)["finished"] and len(record(folder)["history"]) == done + 1


def test_a_run_that_diverges_fails(tmp_path, course):
    code, said, _ = course("train", "--out", tmp_path, "--epochs", 2, "--learning-rate", 1e30)
    assert code == 1 and "stopped: the loss is not finite since step " in said
    assert "--resume" not in said  # it would come to the same
    assert not record(tmp_path)["finished"] and not (tmp_path / "best.pt").exists()


def test_results(copy, course, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "FOLDER", tmp_path / "reference")
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n\n{results.BEGIN}\n{results.END}\n", encoding="utf-8")
    monkeypatch.setattr(results.write_readme, "__defaults__", (readme,))
    code, _, error = course("results", copy, "--add", "01_cnn_cifar10")
    assert code == 2 and error == f"course: {copy} was not tested: course test {copy / 'best.pt'}\n"
    assert course("test", copy / "best.pt")[0] == 0
    code, said, _ = course("results", copy, "--add", "01_cnn_cifar10", "--write")
    row = "| 01_cnn_cifar10 | cnn | tiny | cifar10 drawings, 900 images | 1 | 1 |"
    assert code == 0 and row in said
    assert said.strip() in readme.read_text(encoding="utf-8")


def test_python_m_course_utils_is_the_command_course():
    (command,) = entry_points(group="console_scripts", name="course")
    assert command.load() is cli.main  # and `trained` began with python -m course_utils


# ---- mistakes: one line, exit code 2, nothing written ----


def test_a_folder_with_a_run_is_refused(copy, course):
    before = listing(copy)
    code, _, error = course("train", "--out", copy)
    assert code == 2 and listing(copy) == before
    assert error == f"course: {copy} holds a run already; resume it, or choose another folder\n"


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--epochs", 0], "epochs is 0; it must be an integer from 1 to 1000000"),
        (["--batch-size", -1], "batch_size is -1; it must be an integer from 1 to 1048576"),
        (["--learning-rate", 0], "learning_rate is 0.0; it must be a number above 0"),
        (["--learning-rate", "nan"], "learning_rate is nan; it must be a number above 0"),
        (["--threads", 0], "threads is 0; it must be an integer from 1 to 1024"),
        (["--model", "resnet9000"], "model 'resnet9000': there are cnn, googlenet, "),
        (["--width", 8], "cnn has no option 'width'; it has: none"),
        (["--model", "resnet18", "--width", 0], "width is 0; it must be an integer from 1 to 4096"),
        (["--model", "googlenet", "--stem", "64px"], "GoogLeNet has: imagenet, cifar"),
        (["--label-smoothing", 2], "label_smoothing is 2.0; it must be a number from 0 to 1"),
        (["--learning-rate", "inf"], "learning_rate is inf; it must be a number above 0"),
        (["--warm-up", 1], "warm_up is 1.0; it must be a number from 0 to below 1"),
        (["--seed", 2**32], "seed is 4294967296; it must be an integer from 0 to 4294967295"),
        (["--workers", 10**20], "workers is 100000000000000000000; it must be an integer from 0"),
        (["--threads", 10**5], "threads is 100000; it must be an integer from 1 to 1024"),
        (["--batch-size", 10**20], "batch_size is 100000000000000000000; it must be an integer"),
        (["--model", ""], "an argument is empty: is a shell variable not set?"),
        (["--schedule", "plateau", "--warm-up", 0.1], "schedule 'plateau' has no warm_up"),
        (
            ["--data", "mnist"],
            "data 'mnist' is none of cifar10, hymenoptera, imagenet, imagenett",
        ),
        (["--device", ABSENT], f"device '{ABSENT}' is not there: "),
        (["--resume"], "holds no last.pt to go on from; leave --resume out to begin a run"),
    ],
)
def test_settings_that_cannot_be(course, tmp_path, flags, message):
    code, _, error = course("train", "--out", tmp_path / "run", *flags)
    assert code == 2 and error.startswith("course: ") and error.count("\n") == 1
    assert message in error and not (tmp_path / "run").exists()


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def foreign(path):
    path.unlink()
    path.with_name("best.pt.sha256").unlink()
    torch.save({"fc.weight": torch.zeros(2)}, path)


def evil(path):
    path.with_name("best.pt.sha256").unlink()
    torch.save({"model": os.getcwd}, path, pickle_module=pickle)


@pytest.mark.filterwarnings("ignore:.*unchecked")
@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda path: path.unlink(), "best.pt is not there"),
        (damage, "best.pt is damaged"),
        (foreign, "best.pt holds no 'model'"),
        (evil, "best.pt is refused"),
    ],
)
def test_bad_checkpoints(copy, course, spoil, message):
    spoil(copy / "best.pt")
    before = listing(copy)
    code, said, error = course("test", copy / "best.pt")
    assert code == 2 and said == "" and listing(copy) == before
    assert error.startswith(f"course: {copy}") and error.count("\n") == 1 and message in error


def test_unknown_flags_and_commands(course):
    train = ["train", "--out", "x"]
    for arguments in (
        [*train, "--learning-rat", 1], [*train, "--stem", "big"], ["trian"], [],
        ["data", "get", "mnist"],
    ):  # fmt: skip
        code, said, error = course(*arguments)
        assert code == 2 and (said or error)


def test_more_arguments_reach_their_command(course, tmp_path, monkeypatch):
    code, said, _ = course("execute", "--check", tmp_path / "none.ipynb")
    assert code == 1 and said.startswith("none.ipynb: ") and said.count("\n") == 1
    monkeypatch.chdir(ROOT)  # to where it is set back
    code, said, _ = course("lab", "--", "--version")
    assert code == 0 and said.strip() == version("jupyterlab")


# ---- data ----


def test_data_status(course):
    code, said, _ = course("data", "status")
    rows = [line.split() for line in said.splitlines()]
    names = [row[0] for row in rows]
    assert code == 0 and names == ["cifar10", "hymenoptera", "imagenet", "imagenette"]
    for row in rows:
        assert row[1:3] == ["embedded", "drawings"] and Path(" ".join(row[3:])).is_dir()


def test_data_get_where_no_mirror_answers(course, tmp_path, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/cifar-10-python.tar.gz"
    dead = replace(download.SETS["cifar10"], sources=(Source(url, "cifar-10-batches-py"),))
    monkeypatch.setitem(download.SETS, "cifar10", dead)
    code, _, error = course("data", "get", "cifar10", "--folder", tmp_path / "data")
    assert code == 2 and error.startswith("course: 127.0.0.1:") and "refused" in error
    assert "Offline: put cifar-10-python.tar.gz or the folder" in error.splitlines()[-1]
    assert str(tmp_path / "data") in error.splitlines()[-1]
