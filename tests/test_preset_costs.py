"""What each step of a preset costs: the same work on both sides, as a table."""

import numpy as np

from course_utils.commands.planner.preset_costs import (
    _pil_open,
    _steps,
    costs_table,
    preset_costs,
    read_pixels,
)
from course_utils.store.locations import DRAWINGS

PATHS = sorted((DRAWINGS / "imagenet" / "val" / "n01440764").iterdir())


def test_every_step_is_timed():
    costs = preset_costs(PATHS, size=64, repetitions=1)
    assert list(costs) == [
        "decode", "crop and scale", "mirror", "rotate", "change colours", "normalise",
    ]  # fmt: skip
    assert all(0 <= seconds < 1 for pair in costs.values() for seconds in pair)
    assert costs["decode"][0] > 0


def test_both_sides_do_the_same_to_the_same_part_of_a_picture():
    steps = _steps(64, rotation=10.0, jitter=(0.2,) * 4)
    for path in PATHS:
        theirs, ours = _pil_open(path), read_pixels(path)
        for name in ("crop and scale", "mirror"):
            theirs, ours = steps[name][0](theirs), steps[name][1](ours)
            difference = np.array(theirs, float) - ours.permute(1, 2, 0).numpy()
            assert np.abs(difference).mean() < 0.2
        usual, own = steps["normalise"]
        assert (usual(theirs) - own(ours)[0]).abs().mean() < 0.01


def test_the_table():
    text = costs_table({"decode": (0.002, 0.001), "mirror": (0.0001, 0.00005)})
    assert text.splitlines() == [
        "ms a picture, one core       PIL    ours",
        "decode                      2.00    1.00",
        "mirror                      0.10    0.05",
        "together                    2.10    1.05",
    ]
