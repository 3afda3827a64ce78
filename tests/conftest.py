"""Fixtures of several files: the command line, pictures, the server of sandboxes."""

from multiprocessing import forkserver

import pytest
from picture_folders import call, write_pictures


@pytest.fixture(scope="session")
def grading_server():
    """Sandboxes fork from a server that has loaded torch, not from one that a test began."""
    forkserver._forkserver._stop()


@pytest.fixture
def course(capsys):
    """The command in this process: (exit code, what it printed, what it printed as errors)."""
    return lambda *arguments: (call(*arguments), *capsys.readouterr())


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of pictures in three classes, with train, val and test."""
    return write_pictures(tmp_path_factory.mktemp("data") / "colours", train=4, val=2, test=2)
