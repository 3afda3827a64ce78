"""What a class and its students read: a table of marks, a page for each student, a summary."""

from collections.abc import Sequence
from pathlib import Path

from course_utils.classroom.grading.class_marks import ClassMarks, class_marks, number
from course_utils.classroom.grading.marks import Result
from course_utils.classroom.grading.report_html import feedback_page, summary_page
from course_utils.classroom.grading.report_plot import summary_picture
from course_utils.store.files import csv_text, write_whole

FORMULA = tuple("=+-@＝＋－＠")  # how a formula begins in a spreadsheet


def write_report(
    results: list[Result],
    out: Path,
    names: dict[str, str],
    notes: dict[str, list[str]],
    class_notes: Sequence[str] = (),
) -> None:
    """Write marks.csv, feedback/<key>.html, summary.html and summary.png; the same each time.

    `names` and `notes` are by students' keys; who is only there has no marks. Notes that begin with
    `PRIVATE`, and remarks, are for the instructor: no feedback shows them.
    """
    marks = class_marks(results, names, notes, class_notes)
    picture = summary_picture(marks)
    (out / "feedback").mkdir(parents=True, exist_ok=True)
    for row in marks.rows:
        if row.key != Path(row.key).name or "\\" in row.key:
            raise ValueError(f"{row.key!r}: a student's key must be good as the name of a file")
        write_whole(out / "feedback" / f"{row.key}.html", encodable(feedback_page(row)))
    (out / "summary.png").write_bytes(picture)
    write_whole(out / "summary.html", encodable(summary_page(marks, picture)))
    write_whole(out / "marks.csv", "\ufeff" + encodable(csv_text(_table(marks))))


def encodable(text: str) -> str:
    """The text without halves of characters, which no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _table(marks: ClassMarks) -> list[list[str]]:
    heads = ["key", "name", "points", f"percent of {number(marks.most)}"]
    heads += [f"{chapter} {name} (of {number(most)})"
              for (chapter, name), most in marks.exercises.items()]  # fmt: skip
    table = [[*heads, "notes", "remarks for the instructor"]]
    for row in marks.rows:
        mine = row.marks
        cells = [row.key, row.name, number(row.points), f"{100 * marks.share(row.points):.1f}"]
        cells += [number(mine[place].points) if place in mine else "" for place in marks.exercises]
        table.append([*cells, "; ".join(row.notes), "; ".join(row.remarks)])
    return [[harmless(cell) for cell in row] for row in table]


def harmless(cell: str) -> str:
    """A cell of one line that no spreadsheet takes for a formula.

    >>> harmless("=1+1"), harmless("Anna")
    ("'=1+1", 'Anna')
    """
    cell = " ".join(cell.replace("\0", "").replace(";", "; ").split())
    return f"'{cell}" if cell.startswith(FORMULA) else cell
