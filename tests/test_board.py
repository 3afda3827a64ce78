"""`show_tensorboard` outside JupyterLab: in VS Code, on Colab, in an executed notebook."""

import os
import sys
from types import SimpleNamespace
from urllib.request import urlopen

import nbformat
import pytest
from nbclient import NotebookClient

from course_utils import TensorBoard
from course_utils.commands import board

CODE = """
from course_utils import show_tensorboard
show_tensorboard({folder!r})
"""
STOP = """
import os, signal
from tensorboard import manager
for info in manager.get_all():
    if info.logdir == {folder!r}:
        os.kill(info.pid, signal.SIGTERM)
"""
TOLD = ("VSCODE_PID", "VSCODE_CWD", "JPY_SESSION_NAME", "COURSE_EXECUTE")


def executed(folder, ask, **told: str) -> str:
    """What the cell prints in a real kernel with these variables; ``ask`` is called before STOP."""
    cells = [nbformat.v4.new_code_cell(c.format(folder=str(folder))) for c in (CODE, STOP)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, timeout=120)
    environment = {k: v for k, v in os.environ.items() if k not in TOLD} | told
    with client.setup_kernel(env=environment):
        try:
            client.execute_cell(notebook.cells[0], 0)
            said = "".join(output.get("text", "") for output in notebook.cells[0].outputs)
            ask(said)
        finally:
            client.execute_cell(notebook.cells[1], 1)
    return said


@pytest.mark.slow
def test_in_vs_code_the_address_is_given_and_answers(tmp_path):
    TensorBoard(tmp_path).on_fit_start(SimpleNamespace(step=0, resumed_from=None))

    def ask(said: str) -> None:
        assert said.startswith("TensorBoard: http://localhost:") and said.count("\n") == 1
        with urlopen(said.split()[1], timeout=60) as page:
            assert page.status == 200 and b"TensorBoard" in page.read()

    executed(tmp_path, ask, VSCODE_PID="1")


@pytest.mark.slow
def test_an_executed_notebook_has_its_one_line(tmp_path):
    def ask(said: str) -> None:
        assert said == "TensorBoard opens here in JupyterLab\n"

    executed(tmp_path, ask, VSCODE_PID="1", COURSE_EXECUTE="1")


@pytest.fixture
def kernel(monkeypatch):
    """As in a kernel; with variables, and names that the editor put there."""

    def begin(*told: str, names: tuple = ()) -> None:
        shell = SimpleNamespace(kernel=True, user_ns=dict.fromkeys(names))
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
        for name in TOLD:
            monkeypatch.delenv(name, raising=False)
        for name in told:
            monkeypatch.setenv(name, "1")

    return begin


@pytest.mark.parametrize(
    ("told", "names", "expected"),
    [
        (["VSCODE_CWD"], (), True),
        (["JPY_SESSION_NAME"], ("__vsc_ipynb_file__",), True),  # VS Code on a Jupyter server
        (["JPY_SESSION_NAME", "VSCODE_PID"], (), False),  # JupyterLab from VS Code's terminal
        (["JPY_SESSION_NAME"], (), False),
        ([], (), False),
    ],
)
def test_which_editor_it_is(kernel, told, names, expected):
    kernel(*told, names=names)
    assert board.in_vs_code() == expected


def test_on_colab_it_opens_below_the_cell(kernel, monkeypatch, tmp_path):
    import tensorboard.notebook

    opened = []
    kernel()
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    monkeypatch.setattr(tensorboard.notebook, "start", opened.append)
    monkeypatch.setenv("PATH", os.environ["PATH"])
    board.show_tensorboard(tmp_path)
    assert opened == [f"--logdir {tmp_path}"]
