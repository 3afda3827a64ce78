"""Every exercise's check accepts right answers, and rejects wrong ones with the right words."""

import re
from importlib import import_module

import nbformat
import pytest
from answers.kinds import Bank

from course_utils.notebooks import ROOT
from course_utils.teaching.answers import CheckFailed, NotSolved
from course_utils.teaching.exercises import EXERCISES

FILES = {"01": "cnn", "02": "googlenet", "03": "resnet", "04": "transfer",
         "05": "many_processes", "06": "search"}  # fmt: skip
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*)### END HIDDEN TESTS", re.S)
SOLUTION = re.compile(r"( *)### BEGIN SOLUTION\n.*?### END SOLUTION", re.S)
FEWEST = {"right": 3, "wrong": 10}


def sources(chapter: str) -> dict[str, str]:
    """The cells of a notebook with solutions, by their name for nbgrader."""
    notebook = nbformat.read(ROOT / f"notebooks/solutions/{chapter}_exercises.ipynb", as_version=4)
    return {c.metadata.nbgrader.grade_id: c.source for c in notebook.cells}


def bank(name: str) -> Bank:
    home = import_module(f"answers.{FILES[EXERCISES[name].chapter]}")
    return home.ANSWERS[name]


def blank(reference: str) -> str:
    return SOLUTION.sub(r"\1raise NotImplementedError", reference)


def grade(cells: dict[str, str], name: str, answer: str) -> str:
    """The part of the check that an answer fails: "visible", "hidden", or "" for a right answer."""
    space: dict = {}
    exec(cells["setup"], space)
    exec(answer, space)
    check = cells[name]
    visible = re.search(r"with attempt\(.*\):\n((?:    .*\n)+)", HIDDEN.sub("", check) + "\n")[1]
    for part, code in (("visible", f"if True:\n{visible}"), ("hidden", HIDDEN.search(check)[1])):
        try:
            exec(code, space)
        except CheckFailed as failed:
            return part, failed
    return "", None


@pytest.mark.parametrize("name", EXERCISES)
def test_right_answers_pass_and_wrong_ones_are_told_why(name):
    cells = sources(EXERCISES[name].chapter)
    reference, answers = cells[f"{name}-answer"], bank(name)
    for answer in (reference, *answers.right):
        part, failed = grade(cells, name, answer)
        assert not part, f"right, but: {failed}\n{answer}"
    part, failed = grade(cells, name, blank(reference))
    assert part == "visible" and isinstance(failed, NotSolved), failed
    for wrong in answers.wrong:
        part, failed = grade(cells, name, wrong.source(reference))
        assert part == ("hidden" if wrong.hidden else "visible"), f"{wrong.why}: {failed}"
        assert wrong.says in str(failed), f"{wrong.why}: {failed}"


@pytest.mark.parametrize("name", EXERCISES)
def test_there_are_enough_answers(name):
    cells, answers = sources(EXERCISES[name].chapter), bank(name)
    reference = cells[f"{name}-answer"]
    right = {reference, *answers.right}
    wrong = {each.source(reference) for each in answers.wrong}
    assert len(right) > FEWEST["right"] and len(answers.right) == len(right) - 1
    assert len(wrong) >= FEWEST["wrong"] and len(wrong) == len(answers.wrong)
    assert len({each.why for each in answers.wrong}) == len(wrong)
    assert not right & wrong
