"""The picture of a class: how the totals are spread, and which exercises are solved."""

import io

from course_utils.classroom.grading.class_marks import ClassMarks
from course_utils.show.plotting import BLUE, ORANGE, tidy

STEP = 10  # per cent


def summary_picture(marks: ClassMarks) -> bytes:
    """A PNG: students for each ten per cent of the points; share solved for each exercise."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # the same whatever a user has set
        figure = Figure(figsize=(10, max(4.0, 1.2 + 0.26 * len(marks.exercises))), dpi=110)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
        _totals(left, marks)
        _exercises(right, marks)
        figure.tight_layout()
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def spread(marks: ClassMarks) -> list[int]:
    """How many students have 0–9 %, 10–19 %, … 90–100 % of the points."""
    counts = [0] * (100 // STEP)
    for row in marks.rows:
        share = 100 * marks.share(row.points)
        counts[min(int(share) // STEP, len(counts) - 1)] += 1
    return counts


def solved(marks: ClassMarks) -> dict[tuple[str, str], tuple[int, int]]:
    """For each exercise: how many solved it, and how many had it graded."""
    counts = {}
    for place in marks.exercises:
        graded = [row.marks[place] for row in marks.rows if place in row.marks]
        counts[place] = (sum(mark.points >= mark.most for mark in graded), len(graded))
    return counts


def _totals(ax, marks: ClassMarks) -> None:
    from matplotlib.ticker import MaxNLocator

    counts = spread(marks)
    ax.bar([STEP * i for i in range(len(counts))], counts, STEP, align="edge", color=BLUE,
           edgecolor="white")  # fmt: skip
    tidy(ax, "Totals", "points reached, in per cent", "students").set_xlim(0, 100)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))


def _exercises(ax, marks: ClassMarks) -> None:
    counts = solved(marks)
    labels = [f"{chapter} {name.replace('_', ' ')}" for chapter, name in counts]
    shares = [100 * right / graded if graded else 0 for right, graded in counts.values()]
    places = range(len(shares))
    ax.barh(places, [100] * len(shares), 0.7, color="#EEEEEE")
    ax.barh(places, shares, 0.7, color=ORANGE)
    for place, share in zip(places, shares):
        ax.text(2, place, f"{share:.0f} %", va="center", fontsize=8)
    ax.set_yticks(places, labels)
    tidy(ax, "Solved", "students who solved it, in per cent").set_xlim(0, 100)
    ax.margins(y=0.01)
    ax.invert_yaxis()
