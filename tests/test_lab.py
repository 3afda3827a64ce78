"""`course lab` serves the start page from any folder, with the settings that the course needs."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from browser import wait_for

from course_utils.commands import lab

pytestmark = pytest.mark.slow
FLAGS = ["--no-browser", "--allow-root", "--port", "0", "--ip", "127.0.0.1"]


@pytest.fixture
def server(tmp_path):
    """What a running `course lab` says of itself: its address, root folder and token."""
    folders = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "RUNTIME")}
    environment = {**os.environ, **folders, "GOMP_SPINCOUNT": "100"}
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "course_utils", "lab", *FLAGS],
            cwd=tmp_path,
            env=environment,
            stdout=file,
            stderr=file,
        )

    def about():
        if process.poll() is not None:
            raise RuntimeError(f"JupyterLab ended at once:\n{log.read_text()}")
        for written in (tmp_path / "RUNTIME").glob("jpserver-*.json"):
            with suppress(ValueError):  # half-written
                return json.loads(written.read_text())

    try:
        yield wait_for(about, "the server", 60)
    finally:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        process.kill()
        process.wait(10)


def ask(server, path, method="GET"):
    headers = {"Authorization": f"token {server['token']}"}
    request = urllib.request.Request(server["url"] + path, headers=headers, method=method)
    return urllib.request.urlopen(request, timeout=30)


def test_lab(server):
    assert os.path.samefile(server["root_dir"], lab.ROOT)
    assert ask(server, "").url.endswith(f"/lab/tree/{lab.START}")
    plugin = "@jupyterlab/apputils-extension:notification"
    defaults = json.load(ask(server, f"lab/api/settings/{plugin}"))["schema"]["properties"]
    assert defaults["fetchNews"]["default"] == "false"
    page = ask(server, "lab").read().decode()
    told = json.loads(re.search(r'"jupyter-config-data"[^>]*>(.*?)</script>', page, re.S)[1])
    assert "@jupyter/nbgrader" in told["disabledExtensions"]  # students need none of its menus
    if sys.platform == "linux":
        assert "libtorch" not in Path(f"/proc/{server['pid']}/maps").read_text()
    kernel = json.load(ask(server, "api/kernels", method="POST"))
    assert kernel["name"] == "python3"
    assert wait_for(lambda: spin_counts(server["pid"]), "the kernel") == ["0"]


def spin_counts(server: int) -> list[str]:
    """GOMP_SPINCOUNT of every kernel; other children of a server come and go."""
    found = []
    for child in psutil.Process(server).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "ipykernel_launcher" in child.cmdline():
                found.append(child.environ()["GOMP_SPINCOUNT"])
    return found


def test_lab_without_notebooks(monkeypatch, tmp_path):
    monkeypatch.setattr(lab, "ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match="start from a full clone"):
        lab.lab()
