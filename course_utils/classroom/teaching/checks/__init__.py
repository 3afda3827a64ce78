"""Checks: of a network before it is trained, and of the exercises, one function for each.

All are plain functions that also work outside notebooks: they return nothing, or raise
`CheckFailed` with a message that says what is wrong.
"""

from course_utils.classroom.teaching.answers import CheckFailed
from course_utils.classroom.teaching.checks.all_reduce import joint_mean
from course_utils.classroom.teaching.checks.before_training import (
    gradients_reach_input,
    initial_loss,
    output_shape,
    overfits_one_batch,
    parameter_count,
)
from course_utils.classroom.teaching.checks.cnn import class_accuracy, output_size
from course_utils.classroom.teaching.checks.features import feature_head
from course_utils.classroom.teaching.checks.folders import picture_folder
from course_utils.classroom.teaching.checks.googlenet import (
    inception_block,
    inception_branch,
    multiply_adds,
)
from course_utils.classroom.teaching.checks.googlenet_heads import auxiliary_loss, pooled_head
from course_utils.classroom.teaching.checks.halving import successive_halving
from course_utils.classroom.teaching.checks.many_processes import (
    joint_rate,
    shard,
    top_k_accuracy,
    without_module,
)
from course_utils.classroom.teaching.checks.pictures import evaluation_picture
from course_utils.classroom.teaching.checks.resnet import bottleneck, projection, shortcut
from course_utils.classroom.teaching.checks.resnet_whole import residual_stages, warmup_cosine
from course_utils.classroom.teaching.checks.script import mended_script
from course_utils.classroom.teaching.checks.search import log_uniform, random_search
from course_utils.classroom.teaching.checks.seeds import honest_report, seed_interval
from course_utils.classroom.teaching.checks.steps import evaluation, training_step
from course_utils.classroom.teaching.checks.transfer import frozen_backbone, two_rates

__all__ = [
    "CheckFailed",
    "auxiliary_loss",
    "bottleneck",
    "class_accuracy",
    "evaluation",
    "evaluation_picture",
    "feature_head",
    "frozen_backbone",
    "gradients_reach_input",
    "honest_report",
    "inception_block",
    "inception_branch",
    "initial_loss",
    "joint_mean",
    "joint_rate",
    "log_uniform",
    "mended_script",
    "multiply_adds",
    "output_shape",
    "output_size",
    "overfits_one_batch",
    "parameter_count",
    "picture_folder",
    "pooled_head",
    "projection",
    "random_search",
    "residual_stages",
    "seed_interval",
    "shard",
    "shortcut",
    "successive_halving",
    "top_k_accuracy",
    "training_step",
    "two_rates",
    "warmup_cosine",
    "without_module",
]
