"""The marks of a whole class: students by name, exercises by chapter."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from course_utils.classroom.grading.marks import Mark, Result
from course_utils.classroom.grading.submissions import PRIVATE


@dataclass
class Row:
    """One student in all chapters."""

    key: str
    name: str
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # also for the student
    remarks: list[str] = field(default_factory=list)  # for the instructor only

    @property
    def points(self) -> float:
        return sum(result.points for result in self.results)

    @property
    def marks(self) -> dict[tuple[str, str], Mark]:
        """By chapter and exercise."""
        return {(r.chapter, mark.exercise): mark for r in self.results for mark in r.marks}


@dataclass
class ClassMarks:
    """All students, and the exercises with what they are worth."""

    rows: list[Row]
    exercises: dict[tuple[str, str], float]
    notes: list[str]

    @property
    def most(self) -> float:
        return sum(self.exercises.values())

    def share(self, points: float) -> float:
        """Of all points there are, as a fraction."""
        return points / self.most if self.most else 0.0


def class_marks(
    results: list[Result],
    names: dict[str, str],
    notes: dict[str, list[str]],
    class_notes: Sequence[str] = (),
) -> ClassMarks:
    """Results by student, in the order of their names; exercises in the order of the chapters."""
    of = defaultdict(list)
    exercises: dict[tuple[str, str], float] = {}
    for result in sorted(results, key=lambda result: (result.chapter, result.student)):
        of[result.student].append(result)
        for mark in result.marks:
            place = (result.chapter, mark.exercise)
            exercises[place] = max(mark.most, exercises.get(place, 0))
    rows = [Row(key, names.get(key, key), of[key]) for key in {**names, **of, **notes}]
    for row in rows:
        told = list(notes.get(row.key, []))
        for result in row.results:
            told += [f"{result.chapter}: {note}" for note in result.notes]
            row.remarks += result.remarks
        row.notes = [note for note in told if not note.startswith(PRIVATE)]
        row.remarks += [note.removeprefix(PRIVATE) for note in told if note.startswith(PRIVATE)]
    rows.sort(key=lambda row: (row.name.casefold(), row.key))
    return ClassMarks(rows, exercises, list(class_notes))


def number(points: float) -> str:
    """Points as one writes them.

    >>> number(3.0), number(2.5)
    ('3', '2.5')
    """
    return f"{round(points, 2):g}"
