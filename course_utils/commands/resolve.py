"""What a run will do: its settings filled in and checked, before anything is written."""

import json
import os
import warnings
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

from course_utils.commands.open_data import DIVIDING, check_data
from course_utils.commands.recipes import PUBLISHED, STAGED, default_model, for_pictures, recipe
from course_utils.commands.resumed import begun_with
from course_utils.data import profile as profiles
from course_utils.engine.pretrained import find_weights
from course_utils.engine.settings import DEFAULTS, RULES, TrainSettings, check_ranges
from course_utils.models import list_models
from course_utils.store.fetching import DownloadError
from course_utils.store.files import check_writable
from course_utils.store.layout import picture_folders, splits_below
from course_utils.store.locations import DATA, LAYOUTS, data_kind, find
from course_utils.store.official_weights import OFFICIAL
from course_utils.training.freezing import STAGES
from course_utils.training.optim import EVERY_EPOCH

RATES = ("learning_rate", "learning_rate_per_256")
MODEL_OPTIONS = ("stem", "width", "auxiliary", "enlarge")
CHANCE = {"padding", "crop_scale", "rotation", "colour_jitter"}
PICTURES = {"image_size", "bad_images", "workers", *DIVIDING, *CHANCE} - {"padding"}  # of folders


def complete(settings: TrainSettings) -> TrainSettings:
    """Fill what was not given: from the run that is resumed, else from recipe and weights.

    Raises ``ValueError`` for settings that cannot be, or not together, or not on a resume,
    and ``OSError`` for a folder that holds another run or cannot be written.
    """
    begun = begun_with(settings.out) if settings.resume else {}
    check_told_twice(settings.out, begun)
    check_ranges(settings)
    check_resumed(settings, begun)
    data = settings.data or begun.get("data", DEFAULTS["data"])
    told = begun | {name: v for name, v in vars(settings).items() if v is not None}
    check_data(data, a_part=any(told.get(name) for name in DIVIDING))
    check_folder(settings.out, settings.resume, data, told.get("data_val"))
    if profile := settings.profile or begun.get("profile"):
        os.environ["COURSE_PROFILE"] = profile
    profile = profiles.name(data)
    model = settings.model or begun.get("model") or default_model(data, profile)
    if model not in list_models():
        raise ValueError(f"model {model!r}: there are {', '.join(list_models())}")

    def usual(weights: str | None) -> dict:
        known = recipe(model, profile, data, weights) | DEFAULTS
        if data_kind(data) == "folder":
            optimizer = settings.optimizer or known["optimizer"]
            count = count_pictures(data, **{name: told.get(name) for name in DIVIDING})
            known |= for_pictures(count, settings.batch_size, optimizer)
        known |= STAGED if settings.trained == "staged" else {}
        return known | {"data": data, "model": model, "profile": profile} | begun

    known = usual(settings.weights)
    check_together(settings, known)
    if settings.warm_up_epochs:
        share = settings.warm_up_epochs / (settings.epochs or known["epochs"])
        settings = replace(settings, warm_up=share, warm_up_epochs=None)
        check_resumed(settings, begun)
    if not begun:
        try:
            found = from_weights(settings, known)
        except DownloadError as error:
            if settings.weights:
                raise
            file = f"{Path(OFFICIAL[model]).name} into {DATA / 'weights'}"
            random = f"{model} begins from random weights, since there are {error}"
            warnings.warn(f"{random}; or put {file} and begin again", stacklevel=2)
            known = usual("none") | {"weights": "none"}
            check_together(settings, known)
            found = from_weights(replace(settings, weights="none"), known)
        known |= found
        settings = replace(settings, weights=known["weights"])
        for given, other in (RATES, RATES[::-1]):
            if getattr(settings, given) is not None:
                known[other] = None
    empty = {name: v for name, v in known.items() if getattr(settings, name) is None}
    settings = replace(settings, **empty)
    if settings.learning_rate is None and settings.learning_rate_per_256 is None:
        raise ValueError(f"{settings.out} tells no learning rate: give --learning-rate")
    return settings


