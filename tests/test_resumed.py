"""A run that goes on: from what is whole, with the data that it had, or told why not."""

import errno
import json
import shutil
import warnings

import pytest
from filelock import FileLock
from helpers import same, stop_at
from picture_folders import SMALL, call, read_json, write_pictures

from course_utils import load_checkpoint, save_checkpoint
from course_utils.commands import test as testing, train as runs
from course_utils.engine.checkpoint import previous_of
from course_utils.engine.run_folder import write_record
from course_utils.training import callbacks

pytestmark = pytest.mark.slow
TOLD = ["--weights", "none", "--model", "cnn", "--schedule", "constant", "--warm-up", 0.0]
TOLD += ["--no-tensorboard", "--no-progress", *SMALL]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "colours", train=8, val=2)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A run of two epochs that nothing happened to."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert call("train", "--data", data, "--out", out, "--epochs", 2, *TOLD) == 0
    return out


@pytest.fixture
def begun(data, tmp_path):
    """The same after one epoch of two, on data of its own, to do things to."""
    mine = shutil.copytree(data, tmp_path / "mine")
    out = tmp_path / "run"
    assert call("train", "--data", mine, "--out", out, "--epochs", 1, *TOLD) == 0
    return out, mine


def goes_on(out, course):
    quiet = ["--no-tensorboard", "--no-progress"]
    code, said, error = course("train", "--out", out, "--resume", "--epochs", 2, *quiet)
    return code, said + error


def equal(out, whole) -> bool:
    one, other = (load_checkpoint(run / "last.pt") for run in (out, whole))
    return all(same(one[part], other[part]) for part in ("model", "optimizer", "history"))


# ---- the data is another ----


def renamed(mine):
    for split in ("train", "val"):
        (mine / split / "blue").rename(mine / split / "zebra")


def one_less(mine):
    (mine / "train" / "red" / "0.png").unlink()


def replaced(mine):
    shutil.copy(mine / "train" / "blue" / "0.png", mine / "train" / "red" / "0.png")
    with (mine / "train" / "red" / "0.png").open("ab") as file:
        file.write(b"\0")


def repainted(mine):
    """Another content of the same size."""
    path = mine / "train" / "green" / "0.png"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # of a checksum that nobody reads


def picture_renamed(mine):
    (mine / "val" / "red" / "0.png").rename(mine / "val" / "red" / "a.png")


@pytest.mark.parametrize(
    "change, says",
    [
        (renamed, "begun with the classes blue, green, red; now they are green, red, zebra: "),
        (one_less, "train has 23 pictures, it had 24: "),
        (replaced, "pictures of train have other names or contents: "),
        (repainted, "pictures of train have other names or contents: "),
        (picture_renamed, "pictures of val have other names or contents: "),
    ],
)
def test_other_data_is_refused(begun, course, change, says):
    out, mine = begun
    change(mine)
    code, said = goes_on(out, course)
    assert code == 2 and says in said and said.rstrip().endswith("another folder for a new run")
    assert load_checkpoint(out / "last.pt")["epoch"] == 1


def test_the_same_data_goes_on_to_the_bit(begun, whole, course):
    assert goes_on(begun[0], course)[0] == 0 and equal(begun[0], whole)


# ---- the record is lost ----


@pytest.mark.parametrize("content", [None, "", '{"settings": ', "[1]"])
def test_without_its_record_it_goes_on_to_the_bit(begun, whole, course, content):
    out, record = begun[0], begun[0] / "record.json"
    settings = read_json(record)["settings"]
    record.unlink() if content is None else record.write_text(content)
    with pytest.warns(UserWarning, match="the settings are taken from config.json"):
        assert goes_on(out, course)[0] == 0
    kept = read_json(record)
    assert equal(out, whole) and kept["finished"] and len(kept["history"]) == 2
    differ = {n for n, v in kept["settings"].items() if v != settings[n]}
    assert differ <= {"epochs", "mean", "std", "image_size"}  # which the data may have decided


def test_of_a_finished_run_the_record_comes_back(begun, course):
    out = begun[0]
    history = read_json(out / "record.json")["history"]
    (out / "record.json").unlink()
    with pytest.warns(UserWarning, match="config.json"):
        code, _, _ = course("train", "--out", out, "--resume")
    assert code == 0 and read_json(out / "record.json")["history"] == history


def test_without_record_and_config_it_says_so(begun, course):
    (begun[0] / "record.json").unlink()
    (begun[0] / "config.json").write_text("{}")
    code, said = goes_on(begun[0], course)
    assert code == 2 and "no record.json, and no whole config.json: its settings are unk" in said


@pytest.mark.parametrize("name, value", [("seed", 1), ("learning_rate", 0.03), ("model", "cnm")])
def test_a_record_that_is_not_what_config_json_says_is_refused(begun, whole, course, name, value):
    out, record = begun[0], read_json(begun[0] / "record.json")
    write_record(out, record | {"settings": record["settings"] | {name: value}})
    code, said = goes_on(out, course)
    assert code == 2 and f"record.json says {name}={value}, config.json " in said
    (out / "record.json").unlink()
    with pytest.warns(UserWarning, match="the settings are taken from config.json"):
        assert goes_on(out, course)[0] == 0
    assert equal(out, whole)


# ---- a saving fails, or is cut short ----


