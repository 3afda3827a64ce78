"""What a run can be told; the command line makes its flags from here.

Each setting is declared in one place: its type, what it is for, and in `Rule` its range, its usual
value and whether it may change on a resume. What comes from a flag or from a file is checked alike.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Literal, get_type_hints

from course_utils.engine.rules import Rule, checked, setting, shortened


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a training run. What is not given comes from the recipe of the network and the
    data, or from the run that is resumed."""

    out: Path = setting(MISSING, local=True)
    """The run's folder: last.pt, best.pt, config.json, record.json and TensorBoard's files."""

    # data
    data: str | None = setting(usual="cifar10", fixed=True, local=True)
    """cifar10, hymenoptera, imagenette, imagenet, or a folder: CIFAR-10's, or one of pictures in
    train/<class> and val/<class>; default: cifar10."""
    val_share: float | None = setting(fixed=True, above=0, below=1)
    """Hold so large a share of every class out for validation, where a folder has no val; always
    the same pictures."""
    data_val: str | None = setting(fixed=True, local=True)
    """A folder of classes to validate on; data is then one too, without train and val."""
    labels: str | None = setting(fixed=True, local=True)
    """A CSV file with the columns file and label, of pictures that lie in no class folders."""
    num_classes: int | None = setting(local=True, least=2, most=10**6)
    """Checked where given; default: as many as the data has."""
    image_size: int | None = setting(of_recipe=True, fixed=True, least=1, most=2048)
    """The side in pixels of pictures from folders; default: what the weights were trained for."""
    mean: tuple[float, float, float] | None = setting(fixed=True, least=0, most=1)
    """Means of red, green and blue, 0 to 1, to subtract; default: those of the run
    that the weights are of, else the data set's own."""
    std: tuple[float, float, float] | None = setting(fixed=True, above=0, most=1)
    """Their standard deviations, to divide by; default likewise."""
    augment: Literal["usual", "none"] | None = setting(usual="usual", of_recipe=True, fixed=True)
    """usual: a random crop and a mirror image half of the time."""
    padding: int | None = setting(
        usual=4, of_recipe=True, fixed=True, needed=False, least=0, most=512
    )
    """How many pixels a random crop of CIFAR-10 may move in each direction."""
    crop_scale: float | None = setting(of_recipe=True, fixed=True, above=0, most=1)
    """The smallest share of a picture's area in a random crop, above 0, at most 1."""
    rotation: float | None = setting(of_recipe=True, fixed=True, least=0, most=180)
    """The largest angle, in degrees to either side, by which a picture is rotated at random."""
    colour_jitter: tuple[float, float, float, float] | None = setting(
        of_recipe=True, fixed=True, least=0, most=(1, 1, 1, 0.5)
    )
    """How far brightness, contrast, saturation and hue change at random, as shares."""
    balance: Literal["none", "loss", "sampler"] | None = setting(
        usual="none", of_recipe=True, fixed=True
    )
    """Classes of different sizes: let each count alike in the loss, or be drawn alike often."""
    bad_images: Literal["fail", "skip"] | None = setting()
    """What to do about pictures in folders that cannot be read; default: fail."""
    workers: int | None = setting(usual=0, local=True, least=0, most=256)
    """Processes that read pictures from folders; default: 0, this one alone."""

    # network
    model: str | None = setting(fixed=True, needed=True)
    """cnn, small_inception, googlenet, small_residual, narrow_resnet, resnet18 to resnet152,
    resnet20 to resnet56, and plain18 … without shortcuts; default: cnn, of folders resnet18."""
    weights: str | None = setting(usual="none", of_recipe=True)
    """none, official (torchvision's), own (the course's), auto (one of the two), a file or a
    folder: where the network begins."""
    trained: Literal["all", "last_stage", "head", "staged"] | None = setting(
        usual="all", of_recipe=True, fixed=True
    )
    """What of a network with weights still learns; staged: a third of the epochs the head, then the
    last stage too, then all, these with a tenth of the rate."""
    stem: Literal["imagenet", "64px", "cifar"] | None = setting(of_recipe=True, fixed=True)
    """The first layers of a ResNet-18 to 152 or GoogLeNet, by the size of its images."""
    width: int | None = setting(of_recipe=True, fixed=True, least=1, most=4096)
    """Channels of the first layers of a ResNet or of narrow_resnet."""
    auxiliary: bool | None = setting(of_recipe=True, fixed=True)
    """GoogLeNet's auxiliary heads."""
    enlarge: int | None = setting(of_recipe=True, fixed=True, least=1, most=2048)
    """The side in pixels to which GoogLeNet scales its images."""
    zero_gamma: bool | None = setting(usual=False, of_recipe=True, fixed=True)
    """Start every block of a ResNet as the identity."""

    # training
    profile: Literal["tiny", "cpu", "gpu"] | None = setting(fixed=True, needed=True)
    """Which settings to start from; default: as in the notebooks."""
    epochs: int | None = setting(of_recipe=True, needed=True, least=1, most=10**6, alias="ep")
    """How often to see every training image."""
    batch_size: int | None = setting(
        of_recipe=True, fixed=True, needed=True, least=1, most=2**20, alias="bs"
    )
    """How many images to learn from in one step, all processes together."""
    eval_batch_size: int | None = setting(least=1, most=2**20)
    """How many images to validate on at a time; default: 50 from folders, 500 of CIFAR-10."""
    accumulate: int | None = setting(usual=1, fixed=True, least=1, most=2**20)
    """Take each batch in so many parts, one after the other: less memory; default: 1."""
    optimizer: Literal["adam", "adamw", "sgd"] | None = setting(
        usual="adam", of_recipe=True, fixed=True, alias="opt"
    )
    """AdamW, which adam is too; or SGD with momentum."""
    momentum: float | None = setting(usual=0.9, of_recipe=True, fixed=True, least=0, below=1)
    """Of SGD."""
    nesterov: bool | None = setting(usual=True, of_recipe=True, fixed=True)
    """Nesterov's momentum, which looks ahead."""
    learning_rate: float | None = setting(
        usual=1e-3, of_recipe=True, fixed=True, needed=False, above=0, alias="lr"
    )
    """The largest one, where it changes."""
    learning_rate_per_256: float | None = setting(of_recipe=True, fixed=True, above=0)
    """The same for a batch of 256; it grows with the batch."""
    schedule: Literal["constant", "linear", "cosine", "plateau", "step"] | None = setting(
        usual="constant", of_recipe=True, fixed=True, alias="scheduler"
    )
    """How the learning rate falls: per step to zero, by half when validation stands still, or in
    steps."""
    step_epochs: int | None = setting(usual=7, of_recipe=True, fixed=True, least=1, most=10**6)
    """Of schedule step: epochs from one to the next."""
    step_factor: float | None = setting(usual=0.1, of_recipe=True, fixed=True, above=0)
    """Of schedule step: what the rate is multiplied by."""
    warm_up: float | None = setting(
        usual=0.0, of_recipe=True, fixed=True, least=0, below=1, alias="warmup"
    )
    """The share of all steps in which the learning rate grows from zero."""
    warm_up_epochs: int | None = setting(least=1, most=10**6, alias="warmup-epochs")
    """The same, in epochs."""
    weight_decay: float | None = setting(usual=0.0, of_recipe=True, fixed=True, least=0, alias="wd")
    """Of what decay names."""
    decay: Literal["kernels", "all"] | None = setting(usual="kernels", of_recipe=True, fixed=True)
    """all: biases and batch norms too."""
    label_smoothing: float | None = setting(usual=0.0, of_recipe=True, fixed=True, least=0, most=1)
    """The share of belief that the training loss spreads over all classes."""
    mixed_precision: bool | None = setting(of_recipe=True, fixed=True, needed=True, alias="amp")
    """bfloat16 where the device multiplies it in hardware."""
    seed: int | None = setting(usual=0, fixed=True, least=0, most=2**32 - 1)
    """Of weights, order and augmentation; default: 0."""
    device: str = setting("auto", local=True)
    """auto, cpu, cuda, cuda:1 or mps."""
    threads: int | None = setting(local=True, least=1, most=1024)
    """CPU threads; default: torch's choice, in tiny one."""
    compile: bool = setting(False)
    """Compile the network first, which pays on a GPU."""
    timeout: float = setting(300.0, local=True, above=0, most=10**7)
    """How many seconds a process waits for the others before it gives up."""

    # what is kept and shown
    top_k: int | None = setting(of_recipe=True, fixed=True, least=1, most=10**6)
    """Also say how often the right class is among so many likeliest, in validation."""
    monitor: Literal["val_accuracy", "val_loss"] | None = setting(
        usual="val_accuracy", of_recipe=True, fixed=True
    )
    """What best.pt is chosen by."""
    keep: int | Literal["all"] | None = setting(usual=1, least=1, most=10**6)
    """Keep so many of the best epochs, with epoch, accuracy and loss in their names, or all;
    default: 1, which is best.pt alone."""
    save_from: int | None = setting(usual=1, least=1, most=10**6)
    """The first epoch that is kept so."""
    tensorboard: bool = setting(True, local=True)
    """Write curves, settings and confusion matrices for TensorBoard."""
    progress: bool = setting(True, local=True)
    """Show a bar with loss and learning rate, on a terminal; elsewhere print a line every 30 s."""
    log_every: int | None = setting(local=True, least=1, most=10**6)
    """Print such a line every so many batches."""
    summary: bool = setting(False, local=True)
    """Print the layers first: output shapes, parameters, megabytes."""
    resume: bool = setting(False)
    """Go on with the run in this folder."""
    change_processes: bool = setting(False)
    """Of resume: go on after a whole epoch with another number of processes. Each then sees other
    images and random numbers, so that the run is no longer the same to the bit."""

    @property
    def peak_rate(self) -> float:
        """The largest learning rate, for this batch size."""
        if self.learning_rate is not None:
            return self.learning_rate
        return self.learning_rate_per_256 * self.batch_size / 256


