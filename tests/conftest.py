"""Work that begins with the session and runs beside the other tests, on a second core."""

from concurrent.futures import ThreadPoolExecutor

import pytest

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
