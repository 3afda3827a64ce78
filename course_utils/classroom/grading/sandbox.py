"""A student's cells in a process of their own: run them, ask answers, and doubt all replies."""

import contextlib
import json
import multiprocessing
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
import types
import weakref
from multiprocessing import forkserver

from course_utils.classroom.grading.confine import PROCESSES, Limits
from course_utils.classroom.teaching.answers import MOST

STARTING = 60  # seconds that the first process may take: it loads torch
ENDED = "it ended the program it runs in"
KEPT = ("LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "SYSTEMROOT")  # what Python needs to start
_starting = threading.Lock()
_running: weakref.WeakSet = weakref.WeakSet()


class Stopped(Exception):
    """The process is gone, or was ended; the message says why, in a student's words."""


class Sandbox:
    """A confined process with an IPython in it; ends with the ``with`` block.

    ``held`` says what the system allowed to take from it. Every method raises `Stopped` where the
    process dies, or does not answer within ``limits.seconds`` and before ``until`` (of the
    monotonic clock).
    """

    def __init__(self, limits: Limits, until: float = float("inf")):
        self.limits, self.until, self.late = limits, until, False
        self.pid, self.held = None, None
        self.folder = tempfile.mkdtemp(prefix="answer-")
        self.connection, theirs = multiprocessing.Pipe()
        with _starting, _without_main(), _without_variables():
            context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
            context.set_forkserver_preload(["course_utils.classroom.grading.inside"])
            self.process = context.Process(target=_serve, args=(theirs, self.folder, limits))
            self.process.start()
        theirs.close()
        _running.add(self)
        try:
            with self._in_time(STARTING):
                self._greet()
        except Stopped:
            self.close()
            raise

    def _greet(self) -> None:
        """What the process, and its parent, say before any student's code has run."""
        while self.held is None or (PROCESSES in self.held and self.pid is None):
            message = self._receive()
            self.held = message.get("held", self.held)
            self.pid = message.get("pid", self.pid)

    def run(self, source: str) -> str:
        """Run a cell; returns the error it raised, in words, or nothing."""
        error = self._exchange("run", source).get("error")
        return error[:1000] if isinstance(error, str) else "the cell gives back nothing readable"

    def ask(self, question: str, request: str) -> str:
        """Ask a question of the answers in this process; `Remote` sends it."""
        reply = self._exchange("ask", question, request).get("reply")
        return reply if isinstance(reply, str) else ""

    def _exchange(self, *message: str) -> dict:
        token = secrets.token_hex(8)  # so that no reply can be sent before its question
        with self._in_time(min(self.limits.seconds, self.until - time.monotonic())):
            try:
                self.connection.send_bytes(json.dumps([token, *message]).encode())
            except OSError:
                raise Stopped(ENDED) from None
            while (reply := self._receive()).get("token") != token:
                pass
            return reply

    @contextlib.contextmanager
    def _in_time(self, seconds: float):
        """End the process after so many seconds; then whatever waits for it comes to its end."""
        timer = threading.Timer(max(0.0, seconds), self._too_late)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Stopped:
            if self.late:
                raise Stopped(f"it ran longer than {seconds:.3g} seconds and was stopped") from None
            raise
        finally:
            timer.cancel()

    def _too_late(self) -> None:
        self.late = True
        self.kill()

    def _receive(self) -> dict:
        if self.late:
            raise Stopped(ENDED)
        try:
            reply = json.loads(self.connection.recv_bytes(MOST))
        except (EOFError, OSError):
            raise Stopped(ENDED) from None
        except (ValueError, RecursionError):
            reply = None
        return reply if isinstance(reply, dict) else {}

    def kill(self) -> None:
        """End the process, and all that it started."""
        number = getattr(signal, "SIGKILL", signal.SIGTERM)
        with contextlib.suppress(OSError, ValueError):  # gone already, or closed
            if self.process.is_alive() and self.pid:
                os.kill(self.pid, number)  # the first in its world: all others end with it
            elif self.process.is_alive() and os.name == "posix":
                os.killpg(self.process.pid, number)
            else:
                self.process.kill()

    def close(self) -> None:
        """End the process, and remove its folder."""
        self.kill()
        self.process.join(5)
        self.process.kill()
        self.process.join()
        self.process.close()
        self.connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def kill_all() -> None:
    """End whatever runs in any sandbox."""
    for sandbox in list(_running):
        sandbox.kill()


@contextlib.contextmanager
def _without_main():
    """The new process does not run the grader's main module again, as it would for its pickles."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _without_variables():
    """The server from which processes fork, and their /proc, know no variable of the grader's."""
    if os.name != "posix" or forkserver._forkserver._forkserver_pid:
        yield
        return
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({name: before[name] for name in KEPT if name in before})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(*arguments) -> None:
    from course_utils.classroom.grading.inside import serve

    serve(*arguments)
