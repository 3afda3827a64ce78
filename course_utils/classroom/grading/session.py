"""Grade one notebook: the student's cells run in a sandbox, the checks here."""

import builtins
import re
import time
from contextlib import nullcontext

from course_utils.classroom.grading.confine import Limits
from course_utils.classroom.grading.marks import Mark
from course_utils.classroom.grading.sandbox import Sandbox, Stopped
from course_utils.classroom.grading.sources import Cell, Source, Submitted, Task
from course_utils.classroom.teaching import checks
from course_utils.classroom.teaching.answers import UNREADABLE, CheckFailed, NotSolved, Remote

ONLY_OTHERS = (
    "the check that you see holds, another one with other numbers does not: does your answer hold "
    "for every input that the text allows?"
)
MISSED = re.compile(r"[`'](\w+)[`'] is not defined")
MOST_NOTES = 10  # on cells that failed
TIME_IS_OVER = "the time for this notebook was over before this exercise was reached"


class Session:
    """A student's cells, run in a sandbox; begins anew without a cell that ended it."""

    def __init__(self, submitted: Submitted, limits: Limits):
        self.cells, self.limits = submitted.cells, limits
        self.until = time.monotonic() + limits.total_seconds
        self.faults: dict[int, str] = {}  # what is wrong with a cell, by its number
        self.deadly: set[int] = set()
        self.sandbox: Sandbox | None = None

    def send(self, question: str, request: str) -> str:
        """Put a question to the answers. Raises `Stopped` where that ended the process."""
        self.begin()
        try:
            return self.sandbox.ask(question, request)
        except Stopped as stopped:
            self.close()
            raise Stopped(f"in the check, your code was stopped: {stopped}") from None

    def begin(self) -> None:
        """Run all cells, unless they have run. Raises `Stopped` when the time is over."""
        while self.sandbox is None:
            if time.monotonic() > self.until:
                raise Stopped(TIME_IS_OVER)
            self.sandbox = Sandbox(self.limits, self.until)
            self._run_cells()

    def _run_cells(self) -> None:
        for number, cell in enumerate(self.cells):
            if number in self.deadly:
                continue
            try:
                self.faults[number] = self.sandbox.run(cell.code)
            except Stopped as stopped:
                self.faults[number] = f"the cell was left out: {stopped}"
                self.deadly.add(number)
                self.close()
                return

    def fault_of(self, name: str) -> str:
        """What went wrong in the cell that answers an exercise."""
        mine = [n for n, cell in enumerate(self.cells) if cell.task == name]
        return next((self.faults[n] for n in reversed(mine) if self.faults.get(n)), "")

    def cause_of(self, fault: str) -> str:
        """The fault, and with it the own cell that failed to define the name it misses."""
        missed = MISSED.search(fault)
        for number, cell in enumerate(self.cells if missed else []):
            if cell.task or not self.faults.get(number) or fault == self.faults[number]:
                continue
            if re.search(rf"\b{missed[1]}\b|import \*", cell.code):
                return f"{fault}; {_called(cell)} names it, and failed: see the notes"
        return fault

    def notes(self) -> list[str]:
        """What the student should know of cells that failed and answer no exercise."""
        told = []
        for number, fault in self.faults.items():
            cell = self.cells[number]
            if fault and not cell.task:
                what = f": {self.cause_of(fault)}".replace(": your code raises", " raises", 1)
                told.append(f"{_called(cell)}{what}; what comes after that in it did not run")
            elif number in self.deadly:
                told.append(f"{cell.task} cell: {fault}")
        more = [f"{len(told) - MOST_NOTES} more cells fail"] * (len(told) > MOST_NOTES)
        return told[:MOST_NOTES] + more

    def close(self) -> None:
        """End the sandbox, if there is one."""
        if self.sandbox:
            self.sandbox.close()
        self.sandbox = None


def _called(cell: Cell) -> str:
    """A cell by its number and its first line, as its student finds it."""
    first = next((line.strip() for line in cell.code.splitlines() if line.strip()), "")
    whose = f"your own cell {cell.number}" if cell.number else "the given cell"
    return f"{whose} (`{first[:60]}`)"


class _Names(dict):
    """What a check's cell sees: the checks, and each answer as a stand-in for the real one."""

    def __init__(self, session: Session):
        super().__init__(checks=checks, attempt=lambda name: nullcontext())
        self.session = session

    def __missing__(self, name: str) -> Remote:
        if hasattr(builtins, name):
            raise KeyError(name)
        return Remote(name, self.session.send)


def grade_notebook(
    source: Source, submitted: Submitted, limits: Limits
) -> tuple[list[Mark], list[str]]:
    """Marks for every exercise, and notes on other cells that failed or had to be stopped.

    The hidden checks come last, in a fresh process: no answer to a visible one can tell of them.
    """
    session = Session(submitted, limits)
    try:
        told = {task.name: _visible(task, submitted, session) for task in source.tasks.values()}
        session.close()
        for task in source.tasks.values():
            if told[task.name] == ("", ""):
                detail = _failure(task.hidden, session)
                told[task.name] = (ONLY_OTHERS, detail) if detail else ("", "")
    finally:
        session.close()
    marks = [
        Mark(task.name, 0.0 if message else task.points, task.points, message, detail)
        for task, (message, detail) in zip(source.tasks.values(), told.values())
    ]
    return marks, session.notes()


def _visible(task: Task, submitted: Submitted, session: Session) -> tuple[str, str]:
    """What the student is told, and what the instructor; nothing where the visible check holds."""
    answers = [cell.code for cell in submitted.cells if cell.task == task.name]
    if not answers:
        return "there is no cell with an answer", ""
    if all(code.strip() in ("", task.blank.strip()) for code in answers):
        return "not solved yet", ""
    told = _failure(task.visible, session)
    fault = session.fault_of(task.name) if told else ""
    return session.cause_of(fault or told), told if fault else ""


def _failure(code: str, session: Session) -> str:
    """Why a part of a check fails; nothing where it holds. The code is the source's own."""
    names = _Names(session)
    try:
        exec(compile(code, "<check>", "exec"), names)
    except NotSolved:
        return "not solved yet"
    except CheckFailed as failed:
        return str(failed)
    except Stopped as stopped:
        return str(stopped)
    except Exception as error:  # a reply of a kind that no honest answer gives
        return f"{UNREADABLE} ({type(error).__name__})"
    return ""
