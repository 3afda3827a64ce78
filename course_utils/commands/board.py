"""TensorBoard in a notebook."""

import os
import shlex
import sys
from pathlib import Path

from course_utils.show.live import in_jupyter


def show_tensorboard(folder: str | os.PathLike) -> None:
    """Show TensorBoard on a run's folder below the cell, as the magic ``%tensorboard`` does.

    In VS Code it prints the address, since the magic's frame stays empty there. Where no notebook
    is open, as when notebooks are executed by a command, it prints a line.
    """
    vs_code, colab = in_vs_code(), "google.colab" in sys.modules
    if not (vs_code or colab or in_jupyter() and "JPY_SESSION_NAME" in os.environ):
        print("TensorBoard opens here in JupyterLab")
        return
    programs = str(Path(sys.executable).parent)  # the page is served by a program of its own
    os.environ["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", "")])
    if vs_code:
        print(f"TensorBoard: {_address(folder)}")
        return
    from tensorboard import notebook

    notebook.start(f"--logdir {shlex.quote(str(folder))}")


def in_vs_code() -> bool:
    """Whether this is a notebook in VS Code, also one that runs on a Jupyter server."""
    if not in_jupyter() or "COURSE_EXECUTE" in os.environ:  # executed by a command there
        return False
    if "__vsc_ipynb_file__" in sys.modules["IPython"].get_ipython().user_ns:
        return True
    # JupyterLab that was started in VS Code's terminal has the variables too
    named = "VSCODE_PID" in os.environ or "VSCODE_CWD" in os.environ
    return named and "JPY_SESSION_NAME" not in os.environ


def _address(folder: str | os.PathLike) -> str:
    """Where a server shows this folder; started unless there is one already.

    Raises ``RuntimeError`` where it does not start.
    """
    from tensorboard import manager

    started = manager.start(["--logdir", str(folder)])
    if info := getattr(started, "info", None):
        return f"http://localhost:{info.port}"
    raise RuntimeError(f"TensorBoard did not start: {started}")
