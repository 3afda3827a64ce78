"""What a run can be told; the command line makes its flags from here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# what a new run does that is told nothing
DEFAULTS = {"data": "cifar10", "model": "cnn", "seed": 0}


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a training run. What is not given comes from the network's recipe, or from the
    run that is resumed."""

    out: Path
    """The run's folder: last.pt, best.pt, record.json and TensorBoard's files go there."""
    data: str | None = None
    """The data set's name, or the folder it lies in; default: cifar10."""
    model: str | None = None
    """cnn, small_inception, googlenet, small_residual, narrow_resnet, resnet18 to resnet152,
    resnet20 to resnet56, and plain18 … without shortcuts; default: cnn."""
    stem: Literal["imagenet", "64px", "cifar"] | None = None
    """The first layers of a ResNet-18 to 152 or GoogLeNet, by the size of its images."""
    width: int | None = None
    """Channels of the first layers of a ResNet or of narrow_resnet."""
    auxiliary: bool | None = None
    """GoogLeNet's auxiliary heads."""
    enlarge: int | None = None
    """The side in pixels to which GoogLeNet scales its images."""
    profile: Literal["tiny", "cpu", "gpu"] | None = None
    """Which settings to start from; default: as in the notebooks."""
    epochs: int | None = None
    """How often to see every training image."""
    batch_size: int | None = None
    """How many images to learn from in one step."""
    padding: int | None = None
    """How many pixels a random crop may move in each direction."""
    optimizer: Literal["adam", "sgd"] | None = None
    """Adam, or SGD with Nesterov momentum 0.9."""
    learning_rate: float | None = None
    """The largest one, where it changes."""
    schedule: Literal["constant", "linear", "cosine", "plateau"] | None = None
    """How the learning rate falls: per step to zero, or by half when validation stands still."""
    warm_up: float | None = None
    """The share of all steps in which the learning rate grows from zero."""
    weight_decay: float | None = None
    """Of kernels and weight matrices; biases and batch norms have none."""
    label_smoothing: float | None = None
    """The share of belief that the training loss spreads over all classes."""
    mixed_precision: bool | None = None
    """bfloat16 where the device multiplies it in hardware."""
    seed: int | None = None
    """Of weights, order and augmentation; default: 0."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    threads: int | None = None
    """CPU threads; default: torch's choice, in tiny one."""
    resume: bool = False
    """Go on with the run in this folder."""
