"""The exercises: how they are called, what they are worth, and what is solved so far."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from course_utils.classroom.teaching.answers import CheckFailed, NotSolved, described

POINTS = {1: 2, 2: 3, 3: 5}  # a solved exercise of so many stars


@dataclass(frozen=True)
class Exercise:
    """An exercise: checked by `checks.<name>`; its answer's cell is `<name>-answer`."""

    name: str
    chapter: str
    stars: int
    goal: str  # what a student can do who solved it

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")

    @property
    def points(self) -> int:
        return POINTS[self.stars]


EXERCISES = {
    name: Exercise(name, chapter, stars, goal)
    for name, chapter, stars, goal in [
        ("output_size", "01", 1, "compute how large the output of a convolution is"),
        ("class_accuracy", "01", 2, "count right answers, in all and class by class"),
        ("evaluation", "01", 2, "evaluate: eval mode, no gradients, a mean over images"),
        ("training_step", "01", 2, "write one step of training"),
        ("mended_script", "01", 3, "find and fix the mistakes of a training script"),
        ("inception_branch", "02", 1, "write a branch of an Inception block"),
        (
            "multiply_adds",
            "02",
            1,
            "compute what a convolution costs, with and without a reduction",
        ),
        ("inception_block", "02", 2, "join branches side by side"),
        ("pooled_head", "02", 2, "end a network in global average pooling"),
        ("auxiliary_loss", "02", 3, "train with auxiliary heads, and test without them"),
        ("shortcut", "03", 1, "add the shortcut in a residual block's forward pass"),
        ("projection", "03", 2, "project the shortcut where shapes differ"),
        ("bottleneck", "03", 2, "build a bottleneck block"),
        ("warmup_cosine", "03", 2, "plan a learning rate: warm-up, then a cosine"),
        ("residual_stages", "03", 3, "build a whole ResNet for small pictures from its depth"),
        ("frozen_backbone", "04", 1, "freeze a network but for its new head"),
        ("picture_folder", "04", 2, "read a folder of pictures as a Dataset"),
        (
            "evaluation_picture",
            "04",
            2,
            "prepare a picture the same way every time",
        ),
        ("two_rates", "04", 2, "give head and backbone rates of their own"),
        ("feature_head", "04", 3, "compute features once, and train a head on them"),
        ("joint_rate", "05", 1, "scale the learning rate with the joint batch"),
        ("without_module", "05", 1, "load weights that were saved from a wrapped network"),
        (
            "top_k_accuracy",
            "05",
            2,
            "count an answer as right when the label is among the k largest",
        ),
        ("shard", "05", 2, "share a data set among processes, each image exactly once"),
        ("joint_mean", "05", 3, "average over processes with unequal batches"),
        ("log_uniform", "06", 1, "draw a learning rate evenly on the logarithmic scale"),
        ("random_search", "06", 2, "search at random, and choose on validation data"),
        ("seed_interval", "06", 2, "say how far runs with other seeds differ"),
        ("honest_report", "06", 2, "report what was tried, and test once"),
        ("successive_halving", "06", 3, "stop the worse half of the trials early"),
    ]
}

_solved: set[str] = set()


@contextmanager
def attempt(name: str) -> Iterator[None]:
    """Try a check and say how it went, in a line or two, without an error that stops the notebook.

    Under nbgrader the error goes on, so that a failed check is worth nothing. Raises ``KeyError``
    for an exercise that does not exist.
    """
    exercise = EXERCISES[name]
    worth = f"{'★' * exercise.stars} {exercise.title}"
    _solved.discard(name)
    try:
        yield
    except Exception as error:
        if "NBGRADER_EXECUTION" in os.environ:
            raise
        sign, text = ("…", str(error)) if isinstance(error, NotSolved) else ("✗", _told(error))
        print(f"{sign} {worth}: {text}")
    else:
        _solved.add(name)
        print(f"✓ {worth}: solved, {exercise.points} points")


def _told(error: Exception) -> str:
    if isinstance(error, CheckFailed):
        return str(error)
    if isinstance(error, NameError):
        return f"{error}: run the cell with your answer, under this name, until it shows no error"
    return described(error)


def progress(chapter: str) -> None:
    """Print which exercises of a chapter, such as "03", the checks of this session found solved."""
    mine = [exercise for exercise in EXERCISES.values() if exercise.chapter == chapter]
    solved = [exercise for exercise in mine if exercise.name in _solved]
    for exercise in mine:
        sign = "✓" if exercise in solved else "·"
        print(f"{sign} {'★' * exercise.stars:3} {exercise.points} points  {exercise.title}")
    points, most = (sum(each.points for each in some) for some in (solved, mine))
    print(f"{len(solved)} of {len(mine)} exercises solved: {points} of {most} points")
