"""A setting is declared once, and its value is checked alike wherever it comes from."""

import math
from dataclasses import fields
from pathlib import Path
from typing import Literal

import pytest

from course_utils.engine.rules import Rule, checked, expected
from course_utils.engine.settings import (
    DEFAULTS,
    RULES,
    TYPES,
    USUAL,
    TrainSettings,
    check,
    check_ranges,
    kept_settings,
    needed_settings,
)

ODD = (None, "", "ten", [], [1], {}, {"a": 1}, math.nan, math.inf, 10**400, -5, 0.5, True, "x\0")


@pytest.mark.parametrize(
    "value, kind, rule, result",
    [
        (3, int, Rule(least=1, most=3), 3),
        (3, float | None, Rule(), 3.0),
        (None, float | None, Rule(above=0), None),
        ([0, 0.5], tuple[float, float], Rule(least=0), (0.0, 0.5)),
        ([1, 0.5], tuple[float, float], Rule(most=(1, 0.5)), (1.0, 0.5)),
        ("a", Literal["a", "b"], Rule(), "a"),
        (False, bool, Rule(), False),
    ],
)
def test_what_is_good_comes_back_as_its_type(value, kind, rule, result):
    found = checked(value, kind, rule)
    assert found == result and type(found) is type(result)


@pytest.mark.parametrize(
    "value, kind, rule, words",
    [
        (9.5, int, Rule(least=1, most=9), "9.5; it must be an integer from 1 to 9"),
        (True, int, Rule(), "True; it must be an integer"),
        (1, bool, Rule(), "1; it must be True or False"),
        ("0.1", float, Rule(above=0), "'0.1'; it must be a number above 0"),
        (math.nan, float, Rule(), "nan; it must be a number"),
        (10**400, float, Rule(), "it must be a number"),
        (1.0, float, Rule(least=0, below=1), "1.0; it must be a number from 0 to below 1"),
        (None, int, Rule(), "None; it must be an integer"),
        ([0.5], tuple[float, float, float], Rule(), "[0.5]; it must be 3 numbers"),
        ([0, 0.6], tuple[float, float], Rule(least=0, most=(1, 0.5)), "2 numbers from 0 to 1, 0.5"),
        ("c", Literal["a", "b"], Rule(), "'c'; it must be one of a, b"),
        ("a" * 99, int, Rule(), "aaa…; it must be an integer"),
    ],
)
def test_what_is_not_is_told_with_what_is_expected(value, kind, rule, words):
    with pytest.raises(ValueError) as error:
        checked(value, kind, rule)
    assert words in str(error.value)


def test_every_setting_is_declared_whole():
    for field in fields(TrainSettings):
        rule = field.metadata["rule"]
        if rule.usual is not None:
            assert check(field.name, rule.usual) == rule.usual
        assert expected(TYPES[field.name], rule)
    aliases = [rule.alias for rule in RULES.values() if rule.alias]
    assert len({*aliases, *(n.replace("_", "-") for n in RULES)}) == len(aliases) + len(RULES)
    assert not USUAL.keys() & DEFAULTS.keys()
    assert {"model", "data", "epochs", "batch_size", "seed"} <= {*needed_settings()}


@pytest.mark.parametrize("name", [name for name in RULES if name != "out"])
@pytest.mark.parametrize("value", ODD)
def test_a_file_is_checked_as_a_flag_is(name, value):
    """The same verdict on both ways, and the right type where it is accepted."""
    if name in ("resume", "change_processes"):
        assert kept_settings({name: value}) == {}  # not of the run
        return
    try:
        found = kept_settings({name: value})[name]
    except ValueError as error:
        assert str(error).startswith(f"{name} is ") and "\n" not in str(error)
    else:
        check_ranges(TrainSettings(Path("RUN"), **{name: found}))
        assert found is None or checked(found, TYPES[name], RULES[name]) == found


def test_a_setting_of_a_newer_version_is_named():
    with pytest.raises(ValueError, match="'dropout' is no setting of this version"):
        kept_settings({"epochs": 3, "dropout": 0.5})