def check_folder(run: Path, resume: bool, data: str, data_val: str | None = None) -> None:
    """Raise ``ValueError`` or ``OSError`` where no run can be, or one is already."""
    if not resume and any(run.glob("*.pt")):
        raise FileExistsError(f"{run} holds a run already; resume it, or choose another folder")
    place = run.absolute()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not there.is_dir():
        raise ValueError(f"{there} is a file; choose another folder for the run")
    check_writable(there)
    kind = data_kind(data)
    root = Path(data).expanduser()
    if kind != "folder":
        root = find(kind, None if data in LAYOUTS else root).path
    others = picture_folders(Path(data_val).expanduser()) if data_val else []
    for folder in [*picture_folders(root), *others]:
        if place.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{run} lies among the pictures of {folder}; choose another folder")


def check_resumed(settings: TrainSettings, begun: dict) -> None:
    """Raise ``ValueError`` where a run that goes on is told to be another."""
    told = begun | {name: v for name, v in vars(settings).items() if v is not None}
    # where rate or stages are planned over the run's length, that must stay
    planned = told.get("schedule") in ("linear", "cosine") or told.get("warm_up")
    planned = planned or told.get("trained") == "staged"
    for name in begun:
        fixed = RULES[name].fixed or (name == "epochs" and planned)
        if fixed and begun[name] != told[name]:
            raise ValueError(
                f"{settings.out} was begun with {name}={begun[name]}, not {told[name]}: "
                "resume with the same, or choose another folder"
            )


def check_told_twice(run: Path, begun: dict) -> None:
    """Raise ``ValueError`` where record.json and config.json differ in what a run keeps."""
    try:
        config = json.loads((run / "config.json").read_text(encoding="utf-8"))
        told = {n: config[n] for n in RULES if RULES[n].fixed and n in config and n in begun}
    except (OSError, ValueError, TypeError):  # the record alone will do
        return
    for name, value in told.items():
        before = list(begun[name]) if isinstance(begun[name], tuple) else begun[name]
        if before not in (None, value):  # None: the data decided, which config.json tells
            raise ValueError(
                f"{run}: record.json says {name}={before}, config.json {value}: one of the two is "
                "damaged or was edited; correct or remove it"
            )


def check_together(settings: TrainSettings, known: dict) -> None:
    """Raise ``ValueError`` for flags that make no sense together; ``known``: what was not given."""
    given = {name: value for name, value in vars(settings).items() if value is not None}
    will = known | given
    for broken, message in [*_about_data(given, will), *_about_epochs(given, will)]:
        if broken:
            raise ValueError(message)


def _about_data(given: dict, will: dict) -> list[tuple]:
    """Whether something is wrong, and what to say of it: of pictures and weights."""
    kind = data_kind(will["data"])
    folder, divided = kind != "cifar10", ", ".join(n for n in DIVIDING if n in given)
    chance = ", ".join(sorted(CHANCE & given.keys()))
    foreign = ", ".join(sorted(({"padding"} if folder else PICTURES) & given.keys()))
    held = "pictures in folders, which crop_scale crops" if folder else "CIFAR-10's 32 px images"
    return [
        (foreign, f"{foreign}: not for {held}; leave it out"),
        (divided and kind != "folder", f"{divided}: {kind} has its own validation; leave it out"),
        (
            will.get("labels") and not will.get("val_share"),
            "labels say nothing of validation: add --val-share 0.2",
        ),
        (
            will.get("data_val") and will.get("val_share"),
            "data_val and val_share: give one of them, both say what to validate on",
        ),
        (will["augment"] == "none" and chance, f"augment none changes nothing: leave {chance} out"),
        (
            given["resume"] and "weights" in given,
            "weights are where a run begins: leave --weights out with --resume",
        ),
        (
            will["trained"] != "all" and will["weights"] == "none",
            f"trained is {will['trained']}, but there are no weights, and what has not learnt "
            "cannot be frozen: name --weights, or train all",
        ),
        (
            will["zero_gamma"] and will["weights"] != "none",
            "zero_gamma is where a network begins that has learnt nothing: leave it out",
        ),
        (
            given.get("zero_gamma") and not will["model"].startswith("resnet"),
            f"zero_gamma: {will['model']} has no shortcuts around its blocks; leave it out",
        ),
        (
            will["accumulate"] > will["batch_size"],
            f"accumulate is {will['accumulate']}, but a batch has {will['batch_size']} images",
        ),
        (
            given["change_processes"] and not given["resume"],
            "change_processes: a new run has as many as there are; leave it out",
        ),
    ]