RULES: dict[str, Rule] = {f.name: f.metadata.get("rule", Rule()) for f in fields(TrainSettings)}
TYPES = get_type_hints(TrainSettings)
NOT_KEPT = ("out", "resume", "change_processes")  # of one command, not of the run

# in force where a recipe does not say otherwise; and of a new run, whatever its network and data
USUAL = {n: r.usual for n, r in RULES.items() if r.of_recipe and not r.needed}
DEFAULTS = {n: r.usual for n, r in RULES.items() if not r.of_recipe and r.usual is not None}


def check_ranges(settings: TrainSettings) -> None:
    """Raise ``ValueError`` for a value of another type or out of its range."""
    for name, value in vars(settings).items():
        check(name, value)


def check(name: str, value):
    """A value of a setting, as its type; raises ``ValueError`` with its name and what it must be.

    >>> check("rotation", 5)
    5.0
    """
    if value == "":
        raise ValueError(f"{name} is empty")
    try:
        return checked(value, TYPES[name], RULES[name])
    except ValueError as error:
        raise ValueError(f"{name} is {error}") from None


def kept_settings(values: Mapping) -> dict:
    """A run's settings as its record or its config.json tells them, checked as flags are.

    What an older version did not know is absent. Raises ``ValueError`` for a value that cannot be,
    and for a setting that this version does not know.
    """
    found = {}
    for name, value in values.items():
        if name in NOT_KEPT:
            continue
        if name not in RULES:
            raise ValueError(f"{shortened(name)} is no setting of this version")
        found[name] = check(name, value)
        if value is None and name in needed_settings():
            raise ValueError(f"{name} is None; a run has a value of it")
    return found


def as_flags(values: Mapping) -> list[str]:
    """Settings as the words of `course train`; those that are None or not its own are left out.

    >>> as_flags({"epochs": 2, "zero_gamma": True, "tensorboard": False, "width": None})
    ['--epochs', '2', '--zero-gamma', 'True', '--no-tensorboard']
    """
    switches = {field.name for field in fields(TrainSettings) if isinstance(field.default, bool)}
    words = []
    for name, value in values.items():
        flag = name.replace("_", "-")
        if name not in RULES or value is None:
            continue
        if name in switches:
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", *map(str, value if isinstance(value, tuple) else [value])]
    return words


def shared_settings(settings: TrainSettings) -> dict:
    """Those in which processes that train together must agree."""
    return {name: value for name, value in vars(settings).items() if not RULES[name].local}


def needed_settings() -> list[str]:
    """The settings of which every run has a value."""
    known = {n: r.usual is not None if r.needed is None else r.needed for n, r in RULES.items()}
    return [name for name, needed in known.items() if needed]
