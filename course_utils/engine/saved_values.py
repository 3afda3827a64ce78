"""Whether the values in a checkpoint are of the kind that a run can go on with."""

import math

from torch import Tensor
from torch.optim import Optimizer

from course_utils.engine.rules import Rule, shortened
from course_utils.engine.run_folder import check_history, check_values

COUNTS = ("num_classes", "steps_per_epoch", "epoch", "step", "batch")
TABLES = ("optimizer", "scaler", "parts", "random")
PARTS = {name: (int, Rule(least=0)) for name in COUNTS}
PARTS |= {name: (dict, Rule()) for name in TABLES}
PARTS |= {name: (dict | None, Rule()) for name in ("scheduler", "totals", "epoch_random")}
PARTS |= {name: (list, Rule()) for name in ("history", "other_ranks")}

ABOUT = {
    "data": (str, Rule()),
    "classes": (list, Rule()),
    "image_size": (int, Rule(least=1, most=2048)),
    "resize": (int | None, Rule(least=1, most=2**14)),
    "mean": (tuple[float, float, float], Rule(least=0, most=1)),
    "std": (tuple[float, float, float], Rule(above=0, most=1)),
    "pictures": (dict, Rule()),
}


def check_parts(saved: dict) -> None:
    """Raise ``ValueError`` for a run's checkpoint that lacks a part, or has one of another type."""
    for name in PARTS:
        if name not in saved:
            raise ValueError(f"it has no {name!r}")
    check_values(saved, PARTS)
    check_history(saved["history"])
    if len(saved["history"]) != saved["epoch"]:
        raise ValueError(f"epoch is {saved['epoch']}, but history has {len(saved['history'])}")
    if saved["batch"] > saved["steps_per_epoch"]:
        raise ValueError(f"batch is {saved['batch']} of {saved['steps_per_epoch']}")
    if saved["batch"] and not (saved["totals"] and saved["epoch_random"]):
        raise ValueError("it is of the middle of an epoch, but has no totals of it")


def check_about(about, classes: int | None = None) -> dict:
    """What a checkpoint tells of its data; raises ``ValueError`` for what cannot be.

    ``classes``: how many the network has.
    """
    check_values({"about": about}, {"about": (dict | None, Rule())})
    about = dict(about or {})
    check_values(about, ABOUT, "about.")
    names = about.get("classes", [])
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"about.classes is {shortened(names)}; it must be a list of names")
    if classes is not None and names and len(names) != classes:
        raise ValueError(f"about.classes has {len(names)} names, the network {classes} outputs")
    for split, told in about.get("pictures", {}).items():
        check_values({split: told}, {split: (tuple[int, str], Rule(least=0))}, "about.pictures.")
    return about


def check_optimizer(optimizer: Optimizer, saved: dict) -> None:
    """Raise ``ValueError`` where a saved state is not one of this optimiser's parameters."""
    check_values(saved, {"state": (dict, Rule()), "param_groups": (list, Rule())}, "optimizer.")
    own = optimizer.state_dict()["param_groups"]
    check_like(saved.get("param_groups"), own, "optimizer.param_groups")
    kinds = {
        tuple(sorted((n, type(v).__name__) for n, v in s.items())) for s in saved["state"].values()
    }
    if len(kinds) > 1:
        raise ValueError("optimizer.state has not the same values of every parameter")
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for number, values in saved["state"].items():
        for name, value in values.items():
            whole = isinstance(value, Tensor) and value.dim()
            if whole and value.shape != parameters[number].shape:
                raise ValueError(f"optimizer.state[{number}].{name} is {tuple(value.shape)}")


def check_like(saved, own, name: str) -> None:
    """Raise ``ValueError`` unless a saved value is of the kind of this run's own, part by part.

    What one of the two lacks, since another version of PyTorch has it, is passed over.
    """
    if own is None:
        return
    if isinstance(own, dict) and isinstance(saved, dict):
        for key in own.keys() & saved.keys():
            check_like(saved[key], own[key], f"{name}.{key}")
    elif isinstance(own, (list, tuple)) and isinstance(saved, (list, tuple)):
        if len(saved) != len(own):
            raise ValueError(f"{name} has {len(saved)} parts, that of this run {len(own)}")
        for place, (one, other) in enumerate(zip(saved, own)):
            check_like(one, other, f"{name}[{place}]")
    elif not _alike(saved, own):
        raise ValueError(f"{name} is {shortened(saved)}; that of this run is {shortened(own)}")


def _alike(saved, own) -> bool:
    if isinstance(own, Tensor):
        like = isinstance(saved, Tensor) and saved.shape == own.shape
        return like and saved.dtype == own.dtype
    if isinstance(own, bool) or not isinstance(own, (int, float)):
        return type(saved) is type(own)
    number = isinstance(saved, (int, float)) and not isinstance(saved, bool)
    return number and (math.isfinite(saved) or not math.isfinite(own)) and not math.isnan(saved)
