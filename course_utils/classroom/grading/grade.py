"""Grade a class: from a folder of submissions to marks, feedback and a summary."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nbformat import NotebookNode

from course_utils import __version__
from course_utils.classroom.grading.chapters import chapters_that_count
from course_utils.classroom.grading.confine import (
    FILES,
    LIMITS,
    NETWORK,
    PROCESSES,
    READABLE,
    USER,
    Limits,
)
from course_utils.classroom.grading.copies import fingerprint, tell_same_answers
from course_utils.classroom.grading.marks import Mark, Result, read_results
from course_utils.classroom.grading.sandbox import Sandbox, Stopped, kill_all
from course_utils.classroom.grading.session import grade_notebook
from course_utils.classroom.grading.sources import (
    Source,
    read_sources,
    read_submitted,
    rebuilt,
    version_of,
    which_chapter,
)
from course_utils.classroom.grading.submissions import (
    Submission,
    SubmittedFile,
    class_in_words,
    read_submissions,
)
from course_utils.store.files import write_whole

USUAL = Limits()
WISHED = [USER, NETWORK, FILES, PROCESSES, LIMITS]


@dataclass(frozen=True)
class Job:
    """A student's notebook to be graded; without a file it is worth nothing."""

    student: str
    source: Source
    file: SubmittedFile | None

    @property
    def digest(self) -> str:
        """Changes with all that the marks depend on."""
        parts = [__version__.encode(), self.source.path.read_bytes()]
        parts += [self.file.content] if self.file else []
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def result_in(self, out: Path) -> Path:
        return out / "results" / self.student / f"{self.source.chapter}.json"


def grade(
    where: Path,
    out: Path,
    source: Path,
    only: Sequence[str] = (),
    resume: bool = False,
    due: datetime | None = None,
    limits: Limits = USUAL,
    workers: int | None = None,
) -> list[Result]:
    """Grade submissions; writes marks.csv, feedback, a summary and an nbgrader course to ``out``.

    ``only`` names chapters ("03") or students; without, `chapters_that_count` says what counts.
    Results that are there are kept with ``resume`` as far as nothing has changed. Raises
    ``ValueError`` or ``OSError`` in one line for what cannot be.
    """
    from course_utils.classroom.grading.gradebook import prepare, write_gradebook
    from course_utils.classroom.grading.report import write_report

    every = read_sources(source)
    _check_places(where, out, source, resume or bool(only))
    class_notes: list[str] = []
    submissions = read_submissions(where, due, class_notes)
    if not submissions:
        told = "; ".join(class_notes[:9]) or "it is empty"
        raise ValueError(f"{where}: nothing was handed in there: {told}")
    chosen = _chosen(submissions, [word for word in only if word not in every])
    counted, told = chapters_that_count(submissions, every)
    named = [word for word in only if word in every]
    sources = {chapter: every[chapter] for chapter in named or counted}
    print(class_in_words(submissions, class_notes), *[told] * (not named), sep="\n")
    print(protection(limits), flush=True)
    prepare(out / "nbgrader", source)
    notes = {each.key: list(each.notes) for each in submissions}
    jobs = [job for each in chosen for job in _jobs(each, sources, every, notes[each.key])]
    jobs = [job for job in jobs if not (resume and _is_graded(job, out))]
    _grade_all(jobs, out, limits, workers or min(4, os.cpu_count() or 1))
    names = {each.key: each.student for each in submissions}
    results = [result for result in read_results(out / "results") if result.student in names]
    kept = {*sources, *(result.chapter for result in results if only or result.answers)}
    results = [result for result in results if result.chapter in kept]  # not what nobody handed in
    tell_same_answers(results)
    write_report(results, out, names, notes, class_notes)
    write_gradebook(out / "nbgrader", {source.path.stem for source in sources.values()})
    return results


def protection(limits: Limits) -> str:
    """What confines students' code on this machine, and what does not, in one or two lines."""
    try:
        with Sandbox(limits) as sandbox:
            held = sandbox.held
    except Stopped as stopped:
        raise ValueError(f"no process for students' code can be started: {stopped}") from None
    text = f"Students' code runs with: {', '.join(held) or 'nothing'}; and a time limit."
    if missing := [word for word in WISHED if word not in held]:
        text += f"\nNot given here: {', '.join(missing)}."
    if NETWORK not in held or FILES not in held:
        text += (
            "\nGrade in a container that holds nothing else: their code could read the solutions."
        )
    return text


