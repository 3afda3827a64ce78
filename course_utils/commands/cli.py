"""The command line: ``course …``, or ``python -m course_utils …``.

Every command imports what it needs when it runs, so that `doctor` also works where torch does not.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional

from course_utils.commands.planner.scaling import Job
from course_utils.commands.usage import Commands, parse
from course_utils.engine.settings import TrainSettings
from course_utils.store.fetching import DownloadError
from course_utils.store.terminal import open_closed_streams, shown

app = Commands()
data_app = Commands()
app.command(data_app, name="data")


def main() -> None:
    """Run a command; a mistake in what was asked for is one line and exit code 2."""
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # a class may have a name it cannot show; lines of several processes stay whole
        stream.reconfigure(errors="backslashreplace", line_buffering=True, write_through=False)
    warnings.filterwarnings("ignore", r"Glyph \d+ ")  # a class's name in a script without font
    warnings.formatwarning = lambda message, *_, **__: _told(message) + "\n"
    try:
        code = parse(app, _arguments(), about="A course on image classification.")()
        sys.stdout.flush()
        sys.exit(code or 0)
    except BrokenPipeError:  # as in `course runs | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # as a shell says of a program that a closed pipe ended
    except (ValueError, OSError, MemoryError, DownloadError) as error:
        if not (getattr(error, "told_by_rank_0", False) and _rank()):
            print(_told(error), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell says of a program that Ctrl-C ended


def _rank() -> int:
    return int(os.environ.get("RANK", 0))


def _told(message) -> str:
    """An error or a warning, for a terminal."""
    if type(message) is PermissionError and message.filename:
        remedy = "make it readable and writable, or choose another place"
        message = f"{message.filename}: permission denied; {remedy}"
    return f"course: {shown(str(message) or type(message).__name__, lines=True)}"


def _arguments() -> list[str]:
    """What was typed; after ``lab`` all of it is JupyterLab's, flags too.

    Raises ``ValueError`` for an empty word, which would mean the current folder, or nothing.
    """
    if "" in sys.argv[1:]:
        raise ValueError("an argument is empty: is a shell variable not set?")
    command, *rest = sys.argv[1:] or [""]
    if command == "lab" and rest and rest[0] not in ("--", "-h", "--help"):
        return ["lab", "--", *rest]
    return sys.argv[1:]


@app.command
def lab(*arguments: Positional[str]) -> int:
    """Open JupyterLab on the first notebook; all flags are JupyterLab's: course lab --port 8899.

    Those of JupyterLab itself: course lab --help-all.
    """
    from course_utils.commands.lab import lab

    return lab(*arguments)


@app.command
def doctor() -> int:
    """Say what this machine has, what is missing, and how to fix it."""
    from course_utils.commands.doctor import doctor

    return doctor()


@data_app.command
def get(
    name: Positional[Literal["cifar10", "hymenoptera", "imagenette"]], folder: Path | None = None
) -> None:
    """Download a data set, checked, into data/ or the folder named."""
    from course_utils.commands.download import get
    from course_utils.store.locations import DATA

    print(get(name, folder or DATA))


@data_app.command
def status() -> None:
    """Say which data sets are there, and where."""
    from course_utils.store.locations import LAYOUTS, find

    for name in LAYOUTS:
        found = find(name)
        kind = "embedded drawings" if found.drawings else "real"
        kind = "cache" if found.layout == "cache" else kind
        print(f"{name:12} {kind:18} {found.path}")


@data_app.command
def check(folder: Positional[Path], workers: int | None = None) -> int:
    """Read every picture in a folder, and in those in it, and name those that cannot be read.

    Args:
        folder: With pictures, however they are laid out.
        workers: How many pictures at a time; default: one for each processor.
    """
    from course_utils.store.checking import check

    return 1 if check(folder, workers) else 0


@data_app.command
def split(
    folder: Positional[Path],
    val: float = 0.2,
    test: float | None = None,
    out: Path | None = None,
    seed: int = 0,
    group: str | None = None,
) -> None:
    """Lay a folder of classes out as train, val and maybe test, in a new folder; no file moves.

    Args:
        folder: With a folder for each class.
        val: The share of each class to validate on.
        test: The share to test on; default: no test.
        out: Where to; default: a folder beside it whose name ends in -split.
        seed: Another one chooses other pictures.
        group: Names that are the same up to this text, such as _, stay together.
    """
    from course_utils.store.dividing import divided_copy

    shares = {"val": val} if test is None else {"val": val, "test": test}
    out = out or folder.resolve().parent / f"{folder.resolve().name}-split"
    counts = divided_copy(folder, out, shares, seed, group)
    told = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    print(f"{out} is there: {told}; use it with --data {out}")


@data_app.command
def cache(data: Positional[str], out: Path | None = None, workers: int | None = None) -> int:
    """Copy pictures, their short side scaled to 256 pixels: they are read about twice as fast.

    Started again it goes on, and makes again what has changed.

    Args:
        data: imagenet, imagenette, hymenoptera, or a folder with train/<class> and val/<class>.
        out: Where to; default: a folder beside the originals whose name ends in -256.
        workers: How many pictures at a time; default: one for each processor.
    """
    from course_utils.commands.cache import make_cache
    from course_utils.commands.open_data import originals

    found = originals(data)
    if found.drawings and not out:
        raise ValueError(f"{found}: say with --out where a cache of these shall be")
    out = out or found.path.resolve().parent / f"{found.name}-256"
    faults = make_cache(found.path, out, found.name, found.drawings, workers)
    print(*map(shown, faults), sep="\n", end="\n" if faults else "")
    left_out = f", without {len(faults):,} that cannot be read" if faults else ""
    print(f"{out} is there{left_out}; use it with --data {out}")
    return 1 if faults else 0


@app.command
def train(settings: OmitArgPrefixes[TrainSettings]) -> int:
    """Train a network as its notebook does, without Jupyter; under torchrun, in many processes."""
    import matplotlib

    if _rank():  # the first process speaks for all
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    matplotlib.use("agg")  # TensorBoard's figures need no display
    from course_utils.commands.train import train

    record = train(settings)
    if not record["finished"]:
        asked = record["stopped"] in ("interrupted", "asked to terminate")
        if asked and (settings.out / "last.pt").is_file():
            print(f"not finished; to go on: course train --out {settings.out} --resume")
        return 1
    print(f"saved in {settings.out}; next: course test {settings.out / 'best.pt'}")
    return 0


@app.command
def test(
    checkpoint: Positional[Path],
    data: str | None = None,
    split: Literal["test", "val"] = "test",
    labels: str | None = None,
    device: str = "auto",
    pictures: Path | None = None,
    csv: Path | None = None,
) -> None:
    """Evaluate a checkpoint on the test images; use it once, when all choices are made.

    Args:
        checkpoint: A run's best.pt.
        data: A set's name or a folder; default: what the run was trained on.
        split: val where there are no test images.
        labels: A CSV file with the columns file and label, of the pictures in data.
        device: auto, cpu, cuda, cuda:1 or mps.
        pictures: Draw the surest mistakes into this file, a PNG.
        csv: Write every mistake into this file, a table.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise ValueError("course test needs one process: leave torchrun out")
    import matplotlib

    matplotlib.use("agg")  # pictures of mistakes need no display
    from course_utils.commands.evaluation import result_text
    from course_utils.commands.test import test
    from course_utils.store.files import check_place, is_stream
    from course_utils.store.text import terminal_width

    if csv and pictures and csv.resolve() == pictures.resolve():
        raise ValueError(f"{csv} is named twice; name another file to write")
    if csv and labels and csv.resolve() == Path(labels).resolve():
        raise ValueError(f"{csv} is named twice; name another file to write")
    for path, ending in ((pictures, ".png"), (csv, ".csv")):
        if path:
            check_place(path, ending)
    result = test(checkpoint, data, device, split, pictures, csv, labels)
    print(result_text(result, terminal_width()))
    for path, what in ((csv, "every mistake"), (pictures, "the surest mistakes")):
        if path and not is_stream(path):
            print(f"{what}: {path}")


