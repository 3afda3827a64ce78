"""Columns of text in any script, on terminals of any width."""

import os
import sys

import pytest

from course_utils.commands.predict_files import Named, as_table
from course_utils.commands.run_table import MAIN, run_table
from course_utils.store.text import clipped, padded, table, terminal_width, width


@pytest.mark.parametrize(
    ("text", "columns"),
    [("ants", 4), ("蚂蚁", 4), ("ﾊﾁ", 2), ("Ｗ", 2), ("e\u0301", 1), ("a\u200db", 2), ("😀", 2)],
)
def test_width(text, columns):
    assert width(text) == columns
    assert width(padded(text, 9)) == width(padded(text, 9, right=True)) == 9


def test_clipped_keeps_accents_and_the_width():
    assert clipped("cafe\u0301 noir", 5) == "cafe\u0301…"
    for most in range(2, 12):
        assert width(clipped("蚂蚁和蜜蜂", most)) <= most
    assert clipped("蚂蚁", 4) == "蚂蚁"


def test_a_table_that_is_too_wide_goes_on_below():
    rows = [["run", "one", "two"], ["蚂蚁", "1", "2"]]
    assert table(rows, [True, False, False], None) == ["run   one  two", "蚂蚁    1    2"]
    narrow = table(rows, [True, False, False], 10)
    assert narrow == ["run   one", "蚂蚁    1", "", "run   two", "蚂蚁    2"]
    assert table(rows, [True, False, False], 3) == narrow  # what is wider than all stays whole


def test_runs_on_a_narrow_terminal():
    row = {"data": "蚂蚁和蜜蜂", **dict.fromkeys(MAIN, "something")}
    rows = [row | {"run": f"run {i}", "best val": 0.5, "epochs": "1/1", "test": None, "seed": i,
                   "minutes": 2.0, "schedule": "x" * (20 + i), "monitor": i, "finished": "yes"}
            for i in range(3)]  # fmt: skip
    lines = run_table(rows, 60).splitlines()
    assert max(map(width, lines[1:])) <= 60 and lines.count("") >= 1
    assert max(map(len, run_table(rows).splitlines()[1:])) > 60


def test_pictures_on_a_narrow_terminal():
    classes = [("蚂蚁", 0.7), ("a class with a long name", 0.3)]
    named = [Named("a folder/a.png", classes), Named("b.png", classes)]
    wide = as_table(named).splitlines()
    assert len(wide) == 2 and width(wide[0]) == width(wide[1]) > 60
    assert as_table(named, width(wide[0])) == as_table(named)
    narrow = as_table(named, 60).splitlines()
    assert narrow[0] == "a folder/a.png" and narrow[1].split() == ["蚂蚁", "70.0", "%"]
    assert len(narrow) == 6 and max(map(width, narrow)) <= 60


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_only_a_terminal_has_a_width(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "60")
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal, (tmp_path / "file").open("w") as file:
        for stream, columns in ((terminal, 60), (file, None)):
            monkeypatch.setattr(sys, "stdout", stream)
            assert terminal_width() == columns
    os.close(master)
