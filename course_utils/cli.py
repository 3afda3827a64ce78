"""The command line: ``course …``, or ``python -m course_utils …``.

Every command imports what it needs when it runs, so that `doctor` also works where torch does not.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional
from tyro.extras import SubcommandApp

from course_utils.data.transfer import DownloadError
from course_utils.settings import TrainSettings

app = SubcommandApp()
data_app = SubcommandApp()
app.command(data_app, name="data")


def main() -> None:
    """Run a command; a mistake in what was asked for is one line and exit code 2."""
    try:
        sys.exit(app.cli(prog="course", description="A course on image classification.") or 0)
    except (ValueError, OSError, MemoryError, DownloadError) as error:
        print(f"course: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell says of a program that Ctrl-C ended


@app.command
def lab(*arguments: Positional[str]) -> int:
    """Open JupyterLab on the first notebook; more arguments go to JupyterLab (after --)."""
    from course_utils.lab import lab

    return lab(*arguments)


@app.command
def doctor() -> int:
    """Say what this machine has, what is missing, and how to mend it."""
    from course_utils.doctor import doctor

    return doctor()


@data_app.command
def get(name: Positional[Literal["cifar10"]], folder: Path | None = None) -> None:
    """Download a data set, checked, into data/ or the folder named."""
    from course_utils.data.datasets import DATA
    from course_utils.data.download import get

    print(get(name, folder or DATA))


@data_app.command
def status() -> None:
    """Say which data sets are there, and where."""
    from course_utils.data.datasets import LAYOUTS, find

    for name in LAYOUTS:
        found = find(name)
        kind = "embedded drawings" if found.drawings else "real"
        print(f"{name:12} {kind:18} {found.path}")


@app.command
def train(settings: OmitArgPrefixes[TrainSettings]) -> int:
    """Train a network as its notebook does, without Jupyter."""
    import matplotlib

    matplotlib.use("agg")  # TensorBoard's figures need no display
    from course_utils.runs import train

    if not train(settings)["finished"]:
        print(f"not finished; to go on: course train --out {settings.out} --resume")
        return 1
    print(f"saved in {settings.out}; next: course test {settings.out / 'best.pt'}")
    return 0


@app.command
def test(checkpoint: Positional[Path], data: str | None = None, device: str = "auto") -> None:
    """Evaluate a checkpoint on the test images; use it once, when all choices are made."""
    from course_utils.runs import test

    result = test(checkpoint, data, device)
    low, high = result["interval"]
    print(
        f"test accuracy {result['accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%}), "
        f"loss {result['loss']:.4f}, {result['images']:,} images of {result['data']}"
    )


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
    from course_utils.show import results as committed

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
    from course_utils.notebooks import execute

    return execute(notebooks, check=check)
