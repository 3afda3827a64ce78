"""The same marks as an nbgrader course, which Formgrader can open.

nbgrader keeps the gradebook, restores the cells of the source and shows all of it; only the step
that would run students' code beside the checks is replaced by this course's own.
"""

import io
import logging
import os
import shutil
import sysconfig
import warnings
from datetime import datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Unicode
from traitlets.config import Config
from traitlets.config.loader import load_pyconfig_files

from course_utils.classroom.grading.confine import Limits
from course_utils.classroom.grading.marks import Mark, Result
from course_utils.classroom.grading.session import grade_notebook
from course_utils.classroom.grading.sources import Source, read_source, read_submitted
from course_utils.store.files import write_whole

CONFIG = """\
# An nbgrader course, made by `course grade`. Open it from this folder:
# uv run --group grading jupyter lab    (then the menu Nbgrader, Formgrader)
from pathlib import Path

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import (
    AssignLatePenalties, CheckCellMetadata, ClearHiddenTests, ClearOutput,
    DeduplicateIds, GetGrades, OverwriteCells, OverwriteKernelspec, SaveAutoGrades,
)

from course_utils.classroom.grading.gradebook import RecordMarks

c = get_config()
c.CourseDirectory.course_id = "course"
c.CourseDirectory.root = str(Path(__file__).parent)
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.RecordMarks.results = str(Path(__file__).parent.parent / "results")
# students' code never runs beside the checks: RecordMarks stands in the place of Execute
c.Autograde.sanitize_preprocessors = [
    ClearOutput, DeduplicateIds, OverwriteKernelspec, OverwriteCells, CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    RecordMarks, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata,
]
# nbgrader's own feedback shows hidden tests to students; not here
c.GenerateFeedback.preprocessors = [GetGrades, ClearHiddenTests, CSSHTMLHeaderPreprocessor]
"""


class RecordMarks(NbGraderPreprocessor):
    """Write each mark as the output of its check's cell, where nbgrader looks for it.

    A notebook without a result, or one that is newer than that, is graded first.
    """

    results = Unicode(help="The folder with the results of `course grade`.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources) -> tuple[NotebookNode, dict]:
        about = resources["nbgrader"]
        root = Path(self.results).parent / "nbgrader"
        name, student = about["notebook"], about["student"]
        source = read_source(root / "source" / name / f"{name}.ipynb")
        told = Path(self.results) / student / f"{source.chapter}.json"
        given = root / "submitted" / student / name / f"{name}.ipynb"
        if told.exists() and told.stat().st_mtime >= given.stat().st_mtime:
            marks = Result.from_json(told.read_text("utf-8")).marks
        else:
            marks, _ = grade_notebook(source, read_submitted(given.read_bytes(), source), Limits())
        marks = {mark.exercise: mark for mark in marks}
        for cell in nb.cells:
            if cell.metadata.get("nbgrader", {}).get("grade"):
                cell.outputs = [_output(marks[cell.metadata.nbgrader.grade_id])]
        return nb, resources


def _output(mark: Mark) -> NotebookNode:
    if not mark.message:
        return new_output("stream", name="stdout", text=f"✓ {mark.points:g} points\n")
    lines = [mark.message, *([f"({mark.detail})"] if mark.detail else [])]
    return new_output("error", ename="CheckFailed", evalue=mark.message, traceback=lines)


def prepare(folder: Path, source: Path) -> None:
    """Make the nbgrader course, or bring its sources up to date."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "nbgrader_config.py", CONFIG)
    for path in sorted(source.glob("*.ipynb")):
        copy = folder / "source" / path.stem / path.name
        if copy.exists() and copy.read_bytes() == path.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        try:
            _convert(GenerateAssignment, folder, path.stem)
        except BaseException:
            copy.unlink()
            raise


def place(
    notebook: NotebookNode, student: str, source: Source, received: datetime | None, folder: Path
) -> None:
    """Put a notebook, as it was graded, where nbgrader expects what students hand in."""
    home = folder / "submitted" / student / source.path.stem
    home.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, home / source.path.name)
    if received:
        write_whole(home / "timestamp.txt", f"{received:%Y-%m-%d %H:%M:%S}\n")


def write_gradebook(folder: Path, names: set[str]) -> None:
    """Have nbgrader record all that was handed in for these notebooks, from the results."""
    for name in sorted(names):
        if any((folder / "submitted").glob(f"*/{name}")):
            _convert(Autograde, folder, name)


def _convert(kind: type, folder: Path, name: str) -> None:
    """Run one of nbgrader's steps on an assignment; its log is only shown where it fails."""
    config: Config = load_pyconfig_files(["nbgrader_config.py"], str(folder))
    told, log = io.StringIO(), logging.Logger("nbgrader")
    log.addHandler(logging.StreamHandler(told))
    coursedir = CourseDirectory(config=config, assignment_id=name)
    where, path = os.getcwd(), os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), path])  # for its alembic
    try:
        with warnings.catch_warnings(action="ignore"):  # SQLAlchemy's, of nbgrader's own queries
            kind(coursedir=coursedir, config=config, force=True, log=log).start()
    except NbGraderException as error:
        raise RuntimeError(f"nbgrader fails on {name}: {error}\n{told.getvalue()}") from error
    finally:
        os.chdir(where)
        os.environ["PATH"] = path
