"""Processes that were told otherwise are told so at once; how many they are may change."""

import os
import shutil
import sys

import pytest
from helpers import same
from picture_folders import write_pictures
from ranks import command, together

from course_utils import load_checkpoint
from course_utils.engine.agreement import RanksDiffer, about_data, check_agreement

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork, and signals between processes"),
]
COMMON = "--model cnn --weights none --image-size 32 --batch-size 8 --threads 1 --no-tensorboard"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "colours", train=8, val=2)


def train(folder, *words_by_rank):
    """``course train`` of a run in the folder, in each rank with its own words besides."""
    words = words_by_rank[min(int(os.environ["RANK"]), len(words_by_rank) - 1)]
    common = [] if "--resume" in words else COMMON.split()
    return command(folder, "train", "--out", folder / "run", *common, *words)


@pytest.mark.parametrize(
    "other, says",
    [
        (["--seed", 1], "seed is 1 there, None here"),
        (["--learning-rate", 0.2], "learning_rate is 0.2 there, None here"),
        (["--epochs", 2], "epochs is 2 there, None here"),
        (["--bs", 4], "batch_size is 4 there, 8 here"),
    ],
)
def test_other_settings(tmp_path, pictures, other, says):
    told = ["--data", pictures]
    (code, said, error), (code_1, said_1, error_1) = together(
        train, tmp_path, told, [*told, *other]
    )
    assert (code, code_1, error_1) == (2, 2, "")  # the first one speaks for all
    assert error == (
        f"course: rank 1 differs from rank 0: {says}; "
        "start all processes with the same settings and the same data\n"
    )
    assert not (tmp_path / "run").exists()


def fewer(root):
    (root / "train" / "red" / "0.png").unlink()


def renamed(root):
    (root / "val" / "red" / "0.png").rename(root / "val" / "red" / "a.png")


def other_class(root):
    for split in ("train", "val"):
        (root / split / "red").rename(root / split / "rose")


@pytest.mark.parametrize(
    "change, says",
    [
        (fewer, "number of pictures of train is 23 there, 24 here"),
        (renamed, "digest of val is "),
        (other_class, "classes is ['blue', 'green', 'rose'] there, ['blue', 'green', 'red'] here"),
    ],
)
def test_other_pictures(tmp_path, pictures, change, says):
    other = shutil.copytree(pictures, tmp_path / "other" / "colours")
    change(other)
    found = together(train, tmp_path, ["--data", pictures], ["--data", other])
    (code, _, error), (code_1, _, error_1) = found
    assert (code, code_1, error_1) == (2, 2, "")
    assert error.startswith(f"course: rank 1 differs from rank 0: {says}"), error
    assert error.count("\n") == 1


def test_what_each_may_have_for_itself(tmp_path, pictures):
    elsewhere = shutil.copytree(pictures, tmp_path / "other" / "colours")
    told = ["--epochs", 1, "--data"]
    ranks = together(train, tmp_path, [*told, pictures], [*told, elsewhere, "--workers", 1])
    assert [code for code, _, _ in ranks] == [0, 0]


def test_alone_all_agree():
    check_agreement({"seed": 1})
    assert not issubclass(RanksDiffer, OSError)
    about = {"classes": ["a"], "pictures": {"train": [3, "abc"]}}
    told = {"number of pictures of train": 3, "digest of train": "abc"}
    assert about_data(about) == {"classes": ["a"], **told}


def test_another_number_of_processes(tmp_path, pictures):
    """Refused, with the flag that allows it; in the middle of an epoch refused in any case."""
    flat = ["--schedule", "constant", "--warm-up", 0, "--data", pictures]
    first = together(train, tmp_path, [*flat, "--epochs", 1], processes=1)
    assert first[0][0] == 0
    before = load_checkpoint(tmp_path / "run" / "last.pt")
    again = ["--resume", "--epochs", 2]
    (code, _, error), (code_1, *_) = together(train, tmp_path, again)
    assert code == code_1 == 2 and (tmp_path / "err0").read_text().count("\n") == 1
    assert "the number of processes of the checkpoint is 1, that of this run 2; --change-" in error
    found = together(train, tmp_path, [*again, "--change-processes"])
    assert [code for code, *_ in found] == [0, 0], found
    after = load_checkpoint(tmp_path / "run" / "last.pt")
    assert same(after["history"][:1], before["history"]) and after["epoch"] == 2
    assert len(after["other_ranks"]) == 1
    assert not same(after["other_ranks"][0][0]["torch"], after["random"]["torch"])
    alone = together(
        train, tmp_path, ["--resume", "--epochs", 3, "--change-processes"], processes=1
    )
    assert alone[0][0] == 0 and load_checkpoint(tmp_path / "run" / "last.pt")["epoch"] == 3
