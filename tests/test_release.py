"""The student version: nothing of solutions, hidden checks and outputs; it runs as it is."""

import json
import os
import re
import sys
import zipfile
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils import __version__
from course_utils.classroom.grading.release import SOURCE, release
from course_utils.classroom.notebooks import ROOT, executed
from course_utils.classroom.teaching.exercises import EXERCISES

RELEASED = ROOT / "notebooks" / "exercises"
CHAPTERS = [path.name[:2] for path in sorted(SOURCE.glob("*_exercises.ipynb"))]
ANSWER = """\
def twice(x):
    ### BEGIN SOLUTION
    doubled_number = x + x
    return doubled_number
    ### END SOLUTION"""
CHECK = """\
with attempt("shortcut"):
    checks.shortcut(twice)
### BEGIN HIDDEN TESTS
checks.shortcut(twice, channels=7, seed=505)
### END HIDDEN TESTS"""


def cell(name, source, *, grade=False, solution=False, make=new_code_cell, id=None):
    about = dict(schema_version=3, task=False, grade_id=name, grade=grade, solution=solution)
    about |= dict(locked=not solution) | (dict(points=2) if grade else {})
    return make(source, id=id or name, metadata={"nbgrader": about, "trusted": True})


def write(path, answer=ANSWER, check=CHECK, *, name="shortcut", more=(), text="# 03 · Exercises"):
    cells = [cell("title", text, make=new_markdown_cell)]
    cells += [cell(f"{name}-answer", answer, solution=True), cell(name, check, grade=True), *more]
    for number, each in enumerate(cells[1:], start=1):
        each.execution_count = number
        each.outputs = [new_output("stream", text="twice is doubled_number\n")]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"author": "somebody"}), path)
    return path.parent


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "solutions" / "03_exercises.ipynb")


# ---- what students get ----


def test_solutions_hidden_checks_and_outputs_are_gone(source, tmp_path):
    path, _ = release(out=tmp_path / "out", source=source)
    assert path == tmp_path / "out" / "03_exercises.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    title, answer, check = notebook.cells
    assert title.source == f"# 03 · Exercises\n\nVersion {__version__}."
    assert answer.source == "def twice(x):\n    raise NotImplementedError"
    assert check.source == 'with attempt("shortcut"):\n    checks.shortcut(twice)'
    assert notebook.metadata.pop("course_utils") == {"version": __version__}
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert answer.metadata.deletable is False and "editable" not in answer.metadata
    assert check.metadata.editable is False and len(check.metadata.nbgrader.checksum) == 32
    assert not any(each.outputs or each.execution_count for each in (answer, check))
    for secret in (b"doubled_number", b"505", b"somebody", b"trusted"):
        assert secret not in path.read_bytes()


def test_the_zip_has_the_same_files_and_always_the_same_bytes(source, tmp_path):
    write(source / "04_exercises.ipynb", name="frozen_backbone")
    first, second = (release(out=tmp_path / name, source=source) for name in ("a", "b"))
    assert [path.name for path in first][-1] == f"exercises-{__version__}.zip"
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    with zipfile.ZipFile(first[-1]) as archive:
        assert archive.namelist() == ["03_exercises.ipynb", "04_exercises.ipynb"]
        assert [archive.read(path.name) for path in first[:-1]] == [
            path.read_bytes() for path in first[:-1]
        ]
        assert {info.date_time[0] for info in archive.infolist()} == {1980}


def test_only_the_chapters_asked_for(source, tmp_path):
    write(source / "04_exercises.ipynb", name="frozen_backbone")
    made = release(["4"], out=tmp_path / "out", source=source)
    assert [path.name for path in made] == ["04_exercises.ipynb", f"exercises-{__version__}.zip"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in made}


# ---- what is refused ----

