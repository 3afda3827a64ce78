"""A few of the kills and accidents of tests/benchmarks: nothing is lost, and nothing is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).with_name("benchmarks")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="forks of a process that has loaded torch"),
]


def measured(script: str, *words, folder: Path) -> str:
    """What a benchmark prints; it fails where one of its trials fails."""
    command = [sys.executable, str(BENCHMARKS / script), *map(str, words)]
    told = os.environ | {"TMPDIR": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=told)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(folder.iterdir())
    return done.stdout


def test_killed_at_some_moments_a_run_ends_as_if_undisturbed(tmp_path):
    out = measured("kills.py", "--random", 2, "--aimed", 6, folder=tmp_path)
    assert "random: 2 of 2 bit-exact" in out and "aimed: 6 of 6 bit-exact" in out


@pytest.mark.exhaustive
def test_accidents_of_every_kind_end_exact_or_in_one_line(tmp_path):
    assert "| **all** | 18 |" in measured("accidents.py", "--count", 18, folder=tmp_path)
