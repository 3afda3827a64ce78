"""Whose everything in an export is: the level at which the students lie side by side."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from os.path import commonprefix
from pathlib import Path

from course_utils.classroom.grading.intake import (
    RECORDS,
    Found,
    find_all,
    is_notebook,
    is_zip,
    of_a_student,
)
from course_utils.classroom.grading.records import Records, read_records
from course_utils.classroom.grading.student_names import Who, by_name, by_platform, shown

CHAPTER = re.compile(r"(?<!\d)\d\d_exercises")
ANSWER = re.compile(rb'"grade_id":\s*"([\w-]+)-answer"')
RETURNED = "feedback attachment(s)"  # what Sakai's instructors gave back


def with_students(where: Path, class_notes: list[str]) -> Iterator[tuple[Who, Found, str]]:
    """Each thing found, with its student and the name that the student gave it.

    What is nobody's, and what is doubtful, is added to `class_notes`.
    """
    everything = list(find_all(where))
    parents = {found.parts[:n] for found in everything for n in range(1, len(found.parts))}
    everything = [f for f in everything if _read(f) or f.parts not in parents]
    records = read_records(everything)
    everything = [f for f in everything if f.parts[-1:] not in {(name,) for name in RECORDS}]
    known = [found for found in everything if found.trusted]
    known = [f for f in known if not _read(f) or of_a_student(f.parts[-1])] or known
    level = _level(known, records)
    plain = [f for f in known if not _owners(f, min(level, f.trusted - 1), records)]
    apart = _apart(plain, level)
    class_notes += _doubts(plain, level, where, apart)
    if len(known) > len(plain) > 0:
        names = sorted({"/".join(f.parts[: min(level, f.trusted - 1) + 1]) for f in plain})
        told = f"not named as the platform names the others: {', '.join(names[:5])}"
        class_notes.append(shown(told))
    for found in everything:
        at, name = min(level, found.trusted - 1), "".join(found.parts[-1:])
        alone = len(found.parts) == at + 1
        owners = found.trusted and _owners(found, at, records)
        if not found.trusted or (alone and found.fault and not owners and not of_a_student(name)):
            class_notes.append(shown(f"{'/'.join(found.parts) or where.name} {found.fault}"))
            continue
        if owners and found.parts[at + 1 : at + 2] and found.parts[at + 1].lower() == RETURNED:
            continue
        for who in owners or [_by_names(found, at, where, apart)]:
            yield who, found, who.file if alone and who.file else name


def _read(found: Found) -> bool:
    """Whether it is a file, not a folder."""
    return found.content is not None or found.fault is not None


def _is_file(found: Found, level: int) -> bool:
    return _read(found) and len(found.parts) == level + 1 and not is_zip(found.parts[-1])


# ---- by platforms ----


def _owners(found: Found, level: int, records: Records) -> list[Who]:
    """The student that a platform names at this level; several where a group handed in."""
    name, place = shown(found.parts[level]), found.parts[: level + 1]
    if place in records.owners:
        return records.owners[place]
    who = by_platform(name, is_file=is_zip(name) or _is_file(found, level))
    if who and place in records.times:
        who = replace(who, received=records.times[place])
    return [who] if who else []


# ---- by the folders ----


def _level(known: list[Found], records: Records) -> int:
    """How many outer folders hold all students together.

    A platform's level is one where it named most of what is there: a student's own folders are
    not taken for students. Files that no student hands in do not count.
    """
    for level in range(max((found.trusted for found in known), default=0)):
        named = {f.parts[: level + 1]: f.trusted > level and bool(_owners(f, level, records))
                 for f in known}  # fmt: skip
        if 2 * sum(named.values()) > len(named):
            return level
    homes = [_home(found) for found in known]
    common = len(commonprefix(homes)) if homes else 0
    side_by_side = len({home[common] for home in homes if len(home) > common}) > 1
    first = common if side_by_side and all(len(home) > common for home in homes) else 0
    for level in range(first, max(map(len, homes), default=0) + 1):
        groups = _groups(known, level)
        if 2 * sum(len(group) for name, group in groups.items() if not name) > len(known):
            break  # most have no name there
        voting = [group for group in groups.values() if _may_be_many(group, level)]
        if 2 * sum(_crowded(group) > 1 for group in voting) <= len(voting):
            return level
    return first


def _home(found: Found) -> tuple[str, ...]:
    """The folder, or a student's zip, that a thing lies in."""
    return found.parts[: found.trusted - _is_file(found, found.trusted - 1)]


def _groups(known: list[Found], level: int) -> dict[str, list[Found]]:
    """By name, what each student would have handed in if they lay side by side at this level."""
    groups = defaultdict(list)
    for found in known:
        at = min(level, found.trusted - 1)
        groups[by_name(shown(found.parts[at]))].append(found)
    return groups


def _may_be_many(group: list[Found], level: int) -> bool:
    homes = {_home(found) for found in group}
    return len(homes) > 1 or any(len(home) > level for home in homes)


def _crowded(group: list[Found], home: Callable = _home) -> int:
    """How many hand in the same exercises here, by folders or, in one folder, by names of files."""
    owners, unnamed = defaultdict(set), set()
    for found in group:
        if found.content is None or not is_notebook(found.parts[-1]):
            continue
        chapter, answer = CHAPTER.search(found.parts[-1]), ANSWER.search(found.content)
        about = answer[1] if answer else chapter[0] if chapter else found.parts[-1]
        name = by_name(shown(found.parts[-1])) if len(found.parts) == found.trusted else ""
        owners[about].add((home(found), name))
        unnamed |= set() if name else {home(found)}
    return max(
        (len({place if place in unnamed else (place, name) for place, name in each})
         for each in owners.values()), default=0,
    )  # fmt: skip


def _apart(plain: list[Found], level: int) -> set[str]:
    """Names in several folders, with the same exercises in each: of different students."""
    groups = {name: group for name, group in _groups(plain, level).items() if name}
    around = {name: {f.parts[: min(level, f.trusted - 1)] for f in group}
              for name, group in groups.items()}  # fmt: skip
    return {name for name in groups if len(around[name]) > 1 and _crowded(groups[name]) > 1}


def _by_names(found: Found, at: int, where: Path, apart: set[str]) -> Who:
    """The student whom the name of a folder or file tells, else that of what it lies in."""
    around = [where.resolve().name, *map(shown, found.parts[:at])]
    assignment = by_name(around[-1]).removesuffix("-submissions")  # as GitHub Classroom names it
    own = shown(found.parts[at])
    if around[-1].endswith("-submissions") or around[-1].endswith("-submissions.zip"):
        own = own.removeprefix(f"{assignment}-")
    student = next(filter(None, map(by_name, [own, *around[::-1]])), "")
    if by_name(shown(found.parts[at])) in apart:
        student += f" ({shown('/'.join(found.parts[:at]))})"
    return Who(student, student)


def _doubts(plain: list[Found], level: int, where: Path, apart: set[str]) -> list[str]:
    """What the instructor should look at, as a class may have become one student."""
    told, groups = [], _groups(plain, level)
    for name, group in groups.items():
        if name in apart:
            told.append(f"{name}: in several folders with the same exercises; graded apart")
        elif (count := _crowded(group, home=lambda found: found.parts[:-1])) > 1:
            told.append(
                f"{shown(name or where.name)}: {count} notebooks with the same exercises, in other "
                "folders or under other names; taken for one student's"
            )
        elif not name and len(groups) > 1:
            names = sorted({"/".join(found.parts) for found in group})
            told.append(shown(f"whose is it? Its name tells no student: {', '.join(names[:5])}"))
    return told
