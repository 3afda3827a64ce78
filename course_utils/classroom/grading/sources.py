"""The notebooks with solutions, and what of a submitted notebook counts.

A student's notebook is never graded as it came. Its own cells are taken, in its order; the checks
come from the source. So edited, renamed, missing and reordered cells change nothing.
"""

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils.classroom.grading.release import STUB
from course_utils.classroom.teaching.exercises import EXERCISES

HIDDEN = re.compile(r"^### BEGIN HIDDEN TESTS\n(.*?)^### END HIDDEN TESTS$", re.S | re.M)
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.S | re.M)
LONGEST, MOST_CELLS = 100_000, 300  # characters of a cell, and cells, that are looked at
PRIVY = re.compile(
    r"course_utils\.classroom|QUESTIONS|tb_frame|f_(?:back|locals|globals)"
    r"|_getframe|get_objects|get_referrers|ctypes|/proc/"
)  # what an answer needs not, and somebody who looks behind the checks does


@dataclass(frozen=True)
class Task:
    """An exercise in a source notebook: the cell to fill in, and the check in its two parts."""

    name: str
    points: float
    blank: str
    defines: frozenset[str]
    visible: str
    hidden: str


@dataclass(frozen=True)
class Source:
    """A notebook with solutions."""

    path: Path
    chapter: str
    notebook: NotebookNode
    tasks: dict[str, Task]
    given: dict[str, str]  # cells that stand as they are, by their id


@dataclass(frozen=True)
class Cell:
    """Code to run: the answer to an exercise, else a student's own, or one that is given."""

    task: str | None
    code: str
    number: int = 0  # among the code cells of the student's notebook; 0: given by the source


@dataclass
class Submitted:
    """What counts of a student's notebook, in the order in which it runs."""

    cells: list[Cell]
    notes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)  # for the instructor only


def read_source(path: Path) -> Source:
    """A notebook with solutions. Raises ``ValueError`` naming a cell that is not as it must be."""
    notebook = nbformat.read(path, as_version=4)
    cells = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if c.cell_type == "code"}
    tasks, given = {}, {}
    for name, cell in cells.items():
        told = cell.metadata.nbgrader
        if told.grade and (name not in EXERCISES or f"{name}-answer" not in cells):
            raise ValueError(f"{path}: the graded cell {name!r} is no exercise, or has no answer")
        if told.grade:
            answer = cells[f"{name}-answer"].source
            tasks[name] = Task(
                name,
                float(told.points),
                SOLUTION.sub(rf"\1{STUB}", answer),
                frozenset(defined(answer)),
                HIDDEN.sub("", cell.source),
                "\n".join(HIDDEN.findall(cell.source)),
            )
        elif not told.solution:
            given[name] = cell.source
    if not tasks:
        raise ValueError(f"{path}: no graded cell in it")
    chapter = EXERCISES[next(iter(tasks))].chapter
    return Source(path, chapter, notebook, tasks, given)


def read_sources(folder: Path) -> dict[str, Source]:
    """The sources in a folder, by chapter."""
    found = {s.chapter: s for s in map(read_source, sorted(folder.glob("*.ipynb")))}
    if not found:
        raise FileNotFoundError(f"{folder}: no notebook with solutions in it")
    return found


def defined(code: str) -> set[str]:
    """Names that a cell defines at its top level, also where its syntax is wrong."""
    try:
        body = ast.parse(code).body if len(code) <= LONGEST else []
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(re.findall(r"^(?:def|class)\s+(\w+)", code, re.M))
    return {n.name for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)}


