"""TensorBoard inside a notebook."""

import os
import shlex
import sys
from pathlib import Path

from course_utils.show.live import in_jupyter


def show_tensorboard(folder: str | os.PathLike) -> None:
    """Show TensorBoard on a run's folder below the cell, as the magic ``%tensorboard`` does.

    Where no JupyterLab is running, as when notebooks are executed by a command, it prints a line.
    """
    if not (in_jupyter() and "JPY_SESSION_NAME" in os.environ):
        print("TensorBoard opens here in JupyterLab")
        return
    from tensorboard import notebook

    programs = str(Path(sys.executable).parent)  # the page is served by a program of its own
    os.environ["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", "")])
    notebook.start(f"--logdir {shlex.quote(str(folder))}")
