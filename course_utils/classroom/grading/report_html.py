"""Pages that need no other file: the feedback for a student, the summary for the instructor."""

import base64
from collections import Counter
from html import escape
from statistics import mean, median

from course_utils.classroom.grading.class_marks import ClassMarks, Row, number
from course_utils.classroom.grading.marks import Mark, Result
from course_utils.classroom.grading.report_plot import STEP, solved, spread

STYLE = """\
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem;
  border-bottom: 1px solid #bbb; overflow-wrap: anywhere; }
th { white-space: nowrap; overflow-wrap: normal; } thead th { border-bottom: 2px solid #444; }
.number { text-align: right; white-space: nowrap; }
.solved, .open { font-weight: 600; white-space: nowrap; }
.solved { color: #00543d; } .open { color: #8a3b00; } .short { width: auto; min-width: 24rem; }
.message { white-space: pre-wrap; } ul { padding-left: 1.2rem; margin: .2rem 0; }
img { max-width: 100%; height: auto; } .wide { overflow-x: auto; }
@media print { body { margin: 0; max-width: none; font-size: 11pt; }
  tr, img { break-inside: avoid; }
  h2 { break-after: avoid; } a { color: inherit; text-decoration: none; } }"""
OFTEN = 3  # messages of an exercise that the summary shows


def page(title: str, body: list[str]) -> str:
    """A whole page; the body is HTML already."""
    head = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n<main>",
    ]
    return "\n".join([*head, *body, "</main>\n</body>\n</html>\n"])


def table(caption: str, heads: list[str], rows: list[list[str]], numbers: set[int]) -> str:
    """A table whose rows begin with a head; cells are HTML already, columns of `numbers` right."""
    kind = [' class="number"' if i in numbers else "" for i in range(len(heads))]
    top = "".join(f'<th scope="col"{k}>{escape(head)}</th>' for head, k in zip(heads, kind))
    short = ' class="short"' if len(heads) == 2 else ""
    lines = [f'<div class="wide"><table{short}>\n<caption>{escape(caption)}</caption>']
    lines.append(f"<thead><tr>{top}</tr></thead>\n<tbody>")
    for first, *rest in rows:
        cells = "".join(f"<td{k}>{cell}</td>" for cell, k in zip(rest, kind[1:]))
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    return "\n".join([*lines, "</tbody>\n</table></div>"])


def of(points: float, most: float) -> str:
    return f"{number(points)} of {number(most)}"


def person(name: str) -> str:
    """A name, whichever way its letters run."""
    return f"<bdi>{escape(name)}</bdi>"


def listed(lines: list[str]) -> str:
    items = "\n".join(f'<li dir="auto">{escape(line)}</li>' for line in lines)
    return f"<ul>\n{items}\n</ul>" if lines else ""


def title_of(exercise: str) -> str:
    return escape(exercise.replace("_", " ").capitalize())


# ---- for a student ----


def feedback_page(row: Row) -> str:
    """What one student reads: points and messages, nothing of the hidden checks."""
    most = sum(result.most for result in row.results)
    body = [f"<h1>Exercises: feedback for {person(row.name)}</h1>"]
    if row.results:
        body.append(f"<p><strong>You have {of(row.points, most)} points.</strong></p>")
    else:
        body.append("<p>There is nothing that could be graded yet.</p>")
    if row.notes:
        body += ["<h2>Notes on what you handed in</h2>", listed(row.notes)]
    body += [_chapter(result) for result in row.results]
    return page(f"Feedback for {row.name}", body)


def _chapter(result: Result) -> str:
    rows = [[title_of(mark.exercise), _state(mark), number(mark.points), number(mark.most),
             f'<div class="message" dir="auto">{escape(_told(mark))}</div>']
            for mark in result.marks]  # fmt: skip
    heads = ["Exercise", "State", "Points", "Of", "What the check says"]
    caption = f"{of(result.points, result.most)} points"
    return f"<h2>Chapter {escape(result.chapter)}</h2>\n" + table(caption, heads, rows, {2, 3})


