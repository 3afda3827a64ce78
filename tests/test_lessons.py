"""Notebooks, package and command line say the same: definitions, settings, results."""

import ast
import json
import re
from importlib import import_module
from inspect import getsource
from pathlib import Path

import nbformat
import pytest

from course_utils.commands import cli, reference
from course_utils.commands.recipes import PUBLISHED, RECIPES, TRANSFER
from course_utils.commands.usage import parse
from course_utils.engine.settings import as_flags

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


# ---- settings: every table of a notebook says which network it is of ----

TABLE = re.compile(
    r"^\w+ = (profile\.pick\(  # course train(?: --data (\w+))? --model (\w+)\n.*?^\))", re.S | re.M
)
SEARCH = "profile.pick(  # a search\n"  # many short trainings, which no single command repeats
# keys that a table lacks: 03 has one data set for both; 04 names its schedule where it trains
BY_HAND = {"03_resnet": {"data"}, "04_transfer_learning": {"schedule"}}
PICK = "profile.pick("
OTHER = {"epochs": 3, "batch_size": 6, "learning_rate_per_256": 0.5, "warm_up": 0.3, "width": 8}
OTHER |= {"rotation": 4.0, "colour_jitter": (0.1, 0.0, 0.1, 0.2), "mixed_precision": False}
OTHER |= {"image_size": 32, "crop_scale": 0.5, "nesterov": True, "weight_decay": 0.1}
OTHER |= {"zero_gamma": True}
NO_TRAINING = {"00_start_here"}  # shows the switch with a run that is no reference


def tables(path: Path) -> list[dict[str, tuple[str, dict]]]:
    """Each table of settings: profile → network, and what it is trained with."""
    return [table for _, table in tables_with_data(path)]


def tables_with_data(path: Path) -> list[tuple[str, dict[str, tuple[str, dict]]]]:
    """The same, each after the name of its data."""
    found = []
    for cell in code_cells(path):
        for table, data, model in TABLE.findall(cell.source):
            call = ast.parse(table, mode="eval").body
            told = {
                profile.arg: {k.arg: ast.literal_eval(k.value) for k in profile.value.keywords}
                for profile in call.keywords
            }
            rows = {p: (row.pop("model", model), row) for p, row in told.items()}
            found.append((data or "cifar10", rows))
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_settings_are_those_of_the_command_line(path):
    text = "\n".join(cell.source for cell in code_cells(path))
    picks, searches = text.count("profile.pick("), text.count(SEARCH)
    found = tables_with_data(path)
    assert picks > 0
    if path.stem in NO_TRAINING:
        return
    assert len(found) == picks - searches, "a table must say what it is of: see TABLE, SEARCH"
    for data, table in found:
        assert table.keys() == {"tiny", "cpu", "gpu"}
        for profile, (model, row) in table.items():
            recipes = PUBLISHED.get(data) or (RECIPES[model] if data == "cifar10" else TRANSFER)
            recipe = {n: v for n, v in recipes[profile].items() if n != "model"}
            assert row == {name: recipe[name] for name in row}, f"{model}, {profile}"
            left_out = BY_HAND.get(path.stem, set())
            assert recipe.keys() - row.keys() <= left_out, f"{model}, {profile}"
            assert model == recipes[profile].get("model", model)


def used(tree: ast.Module, table: str) -> set[str]:
    """The keys of a table that the code reads: ``table.key``, or a function's that gets the table.

    ``...`` stands for all of them: ``vars(table)``.
    """
    functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found |= {node.attr} if node.value.id == table else set()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            for place, given in enumerate(node.args):
                if isinstance(given, ast.Name) and given.id == table:
                    if function := functions.get(node.func.id):
                        found |= used(function, function.args.args[place].arg)
                    elif node.func.id == "vars":
                        found.add(...)
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_key_of_a_table_reaches_the_training(path):
    code = "\n".join(re.sub(r"^[%!].*", "", c.source, flags=re.M) for c in code_cells(path))
    tree = ast.parse(code)
    picks = [
        n for n in ast.walk(tree) if isinstance(n, ast.Assign) and PICK in ast.unparse(n.value)
    ]
    assert picks
    for pick in picks:
        keys = {k.arg for profile in pick.value.keywords for k in profile.value.keywords}
        read = used(tree, pick.targets[0].id)
        assert ... in read or not keys - read, f"nothing reads {sorted(keys - read)}"


