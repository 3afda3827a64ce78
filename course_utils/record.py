"""The record of a run, kept beside its checkpoints in ``record.json``."""

import json
import os
import platform
import shlex
import subprocess
import sys
import warnings
from dataclasses import asdict, fields
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch

from course_utils import profile as profiles
from course_utils.data.datasets import Splits
from course_utils.recipes import recipe
from course_utils.settings import DEFAULTS, TrainSettings
from course_utils.training.callbacks import Callback


class Record(Callback):
    """Keeps beside the checkpoints how the run came about, and how far: ``record.json``."""

    def __init__(self, settings: TrainSettings, data: Splits, device: torch.device):
        self.folder = settings.out
        kept = asdict(settings)
        del kept["out"], kept["resume"]
        self.content = {
            "settings": kept,
            "data": data.about()["data"],
            "machine": machine(device),
            "date": date.today().isoformat(),
            "command": command(settings),
        }

    def on_fit_start(self, state) -> None:
        self.content |= {"history": state.history, "finished": state.epoch >= state.epochs}
        try:
            write_record(self.folder, self.content)
        except OSError as error:  # a full disk must not cost the run
            warnings.warn(f"{error}; training goes on", stacklevel=2)

    on_epoch_end = on_fit_end = on_fit_start


def command(settings: TrainSettings) -> str:
    """The command that repeats a run, with every setting that is not the recipe's."""
    words = ["course", "train", "--out", "RUN"]
    usual = recipe(settings.model, settings.profile)
    usual |= {field.name: field.default for field in fields(settings) if field.name not in usual}
    usual |= DEFAULTS | {"profile": None}
    for name, value in asdict(settings).items():
        if name not in ("out", "resume") and value != usual[name]:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def read_record(folder: Path) -> dict:
    """The record of a run; empty where it has none."""
    path = folder / "record.json"
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); remove it") from error


def write_record(folder: Path, content: dict) -> None:
    """Write the record of a run, whole or not at all."""
    partial = folder / f"record.{os.getpid()}.part"
    partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
    os.replace(partial, folder / "record.json")


def machine(device: torch.device) -> dict:
    """What a reader of a figure must know of the machine it was measured on."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "bf16": profiles.fast_cpu_dtype() is not None,
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "torchvision": version("torchvision").split("+")[0],
    }


def processor() -> str:
    """The processor's name, as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        if names:
            return names[0].split(":", 1)[1].strip()
    if sys.platform == "darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    return platform.processor() or platform.machine()