def _state(mark: Mark) -> str:
    if mark.points >= mark.most:
        return '<span class="solved">✓ solved</span>'
    return f'<span class="open">{"◐ partly solved" if mark.points else "✗ not solved"}</span>'


def _told(mark: Mark) -> str:
    return mark.message or ("Well done." if mark.points >= mark.most else "No more is known.")


# ---- for the instructor ----


def summary_page(marks: ClassMarks, picture: bytes) -> str:
    """The class: totals, exercises with what was said most often, students with their notes."""
    source = base64.b64encode(picture).decode()
    body = [
        "<h1>Exercises: the class</h1>",
        _figures(marks),
        f'<img src="data:image/png;base64,{source}" alt="{escape(_in_words(marks))}">',
        _spread(marks),
        "<h2>Exercises</h2>",
        _exercises(marks),
        "<h2>Students</h2>",
        _students(marks),
    ]
    if marks.notes:
        body[2:2] = ["<h2>Notes on the class</h2>", listed(marks.notes)]
    return page("Exercises: the class", body)


def _figures(marks: ClassMarks) -> str:
    totals = [row.points for row in marks.rows]
    if not totals:
        return "<p>Nobody has handed in anything.</p>"
    rows = [["Students", str(len(totals))]]
    for name, value in [
        ("Mean", mean(totals)), ("Median", median(totals)),
        ("Least", min(totals)), ("Most", max(totals)),
    ]:  # fmt: skip
        rows.append([name, f"{of(value, marks.most)} ({100 * marks.share(value):.0f} %)"])
    return table("All together", ["Figure", "Value"], rows, {1})


def _in_words(marks: ClassMarks) -> str:
    shares = [f"{name.replace('_', ' ')} {_percent(*counts)}"
              for (_, name), counts in solved(marks).items()]  # fmt: skip
    return (
        "Two charts. Left: how many students reached how much of the points; the next table has "
        f"the same numbers. Right: who solved each exercise: {', '.join(shares)}."
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"


def _spread(marks: ClassMarks) -> str:
    counts = spread(marks)
    ends = [f"to {STEP * (i + 1) - 1} %" for i in range(len(counts) - 1)] + ["to 100 %"]
    rows = [[f"{STEP * i} {end}", str(count)] for i, (end, count) in enumerate(zip(ends, counts))]
    return table("How the totals are spread", ["Points reached", "Students"], rows, {1})


def _exercises(marks: ClassMarks) -> str:
    rows = []
    for (chapter, name), (right, graded) in solved(marks).items():
        mine = [row.marks[chapter, name] for row in marks.rows if (chapter, name) in row.marks]
        said = Counter(mark.message for mark in mine if mark.points < mark.most and mark.message)
        often = sorted(said.items(), key=lambda item: (-item[1], item[0]))[:OFTEN]
        average = number(mean(mark.points for mark in mine)) if mine else "–"
        rows.append([
            f"{escape(chapter)} {title_of(name)}",
            f"{right} of {graded} ({_percent(right, graded)})",
            f"{average} of {number(marks.exercises[chapter, name])}",
            listed([f"{count} × {message[:300]}" for message, count in often]),
        ])  # fmt: skip
    heads = ["Exercise", "Solved", "Points, mean", "What was said most often"]
    return table("Each exercise", heads, rows, {1, 2})


def _students(marks: ClassMarks) -> str:
    rows = []
    for row in marks.rows:
        details = [f"{chapter} {name}: {mark.detail}"
                   for (chapter, name), mark in row.marks.items() if mark.detail]  # fmt: skip
        more = f"<details><summary>Details</summary>{listed(details)}</details>" if details else ""
        rows.append([
            f'<a href="feedback/{escape(row.key)}.html">{person(row.name)}</a>',
            escape(row.key),
            number(row.points),
            f"{100 * marks.share(row.points):.0f} %",
            listed(row.notes + row.remarks) + more,
        ])  # fmt: skip
    heads = ["Student", "Key", "Points", "Of all", "Notes (also those for you only)"]
    return table("Every student", heads, rows, {2, 3})