@pytest.mark.parametrize("name, value", OTHER.items())
def test_an_edited_key_changes_the_run_of_notebook_05(name, value):
    for _, row in tables(NOTEBOOKS[5])[0].values():
        flags = ["train", "--out", "RUN", *as_flags(row | {name: value})]
        settings = parse(cli.app, flags, "").keywords["settings"]
        for key, expected in (row | {name: value}).items():
            assert getattr(settings, key) == expected or key == "data"


# ---- results: what a notebook prints of its training is a reference run ----

HEADER = "epoch  train loss  val loss"
PRINTED = re.compile(rf"(?:^(\w+)\n)?^{HEADER}.*\n((?: *\d.*\n?)+)", re.M)


def printed_trainings(path: Path) -> list[tuple[str, list[list[str]]]]:
    """Each printed table of epochs: network, and its rows. Without a name: the first table's."""
    texts = [o.get("text", "") for cell in code_cells(path) for o in cell.outputs]
    found = [match for text in texts for match in PRINTED.findall(text)]
    assert len(found) == sum(text.count(HEADER) for text in texts)
    first, _ = tables(path)[0]["tiny"]
    return [
        (name if name in RECIPES else first, [row.split() for row in rows.splitlines()])
        for name, rows in found
    ]


def test_a_notebook_with_several_networks(tmp_path):
    cell = nbformat.v4.new_code_cell(
        "small = profile.pick(  # course train --model plain20\n"
        "    tiny=dict(epochs=2),\n    cpu=dict(epochs=9),\n    gpu=dict(epochs=9),\n)\n"
        "large = profile.pick(  # course train --model narrow_resnet\n"
        "    tiny=dict(epochs=2),\n    cpu=dict(epochs=4),\n"
        '    gpu=dict(model="resnet34", epochs=20),\n)\n'
    )
    rows = "    1        2.31      2.30\n    2        2.11      2.10\n"
    for text in (
        f"{HEADER}\n{rows}",
        f"some words\nresnet20\n{HEADER}   accuracy\n{rows}\nplain20\n{HEADER}\n{rows}",
        f"narrow_resnet\n{HEADER}\n{rows}test accuracy 60 %\n",
    ):
        cell.outputs.append(nbformat.v4.new_output("stream", text=text))
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "nb.ipynb")
    small, large = tables(tmp_path / "nb.ipynb")
    assert small["cpu"] == ("plain20", {"epochs": 9})
    assert large["cpu"] == ("narrow_resnet", {"epochs": 4})
    assert large["gpu"] == ("resnet34", {"epochs": 20})
    found = printed_trainings(tmp_path / "nb.ipynb")
    assert [name for name, _ in found] == ["plain20", "resnet20", "plain20", "narrow_resnet"]
    assert all(table == [["1", "2.31", "2.30"], ["2", "2.11", "2.10"]] for _, table in found)


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if tables(p)], ids=lambda path: path.stem)
def test_stored_training_is_that_of_the_reference_run_with_seed_0(path):
    trainings = printed_trainings(path)
    assert {table["tiny"][0] for table in tables(path)} & {model for model, _ in trainings}
    for model, rows in trainings:
        records = reference.runs(path.stem, "tiny", model, epochs=len(rows), seed=0)
        [kept] = [r for r in records if not reference.beside_recipe(r["settings"])]
        assert [row[:3] for row in rows] == [
            [str(e["epoch"]), f"{e['train_loss']:.2f}", f"{e['val_loss']:.2f}"]
            for e in kept["history"]
        ], model


def test_reference_runs_hold_no_path_and_what_a_reader_asks_for():
    for path in reference.FOLDER.glob("*.json"):
        for record in json.loads(path.read_text(encoding="utf-8")):
            assert record["finished"] and record["test"]["images"] > 0
            assert {"processor", "threads", "torch"} <= record["machine"].keys()
            assert record["date"] and " train --out RUN" in record["command"]
