"""What a run can be told; the command line makes its flags from here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a training run. What is not given comes from the notebook's table."""

    out: Path
    """The run's folder: last.pt, best.pt, record.json and TensorBoard's files go there."""
    data: str = "cifar10"
    """The data set's name, or the folder it lies in."""
    model: str = "cnn"
    """The network's name."""
    profile: Literal["tiny", "cpu", "gpu"] | None = None
    """Which settings to start from; default: as in the notebooks."""
    epochs: int | None = None
    """How often to see every training image."""
    batch_size: int | None = None
    """How many images to learn from in one step."""
    learning_rate: float = 1e-3
    """Adam's."""
    mixed_precision: bool | None = None
    """bfloat16 where the device multiplies it in hardware."""
    seed: int = 0
    """Of weights, order and augmentation."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    threads: int | None = None
    """CPU threads; default: torch's choice, in tiny one."""
    resume: bool = False
    """Go on with the run in this folder."""