HELPER = [cell("helper", "def other(x):\n    doubled_number = x + x\n    return doubled_number")]
NO_EXERCISE = "the graded cell 'shortcuts' is no exercise of chapter 03"
FAULTS = {
    "open solution": (dict(answer=ANSWER[:-20]), "cell 'shortcut-answer': BEGIN SOLUTION has no"),
    "open tests": (dict(check=CHECK[:-22]), "cell 'shortcut': BEGIN HIDDEN TESTS has no"),
    "nested": (dict(answer=f"### BEGIN SOLUTION\n{ANSWER}"), "BEGIN SOLUTION comes before END"),
    "end only": (dict(answer=f"{ANSWER}\n### END SOLUTION"), "END SOLUTION comes alone"),
    "misspelt": (
        dict(answer=f"{ANSWER}\n### BEGIN SOLUTON\nx = 1\n### END SOLUTON"),
        "cell 'shortcut-answer': '### BEGIN' is left over",
    ),
    "no solution": (dict(answer="def twice(x):\n    return 2 * x"), "are these the sources?"),
    "in a given cell": (dict(more=[cell("given", ANSWER)]), "non-solution cell"),
    "in the text": (dict(text="checks.shortcut(twice,  channels=7, seed=505)"), "gives away"),
    "in a helper": (dict(more=HELPER), "cell 'helper' gives away 'doubled_number = x + x return"),
    "no exercise": (dict(name="shortcuts"), NO_EXERCISE),
    "other chapter": (dict(name="frozen_backbone"), "'frozen_backbone' is no exercise of chapter"),
    "points": (dict(name="bottleneck"), "'bottleneck' is not worth 3 points"),
    "twice": (dict(more=[cell("shortcut", CHECK, grade=True, id="other")]), "Duplicate grade id"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_a_source_are_one_line_and_nothing_is_written(source, tmp_path, fault):
    changes, says = FAULTS[fault]
    write(source / "03_exercises.ipynb", **changes)
    write(source / "02_exercises.ipynb", name="inception_branch")
    with pytest.raises(ValueError) as told:
        release(out=tmp_path / "out", source=source)
    assert says in str(told.value) and "\n" not in str(told.value)
    assert str(told.value).startswith("03_exercises.ipynb: ")
    assert not (tmp_path / "out").exists()


def test_a_source_that_is_no_notebook_is_one_line(source, tmp_path, course):
    (source / "03_exercises.ipynb").write_text('{"cells": [\n', encoding="utf-8")
    code, _, said = course("release", "--out", tmp_path / "out", "--source", source)
    assert code == 2 and said.startswith("course: 03_exercises.ipynb: ") and said.count("\n") == 1


def test_unknown_chapters_are_told_with_those_there_are(source, tmp_path, course):
    code, _, said = course("release", "03", "12", "--out", tmp_path / "out", "--source", source)
    assert code == 2 and said == "course: no exercises for chapter '12'; there are: 03\n"
    code, _, said = course("release", "--out", tmp_path / "out", "--source", tmp_path)
    assert code == 2 and "no NN_exercises.ipynb with solutions" in said
    assert not (tmp_path / "out").exists()


def test_sources_are_never_written_over(source, tmp_path):
    before = (source / "03_exercises.ipynb").read_bytes()
    with pytest.raises(ValueError, match="holds notebooks with solutions"):
        release(out=source, source=source)
    assert (source / "03_exercises.ipynb").read_bytes() == before
    assert [path.name for path in source.iterdir()] == ["03_exercises.ipynb"]


def test_a_release_over_an_older_one_replaces_it(source, tmp_path):
    first = release(out=tmp_path / "out", source=source)
    first[0].write_text("{}", encoding="utf-8")
    assert release(out=tmp_path / "out", source=source) == first
    assert len(json.loads(first[0].read_bytes())["cells"]) == 3


def test_without_nbgrader_one_line_says_how(source, tmp_path, monkeypatch, course):
    monkeypatch.setitem(sys.modules, "nbgrader", None)
    code, _, said = course("release", "--out", tmp_path / "out", "--source", source)
    assert (code, said.count("\n")) == (2, 1)
    assert "uv run --group grading course release" in said


# ---- the course's own ----


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The student versions, made now, where notebooks beside them can be found."""
    return release(out=tmp_path_factory.mktemp("exercises"))[:-1]


def test_the_student_versions_in_the_repository_are_those(fresh):
    stored = {path.name: path.read_bytes() for path in RELEASED.glob("*.ipynb")}
    assert stored.keys() == {path.name for path in fresh}
    different = [path.name for path in fresh if stored[path.name] != path.read_bytes()]
    assert not different, "renew them: course release --out notebooks/exercises"


def where(link):
    return Path(os.path.normpath(RELEASED / unquote(link)))


def test_links_lead_somewhere(fresh):
    names = {path.name for path in fresh}
    for path in fresh:
        for each in nbformat.read(path, as_version=4).cells:
            for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", each.source):
                assert link in names or where(link).is_file(), (path.name, link)


@pytest.fixture(scope="module")
def run(fresh, tmp_path_factory):
    """All of them as one notebook after it ran: one kernel, emptied of names in between."""
    cells = []
    for path in fresh:
        for each in nbformat.read(path, as_version=4).cells:
            each.id = f"{path.name[:2]}-{each.id}"
            cells.append(each)
        cells.append(new_code_cell("%reset -f", id=f"{path.name[:2]}-reset"))
    whole = tmp_path_factory.mktemp("run") / "all.ipynb"
    nbformat.write(new_notebook(cells=cells), whole)
    return nbformat.reads(executed(whole), as_version=4).cells


@pytest.mark.exhaustive
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_it_runs_and_says_what_is_not_solved(run, chapter):
    graded = 0
    for each in (each for each in run if each.id.startswith(chapter)):
        outputs = each.get("outputs", [])
        assert not [out for out in outputs if out.output_type == "error"], each.id
        assert not [out for out in outputs if out.get("name") == "stderr"], each.id
        if each.metadata.get("nbgrader", {}).get("grade"):
            (out,) = outputs
            assert re.fullmatch(r"… ★+ [\w -]+: not solved yet.*\n", out.text), out.text
            graded += 1
    assert graded == sum(exercise.chapter == chapter for exercise in EXERCISES.values())
