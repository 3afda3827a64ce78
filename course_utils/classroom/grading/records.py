"""What platforms write beside the folders of an export: whose these are, and when they came."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from course_utils.classroom.grading.intake import Found
from course_utils.classroom.grading.student_names import Who, shown, time_of

SUBMITTER = re.compile(
    r"^ *-? *:name: *(.+?) *\n(?: *:sid: *(.*?) *\n)?(?: *:email: *(.*?) *\n)?", re.M
)
CREATED = re.compile(r"^  :created_at: *'?([\d-]+ [\d:]+)", re.M)
HISTORY = "\n  :history:"  # earlier attempts, which are not in the export


@dataclass
class Records:
    """By folder, from outside to inside: its students, and the time (local) it was handed in."""

    owners: dict[tuple[str, ...], list[Who]] = field(default_factory=dict)
    times: dict[tuple[str, ...], datetime] = field(default_factory=dict)


def read_records(everything: Iterable[Found]) -> Records:
    """Sakai's times, a file in each student's folder, and Gradescope's list of submissions."""
    records = Records()
    for found in everything:
        if found.content is None or len(found.parts) != found.trusted:
            continue
        text, (*folder, name) = found.content.decode("utf-8", "replace"), found.parts
        if name == "timestamp.txt":
            if moment := time_of(re.sub(r"\D", "", text)[:14], "%Y%m%d%H%M%S"):
                records.times[tuple(folder)] = _local(moment)
        elif name == "submission_metadata.yml":
            records.owners |= {(*folder, each): owners for each, owners in _gradescope(text)}
    return records


def _gradescope(text: str) -> Iterator[tuple[str, list[Who]]]:
    """Each submission's folder, and who handed it in: one student, or a group.

    A parser of YAML would be one more dependency; the file has one form.
    """
    for block in re.split(r"^(?=\S)", text.replace("\r\n", "\n"), flags=re.M):
        name, _, about = block.partition(":\n")
        about = about.partition(HISTORY)[0] + "\n"
        created = CREATED.search(about)
        received = created and time_of(created[1], "%Y-%m-%d %H%M%S")
        people = [map(_unquoted, found) for found in SUBMITTER.findall(about)]
        if people:
            yield (
                _unquoted(name),
                [
                    Who(
                        person,
                        f"{person} {sid or mail}".strip(),
                        received=received and _local(received),
                    )
                    for person, sid, mail in people
                ],
            )


def _unquoted(text: str) -> str:
    return shown(text.strip("'\""))


def _local(moment: datetime) -> datetime:
    """Local time, of one that a platform wrote in UTC."""
    return moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
