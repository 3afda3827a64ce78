"""Every exercise's check accepts right answers, and rejects wrong ones with the right words."""

import re

import pytest
from classroom import bank, blank, reference, source

from course_utils.classroom.notebooks import ROOT
from course_utils.classroom.teaching.answers import CheckFailed, NotSolved
from course_utils.classroom.teaching.exercises import EXERCISES

HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*)### END HIDDEN TESTS", re.S)
FEWEST = {"right": 3, "wrong": 10}


def grade(cells: dict[str, str], name: str, answer: str) -> tuple[str, CheckFailed | None]:
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
    cells, answers = source(EXERCISES[name].chapter), bank(name)
    for answer in (reference(name), *answers.right):
        part, failed = grade(cells, name, answer)
        assert not part, f"right, but: {failed}\n{answer}"
    part, failed = grade(cells, name, blank(name))
    assert part == "visible" and isinstance(failed, NotSolved), failed
    for wrong in answers.wrong:
        part, failed = grade(cells, name, wrong.source(reference(name)))
        assert part == ("hidden" if wrong.hidden else "visible"), f"{wrong.why}: {failed}"
        assert wrong.says in str(failed), f"{wrong.why}: {failed}"


@pytest.mark.parametrize("name", EXERCISES)
def test_there_are_enough_answers(name):
    answers = bank(name)
    right = {reference(name), *answers.right}
    wrong = {each.source(reference(name)) for each in answers.wrong}
    assert len(right) > FEWEST["right"] and len(answers.right) == len(right) - 1
    assert len(wrong) >= FEWEST["wrong"] and len(wrong) == len(answers.wrong)
    assert len({each.why for each in answers.wrong}) == len(wrong)
    assert not right & wrong


def test_tables_tell_the_exercises_and_the_proof():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("<!-- exercises -->\n")[1].split("<!-- end of exercises -->")[0]
    counts = {name: (len(bank(name).right) + 1, len(bank(name).wrong) + 1) for name in EXERCISES}
    rows = [
        f"| {e.chapter} | {e.title} | {'★' * e.stars} {e.points} | {right} | {wrong} |"
        for e, (right, wrong) in zip(EXERCISES.values(), counts.values())
    ]
    right, wrong = map(sum, zip(*counts.values()))
    points = sum(exercise.points for exercise in EXERCISES.values())
    rows.append(f"| | **all {len(rows)}** | {points} | {right} | {wrong} |")
    assert table.splitlines()[2:] == rows
    told = (ROOT / "notebooks" / "FOR_INSTRUCTORS.md").read_text(encoding="utf-8")
    for e in EXERCISES.values():
        assert f"| {e.chapter} | {e.title} | {'★' * e.stars} | {e.goal} |" in told


@pytest.mark.parametrize("chapter", sorted({e.chapter for e in EXERCISES.values()}))
def test_a_notebook_has_what_the_table_says(chapter):
    """In the order of the table, with points, title line and three hints each."""
    cells = source(chapter)
    mine = [e for e in EXERCISES.values() if e.chapter == chapter]
    assert 4 <= len(mine) <= 6
    assert [name for name in cells if name in EXERCISES] == [e.name for e in mine]
    text = "\n\n".join(cells.values())
    for number, e in enumerate(mine, start=1):
        title = rf"^## {number} · .+ {'★' * e.stars} \({e.points} points\)$"
        assert re.search(title, text, re.M), e.name
        assert HIDDEN.search(cells[e.name]), e.name
    assert text.count("<summary>Hint ") == 3 * len(mine)
