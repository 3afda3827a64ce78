"""What counts for a class is what was released; where nothing tells that, what it handed in."""

import json
from functools import cache

import pytest
from classroom import SOURCES

from course_utils.classroom.grading.chapters import chapters_that_count
from course_utils.classroom.grading.release import release, student_version
from course_utils.classroom.grading.sources import read_sources, released_with
from course_utils.classroom.grading.submissions import Submission, SubmittedFile


@cache
def released(chapter, *together):
    return student_version(SOURCES / f"{chapter}_exercises.ipynb", together)


def counted(*students):
    """The chapters that count, where each student hands in these notebooks."""
    submissions = [
        Submission(str(n), str(n), [SubmittedFile("x.ipynb", content) for content in files])
        for n, files in enumerate(students)
    ]
    return chapters_that_count(submissions, read_sources(SOURCES))


def test_a_notebook_tells_what_was_released_with_it(tmp_path):
    one, both, every = (
        release(chapters, out=tmp_path / name, source=SOURCES)[0].read_bytes()
        for name, chapters in [("a", ["1"]), ("b", ["01", "03"]), ("c", [])]
    )
    assert [released_with(each) for each in (one, both, every)] == [("01",), ("01", "03"), ()]


def test_what_was_not_released_does_not_count():
    chapters, told = counted([released("01", "01")], [released("01", "01")])
    assert chapters == ["01"]
    assert told == (
        "Chapters that count: 01 (as released); not 02 03 04 05 06. Name others: --only 01 02"
    )


def test_what_was_released_counts_also_where_nobody_handed_it_in():
    assert counted([released("01", "01", "03")])[0] == ["01", "03"]


def test_releases_of_several_weeks_count_together():
    assert counted([released("01", "01")], [released("02", "02")])[0] == ["01", "02"]


def test_one_eager_student_adds_nothing_for_the_class():
    class_ = [[released("01", "01")] for _ in range(4)]
    class_[0].append(released("02"))
    assert counted(*class_)[0] == ["01"]
    for student in class_[:2]:
        student.append(released("02"))
    assert counted(*class_)[0] == ["01", "02"]  # half of them: it was given out some other way


def test_one_student_who_changes_the_notebook_changes_nothing_for_the_class():
    forged = json.loads(released("01", "01"))
    for told in (["05", "06"], "05", [None], {"a": 1}):
        forged["metadata"]["course_utils"]["released"] = told
        class_ = [[released("01", "01")], [json.dumps(forged).encode()], [released("01", "01")]]
        assert counted(*class_)[0] == ["01"]


@pytest.mark.parametrize("others", [[], [b"no notebook"]])
def test_where_no_notebook_tells_what_was_handed_in_counts(others):
    chapters, told = counted([released("01"), *others], [released("03")], others)
    assert chapters == ["01", "03"] and "no notebook tells what was released" in told


def test_where_nothing_was_handed_in_all_count():
    chapters, told = counted([b"no notebook"], [])
    assert chapters == list(read_sources(SOURCES))
    assert told == "NO NOTEBOOK OF THESE EXERCISES was handed in: all chapters count"
