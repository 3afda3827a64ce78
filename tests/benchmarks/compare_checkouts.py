"""Is this checkout slower than an older one? CPU seconds of both in turn, medians of the ratios.

uv run python tests/benchmarks/compare_checkouts.py COMMIT
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from io import StringIO
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


# ---- in a process of each checkout ----


def pieces(pictures: Path) -> dict:
    """What is compared, by name; with the benchmarks of the checkout itself."""
    import cifar10_pipeline
    import epoch
    import imagenet_pipeline
    import torch

    try:
        from course_utils.commands.train import train
        from course_utils.engine.settings import TrainSettings
    except ImportError:  # versions before 0.2.0
        from course_utils.runs import train
        from course_utils.settings import TrainSettings

    def command() -> None:
        told = {"model": "cnn", "profile": "tiny", "epochs": 2, "threads": 1}
        with tempfile.TemporaryDirectory() as out:
            train(TrainSettings(Path(out, "run"), tensorboard=False, progress=False, **told))

    paths = sorted(path for path in pictures.rglob("*") if path.is_file())
    paths = paths[: imagenet_pipeline.MOST]
    batches = cifar10_pipeline.ours(torch.contiguous_format)
    return {
        "CIFAR-10 images to batches": cifar10_pipeline.iterate(batches),
        "300 steps of the CNN": epoch.ours(),
        "JPEG files to batches": imagenet_pipeline.iterate(imagenet_pipeline.training(paths)),
        "course train, 2 epochs of the drawings, with its saves": command,
    }


def serve(checkout: str, pictures: str) -> None:
    """Run what the other process names, line by line, and answer with the CPU seconds."""
    sys.path.insert(0, str(Path(checkout, "tests", "benchmarks")))
    answers, sys.argv = sys.stdout, sys.argv[:1]
    with redirect_stdout(StringIO()):
        known = pieces(Path(pictures))
        print("\n".join(known), end="\n\n", file=answers, flush=True)
        for line in sys.stdin:
            began = time.process_time()
            known[line.strip()]()
            print(time.process_time() - began, file=answers, flush=True)


# ---- in the one that compares ----


class Side:
    """A process with the library and the benchmarks of one checkout."""

    def __init__(self, checkout: Path, pictures: Path):
        told = {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
        told |= {"COURSE_DATA": os.environ.get("COURSE_DATA", str(ROOT / "data"))}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        words = [sys.executable, __file__, "--serve", str(checkout), str(pictures)]
        self.process = subprocess.Popen(words, env=os.environ | told, cwd=checkout, **pipes)
        self.names = [line.strip() for line in takewhile(str.strip, self.process.stdout)]
        if not self.names:
            raise RuntimeError(f"{checkout}: its benchmarks do not run, see above")

    def seconds(self, name: str) -> float:
        print(name, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def end(self) -> None:
        self.process.communicate()


def compare(older: Path, pictures: Path, repetitions: int) -> dict[str, list[float]]:
    """This checkout's seconds divided by the older one's, pair by pair, after one to warm up."""
    sides = [Side(checkout, pictures) for checkout in (older, ROOT)]
    ratios = {name: [] for name in sides[1].names}
    for repetition in range(repetitions + 1):
        for name, values in ratios.items():
            before, now = (side.seconds(name) for side in sides)
            if repetition:
                values.append(now / before)
    for side in sides:
        side.end()
    return ratios


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("commit", help="the older one, as git names it")
    words.add_argument("--repetitions", type=int, default=15)
    usual = ROOT / "data" / "tiny" / "imagenet"
    words.add_argument("--pictures", type=Path, default=usual, help="such as imagenet_sample")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as parent:
        older = Path(parent, "older")
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", older, asked.commit], check=True)
        try:
            ratios = compare(older, asked.pictures.resolve(), asked.repetitions)
        finally:
            subprocess.run([*git, "remove", "--force", older], check=True)
    for name, values in ratios.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(f"{name:56}{middle:6.3f} times the CPU seconds (quartiles {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    serve(*sys.argv[2:]) if sys.argv[1:2] == ["--serve"] else main()
