"""Answers that are the same, but for comments and layout, in the notebooks of several students."""

import ast
import hashlib
from collections import defaultdict

from course_utils.classroom.grading.marks import Result
from course_utils.classroom.grading.sources import Submitted


def fingerprint(submitted: Submitted) -> str:
    """Of the answers without comments and layout."""
    pieces = []
    for cell in submitted.cells:
        try:
            pieces += [ast.dump(ast.parse(cell.code))] if cell.task else []
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pieces.append(cell.code.strip())
    return hashlib.sha256("\n".join(pieces).encode()).hexdigest()


def tell_same_answers(results: list[Result]) -> None:
    """Remark, for the instructor, whose answers are the same but for comments and layout."""
    alike = defaultdict(list)
    for result in results:
        if result.points and result.answers:
            alike[result.chapter, result.answers].append(result)
    for same in alike.values():
        for result in same if len(same) > 1 else []:
            others = [other.student for other in same if other is not result]
            result.remarks.append(f"{result.chapter}: same answers as {', '.join(others)}")
