"""How long a class takes to grade, and whether every student gets the marks expected.

Each student's answer to each exercise is drawn from the bank: right ones, wrong ones, the blank. A
few students hand in what ends or stops the process.

    uv run --group grading python tests/benchmarks/grade_class.py --students 200
"""

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from classroom import SOURCES, bank, blank, handed_in, reference

from course_utils.classroom.grading.grade import grade
from course_utils.classroom.teaching.exercises import EXERCISES

HOSTILE = ["while True: pass", "import os; os._exit(1)", "def broken(:", "x = bytearray(2**34)"]


def make_class(folder: Path, students: int, chapters: list[str], seed: int = 0) -> dict:
    """Write a zip for each student; returns the points expected, by student and exercise."""
    chance, expected = random.Random(seed), {}
    for number in range(students):
        student = f"student{number:03}"
        with zipfile.ZipFile(folder / f"{student}.zip", "w") as archive:
            for chapter in chapters:
                answers, points = drawn(chapter, chance)
                expected |= {(student, name): value for name, value in points.items()}
                content = json.dumps(handed_in(chapter, **answers))
                archive.writestr(f"{chapter}_exercises.ipynb", content)
    return expected


def drawn(chapter: str, chance: random.Random) -> tuple[dict[str, str], dict[str, float]]:
    """A student's answers to a chapter, and the points that they are worth."""
    answers, points = {}, {}
    for exercise in EXERCISES.values():
        if exercise.chapter != chapter:
            continue
        name, choice = exercise.name, chance.random()
        if choice < 0.55:
            answers[name] = chance.choice([reference(name), *bank(name).right])
            points[name] = exercise.points
            continue
        points[name] = 0
        answers[name] = chance.choice(bank(name).wrong).source(reference(name))
        if choice > 0.99:
            answers[name] = chance.choice(HOSTILE)
        elif choice > 0.9:
            answers[name] = blank(name)
    return answers, points


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--students", type=int, default=200)
    every = sorted({exercise.chapter for exercise in EXERCISES.values()})
    words.add_argument("--chapters", nargs="*", default=every)
    words.add_argument("--workers", type=int, default=2)
    words.add_argument("--out", type=Path, help="keep what comes out in this folder")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as work:
        given = Path(work, "given")
        given.mkdir()
        expected = make_class(given, asked.students, asked.chapters)
        out = asked.out or Path(work, "out")
        started = time.perf_counter()
        results = grade(given, out, SOURCES, asked.chapters, workers=asked.workers)
        seconds = time.perf_counter() - started
    got = {(r.student, mark.exercise): mark.points for r in results for mark in r.marks}
    wrong = {key: (got.get(key), points) for key, points in expected.items()
             if got.get(key) != points}  # fmt: skip
    for (student, exercise), (points, should) in sorted(wrong.items()):
        print(f"WRONG: {student} {exercise}: {points}, expected {should}")
    print(f"{asked.students} students, {len(results)} notebooks, {len(expected)} answers in "
          f"{seconds / 60:.1f} minutes, {asked.workers} at a time; {len(wrong)} marks are not as "
          f"expected ({platform.machine()}, {os.cpu_count()} cores)")  # fmt: skip
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
