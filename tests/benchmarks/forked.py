"""`course …` in forks of this process, which has torch loaded; and what can happen to them."""

import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import matplotlib.pyplot  # noqa: F401  (what a run imports late is here before the forks)
import torch
import torch._dynamo
import torch.utils.tensorboard
from helpers import At, same
from picture_folders import read_json, write_pictures

from course_utils import load_checkpoint
from course_utils.commands import cli, train as runs

torch.set_num_threads(1)

STUCK = 180  # seconds after which a command is taken for one that hangs
EPOCHS, STEPS = 4, 12  # steps an epoch
TRAIN = ["train", "--data", "pictures", "--out", "run", "--model", "cnn", "--weights", "none"]
TRAIN += ["--image-size", 32, "--learning-rate", 0.01, "--batch-size", 4, "--epochs", EPOCHS]
TRAIN += ["--no-progress"]
RESUME = ["train", "--out", "run", "--resume", "--no-progress"]


@dataclass
class End:
    """How a command ended: its exit code, a signal's number below 0, None where it hung."""

    code: int | None
    out: str
    err: str


class Command:
    """``course …`` in a fork, in a folder; ``before()`` runs in it first."""

    def __init__(self, folder: Path, words, before: Callable[[], None] = lambda: None):
        pipes = [os.pipe() for _ in ("out", "err")]  # which a full disk does not end
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            self._run(folder, [*map(str, words)], before, pipes)
        self.read = [read for read, _ in pipes]
        for read, write in pipes:
            os.set_blocking(read, False)  # a worker that outlives the run keeps it open
            os.close(write)

    def _run(self, folder: Path, words: list[str], before: Callable[[], None], pipes) -> None:
        code = 70  # as sysexits.h says of an error within
        try:
            for descriptor, (read, write) in enumerate(pipes, 1):
                os.dup2(write, descriptor)
                os.close(read)
                os.close(write)
            sys.stdout, sys.stderr = (os.fdopen(os.dup(n), "w") for n in (1, 2))
            sys.argv = ["course", *words]
            os.environ["COURSE_PROFILE"] = "tiny"
            os.chdir(folder)
            before()
            cli.main()
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(OSError):
                sys.stdout.flush()
            os._exit(code)

    def ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self, seconds: float = STUCK) -> End:
        """How it ended; it is killed where it does not."""
        until = time.monotonic() + seconds
        while not (ended := self.ended()) and time.monotonic() < until:
            time.sleep(0.002)
        if not ended:
            os.kill(self.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        texts = []
        for read in self.read:
            with open(read, "rb") as file:
                texts.append((file.read() or b"").decode(errors="replace"))
        return End(code if ended else None, *texts)


def side_by_side(function: Callable, arguments: list, processes: int):
    """``function(argument)`` for each, so many at a time, in order."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, context) as pool:
        yield from pool.map(function, arguments)


# ---- moments: what happens in the process itself, before a call or after a step ----

CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir"}


class AtCall:
    """Do something before the n-th call, from 1, that changes something in the run's folder.

    Those are: a file opened for writing, renamed, linked, removed, a folder made, and each flush
    to the disk. ``seen`` is how many there were.
    """

    def __init__(self, number: int, do: Callable[[], None] = lambda: None):
        self.number, self.do = number, do
        self.seen = multiprocessing.Value("i", lock=False)  # shared with the fork

    def __call__(self) -> None:
        flush = os.fsync

        def fsync(descriptor: int) -> None:
            self._count()
            flush(descriptor)

        os.fsync = fsync
        sys.addaudithook(self._called)

    def _called(self, event: str, told: tuple) -> None:
        writes = event == "open" and (told[2] & (os.O_WRONLY | os.O_RDWR))
        if (writes or event in CHANGES) and str(told[0]).startswith("run"):
            self._count()

    def _count(self) -> None:
        self.seen.value += 1
        if self.seen.value == self.number:
            self.do()


def at_step(number: int, do: Callable[[], None]) -> Callable[[], None]:
    """Do something after the n-th step of the training."""

    def install() -> None:
        usual = runs.callbacks
        runs.callbacks = lambda *about: [*usual(*about), At(number, lambda state: do())]

    return install


def kill() -> None:
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_in_a_write(size: int) -> Callable[[], None]:
    """End this process within the next write that makes a file larger than so many bytes."""

    def do() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return do


# ---- a place with pictures and a run ----


class Scene:
    """A new folder with ``pictures`` and, in time, ``run``; ``chance`` draws for this number."""

    def __init__(self, parent: Path, key: str, *options):
        self.folder, self.chance = Path(tempfile.mkdtemp(dir=parent)), random.Random(key)
        self.run, self.pictures = self.folder / "run", self.folder / "pictures"
        self.said = ""
        self.train, self.resume = [*TRAIN, *options], [*RESUME]
        write_pictures(self.pictures, train=STEPS * 4 // 3, val=4)

    def start(self, words, before: Callable[[], None] = lambda: None) -> Command:
        return Command(self.folder, words, before)

    def course(self, words, before: Callable[[], None] = lambda: None) -> End:
        """Run a command to its end."""
        return self.start(words, before).wait()

    def step(self) -> int:
        return self.chance.randint(1, EPOCHS * STEPS)

    def result(self) -> dict:
        """All that a finished run leaves and that must not depend on what happened to it."""
        record, config = (read_json(self.run / f"{name}.json") for name in ("record", "config"))
        kept = {name: load_checkpoint(self.run / name) for name in ("last.pt", "best.pt")}
        for checkpoint in kept.values():
            del checkpoint["about"]["pictures"]  # PNG or BMP
        told = {n: record[n] for n in ("history", "finished", "stopped", "data", "images")}
        for of_the_scene in ("workers", "tensorboard", "timeout"):
            del config[of_the_scene]
        return kept | {"record.json": told, "config.json": config}

    def remove(self) -> None:
        shutil.rmtree(self.folder)


def differences(one: dict, other: dict) -> list[str]:
    """What of two results is not the same bit for bit, but for the times it took."""
    return [name for name in one if not same(one[name], other[name])]
