"""What an accident is: something that happens to a training; its details are drawn."""

import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from forked import AtCall, End, Scene, at_step, kill


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