def code_cells(content: bytes) -> list[tuple[str, str]]:
    """(nbgrader's id or "", source) of each code cell of a file that may be anything.

    Raises ``ValueError`` with words for the student where it is no notebook.
    """
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
        cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
        cells = [cell for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        empty = not content.strip()
        raise ValueError("the file is empty" if empty else "the file is no notebook") from None
    return [(_grade_id(cell), _text(cell.get("source", cell.get("input")))) for cell in cells]


def version_of(content: bytes) -> str:
    """The course's version that a released notebook carries, or nothing."""
    version = _told(content, "version")
    return version if isinstance(version, str) else ""


def released_with(content: bytes) -> tuple[str, ...]:
    """The chapters that were released together with this notebook; none where all were."""
    chapters = _told(content, "released")
    return tuple(str(each) for each in chapters) if isinstance(chapters, list) else ()


def _told(content: bytes, name: str):
    """What `course release` wrote into a notebook, or what somebody made of it."""
    try:
        return json.loads(content.decode("utf-8-sig"))["metadata"]["course_utils"][name]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _grade_id(cell: dict) -> str:
    metadata = cell.get("metadata")
    told = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = told.get("grade_id") if isinstance(told, dict) else None
    return name if isinstance(name, str) else ""


def _text(source) -> str:
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    text = source.encode("utf-8", "replace").decode() if isinstance(source, str) else ""
    return text.replace("\r\n", "\n")  # from Windows' editors


def which_chapter(content: bytes, sources: dict[str, Source]) -> str | None:
    """The chapter whose exercises most cells of a submitted notebook belong to, if any."""
    cells = code_cells(content)
    hits = {
        chapter: sum(
            _task_of(identity, code, source) is not None or identity in source.tasks
            for identity, code in cells
        )
        for chapter, source in sources.items()
    }
    best = max(hits, key=hits.get)
    return best if hits[best] else None


def _task_of(identity: str, code: str, source: Source) -> str | None:
    """The exercise that a cell answers: by its id, else by what it defines."""
    if identity.endswith("-answer") and identity.removesuffix("-answer") in source.tasks:
        return identity.removesuffix("-answer")
    names = defined(code)
    return next((t.name for t in source.tasks.values() if t.defines and t.defines <= names), None)


def read_submitted(content: bytes, source: Source) -> Submitted:
    """What counts of a notebook. Raises ``ValueError`` where it is none."""
    cells, notes = [Cell(None, code) for code in source.given.values()], []
    checks = {task.visible.strip() for task in source.tasks.values()}
    restored = set()
    for number, (identity, code) in enumerate(code_cells(content), start=1):
        if identity in source.given:
            continue
        if len(code) > LONGEST or number > MOST_CELLS:
            notes.append(f"cell {number} is left out: too long, or one of too many")
            continue
        if identity in source.tasks or code.strip() in checks:
            if code.strip() not in checks:
                restored.add(identity)
            continue
        cells.append(Cell(_task_of(identity, code, source), code, number))
    if restored:
        notes.append(f"check cell was changed, and restored: {', '.join(sorted(restored))}")
    answered = {cell.task for cell in cells}
    if missing := [name for name in source.tasks if name not in answered]:
        notes.append(f"no cell with an answer: {', '.join(missing)}")
    strange = {found for cell in cells if cell.number for found in PRIVY.findall(cell.code)}
    remarks = (
        [f"{source.chapter}: look at the code: {', '.join(sorted(strange))}"] if strange else []
    )
    return Submitted(cells, notes, remarks)


def rebuilt(source: Source, submitted: Submitted) -> NotebookNode:
    """A notebook as the source has it, with a student's cells in place of the solutions."""
    notebook = nbformat.from_dict(json.loads(json.dumps(source.notebook)))
    answers: dict[str, list[str]] = {name: [] for name in source.tasks}
    for cell in submitted.cells:
        if cell.task:
            answers[cell.task].append(cell.code)
    own = [cell.code for cell in submitted.cells if cell.number and not cell.task]
    for cell in notebook.cells:
        identity = cell.metadata.nbgrader.grade_id
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if identity.removesuffix("-answer") in answers and identity.endswith("-answer"):
            cell.source = "\n\n".join(answers[identity.removesuffix("-answer")])
    extra = [nbformat.v4.new_code_cell(code, id=f"own-{n}") for n, code in enumerate(own)]
    notebook.cells[2:2] = extra  # after the title and the set-up
    return notebook
