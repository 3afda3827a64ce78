"""Small folders of pictures for tests, one colour a class; and the command line in this process."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_utils.commands import cli

COLOURS = {"blue": (40, 60, 220), "green": (40, 200, 60), "red": (220, 50, 40)}
CLASSES = list(COLOURS)
SMALL = ["--image-size", 32, "--learning-rate", 0.01]  # learnt in an epoch, in no time


def write_pictures(root: Path, *, seed: int = 0, **counts: int) -> Path:
    """``root/<split>/<class>/<number>.png``, so many of each class; nearly one colour, 40 by 30."""
    chance = np.random.default_rng(seed)
    for split, count in counts.items():
        for name, colour in COLOURS.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.array(colour) + chance.integers(-35, 36, (30, 40, 3))
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    return root


def call(*arguments) -> int:
    """``course …`` in this process and in the profile tiny; returns its exit code."""
    with pytest.MonkeyPatch.context() as patched, pytest.raises(SystemExit) as end:
        patched.setenv("COURSE_PROFILE", "tiny")
        patched.setattr(sys, "argv", ["course", *map(str, arguments)])
        cli.main()
    return end.value.code


def read_json(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))
