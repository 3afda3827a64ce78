"""What can happen to a training: each kind draws its details from the scene's own chance."""

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from forked import AtCall, End, Scene, at_step, kill
from picture_folders import COLOURS
from PIL import Image

NOBODY = 65534  # root may do everything; as this user permissions hold
ROOT = os.geteuid() == 0


class Accident:
    """Nothing happens: an undisturbed run. ``remedy`` is what a refusal must say, as a pattern."""

    name, remedy, processes = "nothing", "course train|--resume", 1

    def __init__(self, place: Scene, processes: int | None = None):
        self.place, self.chance = place, place.chance
        self.processes = processes or self.processes
        self.set_up()

    def set_up(self) -> None: ...

    def during(self) -> Callable[[], None]:
        """What is installed in the process of the training."""
        return lambda: None

    def happen(self) -> list[End]:
        """The training and the accident."""
        return self.again(self.place.train, self.during())

    def repair(self) -> None:
        """What the refusal said."""

    def clean(self) -> None: ...

    def again(self, words, before: Callable[[], None] = lambda: None) -> list[End]:
        """A command in as many processes as the run has, and how each of them ended."""
        if self.processes == 1:
            return [self.place.course(words, before)]
        return together(self.place, words, self.processes, before)

    def says(self, line: str) -> bool:
        return bool(re.search(self.remedy, line))

    def moment(self, do: Callable[[], None]) -> Callable[[], None]:
        """After a step, or before a call that changes the run's folder."""
        if self.chance.random() < 0.5:
            return at_step(self.place.step(), do)
        return AtCall(self.chance.randint(1, 150), do)

    def begin(self) -> None:
        """A run that was killed after some step, later than its first epoch."""
        step = self.chance.randint(14, 46)
        assert self.place.course(self.place.train, at_step(step, kill)).code == -signal.SIGKILL


