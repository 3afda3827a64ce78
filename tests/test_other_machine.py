"""The notebooks' stored outputs also come out on a processor without wide vector instructions.

The exercises with their solutions run only here, all six: their outputs are words.
This takes minutes and one core, so it begins when the session does and runs beside the other tests.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = [*sorted((ROOT / "notebooks").glob("*.ipynb")), ROOT / "notebooks" / "solutions"]
OLD_PROCESSOR = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
# taken before the first test: those that run meanwhile change variables for themselves
ENVIRONMENT = {**os.environ, **OLD_PROCESSOR}
ENVIRONMENT.pop("PYTEST_ADDOPTS", None)


def work(path: Path) -> subprocess.CompletedProcess:
    """Compare a notebook's outputs as an older processor gives them."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", path]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_on_an_older_processor(path, beside):
    result = beside(path)
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr
