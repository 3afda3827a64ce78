"""Notebooks, package and command line say the same: definitions, settings, results."""

import ast
import json
import re
from importlib import import_module
from inspect import getsource
from pathlib import Path

import nbformat
import pytest

from course_utils.recipes import RECIPES
from course_utils.show import reference

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
MOVED = re.compile(r"^# now in (course_utils[\w.]*)\n", re.M)


def code_cells(path: Path) -> list:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def definitions() -> list[tuple[str, str, str]]:
    """Every class or function that a notebook builds by hand: module, name, source."""
    found = []
    for path in NOTEBOOKS:
        for cell in code_cells(path):
            if moved := MOVED.search(cell.source):
                defined = ast.parse(cell.source).body
                found += [(moved[1], node.name, ast.unparse(node)) for node in defined]
    return found


def bare(source: str) -> str:
    """A definition without docstrings and annotations: the code that a student compares."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(tree)


def test_some_definition_is_compared():
    assert ("course_utils.models.cnn", "CNN") in [(home, name) for home, name, _ in definitions()]


@pytest.mark.parametrize("home, name, source", definitions(), ids=lambda value: value[:30])
def test_what_a_notebook_builds_is_what_the_package_has(home, name, source):
    package = getsource(getattr(import_module(home), name))
    assert bare(source) == bare(package)


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.stem in RECIPES], ids=lambda p: p.stem)
def test_settings_are_those_of_the_command_line(path):
    (table,) = re.findall(r"profile\.pick\(.*?^\)", code_cells(path)[0].source, re.S | re.M)
    call = ast.parse(table, mode="eval").body
    told = {
        profile.arg: {k.arg: ast.literal_eval(k.value) for k in profile.value.keywords}
        for profile in call.keywords
    }
    assert told == RECIPES[path.stem]


@pytest.mark.parametrize("name", RECIPES)
def test_stored_training_is_that_of_the_reference_run_with_seed_0(name):
    (path,) = [p for p in NOTEBOOKS if p.stem == name]
    (record,) = [r for r in reference.runs(name, "tiny") if r["settings"]["seed"] == 0]
    (printed,) = [
        output.text
        for cell in code_cells(path)
        for output in cell.outputs
        if output.get("text", "").startswith("epoch  train loss  val loss")
    ]
    rows = [line.split() for line in printed.splitlines()[1:]]
    assert rows == [
        [str(e["epoch"]), f"{e['train_loss']:.2f}", f"{e['val_loss']:.2f}"]
        for e in record["history"]
    ]


def test_reference_runs_hold_no_path_and_what_a_reader_asks_for():
    for path in reference.FOLDER.glob("*.json"):
        for record in json.loads(path.read_text(encoding="utf-8")):
            assert record["finished"] and record["test"]["images"] > 0
            assert {"processor", "threads", "torch"} <= record["machine"].keys()
            assert record["date"] and record["command"].startswith("course train --out RUN")
