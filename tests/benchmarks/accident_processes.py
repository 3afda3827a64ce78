"""Accidents of processes: killed, asked to end, put to sleep, lost, two at a time."""

import os
import signal
import time

import psutil
from accident import Accident
from forked import at_step, kill


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


PROCESSES = [Killed, KilledTwice, Signalled, Impatient, Asleep, LostWorker, LostRank, TwoRuns]