def together(place: Scene, words, processes: int, before) -> list[End]:
    """A command in several processes, as torchrun starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    told |= {"WORLD_SIZE": str(processes), "GLOO_SOCKET_IFNAME": "lo"}

    def begin(rank: int) -> Callable[[], None]:
        def install() -> None:
            os.environ.update(told, RANK=str(rank), LOCAL_RANK=str(rank))
            before()

        return install

    words = [*words, "--timeout", 20]
    return [c.wait() for c in [place.start(words, begin(rank)) for rank in range(processes)]]


# ---- the process ----


class Killed(Accident):
    name = "kill -9"

    def during(self):
        return self.moment(kill)


class KilledTwice(Killed):
    name = "kill -9, and again while it goes on"

    def happen(self):
        return super().happen() + self.again(self.place.resume, self.moment(kill))


class Signalled(Accident):
    name = "Ctrl-C, SIGTERM, a closed terminal"

    def during(self):
        number = self.chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        return self.moment(lambda: os.kill(os.getpid(), number))


class Impatient(Accident):
    name = "Ctrl-C twice"

    def during(self):
        def twice() -> None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

        return self.moment(twice)


class Asleep(Accident):
    name = "put to sleep, clock set back or forward"

    def happen(self):
        jump = self.chance.choice([-86_400 * 365, -3_600, 3_600, 86_400 * 365])

        def nap() -> None:
            real = time.time
            time.time = lambda: real() + jump
            for path in self.place.run.glob("*"):
                os.utime(path, (real() + jump, real() + jump))
            os.kill(os.getpid(), signal.SIGSTOP)

        command = self.place.start(self.place.train, at_step(self.place.step(), nap))
        while psutil.Process(command.pid).status() not in (
            psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE,
        ):  # fmt: skip
            time.sleep(0.01)
        os.kill(command.pid, signal.SIGCONT)
        return [command.wait()]


class LostWorker(Accident):
    name = "a data worker vanishes"
    remedy = "fewer workers"

    def set_up(self):
        self.place.train += ["--workers", self.chance.choice([1, 2])]

    def during(self):
        def lose() -> None:
            workers = psutil.Process().children()
            for worker in workers[: self.chance.randint(1, 2)]:
                worker.kill()

        return at_step(self.place.step(), lose)


class LostRank(Accident):
    name = "one of two processes is killed"
    remedy = "another process ended"
    processes = 2

    def during(self):
        rank = self.chance.choice("01")
        number = signal.SIGTERM if self.chance.random() < 0.25 else signal.SIGKILL
        return self.moment(lambda: os.environ.get("RANK") == rank and os.kill(os.getpid(), number))


class TwoRuns(Accident):
    name = "a second run in the same folder"
    remedy = "choose another folder|leave --resume out"

    def happen(self):
        second = self.chance.choice([self.place.train, self.place.resume])
        if self.chance.random() < 0.3:  # at the same time
            first = self.place.start(self.place.train)
            time.sleep(self.chance.uniform(0, 0.7))
            return [self.place.course(second), first.wait()]
        here, go = self.place.folder / "here", self.place.folder / "go"

        def wait() -> None:
            here.touch()
            while not go.exists():
                time.sleep(0.01)

        first = self.place.start(self.place.train, self.moment(wait))
        while not (here.exists() or first.ended()):
            time.sleep(0.01)
        end = self.place.course(second)
        go.touch()
        return [end, first.wait()]


# ---- the disk ----


class FullDisk(Accident):
    name = "a full disk"
    remedy = "make room|No space left|free"

    def set_up(self):
        self.place.run.mkdir()
        if ROOT:
            size = int(10 ** self.chance.uniform(4, 6.3))
            self._mount("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs")

    def during(self):
        if ROOT:
            return lambda: None
        size = int(10 ** self.chance.uniform(1, 5.4))
        limit = (size, resource.RLIM_INFINITY)
        return self.moment(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))

    def repair(self):
        if ROOT:
            self._mount("mount", "-o", "remount,size=100m")

    def clean(self):
        if ROOT:
            shutil.copytree(self.place.run, self.place.folder / "kept")
            self._mount("umount")
            self.place.run.rmdir()
            (self.place.folder / "kept").rename(self.place.run)

    def _mount(self, *words: str) -> None:
        subprocess.run([*words, str(self.place.run)], check=True)


class FileTooLarge(FullDisk):
    name = "a quota: files cannot grow"
    remedy = "make room|File too large"

    def set_up(self): ...

    def during(self):
        size = int(10 ** self.chance.uniform(1, 5.4))
        limit = (size, resource.RLIM_INFINITY)
        return self.moment(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))

    def repair(self): ...

    def clean(self): ...


class ReadOnly(Accident):
    name = "the run's folder becomes read-only"
    remedy = "Permission denied"

    def set_up(self):
        self.before = self.chance.random() < 0.2
        self.place.run.mkdir()
        for path in (self.place.folder, self.place.run):
            shutil.chown(path, NOBODY) if ROOT else None
        if self.before:
            self.place.run.chmod(0o555)

    def during(self):
        def close() -> None:
            self.place.run.chmod(0o555)

        moment = (lambda: None) if self.before else self.moment(close)
        return lambda: (moment(), os.setuid(NOBODY) if ROOT else None)

    def repair(self):
        self.place.run.chmod(0o755)


class OpenFiles(Accident):
    name = "too many open files"
    remedy = "Too many open files"

    def during(self):
        more = self.chance.randint(0, 6)

        def limit() -> None:
            free = os.dup(1)
            os.close(free)
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, hard))

        return self.moment(limit)


# ---- files of the run ----


def damage(path: Path, chance) -> None:
    """A file is lost, emptied, cut, or one of its bits is flipped."""
    content = path.read_bytes()
    how = chance.choice(["lost", "emptied", "cut", "flipped"])
    if how == "lost":
        path.unlink()
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(content[: chance.randrange(len(content))])
    else:
        at = chance.randrange(len(content))
        flipped = content[at] ^ (1 << chance.randrange(8))
        path.write_bytes(content[:at] + bytes([flipped]) + content[at + 1 :])


class DamagedCheckpoint(Accident):
    name = "a damaged or lost checkpoint, or its hashes"
    files = ("last.pt", "last.pt", "best.pt", "last.prev.pt", "last.pt.sha256", "best.pt.sha256")

    def happen(self):
        self.begin()
        there = [path for name in self.files if (path := self.place.run / name).is_file()]
        self.path = self.chance.choice(there)
        damage(self.path, self.chance)
        return self.again(self.place.resume)


class DamagedRecord(DamagedCheckpoint):
    name = "a damaged or lost record.json or config.json"
    files = ("record.json", "record.json", "config.json")
    remedy = r"(record|config)\.json"

    def happen(self):
        ends = super().happen()
        self.refused = ends[-1].code == 2
        return ends

    def repair(self):
        if self.refused:
            self.path.unlink()


# ---- the pictures ----


class OtherPictures(Accident):
    name = "pictures removed, added, replaced, renamed before it goes on"
    remedy = "restore the data|cannot be read|different classes"

    def happen(self):
        self.begin()
        self.keep()
        self.chance.choice([self.removed, self.added, self.replaced, self.renamed, self.damaged])()
        return self.again(self.place.resume)

    def keep(self) -> None:
        shutil.copytree(self.place.pictures, self.place.folder / "kept")

    def repair(self):
        shutil.rmtree(self.place.pictures, ignore_errors=True)
        shutil.copytree(self.place.folder / "kept", self.place.pictures)

    def one(self) -> Path:
        return self.chance.choice(sorted(self.place.pictures.rglob("*.png")))

    def removed(self) -> None:
        self.one().unlink()

    def added(self) -> None:
        one = self.one()
        shutil.copy(one, one.with_name("more.png"))

    def replaced(self) -> None:
        one, other = self.one(), self.one()
        if one.read_bytes() == other.read_bytes():
            return self.replaced()
        shutil.copy(other, one)

    def renamed(self) -> None:
        one = self.one()
        one.rename(one.with_name("other.png"))

    def damaged(self) -> None:
        damage(self.one(), self.chance)


class OtherClasses(OtherPictures):
    name = "class folders renamed before it goes on"

    def happen(self):
        self.begin()
        self.keep()
        old = self.chance.choice(sorted(COLOURS))
        new = self.chance.choice(["another", "zebra", "h"])
        for split in ("train", "val"):
            (self.place.pictures / split / old).rename(self.place.pictures / split / new)
        return self.again(self.place.resume)


class SamePlace(OtherPictures):
    name = "pixels changed, names and sizes as before"

    def set_up(self):
        for path in self.place.pictures.rglob("*.png"):
            with Image.open(path) as image:
                image.save(path.with_suffix(".bmp"))
            path.unlink()

    def happen(self):
        self.begin()
        self.keep()
        one = self.chance.choice(sorted(self.place.pictures.rglob("*.bmp")))
        content = bytearray(one.read_bytes())
        content[-self.chance.randint(1, 3000)] ^= 64
        one.write_bytes(content)
        return self.again(self.place.resume)


class PicturesGo(OtherPictures):
    name = "pictures are lost or damaged while it trains"
    remedy = "failed: |cannot be read"

    def during(self):
        self.keep()
        away = self.place.folder / "away"
        if self.chance.random() < 0.5:  # the disk with all of them
            return at_step(self.place.step(), lambda: self.place.pictures.rename(away))
        one = self.one()
        return at_step(self.place.step(), lambda: damage(one, self.chance))

    def happen(self):
        return Accident.happen(self)


KINDS = [Killed, KilledTwice, Signalled, Impatient, Asleep, LostWorker, LostRank, TwoRuns]
KINDS += [FullDisk, FileTooLarge, ReadOnly, OpenFiles, DamagedCheckpoint, DamagedRecord]
KINDS += [OtherPictures, OtherClasses, SamePlace, PicturesGo]
