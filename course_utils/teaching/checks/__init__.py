"""Checks: of a network before it is trained, and of the exercises, one function for each.

All are plain functions that also work outside notebooks: they return nothing, or raise
`CheckFailed` with a message that says what is wrong.
"""

from course_utils.teaching.answers import CheckFailed
from course_utils.teaching.checks.before_training import (
    gradients_reach_input,
    initial_loss,
    output_shape,
    overfits_one_batch,
    parameter_count,
)
from course_utils.teaching.checks.resnet import shortcut

__all__ = [
    "CheckFailed",
    "gradients_reach_input",
    "initial_loss",
    "output_shape",
    "overfits_one_batch",
    "parameter_count",
    "shortcut",
]
