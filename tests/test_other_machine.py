"""The notebooks' stored outputs also come out on a processor without wide vector instructions.

The exercises with their solutions run only here, all six: their outputs are words.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.data.profile import processor_level

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = [*sorted((ROOT / "notebooks").glob("*.ipynb")), ROOT / "notebooks" / "solutions"]
OLD_PROCESSOR = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "AVX2"}

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(
        processor_level() != "AVX-512",
        reason="needs AVX-512: this is the older processor",
    ),
]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_on_an_older_processor(path):
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", "--tb=short"]
    environment = {**os.environ, **OLD_PROCESSOR}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        [*command, path], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
