"""A few of the kills and accidents of tests/benchmarks: nothing is lost, and nothing is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).with_name("benchmarks")
pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(sys.platform != "linux", reason="forks of a process that has loaded torch"),
]


def measured(script: str, *words) -> str:
    """What a benchmark prints; it fails where one of its trials fails."""
    command = [sys.executable, str(BENCHMARKS / script), *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_killed_at_some_moments_a_run_ends_as_if_undisturbed():
    out = measured("kills.py", "--random", 2, "--aimed", 6)
    assert "random: 2 of 2 bit-exact" in out and "aimed: 6 of 6 bit-exact" in out


def test_accidents_of_every_kind_end_exact_or_in_one_line():
    assert "| **all** | 18 |" in measured("accidents.py", "--count", 18)
