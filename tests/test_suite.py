"""What conftest.py promises of the suite: lanes, order, and that one crash costs one test."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parents[1]
TESTS = {
    "test_one.py": """
import os, random, pytest
def test_before(): pass
def test_crash(): os.getenv("CRASH") and os.abort()
def test_after(): pass
def test_luck():
    with open(os.environ["LUCK"], "a") as file:
        file.write(f"{random.random()}\\n")
""",
    "test_two.py": """
import pytest
@pytest.mark.slow
def test_slow(): pass
@pytest.mark.exhaustive
def test_exhaustive(): pass
@pytest.mark.skip(reason="needs a rocket")
def test_rocket(): pass
@pytest.mark.parametrize("number", range(8))
def test_number(number): pass
""",
}
CELLS = 8
pytestmark = pytest.mark.slow


@pytest.fixture
def suite(tmp_path):
    """A function that runs pytest on a small suite with the course's settings: what it prints."""
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name, code in TESTS.items():
        (tmp_path / name).write_text(code)
    cells = [new_code_cell(f"{n}", id=f"cell-{n}") for n in range(CELLS)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "book.ipynb")

    def run(*words: str, **environment: str) -> str:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True,
            env={"PATH": "", "LUCK": str(tmp_path / "luck"), **environment},
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done.stdout

    return run


def collected(suite, *words: str) -> list[str]:
    said = suite("--collect-only", "-q", "-n0", ".", *words)
    return [line for line in said.splitlines() if "::" in line]


def test_a_crash_is_one_failed_test_with_its_name(suite):
    said = suite("-n2", "test_one.py", "test_two.py", CRASH="1")
    assert "crashed while running 'test_one.py::test_crash'" in said
    assert "1 failed, 13 passed, 1 skipped" in said
    assert "skipped 1: needs a rocket\n" in said


@pytest.mark.parametrize(
    "words, lacks",
    [
        ([], {"test_exhaustive"}),
        (["-m", "not slow"], {"test_exhaustive", "test_slow", "Cell 0"}),
        (["--all"], set()),
        (["test_two.py"], set()),
    ],
)
def test_lanes(suite, words, lacks):
    names = {test.split("::")[1] for test in collected(suite, *words)}
    assert {"test_exhaustive", "test_slow", "Cell 0"} - names == lacks and "test_before" in names


@pytest.mark.exhaustive
def test_a_seed_shuffles_files_and_tests_but_no_cells(suite):
    usual = collected(suite)
    orders = {tuple(collected(suite, "--random-seed", str(seed))) for seed in (1, 2)}
    assert len(orders) == 2 and all(set(order) == set(usual) for order in orders)
    for order in orders:
        files = [test.split("::")[0] for test in order]
        assert len({*files}) == sum(a != b for a, b in zip(files, [None, *files]))  # together
        cells = [test for test in order if test.startswith("book.ipynb")]
        assert cells == [f"book.ipynb::Cell {n}" for n in range(CELLS)]
    assert len({tuple(re.findall(r"number\[(\d)", " ".join(order))) for order in orders}) == 2


@pytest.mark.exhaustive
def test_luck_is_the_seeds(suite, tmp_path):
    for words in ([], [], ["--random-seed", "5"]):
        suite("-n0", "test_one.py", *words)
    one, same, other = (tmp_path / "luck").read_text().split()
    assert one == same != other
