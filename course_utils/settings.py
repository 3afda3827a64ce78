"""What a run can be told; the command line makes its flags from here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# what a new run does that is told nothing, whatever its network and its data
DEFAULTS = {"data": "cifar10", "seed": 0, "workers": 0, "accumulate": 1}
DEFAULTS |= {"keep": 1, "save_from": 1}


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a training run. What is not given comes from the recipe of the network and the
    data, or from the run that is resumed."""

    out: Path
    """The run's folder: last.pt, best.pt, config.json, record.json and TensorBoard's files."""

    # data
    data: str | None = None
    """cifar10, hymenoptera, imagenette, imagenet, or a folder: CIFAR-10's, or one of pictures in
    train/<class> and val/<class>; default: cifar10."""
    num_classes: int | None = None
    """Checked where given; default: as many as the data has."""
    image_size: int | None = None
    """The side in pixels of pictures from folders; default: what the weights were trained for."""
    mean: tuple[float, float, float] | None = None
    """Means of red, green and blue, 0 to 1, to subtract; default: those of the run
    that the weights are of, else the data set's own."""
    std: tuple[float, float, float] | None = None
    """Their standard deviations, to divide by; default likewise."""
    augment: Literal["usual", "none"] | None = None
    """usual: a random crop and a mirror image half of the time."""
    padding: int | None = None
    """How many pixels a random crop of CIFAR-10 may move in each direction."""
    crop_scale: float | None = None
    """The smallest share of a picture's area in a random crop, above 0, at most 1."""
    rotation: float | None = None
    """The largest angle, in degrees to either side, by which a picture is turned by chance."""
    colour_jitter: tuple[float, float, float, float] | None = None
    """How far brightness, contrast, saturation and hue change by chance, as shares."""
    balance: Literal["none", "loss", "sampler"] | None = None
    """Classes of different sizes: let each count alike in the loss, or be drawn alike often."""
    bad_images: Literal["fail", "skip"] | None = None
    """What to do about pictures in folders that cannot be read; default: fail."""
    workers: int | None = None
    """Processes that read pictures from folders; default: 0, this one alone."""

    # network
    model: str | None = None
    """cnn, small_inception, googlenet, small_residual, narrow_resnet, resnet18 to resnet152,
    resnet20 to resnet56, and plain18 … without shortcuts; default: cnn, of folders resnet18."""
    weights: str | None = None
    """none, official (torchvision's), own (the course's), auto (one of the two), a file or a
    folder: where the network begins."""
    trained: Literal["all", "last_stage", "head", "staged"] | None = None
    """What of a network with weights still learns; staged: a third of the epochs the head, then the
    last stage too, then all, these with a tenth of the rate."""
    stem: Literal["imagenet", "64px", "cifar"] | None = None
    """The first layers of a ResNet-18 to 152 or GoogLeNet, by the size of its images."""
    width: int | None = None
    """Channels of the first layers of a ResNet or of narrow_resnet."""
    auxiliary: bool | None = None
    """GoogLeNet's auxiliary heads."""
    enlarge: int | None = None
    """The side in pixels to which GoogLeNet scales its images."""
    zero_gamma: bool | None = None
    """Start every block of a ResNet as the identity."""

    # training
    profile: Literal["tiny", "cpu", "gpu"] | None = None
    """Which settings to start from; default: as in the notebooks."""
    epochs: int | None = None
    """How often to see every training image."""
    batch_size: int | None = None
    """How many images to learn from in one step, all processes together."""
    eval_batch_size: int | None = None
    """How many images to validate on at a time; default: 50 from folders, 500 of CIFAR-10."""
    accumulate: int | None = None
    """Take each batch in so many parts, one after the other: less memory; default: 1."""
    optimizer: Literal["adam", "adamw", "sgd"] | None = None
    """AdamW, which adam is too; or SGD with momentum."""
    momentum: float | None = None
    """Of SGD."""
    nesterov: bool | None = None
    """Nesterov's momentum, which looks ahead."""
    learning_rate: float | None = None
    """The largest one, where it changes."""
    learning_rate_per_256: float | None = None
    """The same for a batch of 256; it grows with the batch."""
    schedule: Literal["constant", "linear", "cosine", "plateau", "step"] | None = None
    """How the learning rate falls: per step to zero, by half when validation stands still, or in
    steps."""
    step_epochs: int | None = None
    """Of schedule step: epochs from one to the next."""
    step_factor: float | None = None
    """Of schedule step: what the rate is multiplied by."""
    warm_up: float | None = None
    """The share of all steps in which the learning rate grows from zero."""
    warm_up_epochs: int | None = None
    """The same, in epochs."""
    weight_decay: float | None = None
    """Of what decay names."""
    decay: Literal["kernels", "all"] | None = None
    """all: biases and batch norms too."""
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
    compile: bool = False
    """Compile the network first, which pays on a GPU."""
    timeout: float = 300.0
    """How many seconds a process waits for the others before it gives up."""

    # what is kept and shown
    top_k: int | None = None
    """Also say how often the right class is among so many likeliest, in validation."""
    monitor: Literal["val_accuracy", "val_loss"] | None = None
    """What best.pt is chosen by."""
    keep: int | Literal["all"] | None = None
    """Keep so many of the best epochs, with epoch, accuracy and loss in their names, or all;
    default: 1, which is best.pt alone."""
    save_from: int | None = None
    """The first epoch that is kept so."""
    tensorboard: bool = True
    """Write curves, settings and confusion matrices for TensorBoard."""
    progress: bool = True
    """Show a bar with loss and learning rate, on a terminal; elsewhere print a line every 30 s."""
    log_every: int | None = None
    """Print such a line every so many batches."""
    summary: bool = False
    """Print the layers first: output shapes, parameters, megabytes."""
    resume: bool = False
    """Go on with the run in this folder."""

    @property
    def peak_rate(self) -> float:
        """The largest learning rate, for this batch size."""
        if self.learning_rate is not None:
            return self.learning_rate
        return self.learning_rate_per_256 * self.batch_size / 256
