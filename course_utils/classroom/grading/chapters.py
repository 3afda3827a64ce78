"""Which chapters count for a class: what was released, and what it handed in."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from course_utils.classroom.grading.sources import Source, released_with, which_chapter
from course_utils.classroom.grading.submissions import Submission


def chapters_that_count(
    submissions: Sequence[Submission], sources: dict[str, Source]
) -> tuple[list[str], str]:
    """The chapters, in order, and a line that says why these.

    A notebook that was released with chapters named tells which; of each chapter what most of its
    notebooks tell is believed. Where none tells, what somebody handed in counts; where nothing was
    handed in, all.
    """
    owners, told = defaultdict(set), defaultdict(Counter)
    for each in submissions:
        for file in each.files:
            if chapter := chapter_of(file.content, sources):
                owners[chapter].add(each.key)
                told[chapter][released_with(file.content)] += 1
    released = {name for counts in told.values() for name in counts.most_common(1)[0][0]}
    common = {name for name, keys in owners.items() if 2 * len(keys) >= len(submissions)}
    chosen = released | common if released else set(owners)
    if not chosen:
        return list(sources), "NO NOTEBOOK OF THESE EXERCISES was handed in: all chapters count"
    chapters = [name for name in sources if name in chosen]
    why = (
        "as released" if released else "what was handed in, as no notebook tells what was released"
    )
    return chapters, _in_words(chapters, why, sources)


def chapter_of(content: bytes, sources: dict[str, Source]) -> str | None:
    """The chapter of a notebook; None also where that cannot be read."""
    try:
        return which_chapter(content, sources)
    except ValueError:
        return None


def _in_words(chapters: list[str], why: str, sources: Collection[str]) -> str:
    others = [name for name in sources if name not in chapters]
    if not others:
        return f"Chapters that count: {' '.join(chapters)}."
    return (
        f"Chapters that count: {' '.join(chapters)} ({why}); not {' '.join(others)}. "
        f"Name others: --only {' '.join([*chapters, others[0]])}"
    )
