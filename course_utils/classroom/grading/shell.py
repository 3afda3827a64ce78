"""The IPython that runs students' cells: magics do what they do in a kernel, or nothing."""

import contextlib

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

RUN_CODE = {"prun", "run", "time", "timeit"}  # line magics whose errors are those of a student


class StudentShell(InteractiveShell):
    """A shell without a terminal, a window, a history and a kernel's own magics.

    A line magic that fails or is not there (``%tensorboard``, ``%load_ext`` of what only Colab has)
    does nothing, so that what stands behind it runs; of a cell magic that is not there the body is
    run. ``%matplotlib`` shows nothing, and is never refused.
    """

    @classmethod
    def started(cls) -> "StudentShell":
        """The one shell of this process."""
        shell = cls.instance(config=Config(HistoryManager={"enabled": False}))
        shell.system = shell.system_raw  # `!` without a terminal of its own
        return shell

    def enable_gui(self, gui=None) -> None:
        """There is none."""

    def enable_matplotlib(self, gui=None) -> tuple[str | None, str]:
        """Keep drawing into memory: ``inline``, ``widget`` and ``notebook`` need a browser."""
        return gui, "agg"

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1):
        told = (
            contextlib.nullcontext() if magic_name in RUN_CODE else contextlib.suppress(Exception)
        )
        with told:
            return super().run_line_magic(magic_name, line, _stack_depth + 1)

    def run_cell_magic(self, magic_name: str, line: str, cell: str):
        if self.find_cell_magic(magic_name) or self.find_line_magic(magic_name):
            return super().run_cell_magic(magic_name, line, cell)
        return self.run_cell(cell, store_history=False).raise_error()

    def showtraceback(self, *_, **__) -> None:
        """Nobody reads it here."""

    def showsyntaxerror(self, *_, **__) -> None:
        """Nobody reads it here."""

    def ask_exit(self) -> None:
        """A cell with ``exit`` ends nothing."""
