"""What a class hands in: released notebooks with answers from the banks filled in."""

import functools
import json
import re
from importlib import import_module

import nbformat
from answers.kinds import Bank

from course_utils.classroom.notebooks import ROOT
from course_utils.classroom.teaching.exercises import EXERCISES

SOURCES = ROOT / "notebooks" / "solutions"
FILES = {"01": "cnn", "02": "googlenet", "03": "resnet", "04": "transfer",
         "05": "many_processes", "06": "search"}  # fmt: skip
SOLUTION = re.compile(r"( *)### BEGIN SOLUTION\n.*?### END SOLUTION", re.S)


@functools.cache
def source(chapter: str) -> dict[str, str]:
    """The cells of a notebook with solutions, by their name for nbgrader."""
    notebook = nbformat.read(SOURCES / f"{chapter}_exercises.ipynb", as_version=4)
    return {c.metadata.nbgrader.grade_id: c.source for c in notebook.cells}


def bank(name: str) -> Bank:
    """The answers to an exercise, right and wrong."""
    return import_module(f"answers.{FILES[EXERCISES[name].chapter]}").ANSWERS[name]


def reference(name: str) -> str:
    """The answer's cell as the notebook with solutions has it."""
    return source(EXERCISES[name].chapter)[f"{name}-answer"]


def blank(name: str) -> str:
    """The answer's cell as students get it."""
    return SOLUTION.sub(r"\1raise NotImplementedError", reference(name))


def names(chapter: str) -> list[str]:
    """The exercises of a chapter."""
    return [each.name for each in EXERCISES.values() if each.chapter == chapter]


@functools.cache
def _released(chapter: str) -> bytes:
    from course_utils.classroom.grading.release import student_version

    return student_version(SOURCES / f"{chapter}_exercises.ipynb")


def handed_in(chapter: str, **answers: str) -> dict:
    """A released notebook: solved as the reference does, but for the ``answers`` given."""
    notebook = json.loads(_released(chapter))
    for cell in notebook["cells"]:
        name = cell["metadata"]["nbgrader"]["grade_id"]
        if name.endswith("-answer"):
            name = name.removesuffix("-answer")
            cell["source"] = answers.get(name, reference(name))
    return notebook
