"""Whatever stands in a run's files: they are used with values of the right kind, or refused."""

import copy
import json
import math
import random
import shutil
import warnings

import pytest
from picture_folders import SMALL, call, read_json, write_pictures

from course_utils import load_checkpoint, save_checkpoint
from course_utils.engine.checkpoint import previous_of
from course_utils.store.formats import FORMAT, course_version
from course_utils.training.callbacks import Callback

pytestmark = pytest.mark.slow
QUIET = ["--no-tensorboard", "--no-progress"]
TOLD = ["--weights", "none", "--model", "cnn", "--optimizer", "sgd", "--schedule", "linear"]
ODD = (None, "ten", "", [], [[1]], {"a": 1}, math.nan, math.inf, 10**40, -5, 0.5, True)


class StopInEpochTwo(Callback):
    def on_step(self, state) -> None:
        if state.step == 3:
            state.stop = "told to"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that was stopped within its second epoch, and a picture of its data."""
    folder = tmp_path_factory.mktemp("stopped")
    data, out = write_pictures(folder / "colours", train=4, val=2), folder / "run"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("course_utils.commands.train.LivePlot", StopInEpochTwo)
        words = ["--data", data, "--out", out, "--batch-size", 6, "--epochs", 2]
        assert call("train", *words, *TOLD, *SMALL, *QUIET) == 1
    return out, data / "val" / "red" / "0.png"


@pytest.fixture
def run(stopped, tmp_path):
    """A copy of it."""
    return shutil.copytree(stopped[0], tmp_path / "run", ignore=shutil.ignore_patterns(".*lock"))


def places(content, depth: int = 0) -> list[tuple]:
    """The way to every value within, of lists to the first two."""
    pairs = content.items() if isinstance(content, dict) else ()
    if isinstance(content, (list, tuple)) and depth < 4:
        pairs = list(enumerate(content))[:2]
    return [way for k, v in pairs for way in [(k,), *((k, *w) for w in places(v, depth + 1))]]


def edited(content, way: tuple, value):
    """A copy of the content with another value in this place; ``...``: without it."""
    key, *rest = way
    changed = list(content) if isinstance(content, (list, tuple)) else dict(content)
    if rest:
        changed[key] = edited(content[key], rest, value)
    elif value is ...:
        del changed[key]
    else:
        changed[key] = value
    return tuple(changed) if isinstance(content, tuple) else changed


def replace(path, content) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps(content))
        return
    path.unlink()
    previous_of(path).unlink(missing_ok=True)
    save_checkpoint(content, path)


SEEDS = [*range(5), *(pytest.param(n, marks=pytest.mark.exhaustive) for n in range(5, 25))]
COMMANDS = {
    "record.json": ("resume", "runs", "test"),
    "config.json": ("resume",),
    "last.pt": ("resume", "test", "predict"),
}


@pytest.mark.parametrize("file", COMMANDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_an_odd_value_is_used_or_told_in_one_line(run, stopped, course, file, seed):
    chance = random.Random(f"{file} {seed}")
    if file == "config.json":
        (run / "record.json").unlink()
    content = read_json(run / file) if file.endswith("json") else load_checkpoint(run / file)
    way = chance.choice(places(content))
    value = chance.choice((*ODD, ...))
    if way == ("model",) and value in ({"a": 1}, []):
        return  # saving refuses it
    replace(run / file, edited(copy.deepcopy(content), way, value))
    commands = {
        "resume": ["train", "--out", run, "--resume", *QUIET],
        "runs": ["runs", run],
        "test": ["test", run / ("last.pt" if file == "last.pt" else "best.pt"), "--split", "val"],
        "predict": ["predict", run / "last.pt", stopped[1]],
    }
    names = list(COMMANDS[file])
    for name in names[1:] + names[:1]:  # the one that changes the run at last
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code, _, error = course(*commands[name])
        assert code in (0, 1) or error.count("\n") == 1, (way, value, error)


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("epochs", "ten", "epochs is 'ten'; it must be an integer from 1 to 1000000"),
        ("learning_rate", "0.1", "learning_rate is '0.1'; it must be a number above 0"),
        ("batch_size", None, "batch_size is None; a run has a value of it"),
        ("mean", [0.5], "mean is [0.5]; it must be 3 numbers from 0 to 1"),
        ("epochs", 9.5, "epochs is 9.5; it must be an integer from 1 to 1000000"),
        ("of_tomorrow", 1, "'of_tomorrow' is no setting of this version"),
    ],
)
@pytest.mark.parametrize("version", ["7.1", None])
def test_a_wrong_setting_is_named_with_its_file_and_version(
    run, course, name, value, says, version
):
    record = read_json(run / "record.json")
    record["settings"][name] = value
    record["version"] = version
    replace(run / "record.json", record)
    by = "version 7.1" if version else "an older version"
    code, _, error = course("train", "--out", run, "--resume", *QUIET)
    assert (code, error) == (2, f"course: {run / 'record.json'}: {says} (written by {by})\n")


@pytest.mark.parametrize("part", ["scheduler", "scaler", "parts", "epoch_random", "history"])
def test_a_checkpoint_that_lacks_a_part_names_it(run, course, part):
    replace(run / "last.pt", edited(load_checkpoint(run / "last.pt"), (part,), ...))
    code, _, error = course("train", "--out", run, "--resume", *QUIET)
    told = f"course: {run / 'last.pt'}: it has no {part!r} (written by version {course_version()})"
    assert (code, error) == (2, f"{told}\n")


def test_every_file_tells_format_and_version(run):
    expected = {"format": FORMAT, "version": course_version()}
    for content in (
        read_json(run / "record.json"),
        read_json(run / "config.json"),
        load_checkpoint(run / "last.pt"),
    ):
        assert content.items() >= expected.items()


def test_files_from_before_the_format_had_a_number_are_read(run, stopped, course):
    for name in ("record.json", "config.json", "last.pt", "best.pt"):
        path = run / name
        content = read_json(path) if path.suffix == ".json" else load_checkpoint(path)
        replace(path, {k: v for k, v in content.items() if k not in ("format", "version")})
    assert course("predict", run / "best.pt", stopped[1])[0] == 0
    code, _, error = course("train", "--out", run, "--resume", *QUIET)
    assert (code, error) == (0, "") and load_checkpoint(run / "last.pt")["format"] == FORMAT


@pytest.mark.parametrize("file", ["record.json", "last.pt"])
def test_a_newer_format_is_refused_by_its_version(run, course, file):
    path = run / file
    content = read_json(path) if path.suffix == ".json" else load_checkpoint(path)
    replace(path, content | {"format": FORMAT + 1, "version": "7.1"})
    code, _, error = course("train", "--out", run, "--resume", *QUIET)
    assert code == 2 and error.count("\n") == 1
    assert f"{path} has the format '{FORMAT + 1}', written by version 7.1; this version" in error


def test_both_of_the_last_damaged_goes_on_from_the_best(run, course):
    for path in (run / "last.pt", previous_of(run / "last.pt")):
        path.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="last.pt is damaged.*; going on from best.pt"):
        assert course("train", "--out", run, "--resume", *QUIET)[0] == 0
    assert (
        len(read_json(run / "record.json")["history"]) == load_checkpoint(run / "last.pt")["epoch"]
    )
