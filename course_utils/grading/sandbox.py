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

from course_utils.grading.confine import Limits
from course_utils.teaching.answers import MOST

ENDED = "it ended the program it runs in"
_starting = threading.Lock()


class Stopped(Exception):
    """The process is gone, or was ended; the message says why, in a student's words."""


class Sandbox:
    """A confined process with an IPython in it; ends with the ``with`` block.

    ``held`` says what the system allowed to take from it. Every method raises `Stopped` where the
    process dies, or does not answer within ``limits.seconds``.
    """

    def __init__(self, limits: Limits):
        self.limits, self.pid, self.held = limits, None, None
        self.folder = tempfile.mkdtemp(prefix="answer-")
        context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
        self.connection, theirs = context.Pipe()
        with _starting, _without_main():
            context.set_forkserver_preload(["course_utils.grading.inside"])
            self.process = context.Process(target=_serve, args=(theirs, self.folder, limits))
            self.process.start()
        theirs.close()
        try:
            while self.held is None:  # its parent's message may come first, or last
                self._note(self._receive(time.monotonic() + 60 + limits.seconds))
        except Stopped:
            self.close()
            raise

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
        try:
            self.connection.send_bytes(json.dumps([token, *message]).encode())
        except OSError:
            raise Stopped(ENDED) from None
        until = time.monotonic() + self.limits.seconds
        while True:
            reply = self._receive(until)
            if reply.get("token") == token:
                return reply
            self._note(reply)

    def _receive(self, until: float) -> dict:
        try:
            if not self.connection.poll(max(0.0, until - time.monotonic())):
                raise Stopped(f"it ran longer than {self.limits.seconds:g} seconds and was stopped")
            reply = json.loads(self.connection.recv_bytes(MOST))
        except (EOFError, OSError):
            raise Stopped(ENDED) from None
        except (ValueError, RecursionError):
            reply = None
        return reply if isinstance(reply, dict) else {}

    def _note(self, message: dict) -> None:
        """Take up what the process, or its parent, says before any student's code has run."""
        if self.held is None or self.pid is None:
            self.pid = message.get("pid", self.pid)
            self.held = message.get("held", self.held)

    def close(self) -> None:
        """End the process and all that it started, and remove its folder."""
        if self.process.is_alive():
            for number in filter(None, (self.pid, self.process.pid)):
                with contextlib.suppress(OSError):
                    os.kill(number, getattr(signal, "SIGKILL", signal.SIGTERM))
        self.process.join()
        self.process.close()
        self.connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.close()


@contextlib.contextmanager
def _without_main():
    """The new process does not run the grader's main module again, as it would for its pickles."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _serve(*arguments) -> None:
    from course_utils.grading.inside import serve  # not in the grader's own process

    serve(*arguments)
