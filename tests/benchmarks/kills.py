"""Kill a short training with SIGKILL at many moments: does it always end as if undisturbed?

Random moments are moments in time, four of five of them while it trains. The aimed ones are those
of saving: before one of the calls that open, flush, rename, link or remove a file of the run, or
within a write. After each, `course train --resume` or, where there is nothing to go on from, the
same command again must end with the same weights, optimizer, random states and history bit for bit.
One in four is killed twice.

    uv run python tests/benchmarks/kills.py --random 100 --aimed 100
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

from forked import AtCall, Command, Scene, differences, kill, kill_in_a_write, side_by_side

SIGNALLED = (-signal.SIGKILL, -signal.SIGXFSZ)


def scene(parent: Path, key: str) -> Scene:
    """Half of the runs read with a worker, half write for TensorBoard."""
    new = Scene(parent, key)
    new.train += ["--workers", new.chance.choice([0, 1])]
    new.train += new.chance.choice([["--no-tensorboard"], []])
    return new


def wait_for_folder(place: Scene, command: Command) -> None:
    """Until the run has begun to write, which takes longer than the training itself."""
    while not (place.run.exists() or command.ended()):
        time.sleep(0.002)


def kill_at_some_time(place: Scene, words, seconds: float) -> bool:
    """Whether a command was killed before it came to its end."""
    command = place.start(words)
    if place.chance.random() < 0.8:  # else while it starts
        wait_for_folder(place, command)
    time.sleep(place.chance.uniform(0, seconds))
    if not command.ended():
        os.kill(command.pid, signal.SIGKILL)
    return command.wait().code in SIGNALLED


def kill_while_saving(place: Scene, words, calls: int) -> bool:
    size = int(10 ** place.chance.uniform(0, 5.3))  # of a record, or of a checkpoint
    do = place.chance.choice([kill, kill_in_a_write(size)])
    return place.course(words, AtCall(place.chance.randint(1, calls), do)).code in SIGNALLED


def finish(place: Scene, killed_again) -> str:
    """Go on as the README says; returns how it came to its end."""
    if place.chance.random() < 0.25:
        killed_again(place, place.resume)
    end = place.course(place.resume)
    if end.code == 0:
        return "with --resume"
    again = place.course(place.train)
    if again.code == 0 and end.code == 2 and "Traceback" not in end.err:
        return "begun again"
    place.said = end.err + again.err
    return "stuck"


def tried(parent: Path, expected: dict, do, moments: float, key: str) -> tuple[str, str]:
    """Kill once, go on, compare; returns what came of it, and what is to be said of it."""
    place = scene(parent, key)
    killed = do(place, place.train, moments)
    how = finish(place, lambda *again: do(*again, moments)) if killed else "ended before"
    wrong = [] if how == "stuck" else differences(place.result(), expected)
    if how == "stuck" or wrong:
        said = f"differs: {', '.join(wrong) or '-'}; kept in {place.folder}; {place.said}"
        return "wrong" if wrong else how, f"{key}: {how}; {said}"
    place.remove()
    return how, ""


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--random", type=int, default=100, help="moments in time")
    words.add_argument("--aimed", type=int, default=100, help="moments of saving")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--workers", type=int, default=2, help="so many at a time")
    words.add_argument("--only", help="one moment by its name, such as aimed17")
    asked = words.parse_args()
    parent = Path(tempfile.mkdtemp(prefix="kills-"))
    whole, count = scene(parent, "whole"), AtCall(0)
    undisturbed = whole.start(whole.train, count)
    wait_for_folder(whole, undisturbed)
    began = time.monotonic()
    assert undisturbed.wait().code == 0
    seconds, calls = time.monotonic() - began, count.seen.value
    expected = whole.result()
    print(f"an undisturbed run writes for {seconds:.2f} s, {calls} calls that change its folder")
    kinds = {"random": (kill_at_some_time, seconds), "aimed": (kill_while_saving, calls)}
    bad = 0
    for kind, told in kinds.items():
        keys = [f"{kind}{number}" for number in range(getattr(asked, kind))]
        keys = [key for key in keys if asked.only in (None, key)]
        one = partial(tried, parent, expected, *told)
        came = Counter()
        for how, said in side_by_side(one, [f"{asked.seed} {key}" for key in keys], asked.workers):
            came[how] += 1
            print(said, end="\n" if said else "", flush=True)
        exact = len(keys) - came["wrong"] - came["stuck"]
        bad += len(keys) - exact
        ways = ", ".join(f"{how}: {came[how]}" for how in sorted(came))
        print(f"{kind}: {exact} of {len(keys)} bit-exact ({ways})")
    whole.remove()
    if not bad:
        parent.rmdir()
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
