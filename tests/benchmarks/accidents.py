"""A night of accidents: short trainings, to each of which something happens, drawn by its number.

What comes out must be the undisturbed result bit for bit, at once or after `course train --resume`.
Or the command ends with exit code 2 and one line that names the remedy; that is then carried out,
and the same is asked. Tracebacks, other results, and commands that hang are faults.

    uv run python tests/benchmarks/accidents.py --count 300
    uv run python tests/benchmarks/accidents.py --only 17      # one of them again
"""

import argparse
import sys
import tempfile
import time
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

from accident import Accident
from accident_disks import DISKS
from accident_pictures import PICTURES
from accident_processes import PROCESSES
from forked import End, Scene, differences, side_by_side

KINDS = [*PROCESSES, *DISKS, *PICTURES]  # of accident n: KINDS[n % len(KINDS)]
OUTCOMES = ["bit-exact", "refused and repaired", "wrong", "traceback", "other fault"]
ENDS = {0, 1, 2, 130}  # documented; below 0 is the signal that was sent


def judged(end: End, accident: Accident) -> str:
    """What is wrong in how a command ended; empty if nothing is."""
    lines = [line for line in end.err.splitlines() if line]
    if "Traceback" in end.err + end.out:
        return "traceback"
    if end.code is None:
        return "hangs"
    if end.code not in ENDS and end.code >= 0:
        return f"exit code {end.code}"
    if end.code == 2:
        if not lines or not lines[-1].startswith("course: "):
            return "no line"
        if not accident.says(lines[-1]):
            return "names no remedy"
    if foreign := [line for line in lines if not line.startswith(("course: ", "[W", "[E"))]:
        return f"foreign line: {foreign[0]}"
    return ""


def tried(seed: int, parent: Path, expected: dict, number: int) -> tuple[str, str, str]:
    """The kind of an accident, its outcome, and what is to be said of it."""
    kind = KINDS[number % len(KINDS)]
    place = Scene(parent, f"{seed} {number}", "--workers", 0)
    if place.chance.random() < 0.5:
        place.train += ["--no-tensorboard"]
    accident = kind(place)
    said, told = [], False
    for attempt in range(3):
        ends = accident.happen() if not attempt else accident.again(place.resume)
        if attempt and ends[0].code == 2 and not list(place.run.glob("*.pt")):  # nothing was saved
            ends = accident.again(place.train)
        said += [f"exit {end.code}: {end.err.strip()}" for end in ends]
        for end in ends:
            if fault := judged(end, accident):
                outcome = "traceback" if fault == "traceback" else "other fault"
                return accident.name, outcome, f"{fault}; {said}; {place.folder}"
        told |= any(end.code == 2 for end in ends)
        if attempt == 0:
            accident.repair()
        elif ends[-1].code == 0:
            break
    else:
        return accident.name, "other fault", f"stuck; {said}; {place.folder}"
    accident.clean()
    if wrong := differences(place.result(), expected[accident.processes]):
        return accident.name, "wrong", f"{', '.join(wrong)}; {said}; {place.folder}"
    place.remove()
    return accident.name, "refused and repaired" if told else "bit-exact", "; ".join(said)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--count", type=int, default=300)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--workers", type=int, default=2, help="so many at a time")
    words.add_argument("--only", type=int, nargs="*", help="these numbers alone")
    words.add_argument("--verbose", action="store_true", help="what each of them said")
    asked = words.parse_args()
    began = time.monotonic()
    parent = Path(tempfile.mkdtemp(prefix="accidents-"))
    parent.chmod(0o755)
    expected = {}
    for processes in (1, 2):
        place = Scene(parent, "whole")
        undisturbed = Accident(place, processes)
        assert {end.code for end in undisturbed.happen()} == {0}
        expected[processes] = place.result()
        place.remove()
    table, faults = defaultdict(Counter), 0
    numbers = asked.only or range(asked.count)
    one = partial(tried, asked.seed, parent, expected)
    for number, told in zip(numbers, side_by_side(one, numbers, asked.workers)):
        name, outcome, why = told
        table[name][outcome] += 1
        fault = outcome in OUTCOMES[2:]
        faults += fault
        if fault or asked.verbose:
            print(f"{number}: {name}: {outcome}: {why}", flush=True)
    print_table(table)
    print(f"{faults} faults, {(time.monotonic() - began) / 60:.1f} minutes, seed {asked.seed}")
    if not faults:
        parent.rmdir()
    sys.exit(bool(faults))


def print_table(table: dict[str, Counter]) -> None:
    print(f"| accident | number | {' | '.join(OUTCOMES)} |\n|{'---|' * (2 + len(OUTCOMES))}")
    table["**all**"] = sum(table.values(), Counter())
    for name, outcomes in table.items():
        counts = [outcomes.total(), *(outcomes[outcome] for outcome in OUTCOMES)]
        print(f"| {name} | {' | '.join(map(str, counts))} |")


if __name__ == "__main__":
    main()