@app.command
def predict(
    checkpoint: Positional[Path],
    *pictures: Positional[str],
    csv: Path | None = None,
    json: Path | None = None,
    format: Literal["table", "csv", "json"] = "table",
    k: int = 3,
    device: str = "auto",
    bad_images: Literal["fail", "skip"] = "fail",
) -> None:
    """Name pictures: the likeliest classes of files, folders and web addresses.

    Args:
        checkpoint: A run's best.pt.
        pictures: Files, addresses, and folders, of which every picture is taken.
        csv: Write them into this file, a table.
        json: Write them into this file.
        format: What is printed where no file is named.
        k: How many classes of each picture.
        device: auto, cpu, cuda, cuda:1 or mps.
        bad_images: What to do about pictures that cannot be read.
    """
    from course_utils.commands.predict_files import FORMATS, as_table, predict_files
    from course_utils.data import profile
    from course_utils.store.files import check_place, is_stream, write_whole
    from course_utils.store.text import terminal_width

    files = {kind: path for kind, path in {"csv": csv, "json": json}.items() if path}
    taken = {Path(path).resolve() for path in (checkpoint, *pictures)}
    for kind, path in files.items():
        if path.resolve() in taken:
            raise ValueError(f"{path} is named twice; name another file to write")
        taken.add(path.resolve())
        check_place(path, f".{kind}")
    on = profile.device(device, data=profile.ANY_PICTURES)
    named = predict_files(checkpoint, pictures, k=k, device=on, bad_images=bad_images)
    for kind, path in files.items():
        write_whole(path, FORMATS[kind](named))
        if not is_stream(path):
            print(f"{len(named)} pictures named in {path}")
    if not files:
        text = as_table(named, terminal_width()) if format == "table" else FORMATS[format](named)
        print(text.rstrip("\n"))