def test_a_last_save_that_fails_is_no_success(data, whole, tmp_path, course, monkeypatch):
    out, real = tmp_path / "run", callbacks.save_checkpoint

    def full(content, path):
        if content["epoch"] == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(content, path)

    words = ["train", "--data", data, "--out", out, "--epochs", 2, *TOLD]
    with monkeypatch.context() as patched, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patched.setattr(callbacks, "save_checkpoint", full)
        code, said, error = course(*words)
    assert code == 2 and "saved in" not in said
    last = error.splitlines()[-1]
    assert last.startswith("course: not on the disk: ") and "last.pt" in last
    assert "No space left" in last and last.endswith(f"course train --out {out} --resume")
    assert len(read_json(out / "record.json")["history"]) == 2  # of which the second is lost
    assert load_checkpoint(out / "last.pt")["epoch"] == 1
    assert course("train", "--out", out, "--resume")[0] == 0 and equal(out, whole)


@pytest.fixture
def torn(begun):
    """As a kill leaves it between the first best.pt and the first last.pt."""
    out, record = begun[0], begun[0] / "record.json"
    for path in (out / "last.pt", previous_of(out / "last.pt")):
        path.unlink(missing_ok=True)
    kept = read_json(record)
    settings = kept["settings"] | {"epochs": 2}
    record.write_text(json.dumps(kept | {"settings": settings, "history": [], "finished": False}))
    return begun


def test_killed_between_its_first_saves_it_goes_on_from_the_best(torn, whole, course):
    out, _ = torn
    with pytest.warns(UserWarning, match="last.pt is not there.*; going on from best.pt"):
        code, said = goes_on(out, course)
    assert code == 0, said
    assert equal(out, whole)


def test_where_no_last_pt_could_be_saved_it_goes_on_from_the_best(begun, whole, course):
    out, record = begun[0], read_json(begun[0] / "record.json")
    for path in (out / "last.pt", out / "last.pt.sha256"):
        path.unlink()
    history = [entry | {"epoch": epoch} for epoch in (1, 2) for entry in record["history"]]
    write_record(out, record | {"history": history, "finished": True})
    with pytest.warns(UserWarning, match="; going on from best.pt"):
        assert goes_on(out, course)[0] == 0
    assert equal(out, whole)


def test_a_run_that_is_saving_right_now_is_left_alone(torn, course):
    out, mine = torn
    with FileLock(out / ".lock"):
        code, _, error = course("train", "--data", mine, "--out", out, *TOLD)
    assert code == 2 and "holds a run already" in error and (out / "best.pt").exists()


def test_somebodys_best_pt_alone_is_not_removed(torn, course):
    out, mine = torn
    (out / "record.json").unlink()
    code, _, error = course("train", "--data", mine, "--out", out, *TOLD)
    assert code == 2 and "holds a run already" in error and (out / "best.pt").exists()


def test_a_test_meanwhile_keeps_the_newer_record(begun, course, monkeypatch):
    out, real = begun[0], testing.evaluate

    def while_training_goes_on(*arguments, **options):
        record = read_json(out / "record.json")
        second = record["history"][0] | {"epoch": 2}
        write_record(out, record | {"history": [*record["history"], second]})
        return real(*arguments, **options)

    monkeypatch.setattr(testing, "evaluate", while_training_goes_on)
    assert course("test", out / "best.pt", "--split", "val")[0] == 0
    kept = read_json(out / "record.json")
    assert len(kept["history"]) == 2 and kept["test"]["split"] == "val"


def test_an_older_checkpoint_knows_its_classes_only(begun, course):
    out, mine = begun
    content = load_checkpoint(out / "last.pt")
    del content["about"]["pictures"]
    save_checkpoint(content, out / "last.pt")
    one_less(mine)
    assert goes_on(out, course)[0] == 0


# ---- stopped at a step, whatever the run was told ----

OWN = ["--model", "resnet18", "--weights", "own", "--batch-size", 10, *TOLD[8:]]
CNN = ["--batch-size", 10, *TOLD]


@pytest.mark.parametrize(
    "words, epochs, steps",
    [
        ([*CNN, "--balance", "sampler"], 2, [4]),
        ([*CNN, "--balance", "loss"], 2, [4]),
        ([*OWN, "--trained", "head", "--augment", "none"], 2, [4]),
        ([*OWN, "--trained", "staged"], 3, [1, 3, 5, 8]),
        ([*OWN, "--trained", "last_stage"], 2, [4]),
    ],
    ids=lambda value: str(value[-1]) if isinstance(value, list) else None,
)
def test_stopped_at_a_step_it_goes_on_to_the_bit(
    words, epochs, steps, data, tmp_path, course, monkeypatch
):
    words = ["train", "--data", data, "--epochs", epochs, *words]
    assert course(*words, "--out", tmp_path / "whole")[0] == 0
    real = runs.callbacks
    for step in steps:
        out, stop = tmp_path / str(step), stop_at(step)
        with monkeypatch.context() as patched:
            patched.setattr(runs, "callbacks", lambda *told, stop=stop: [*real(*told), stop])
            code, said, error = course(*words, "--out", out)
        assert code == 1 and "stopped: told to" in said, error
        assert load_checkpoint(out / "last.pt")["step"] == step
        again = ["--out", out, "--resume", "--no-tensorboard", "--no-progress"]
        code, said, error = course("train", *again)
        assert code == 0 and equal(out, tmp_path / "whole"), error
