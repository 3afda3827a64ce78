"""Everything that is measured on one GPU, within a given time, in one table and one JSON file.

python tests/benchmarks/gpu.py --out FOLDER [--seconds 480] [--only airbench resnet34 …] [--dry]

Needs torch, torchvision, tyro, torchinfo and filelock, no Jupyter and no network; the real CIFAR-10
in COURSE_DATA, and for the loader 100 or more JPEGs of ImageNet's size in --jpegs. Each part is a
process of its own: one that fails is told in the table, and the others go on. A part begins only
while there is time for it. ``--dry``: a few steps of each part on this CPU.

FOLDER gets table.txt, gpu.json and records.tgz, the runs' records for `course results --add`.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = "tests/benchmarks"


@dataclass(frozen=True)
class Part:
    """One process, or several that run side by side: their accuracy counts and not their time."""

    name: str
    seconds: int  # that it needs at most
    commands: tuple[tuple[str, ...], ...]


def training(name: str, seconds: int, *flags: str, seeds=(0,)) -> Part:
    """`course train` in the profile gpu, once per seed, side by side."""
    commands = [
        ("train", f"{name}_{seed}", "--profile", "gpu", "--seed", str(seed), *flags)
        for seed in seeds
    ]
    return Part(f"{name}_{'_'.join(map(str, seeds))}", seconds, tuple(commands))


def resnet50(name: str, seconds: int, *flags: str, steps: int = 150) -> Part:
    command = (f"{HERE}/resnet50_throughput.py", "JPEGS", "--steps", str(steps), *flags)
    return Part(name, seconds, (command,))


def tuned(rate: str) -> tuple[str, ...]:
    """From the ResNet-18 that was trained before, with Adam, until validation stands still."""
    begin = ("--weights", "RUNS/resnet18_0/best.pt", "--model", "resnet18", "--epochs", "12")
    return (
        *begin,
        "--optimizer",
        "adam",
        "--learning-rate",
        rate,
        "--schedule",
        "plateau",
        "--warm-up",
        "0",
    )


PARTS = (
    training("resnet34", 100, "--model", "resnet34"),
    training("resnet18", 70, "--model", "resnet18"),
    Part("airbench", 90, ((f"{HERE}/airbench.py", "--seeds", "12"),)),
    resnet50("resnet50", 70),
    training("googlenet", 170, "--model", "googlenet", "--auxiliary", "True"),
    training("resnet18", 90, "--model", "resnet18", seeds=(1, 2)),
    training("resnet34", 150, "--model", "resnet34", seeds=(1, 2)),
    Part(
        "tuned",
        60,
        tuple(
            ("train", f"tuned_{rate}_0", "--profile", "gpu", *tuned(rate))
            for rate in ("1e-3", "1e-4")
        ),
    ),
    Part("decoding", 40, ((f"{HERE}/gpu_decoding.py", "JPEGS"),)),
    training("nccl", 40, "--model", "resnet18", "--epochs", "4"),
    resnet50("resnet50_2_workers", 40, "--workers", "2", steps=20),
    resnet50("resnet50_compiled", 90, "--compile"),
    training(
        "plateau",
        80,
        "--model",
        "resnet18",
        "--schedule",
        "plateau",
        "--warm-up",
        "0",
        "--epochs",
        "30",
    ),
    training("narrow_resnet", 60, "--model", "narrow_resnet", seeds=(0, 1, 2)),
    training("cnn", 60, "--model", "cnn", seeds=(0,)),
    training("small_inception", 90, "--model", "small_inception", seeds=(0,)),
    training("plain20", 120, "--model", "plain20", "--epochs", "15"),
    training("resnet20", 120, "--model", "resnet20", "--epochs", "15"),
)
DRY = {  # a few steps
    "train": ("--device", "cpu", "--epochs", "1", "--batch-size", "2048", "--threads", "1"),
    "airbench": ("--seeds", "1", "--epochs", "1", "--images", "2048"),
    "decoding": ("--repetitions", "1"),
    "resnet50": ("--steps", "1", "--batch-size", "2", "--image-size", "64"),
}


class Table:
    """What was measured, line by line on the screen and in table.txt."""

    def __init__(self, path: Path):
        self.path, self.rows = path, []
        path.write_text("", encoding="utf-8")

    def say(self, line: str) -> None:
        print(line, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def command_of(words: tuple[str, ...], asked: argparse.Namespace) -> list[str]:
    """The words of a part's command, with folders filled in."""
    runs = asked.work / "runs"
    if words[0] == "train":
        out = str(runs / words[1])
        launch = ("-m", "torch.distributed.run", "--nproc-per-node=1") if "nccl" in words[1] else ()
        train = ("-m", "course_utils", "train", "--out", out, "--no-progress")
        words = (*launch, *train, *words[2:])
        if asked.dry and {"resnet18", "resnet34"} & {*words}:
            words += ("--width", "8")
    if asked.dry:
        words += next(flags for name, flags in DRY.items() if any(name in word for word in words))
    filled = {"JPEGS": str(asked.jpegs), "RUNS": str(runs)}
    for name, path in filled.items():
        words = tuple(word.replace(name, path) for word in words)
    return [sys.executable, *words]


