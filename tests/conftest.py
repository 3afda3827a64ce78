"""The command line for tests; and work that runs beside them, on a second core."""

from concurrent.futures import ThreadPoolExecutor
from multiprocessing import forkserver

import pytest
from picture_folders import call, write_pictures

_worker = ThreadPoolExecutor(max_workers=1)
_begun = {}


def pytest_collection_modifyitems(items):
    """Tests that wait for work beside them come last."""
    items.sort(key=lambda item: "beside" in getattr(item, "fixturenames", ()))


def pytest_collection_finish(session):
    """Begin what each test with the fixture `beside` will wait for: its module's `work(path)`."""
    if session.config.option.collectonly:
        return
    for item in session.items:
        if "beside" in getattr(item, "fixturenames", ()):
            path = item.callspec.params["path"]
            _begun[path] = _worker.submit(item.module.work, path)


@pytest.fixture
def beside():
    """A function that waits for the work on a path and gives its result."""
    return lambda path: _begun[path].result()


def pytest_sessionfinish():
    _worker.shutdown(wait=False, cancel_futures=True)


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
