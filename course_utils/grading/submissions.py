"""What a class handed in, student by student, from what learning platforms export."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from os.path import commonprefix
from pathlib import Path

from course_utils.grading.intake import Found, class_zip, find_all, is_notebook, is_zip
from course_utils.grading.student_names import Who, by_name, by_platform, safe_keys, shown

PRIVATE = "for the instructor: "  # a note that begins so is not for the student to read
COPY = re.compile(r"(?i)( ?\(\d+\)| - kopie| copy)$")
CHAPTER = re.compile(r"(?<!\d)\d\d_exercises")


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
    """All submissions in a folder, or in one zip, of Moodle, Canvas, Blackboard, ILIAS or none.

    Whatever is wrong with a file becomes a note of its student; where no student can be named, it
    is added to `class_notes`. Late is what came after `due` (local time where it has no zone).
    Raises ``ValueError`` where there is neither a folder nor a zip.
    """
    due = due.astimezone().replace(tzinfo=None) if due and due.tzinfo else due
    class_notes = [] if class_notes is None else class_notes
    students: dict[str, Submission] = {}
    for who, found, name in _with_students(class_zip(where), class_notes):
        mine = students.setdefault(who.identity, Submission(shown(who.student), ""))
        if found.content is not None:
            _add(mine, who, found, shown(name), due)
        elif found.fault and name != "txt":  # Blackboard's own, beside each attempt
            mine.notes.append(f"{shown(name)} {shown(found.fault)}")
    for identity, key in safe_keys(students).items():
        mine = students[identity]
        mine.key = key
        mine.files, notes = latest(mine.files)
        notes += [f"{file.name} is late{file.late}" for file in mine.files if file.late]
        notes += ["no notebook that can be read was handed in"] * (not mine.files)
        mine.notes = list(dict.fromkeys(mine.notes + notes))
    ordered = sorted(students.values(), key=lambda each: (each.student.casefold(), each.key))
    _tell_the_same(ordered)
    return ordered


# ---- who ----


def _with_students(where: Path, class_notes: list[str]) -> Iterable[tuple[Who, Found, str]]:
    """Each thing found, with its student and the name that the student gave it."""
    everything = list(find_all(where))
    parents = {found.parts[:n] for found in everything for n in range(1, len(found.parts))}
    everything = [
        f for f in everything if f.content is not None or f.fault or f.parts not in parents
    ]
    known = [found for found in everything if found.trusted]
    root = _root(known)
    for found in everything:
        who, name = found.trusted and _who(found, root), "".join(found.parts[-1:])
        alone = len(found.parts) == root + 1
        if not found.trusted or (alone and found.fault and not who and not _of_a_student(name)):
            class_notes.append(shown(f"{'/'.join(found.parts) or where.name} {found.fault}"))
            continue
        if not who:
            student = by_name(shown(found.parts[root])) or by_name(shown(where.resolve().name))
            who = Who(student, student)
        yield who, found, who.file if alone and who.file else name


def _of_a_student(name: str) -> bool:
    return is_zip(name) or is_notebook(name)


def _who(found: Found, level: int) -> Who | None:
    """The student that a platform names at this level."""
    name = shown(found.parts[level])
    return by_platform(name, is_file=is_zip(name) or _is_file(found, level))


def _is_file(found: Found, level: int) -> bool:
    read = found.content is not None or found.fault is not None
    return read and len(found.parts) == level + 1 and not is_zip(found.parts[-1])


def _root(known: list[Found]) -> int:
    """How many outer folders hold all students together, as Moodle's does in some exports.

    A student's own folders are not taken for students: only what the platform named counts.
    """
    paths = [f.parts[: f.trusted - _is_file(f, f.trusted - 1)] for f in known]
    common = len(commonprefix(paths)) if paths else 0
    for level in range(common + 1):
        if all(f.trusted > level and _who(f, level) for f in known):
            return level
    below = {f.parts[common] for f in known if f.trusted > common}
    if len(below) > 1 and all(len(path) > common for path in paths):
        return common
    return 0


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
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
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
