"""Commands that need no tensor import no torch: counted in modules, since seconds vary."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"torch", "torchvision", "numpy", "matplotlib", "PIL", "optuna", "nbgrader"}
CODE = """
import sys
from course_utils.commands.cli import main
sys.argv[0] = "course"
try:
    main()
except SystemExit as end:
    print("exit", end.code or 0, file=sys.stderr)
print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words, most",
    [
        ("--help", 500),
        ("train --help", 500),
        ("data status", 500),
        ("runs {runs}", 500),
        ("results", 500),
        pytest.param("lab --version", 1500, marks=pytest.mark.slow),
    ],
)
def test_no_torch(words, most, tmp_path):
    (tmp_path / "a").mkdir()
    record = '{"settings": {"epochs": 1}, "history": [], "data": "cifar10", "finished": false}'
    (tmp_path / "a" / "record.json").write_text(record)
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words.format(runs=tmp_path).split(" ", 2)],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    said, modules = done.stderr.splitlines()
    assert said == "exit 0" and done.stdout
    assert not HEAVY & set(modules.split())
    assert len(modules.split()) < most
