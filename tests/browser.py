"""A real JupyterLab server and a real Chromium, for the tests that only a browser can make."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

# JavaScript in the page; JupyterLab shows itself there as `jupyterapp`, when it is told to.
KERNEL = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext
    return context?.session?.kernel?.status ?? "none" }"""
CELLS = """() => Array.from(jupyterapp.shell.currentWidget.content.model.cells).map(cell => ({
    code: cell.type === "code", source: cell.sharedModel.getSource(),
    count: cell.executionCount ?? null, outputs: cell.outputs ? cell.outputs.toJSON() : [] }))"""
APPEND = """source => {
    const notebook = jupyterapp.shell.currentWidget.content
    notebook.model.sharedModel.addCell({ cell_type: "code", source })
    notebook.activeCellIndex = notebook.model.cells.length - 1 }"""
REMOVE_LAST = """() => {
    const cells = jupyterapp.shell.currentWidget.content.model.sharedModel
    cells.deleteCell(cells.cells.length - 1) }"""
SHOW = """index => {
    const notebook = jupyterapp.shell.currentWidget.content
    notebook.activeCellIndex = index
    return notebook.scrollToItem(index, "center") }"""
COMMAND = "name => { jupyterapp.commands.execute(name) }"  # begins it, and does not wait
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


def chromium_path() -> str:
    """Where Chromium is; without one the test is skipped, but fails in CI where .ci/run has it."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path:
        return path
    message = f"no Chromium on PATH (looked for {', '.join(names)}): install Debian's `chromium`"
    expected = os.environ.get("CI") and sys.platform == "linux"
    (pytest.fail if expected else pytest.skip)(message)


def wait_for(condition: Callable, what: str, seconds: float = 30, pause: Callable | None = None):
    """The first true value of `condition()`, or a TimeoutError that says what was waited for."""
    pause = pause or (lambda: time.sleep(0.1))
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        pause()
    return value


@contextmanager
def jupyter_lab(root: Path, **environment: str) -> Iterator[tuple[str, str]]:
    """Run JupyterLab on a free port with fresh settings; yields its address and its token."""
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        settings = home / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        quiet = {"fetchNews": "false", "checkForUpdates": False}  # no pop-up over the notebook
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
        folders = {
            **{f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")},
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "IPYTHONDIR": str(home / "ipython"),
            # TensorBoard looks here for a running instance, and must not find somebody else's.
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder),
        }
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"),
            *("--ip=127.0.0.1", "--expose-app-in-browser", f"--IdentityProvider.token={token}"),
            f"--ServerApp.root_dir={root}",
        ]
        log = home / "server.log"
        with log.open("w") as output:
            server = subprocess.Popen(
                command, stdout=output, stderr=output, env={**os.environ, **folders, **environment}
            )
        try:
            yield _address(server, home / "RUNTIME", log), token
        finally:
            _end(server)


def _address(server: subprocess.Popen, runtime: Path, log: Path) -> str:
    """The address that the server wrote down, once it answers."""

    def answers() -> str | None:
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab ended at once:\n{log.read_text()[-2000:]}")
        for file in runtime.glob("jpserver-*.json"):
            try:
                url = json.loads(file.read_text())["url"]
                with urllib.request.urlopen(url + "api", timeout=5):
                    return url
            except (OSError, ValueError):  # half-written, or not up yet
                return None

    return wait_for(answers, "JupyterLab to answer", seconds=60)


def _end(server: subprocess.Popen) -> None:
    """Kill the server, its kernels and what these started (TensorBoard): no orphan is left."""
    processes = []
    with suppress(psutil.NoSuchProcess):
        processes = psutil.Process(server.pid).children(recursive=True)
    server.kill()  # first, for it would restart its kernels
    server.wait(10)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


@contextmanager
def chromium() -> Iterator:
    """A Chromium window of a laptop's size, as a Playwright page."""
    from playwright.sync_api import sync_playwright

    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser.new_page(viewport={"width": 1280, "height": 900})
        finally:
            browser.close()


class Notebook:
    """A notebook open in JupyterLab: run it, read its outputs, click in it."""

    def __init__(self, page, server: tuple[str, str], path: str):
        url, token = server
        self.page = page
        page.goto(f"{url}lab/tree/{path}?reset&token={token}")  # without the tabs of other tests
        self.wait(lambda: page.evaluate(KERNEL) == "idle", "an idle kernel", 60)

    def _command(self, name: str) -> None:
        self.page.evaluate(COMMAND, name)

    def run_all(self) -> None:
        self._command("notebook:run-all-cells")

    def run_new_cell(self, source: str) -> int:
        """Append a code cell, begin to run it, and return its index."""
        self.page.evaluate(APPEND, source)
        self._command("notebook:run-cell")
        return len(self.cells()) - 1

    def remove_last_cell(self) -> None:
        self.page.evaluate(REMOVE_LAST)

    def show(self, index: int) -> None:
        """Scroll to cell `index`; far from the window JupyterLab draws no outputs."""
        self.page.evaluate(SHOW, index)

    def interrupt(self) -> None:
        self._command("notebook:interrupt-kernel")

    def cells(self) -> list[dict]:
        """Every cell as it stands now: `code` (bool), `source`, `count` and `outputs`."""
        return self.page.evaluate(CELLS)

    def wait(self, condition: Callable, what: str, seconds: float = 30) -> None:
        """Like `wait_for`, but the page goes on meanwhile."""
        wait_for(condition, what, seconds, pause=lambda: self.page.wait_for_timeout(100))

    def wait_finished(self, index: int, seconds: float = 60) -> list[dict]:
        """The outputs of cell `index` once it has run to its end."""
        self.wait(lambda: self.cells()[index]["count"], f"the end of cell {index}", seconds)
        return self.cells()[index]["outputs"]

    def output(self, index: int):
        """Where on the page the outputs of cell `index` are drawn, as a Playwright locator."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-OutputArea")

    def click(self, index: int, label: str) -> None:
        """Press the button with this label in the outputs of cell `index`."""
        self.output(index).get_by_role("button", name=label).click()
