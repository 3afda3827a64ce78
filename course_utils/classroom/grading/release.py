"""The student version of the exercises: without solutions, hidden checks and outputs."""

import io
import logging
import os
import re
import tempfile
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from course_utils import __version__
from course_utils.classroom.notebooks import ROOT, to_bytes
from course_utils.classroom.teaching.exercises import EXERCISES

SOURCE = ROOT / "notebooks" / "solutions"
STUB = "raise NotImplementedError"
MARK = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS)")
LEFT_OVER = re.compile(rf"{MARK.pattern}|#{{2,}}\s*(BEGIN|END)\b", re.IGNORECASE)
LONG = 30  # characters: a solution shorter than this may well stand elsewhere by chance
SOLUTION, HIDDEN = "SOLUTION", "HIDDEN TESTS"


def release(chapters: Sequence[str] = (), *, out: Path, source: Path = SOURCE) -> list[Path]:
    """Write the student notebooks of these chapters (default: all), and a zip of them, into `out`.

    Returns the files written; the zip comes last. The same source gives the same bytes. Raises
    ``ValueError`` where a source has a fault, before anything is written.
    """
    need_nbgrader("release")
    chosen = _chosen(chapters, source)
    told = list(chosen) if chapters else []  # for `course grade`: what counts
    notebooks = {f"{n}_exercises.ipynb": student_version(path, told) for n, path in chosen.items()}
    for name in notebooks:
        if (out / name).is_file() and b"BEGIN SOLUTION" in (out / name).read_bytes():
            raise ValueError(f"{out} holds notebooks with solutions: name another folder")
    out.mkdir(parents=True, exist_ok=True)
    files = notebooks | {f"exercises-{__version__}.zip": _zipped(notebooks)}
    with tempfile.TemporaryDirectory(prefix=".release-", dir=out) as work:
        for name, content in files.items():
            Path(work, name).write_bytes(content)
        for name in files:
            os.replace(Path(work, name), out / name)
    return [out / name for name in files]


def need_nbgrader(command: str) -> None:
    """Raise ``ValueError``, with the remedy, where nbgrader is not installed."""
    if not find_spec("nbgrader"):
        raise ValueError(f"nbgrader is missing: uv run --group grading course {command} …")


def _chosen(chapters: Sequence[str], source: Path) -> dict[str, Path]:
    found = {path.name[:2]: path for path in sorted(source.glob("[0-9][0-9]_exercises.ipynb"))}
    if not found:
        raise ValueError(f"{source}: no NN_exercises.ipynb with solutions there")
    asked = sorted({chapter.zfill(2) for chapter in chapters}) or list(found)
    for chapter in asked:
        if chapter not in found:
            raise ValueError(f"no exercises for chapter {chapter!r}; there are: {', '.join(found)}")
    return {chapter: found[chapter] for chapter in asked}


def student_version(path: Path, released: Sequence[str] = ()) -> bytes:
    """The notebook of these solutions as students get it; ``ValueError`` in one line for a fault.

    It tells which chapters were ``released`` with it, where these are not all.
    Links stay as they are: they hold in any folder beside that of the solutions.
    """
    import nbformat

    try:
        notebook = nbformat.read(path, as_version=4)
        removed = [text for cell in notebook.cells for text in _checked(cell, path.name[:2])]
        notebook.cells[0].source += f"\n\nVersion {__version__}."
        notebook = nbformat.reads(to_bytes(_stripped(notebook)), as_version=4)
        _check_nothing_left(notebook, removed)
    except Exception as error:  # nbgrader and nbformat have many kinds
        raise ValueError(f"{path.name}: {str(error).partition(chr(10))[0]}") from error
    about = {"released": list(released)} if released else {}
    notebook.metadata["course_utils"] = {"version": __version__, **about}
    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode()


def _stripped(notebook):
    """What nbgrader makes of a notebook for an assignment, without its database."""
    from nbgrader import preprocessors
    from nbgrader.nbgraderformat import MetadataValidator

    MetadataValidator().validate_nb(notebook)
    log = logging.Logger("quiet", logging.CRITICAL)  # faults are told in one line, by the caller
    for preprocessor in (
        preprocessors.LockCells(log=log),
        preprocessors.ClearSolutions(log=log, code_stub={"python": STUB}),
        preprocessors.ClearOutput(log=log),
        preprocessors.ClearHiddenTests(log=log),
        preprocessors.ComputeChecksums(log=log),
    ):
        notebook, _ = preprocessor.preprocess(notebook, {})
    return notebook


def _checked(cell, chapter: str) -> list[str]:
    """The texts of this cell that no student may see; ``ValueError`` for a fault."""
    about = cell.metadata.get("nbgrader", {})
    name = about.get("grade_id") or cell.get("id")
    try:
        hidden = regions(cell.source)
    except ValueError as error:
        raise ValueError(f"cell {name!r}: {error}") from None
    if about.get("grade"):
        exercise = EXERCISES.get(name)
        if not exercise or exercise.chapter != chapter:
            raise ValueError(f"the graded cell {name!r} is no exercise of chapter {chapter}")
        if about.get("points") != exercise.points:
            raise ValueError(f"the graded cell {name!r} is not worth {exercise.points} points")
    if about.get("solution") and not any(kind == SOLUTION for kind, _ in hidden):
        raise ValueError(f"cell {name!r} has no ### BEGIN {SOLUTION}: are these the sources?")
    whole = [text for kind, text in hidden if kind == SOLUTION]
    return whole + [line for kind, text in hidden if kind == HIDDEN for line in text.split("\n")]


def regions(source: str) -> list[tuple[str, str]]:
    """Kind and text of each region that students do not get.

    >>> regions("def f():\\n    ### BEGIN SOLUTION\\n    return 1\\n    ### END SOLUTION")
    [('SOLUTION', '    return 1')]

    Raises ``ValueError`` where a region is not closed.
    """
    found, kind, lines = [], None, []
    for line in source.split("\n"):
        mark = MARK.search(line)
        if mark and (mark[1], mark[2]) == ("END", kind):
            found.append((kind, "\n".join(lines)))
            kind = None
        elif mark and (kind or mark[1] == "END"):
            raise ValueError(f"{mark[0]} comes {f'before END {kind}' if kind else 'alone'}")
        elif mark:
            kind, lines = mark[2], []
        else:
            lines.append(line)
    if kind:
        raise ValueError(f"BEGIN {kind} has no END {kind}")
    return found


def _check_nothing_left(notebook, removed: list[str]) -> None:
    cells = {cell.get("id"): cell for cell in notebook.cells}
    for name, cell in cells.items():
        if mark := LEFT_OVER.search(cell.source):
            raise ValueError(f"cell {name!r}: {mark[0]!r} is left over")
        text = " ".join(cell.source.split())
        for piece in (" ".join(piece.split()) for piece in removed):
            if len(piece) >= LONG and piece in text:
                raise ValueError(f"cell {name!r} gives away {piece[:60]!r}")
        if cell.get("outputs") or cell.get("execution_count"):
            raise ValueError(f"cell {name!r} still has outputs")


def _zipped(files: dict[str, bytes]) -> bytes:
    """A zip of these files: uncompressed and without times, so that it is the same everywhere."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)  # of the first of January 1980
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content)
    return whole.getvalue()
