"""The process in which one student's code runs; everything it says is doubted outside."""

import contextlib
import json
import os
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import matplotlib.pyplot  # noqa: F401  loaded once, before the processes fork from this one
import torch
import torchvision  # noqa: F401
from IPython.core.interactiveshell import InteractiveShell

from course_utils.classroom.grading.confine import READABLE, VARIABLES, Limits, confine
from course_utils.classroom.grading.shell import StudentShell
from course_utils.classroom.teaching import checks  # noqa: F401  with it come all questions
from course_utils.classroom.teaching.answers import CheckFailed, described, encode, perform

torch.set_num_threads(1)
with contextlib.suppress(Exception):  # the first optimizer loads half of torch: once for all
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1).step()


def serve(connection: Connection, folder: str, limits: Limits) -> None:
    """Confine this process, then run cells and answer questions until the connection ends."""
    _leave_everything_else(connection.fileno())
    where = Path(folder).resolve()
    there = [path.resolve() for path in READABLE if path.exists()] + [Path("/proc/self")]
    held = confine(where, there, limits, lambda pid: _send(connection, {"pid": pid}))
    for name in ("HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        os.environ[name] = folder
    tempfile.tempdir = folder
    torch.set_num_threads(1)  # renews torch's pool after the fork; two threads at once break it
    shell, me = StudentShell.started(), os.getpid()
    _send(connection, {"held": held})
    while True:
        try:
            token, kind, *rest = json.loads(connection.recv_bytes())
        except EOFError:
            os._exit(0)
        reply = _run(shell, *rest) if kind == "run" else _ask(shell, *rest)
        if os.getpid() != me:  # a student's fork that came to the end of the cell
            os._exit(0)
        _send(connection, reply | {"token": token})


def _leave_everything_else(kept: int) -> None:
    """No open file, no variable, no argument of the grader's is left in this process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.closerange(3, kept)
    os.closerange(kept + 1, 4096)
    with contextlib.suppress(AttributeError):
        os.setsid()
    os.environ.clear()
    os.environ.update(VARIABLES)
    sys.argv[:] = ["student"]


def _run(shell: InteractiveShell, source: str) -> dict:
    try:
        result = shell.run_cell(source, store_history=False)
    except SystemExit as error:
        return {"error": described(error)}
    error = result.error_before_exec or result.error_in_exec
    return {"error": described(error) if error is not None else ""}


def _ask(shell: InteractiveShell, name: str, request: str) -> dict:
    def answer(wanted: str):
        try:
            return shell.user_ns[wanted]
        except KeyError:
            raise CheckFailed(f"`{wanted}` is not defined: its cell is missing, or fails") from None

    try:
        return {"reply": perform(name, request, answer)}
    except CheckFailed as failed:
        return {"reply": json.dumps(encode({"failed": str(failed)}))}


def _send(connection: Connection, reply: dict) -> None:
    connection.send_bytes(json.dumps(reply).encode())
