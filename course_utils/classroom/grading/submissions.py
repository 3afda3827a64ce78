"""What a class handed in, student by student, from what learning platforms export."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from course_utils.classroom.grading.intake import NO_NOTEBOOK, Found, class_zip
from course_utils.classroom.grading.layout import CHAPTER, with_students
from course_utils.classroom.grading.student_names import Who, safe_keys, shown

PRIVATE = "for the instructor: "  # a note that begins so is not for the student to read
OF_PLATFORMS = {
    "txt",
    "index.html",
    "comments.txt",
    "feedbackText.html",
}  # beside what is handed in
MOST_TOLD = 10  # notes on the class that are printed before the marks
COPY = re.compile(r"(?i)( ?\(\d+\)| - kopie| copy)$")


@dataclass
class SubmittedFile:
    """A notebook as a student gave it: readable JSON with cells, in UTF-8."""

    name: str
    content: bytes
    received: datetime | None = None  # local time
    late: str = ""  # how late


@dataclass
class Submission:
    """What one student handed in; of several attempts at a file, the last."""

    student: str  # as shown
    key: str  # safe as a file name on every system
    files: list[SubmittedFile] = field(default_factory=list)  # oldest first
    notes: list[str] = field(default_factory=list)


def read_submissions(
    where: Path, due: datetime | None = None, class_notes: list[str] | None = None
) -> list[Submission]:
    """All submissions in a folder, or in one zip, of a learning platform or none.

    Known are Moodle, Canvas, Blackboard, Brightspace, Sakai, Gradescope and ILIAS; Google Classroom
    and GitHub Classroom name files and folders after the students. See `layout`.
    Whatever is wrong with a file becomes a note of its student; where no student can be named, it
    is added to `class_notes`. Late is what came after `due` (local time where it has no zone).
    Raises ``ValueError`` where there is neither a folder nor a zip.
    """
    due = due.astimezone().replace(tzinfo=None) if due and due.tzinfo else due
    class_notes = [] if class_notes is None else class_notes
    students: dict[str, Submission] = {}
    others: dict[str, list[str]] = defaultdict(list)
    for who, found, name in with_students(class_zip(where), class_notes):
        mine = students.setdefault(who.identity, Submission(shown(who.student), ""))
        if found.content is not None:
            _add(mine, who, found, shown(name), due)
        elif found.fault == NO_NOTEBOOK and name in OF_PLATFORMS:
            continue
        elif found.fault == NO_NOTEBOOK:
            others[who.identity].append(shown(name))
        elif found.fault:
            mine.notes.append(f"{shown(name)} {shown(found.fault)}")
    for identity, key in safe_keys(students).items():
        mine = students[identity]
        mine.key = key
        mine.notes += _not_read(others[identity])
        mine.files, notes = latest(mine.files)
        notes += [f"{file.name} is late{file.late}" for file in mine.files if file.late]
        notes += ["no notebook that can be read was handed in"] * (not mine.files)
        mine.notes = list(dict.fromkeys(mine.notes + notes))
    ordered = sorted(students.values(), key=lambda each: (each.student.casefold(), each.key))
    _tell_the_same(ordered)
    return ordered


def class_in_words(submissions: list[Submission], class_notes: list[str]) -> str:
    """Who was found, to be read before the marks: loud where a class may have become one."""
    files = sum(len(each.files) for each in submissions)
    told = [f"{len(submissions)} students with {files} notebook{'s' * (files != 1)}"]
    if len(submissions) == 1:
        told = [
            f"ONLY ONE STUDENT was found: {submissions[0].student!r}, with {files} notebook"
            f"{'s' * (files != 1)}. If this is a class, give each student a folder or a zip."
        ]
    more = len(class_notes) - MOST_TOLD
    told += [f"  {note}" for note in class_notes[:MOST_TOLD]]
    return "\n".join(told + [f"  … {more} more notes in summary.html"] * (more > 0))


def _not_read(names: list[str]) -> list[str]:
    """A note on files that are no notebooks: one line, however many."""
    if len(names) <= 3:
        return [f"{name} {NO_NOTEBOOK}" for name in names]
    return [f"{len(names)} files are no notebooks; they were not read: {', '.join(names[:3])}, …"]


# ---- what ----


def _add(mine: Submission, who: Who, found: Found, name: str, due: datetime | None) -> None:
    try:
        content = _as_notebook(found.content)
    except ValueError as error:
        mine.notes.append(f"{name} {error}")
        return
    received = (who.received or found.received) if who.timed else None
    late = ", says the platform" if who.late else ""
    if due and received and received > due:
        source = "" if who.received else ", by the time of the file"
        late = f" by {span(received - due)}{source}"
    mine.files.append(SubmittedFile(name, content, received, late))


def _as_notebook(content: bytes) -> bytes:
    """The notebook in UTF-8; ``ValueError`` says what else it is."""
    if not content.strip():
        raise ValueError("is empty")
    try:
        text = content.decode(json.detect_encoding(content))
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("is damaged: it cannot be read as a notebook") from None
    cells = notebook.get("cells", notebook.get("worksheets")) if isinstance(notebook, dict) else 0
    if not isinstance(cells, list):  # worksheets: of before 2015, and of some converters
        raise ValueError("is no notebook of this kind: it has no cells")
    return text.encode()


def span(time: timedelta) -> str:
    """How long that is.

    >>> span(timedelta(days=2, hours=3, seconds=5)), span(timedelta(seconds=59))
    ('2 days 3 h', '1 min')
    """
    minutes = max(1, round(time.total_seconds() / 60))
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} day{'s' * (days > 1)}" + f" {hours} h" * bool(hours)
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def by_file_name(file: SubmittedFile) -> str:
    """A name for all attempts at one notebook: without the number of a second download."""
    chapter = CHAPTER.search(file.name)
    return chapter[0] if chapter else COPY.sub("", re.sub(r"(?i)\.ipynb.*$", "", file.name))


def latest(
    files: list[SubmittedFile], which: Callable[[SubmittedFile], str] = by_file_name
) -> tuple[list[SubmittedFile], list[str]]:
    """The last attempt at each notebook, oldest first, and a note where there were several.

    `which` tells what counts as the same notebook, such as its chapter.
    """
    attempts = defaultdict(list)
    for file in sorted(files, key=_age):
        attempts[which(file)].append(file)
    notes = []
    for same in attempts.values():
        if len({file.content for file in same}) > 1:
            last = same[-1]
            of = f" of {last.received:%Y-%m-%d %H:%M}" if last.received else f", {last.name},"
            notes.append(f"{same[0].name}: handed in {len(same)} times; the last{of} counts")
    return sorted((same[-1] for same in attempts.values()), key=_age), notes


def _age(file: SubmittedFile) -> tuple:
    copy = re.search(r"(\d+)\)?(?:\.ipynb.*)$", file.name)
    return file.received or datetime.min, int(copy[1]) if copy else 0, file.name


def _tell_the_same(submissions: list[Submission]) -> None:
    """Note where two students handed in the same notebook, byte for byte."""
    owners = defaultdict(list)
    for mine in submissions:
        for file in mine.files:
            owners[hashlib.sha256(file.content).digest()].append((mine, file.name))
    for same in owners.values():
        for mine, name in same:
            others = [f"{each.student} ({each.key})" for each, _ in same if each is not mine]
            if others:
                more = f" and {len(others) - 5} more" if len(others) > 5 else ""
                told = f"{name} is the same, byte for byte, as of {', '.join(others[:5])}{more}"
                mine.notes.append(PRIVATE + told)