def _check_places(where: Path, out: Path, source: Path, goes_on: bool) -> None:
    """Refuse folders that lie in each other, and those that students' code may read."""
    if (out / "results").exists() and not goes_on:
        raise ValueError(f"{out} holds a grading: go on with --resume, or choose another folder")
    whole = {path: path.resolve() for path in (where, out, source)}
    for path, place in whole.items():
        for other, outer in whole.items():
            if path != other and place.is_relative_to(outer):
                raise ValueError(f"{path} lies in {other}: choose folders apart from each other")
        for readable in READABLE:
            if place.is_relative_to(readable.resolve()):
                raise ValueError(f"{path} lies in {readable}, which students' code may read")
    out.mkdir(parents=True, exist_ok=True)


def _chosen(submissions: list[Submission], names: list[str]) -> list[Submission]:
    known = {each.key for each in submissions} | {each.student for each in submissions}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no submission of {', '.join(unknown)}")
    return [s for s in submissions if not names or s.key in names or s.student in names]


def _jobs(
    submission: Submission,
    sources: dict[str, Source],
    every: dict[str, Source],
    notes: list[str],
) -> list[Job]:
    """One notebook for each chapter; what cannot be used goes to the notes."""
    found: dict[str, list[SubmittedFile]] = defaultdict(list)
    for file in submission.files:
        try:
            chapter = which_chapter(file.content, every)
        except ValueError as error:
            notes.append(f"{file.name}: {error}")
            continue
        if chapter is None:
            notes.append(f"{file.name}: none of its cells belongs to these exercises")
        elif chapter not in sources:
            notes.append(f"{file.name}: chapter {chapter} does not count here; it was not graded")
        else:
            found[chapter].append(file)
    for chapter, files in found.items():
        if len(files) > 1:
            notes.append(f"{len(files)} notebooks for {chapter}; {files[-1].name} counts")
    return [
        Job(submission.key, source, found[chapter][-1] if chapter in found else None)
        for chapter, source in sources.items()
    ]


def _is_graded(job: Job, out: Path) -> bool:
    path = job.result_in(out)
    try:
        return Result.from_json(path.read_text("utf-8")).digest == job.digest
    except (OSError, ValueError, TypeError, LookupError):
        return False


def _grade_all(jobs: list[Job], out: Path, limits: Limits, workers: int) -> None:
    """Grade with so many at a time; each result is on disk as soon as it is known."""
    with ThreadPoolExecutor(workers) as pool:
        begun = {pool.submit(grade_job, job, limits): job for job in jobs}
        try:
            for number, future in enumerate(as_completed(begun), start=1):
                job, (result, notebook) = begun[future], future.result()
                if notebook is not None:
                    _place(notebook, job, result, out / "nbgrader")
                path = job.result_in(out)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, result.to_json())
                line = f"{number}/{len(jobs)} {job.student} {job.source.chapter}: "
                print(f"{line}{result.points:g} of {result.most:g} points", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            kill_all()
            print("stopped: the same command with --resume goes on from here", flush=True)
            raise


def _place(notebook: NotebookNode, job: Job, result: Result, folder: Path) -> None:
    """Hand a notebook to nbgrader; one that it cannot hold is told, and has its marks here."""
    from course_utils.classroom.grading.gradebook import place

    try:
        place(notebook, job.student, job.source, job.file.received, folder)
    except Exception as error:  # one student's notebook never ends the class
        result.remarks.append(f"not in nbgrader's book: {type(error).__name__}: {error}")


def grade_job(job: Job, limits: Limits) -> tuple[Result, NotebookNode | None]:
    """The marks for one notebook, and it as it was graded; whatever is in it, this returns."""
    result = Result(job.student, job.source.chapter, [], digest=job.digest)
    if job.file is None:
        result.marks = _nothing(job.source, "no notebook was handed in")
        return result, None
    version = version_of(job.file.content)
    if version != __version__:
        told = f"version {version}" if version else "no version"
        result.notes.append(f"the notebook has {told}, graded with {__version__}")
    try:
        submitted = read_submitted(job.file.content, job.source)
        result.notes += submitted.notes
        result.remarks += submitted.remarks
        result.answers = fingerprint(submitted)
        result.marks, stopped = grade_notebook(job.source, submitted, limits)
        result.notes += stopped
        return result, rebuilt(job.source, submitted)
    except Exception as error:  # one student's notebook never ends the class
        result.marks = _nothing(job.source, "the notebook could not be graded")
        result.remarks.append(f"{type(error).__name__}: {error}")
        return result, None


def _nothing(source: Source, why: str) -> list[Mark]:
    return [Mark(task.name, 0.0, task.points, why) for task in source.tasks.values()]