@app.command
def runs(
    *folders: Positional[Path],
    sort: Literal["accuracy", "name"] = "accuracy",
    csv: Path | None = None,
) -> None:
    """Compare runs: their settings, as far as they differ, and what they reached.

    Args:
        folders: Of runs, or with runs in them; default: $COURSE_RUNS, or runs/ of the course.
        sort: By the best validation accuracy, or by name.
        csv: Write all settings and results into this file.
    """
    from course_utils.commands.run_table import as_csv, find_runs, in_order, run_table
    from course_utils.engine.run_folder import runs_folder
    from course_utils.store.files import check_place, write_whole
    from course_utils.store.text import terminal_width

    if csv:
        check_place(csv, ".csv")
    rows, damaged = find_runs(folders or [runs_folder()])
    if len(damaged) == 1 and not rows:
        raise ValueError(damaged[0])
    for line in damaged:
        print(_told(f"{line}; left out"), file=sys.stderr)
    if not rows:
        raise ValueError(f"no runs in {', '.join(map(str, folders or [runs_folder()]))}")
    rows = in_order(rows, sort)
    print(run_table(rows, terminal_width()))
    if csv:
        write_whole(csv, as_csv(rows))


@app.command
def results(
    *runs: Positional[Path],
    add: Annotated[str | None, tyro.conf.arg(metavar="NOTEBOOK")] = None,
    write: bool = False,
) -> None:
    """Print the tables of the committed reference runs.

    Args:
        runs: Folders of runs to add.
        add: Add the runs named to this notebook's committed records first.
        write: Write the tables into README.md.
    """
    from course_utils.commands import results as committed

    if add:
        committed.add(add, runs)
    if write:
        committed.write_readme()
    print(committed.tables())