def _about_epochs(given: dict, will: dict) -> list[tuple]:
    """The same of what happens when."""
    warm, epochs = given.get("warm_up_epochs", 0), will["epochs"]
    steps = ", ".join(sorted({"step_epochs", "step_factor"} & given.keys()))
    falls = will["step_epochs"] < epochs or not steps
    return [
        (set(RATES) <= given.keys(), f"{' and '.join(RATES)} say the same: give one of them"),
        (
            steps and will["schedule"] != "step",
            f"{steps}: of schedule step, not of {will['schedule']}; leave it out",
        ),
        (not falls, f"step_epochs is {will['step_epochs']}, but there are {epochs} epochs"),
        (
            given.get("nesterov") and not will["momentum"],
            "nesterov: there is no momentum that it could look ahead of; leave it out",
        ),
        (
            "decay" in given and not will["weight_decay"],
            "decay says what weight_decay is of, and that is 0: leave it out",
        ),
        (
            {"warm_up", "warm_up_epochs"} <= given.keys(),
            "warm_up and warm_up_epochs are the same in two units: give one of them",
        ),
        (
            will["trained"] == "staged" and epochs < len(STAGES),
            f"trained staged has {len(STAGES)} stages, but there are {epochs} epochs: give more",
        ),
        (warm >= epochs, f"warm_up_epochs is {warm}, but there are {epochs} epochs: give fewer"),
        (
            (warm or will["warm_up"]) and will["schedule"] in EVERY_EPOCH,
            f"schedule {will['schedule']!r} has no warm_up: "
            "set warm_up to 0, or choose linear or cosine",
        ),
        (
            will["optimizer"] != "sgd" and {"momentum", "nesterov"} & given.keys(),
            f"momentum is SGD's, not that of {will['optimizer']}: leave it out, or choose sgd",
        ),
        (
            will["save_from"] > epochs,
            f"save_from is {will['save_from']}, but there are {epochs} epochs",
        ),
        (
            will["save_from"] > 1 and will["keep"] == 1,
            "save_from says which epochs are kept by name: it needs --keep 2 or more, or all",
        ),
    ]


def count_pictures(data: str, **divided) -> int:
    """How many pictures a folder has to learn from; 0 where that is not to be seen."""
    try:
        with redirect_stdout(None):  # it is told when the pictures are opened
            return len(splits_below(Path(data).expanduser(), **divided)["train"][1])
    except (OSError, ValueError):  # whoever opens it tells why
        return 0


def from_weights(settings: TrainSettings, known: dict) -> dict:
    """What the trained weights decide, if there are any: which they are, network, image size."""
    kind = data_kind(known["data"])
    wanted, cifar = settings.weights or known["weights"], kind == "cifar10"
    if wanted == "none":
        if not settings.weights and not cifar and kind not in PUBLISHED:
            there = "official ones" if known["model"] in OFFICIAL else "trained ones of resnet18"
            print(f"weights: {known['model']} begins from random ones; there are {there}")
        side = known["image_size"] or (224 if known["profile"] == "gpu" else 96)
        return {"weights": "none", "image_size": None if cifar else side}
    found = find_weights(known["model"], wanted)
    options = {name: found.options.get(name) for name in MODEL_OPTIONS}
    for name, fixed in options.items():
        if getattr(settings, name) not in (None, fixed):
            raise ValueError(
                f"{name} is {getattr(settings, name)}, but the weights have {fixed or 'the usual'} "
                f"({found}): leave --{name} out, or begin with --weights none"
            )
    if found.mean:  # a file that tells how its pictures were prepared
        options |= {"image_size": found.image_size, "mean": found.mean, "std": found.std}
    else:
        options["image_size"] = known["image_size"] or found.image_size
    if cifar:
        options["image_size"] = None
    return options | {"weights": found.kind if wanted in ("auto", "official", "own") else wanted}
