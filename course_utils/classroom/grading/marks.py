"""What grading one student's notebook gave."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Mark:
    """Points for one exercise, and why."""

    exercise: str
    points: float
    most: float
    message: str = ""  # for the student; nothing of the hidden checks
    detail: str = ""  # for the instructor


@dataclass
class Result:
    """The marks of one student for one chapter."""

    student: str
    chapter: str
    marks: list[Mark]
    notes: list[str] = field(default_factory=list)  # a cell missing, another version, …
    remarks: list[str] = field(default_factory=list)  # for the instructor only
    answers: str = ""  # the same for the same answers
    digest: str = ""  # of what was graded, so that a grading that was stopped can go on

    @property
    def points(self) -> float:
        return sum(mark.points for mark in self.marks)

    @property
    def most(self) -> float:
        return sum(mark.most for mark in self.marks)

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Result":
        fields = json.loads(text)
        return cls(**fields | {"marks": [Mark(**mark) for mark in fields["marks"]]})


def read_results(folder: Path) -> list[Result]:
    """All results in a folder, by student and chapter. Raises ``ValueError`` naming a bad file."""
    found = []
    for path in folder.rglob("*.json"):
        try:
            found.append(Result.from_json(path.read_text("utf-8")))
        except (ValueError, TypeError, LookupError):
            raise ValueError(f"{path} is no result: delete it and go on with --resume") from None
    return sorted(found, key=lambda result: (result.student, result.chapter))