@app.command
def execute(*notebooks: Positional[Path], check: bool = False) -> int:
    """Execute notebooks in the tiny profile and store their outputs; the same bytes every time.

    Args:
        notebooks: Which ones; default: all.
        check: Write nothing, say whether the stored outputs are what comes out.
    """
    from course_utils.classroom.notebooks import execute

    return execute(notebooks, check=check)


@app.command
def plan(
    job: OmitArgPrefixes[Job],
    curve: bool = False,
    published: bool = False,
    measure: bool = False,
    pictures: Path | None = None,
    device: str = "auto",
) -> None:
    """Estimate a run on many GPUs: how long, what it costs, what limits it, cores for loading.

    Args:
        curve: Also on 1, 2, 4 … 1,024 GPUs, with as many images each, 32,768 together at most.
        published: Only compare the model with published runs.
        measure: Measure on this machine what a core loads and the device trains, half a minute.
        pictures: A folder with train/<class> to measure the loading on; default: the drawings.
        device: What to measure the training on: auto, cpu, cuda, cuda:1 or mps.
    """
    from course_utils.commands.planner.plan_table import curve_table, estimate_text, published_table
    from course_utils.commands.planner.published import published_runs
    from course_utils.commands.planner.scaling import estimate, scaling_curve

    if pictures and not measure:
        raise ValueError("--pictures is what --measure loads: add --measure, or leave it out")
    if published:
        print(published_table(published_runs()))
        return
    job.check()
    told = {}
    if measure:
        from course_utils.commands.planner.rates import measured_job
        from course_utils.data import profile

        on = profile.device(device, data=profile.ANY_PICTURES)
        job, told = measured_job(job, pictures, on)
    print(estimate_text(estimate(job), told))
    if curve:
        print("", curve_table(scaling_curve(job)), sep="\n")


@app.command
def release(*chapters: Positional[str], out: Path, source: Path | None = None) -> None:
    """Write the exercises as students get them: no solutions, hidden checks and outputs; and a zip.

    Needs nbgrader: uv run --group grading course release …

    Args:
        chapters: Such as 01 03; default: all.
        out: The folder to write into.
        source: Notebooks with solutions; default: notebooks/solutions.
    """
    from course_utils.classroom.grading.release import SOURCE, release

    for path in release(chapters, out=out, source=source or SOURCE):
        print(path)


@app.command
def grade(
    submissions: Positional[Path],
    out: Path,
    only: tuple[str, ...] = (),
    resume: bool = False,
    due: str | None = None,
    source: Path | None = None,
    seconds: float = 10,
    memory: int = 2048,
    workers: int | None = None,
) -> None:
    """Grade what a class handed in: marks.csv, feedback for each student, a summary of the class.

    Needs nbgrader: uv run --group grading course grade …

    Args:
        submissions: A folder, or a zip, with notebooks or zips as learning platforms export them.
        out: Where the results go; an nbgrader course for Formgrader lies there too.
        only: Some chapters (03) or some students; else what was released, or handed in, counts.
        resume: Go on with a grading that was stopped; what has not changed is not graded again.
        due: What came later is told as late, such as 2026-11-20T23:59.
        source: The notebooks with solutions; default: notebooks/solutions.
        seconds: For one cell, or one question of a check, of a student's code.
        memory: For a student's code, in MiB.
        workers: How many notebooks at a time; default: one for each processor, at most four.
    """
    from datetime import datetime

    from course_utils.classroom.grading.release import SOURCE, need_nbgrader

    need_nbgrader("grade")
    from course_utils.classroom.grading.confine import Limits
    from course_utils.classroom.grading.grade import grade

    if seconds <= 0 or memory <= 0:
        raise ValueError("--seconds and --memory must be larger than 0")
    until = datetime.fromisoformat(due) if due else None
    limits = Limits(seconds=seconds, memory=memory)
    results = grade(submissions, out, source or SOURCE, only, resume, until, limits, workers)
    print(f"{len({result.student for result in results})} students: {out / 'marks.csv'}, "
          f"{out / 'summary.html'}, {out / 'feedback'}")  # fmt: skip