def run(part: Part, asked: argparse.Namespace, table: Table) -> None:
    """Run a part's processes, each with a log of its own; the last line of each is told."""
    began, started = time.perf_counter(), []
    for words in part.commands:
        log = asked.work / f"{words[1] if words[0] == 'train' else part.name}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                command_of(words, asked), cwd=ROOT, stdout=file, stderr=subprocess.STDOUT
            )
        started.append((words, log, process))
    for words, log, process in started:
        left = part.seconds + 60 - (time.perf_counter() - began)
        try:
            code = process.wait(max(left, 1))
        except subprocess.TimeoutExpired:
            process.kill()
            code = f"stopped after {part.seconds + 60} s"
        seconds = time.perf_counter() - began
        lines = log.read_text().splitlines() or [""]
        row = {"part": part.name, "code": code, "seconds": round(seconds, 1)}
        row["side_by_side"] = len(part.commands)
        name = log.stem
        if words[0] == "train":
            row["last"] = lines[-1]
            if code == 0:
                row["test"] = tested(words[1], asked)
            table.say(f"{name}: exit {code}, {seconds:.0f} s; {row.get('test') or lines[-1]}")
        else:
            row["output"] = lines[-30:]
            shown = [line for line in lines[-8:] if not line.startswith("{")]
            table.say(f"{name}: exit {code}, {seconds:.0f} s\n    " + "\n    ".join(shown))
        table.rows.append(row)


def tested(name: str, asked: argparse.Namespace) -> str:
    """Test a run's best epoch; the line with its accuracy."""
    command = ["-m", "course_utils", "test", str(asked.work / "runs" / name / "best.pt")]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    return next((line for line in lines if "test accuracy" in line), (lines or [""])[-1])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("/tmp/course-gpu"), help="runs and logs")
    parser.add_argument("--seconds", type=int, default=480)
    parser.add_argument("--only", nargs="*", help="names of parts, or their beginnings")
    parser.add_argument("--jpegs", type=Path, help="folder with train/<class>")
    parser.add_argument("--dry", action="store_true")
    return parser.parse_args()


def main() -> None:
    asked, began = arguments(), time.perf_counter()
    os.environ |= {"GOMP_SPINCOUNT": "0", "PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(
        filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}  # fmt: skip
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.work / "runs").mkdir(parents=True, exist_ok=True)
    table = Table(asked.out / "table.txt")
    for part in PARTS:
        if asked.only and not part.name.startswith(tuple(asked.only)):
            continue
        left = asked.seconds - (time.perf_counter() - began)
        if left < part.seconds:
            table.say(f"{part.name}: no time left ({left:.0f} s)")
            continue
        run(part, asked, table)
        save(asked, table)
    table.say(f"done after {time.perf_counter() - began:.0f} s")


def save(asked: argparse.Namespace, table: Table) -> None:
    """After every part, so that a machine that is taken away leaves what was measured."""
    (asked.out / "gpu.json").write_text(json.dumps(table.rows, indent=1), encoding="utf-8")
    with tarfile.open(asked.out / "records.tgz", "w:gz") as archive:
        for path in sorted(asked.work.rglob("*")):
            if path.suffix in (".log", ".json"):
                archive.add(path, path.relative_to(asked.work))


if __name__ == "__main__":
    main()
