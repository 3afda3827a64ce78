"""A mistake in what was typed is one line that names it, with the nearest that there is."""

import pytest

from course_utils.commands import cli
from course_utils.commands.usage import parse


def called(*words):
    """The settings that ``course train --out RUN …`` would train with."""
    return parse(cli.app, ["train", "--out", "RUN", *map(str, words)], "").keywords["settings"]


@pytest.mark.parametrize(
    "words, says",
    [
        ("train --batch-sise 8", "there is no flag '--batch-sise'; the nearest is --batch-size;"),
        ("train --learnin_rate=1", "there is no flag '--learnin_rate'; the nearest is --learning-"),
        ("train --xyzzy 1", "there is no flag '--xyzzy'; see course train --help"),
        ("train --out r extra", "there is nothing to do with 'extra'; see course train"),
        ("train --out r --epochs ten", "--epochs ten: it must be an integer from 1 to 1000000;"),
        ("train --out r --epochs=9.5", "--epochs 9.5: it must be an integer from 1 to"),
        ("train --out r --lr much", "--learning-rate much: it must be a number above 0;"),
        ("train --out r --stem big", "--stem big: it must be one of imagenet, 64px, cifar;"),
        ("train --out r --nesterov maybe", "--nesterov maybe: it must be True or False;"),
        ("train --out r --mean 0.5", "--mean 0.5: it must be 3 numbers from 0 to 1;"),
        ("train --out r --epochs", "--epochs needs a value: it must be an integer"),
        ("train", "--out is missing; see course train --help"),
        ("trian", "there is no command 'trian'; the nearest is train; see course --help"),
        ("", "a command is missing: one of data, lab, doctor, train, "),
        (
            "data",
            "a command is missing: one of get, status, check, split, cache; see course data --help",
        ),
        ("data get mnist", "name mnist: it must be one of cifar10, hymenoptera, imagenette;"),
        ("predict x y --k a", "--k a: it must be an integer; see course predict --help"),
        ("plan --gpus x", "--gpus x: it must be an integer; see course plan --help"),
        ("results --writ", "there is no flag '--writ'; the nearest is --write; see course results"),
    ],
)
def test_mistakes_are_one_line(course, words, says):
    code, said, error = course(*words.split())
    assert (code, said) == (2, "") and error.count("\n") == 1
    assert error.startswith(f"course: {says}"), error


@pytest.mark.parametrize(
    "words, name, value",
    [
        (("--lr", 0.1), "learning_rate", 0.1),
        (("--lr=0.1",), "learning_rate", 0.1),
        (("--bs", 8), "batch_size", 8),
        (("--batch_size", 8), "batch_size", 8),
        (("--wd", 0.01), "weight_decay", 0.01),
        (("--warmup", 0.1), "warm_up", 0.1),
        (("--amp", True), "mixed_precision", True),
        (("--opt", "sgd"), "optimizer", "sgd"),
    ],
)
def test_names_that_people_type(words, name, value):
    assert getattr(called(*words), name) == value


def test_an_alias_is_no_value():
    assert called("--data", "lr").data == "lr"


def test_help_is_printed(course):
    code, said, error = course("train", "--help")
    assert code == 0 and error == "" and "--learning-rate" in said
