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

from course_utils.commands.recipes import default_model, recipe
from course_utils.data import profile as profiles
from course_utils.data.datasets import Splits
from course_utils.engine.distributed import launch_id, restarted, world
from course_utils.engine.run_folder import read_record, record_lock
from course_utils.engine.settings import DEFAULTS, NOT_KEPT, TrainSettings, as_flags
from course_utils.store.files import write_whole
from course_utils.store.formats import stamp
from course_utils.training.callbacks import Callback

LAUNCH = ".launch.json"  # which torchrun a run is of


class Record(Callback):
    """Keeps beside the checkpoints how the run came about, and how far: ``record.json``.

    ``config.json`` holds the settings alone, with what the data decided among them.
    """

    def __init__(self, settings: TrainSettings, data: Splits, device: torch.device):
        self.folder = settings.out
        kept = {n: v for n, v in asdict(settings).items() if n not in NOT_KEPT}
        self.content = {
            "settings": kept,
            "data": data.about()["data"],
            "images": len(data.train),
            "machine": machine(device),
            "date": date.today().isoformat(),
            "command": command(settings),
        }
        if settings.resume:  # begun on that day, on that machine
            anew = ("settings", "data", "images", "command")
            told_anew = {name: self.content[name] for name in anew}
            self.content |= last_record(settings.out) | told_anew
        self.content = stamp() | self.content | stamp()
        about = data.about()
        decided = {name: about[name] for name in ("image_size", "mean", "std")}
        self.config = stamp() | kept | {"num_classes": len(data.classes)} | decided

    def on_fit_start(self, state) -> None:
        self._write("config.json", self.config)
        if launch_id():
            self._write(LAUNCH, launch_id())
        self.on_fit_end(state)

    def on_epoch_end(self, state) -> None:
        self.content.pop("test", None)  # of the run as it was before this epoch
        self.on_fit_end(state)

    def on_fit_end(self, state) -> None:
        finished = state.epoch >= state.epochs
        self.content |= {"history": state.history, "finished": finished}
        self.content["stopped"] = "" if finished else state.stop
        self._write("record.json", self.content)

    def _write(self, name: str, content: dict | str) -> None:
        if world().rank:  # the first process writes for all
            return
        try:
            with record_lock(self.folder):
                write_whole(self.folder / name, json.dumps(content, indent=1))
        except OSError as error:  # a full disk must not cost the run
            warnings.warn(f"{error}; training goes on", stacklevel=2)


def last_record(run: Path) -> dict:
    """The record of a run that goes on; empty where it is lost: the checkpoint has its history."""
    try:
        return read_record(run)
    except ValueError:
        return {}


def began_here(run: Path) -> bool:
    """Whether torchrun has started this process again, to go on with the run that it began."""
    if not (restarted() and (run / LAUNCH).is_file()):
        return False
    return json.loads((run / LAUNCH).read_text(encoding="utf-8")) == launch_id()


def command(settings: TrainSettings) -> str:
    """The command that repeats a run, with every setting that is not the recipe's."""
    words = ["course", "train", "--out", "RUN"]
    if (processes := world().size) > 1:
        words = ["torchrun", f"--nproc-per-node={processes}", "-m", "course_utils", *words[1:]]
    usual = {field.name: field.default for field in fields(settings)}
    usual |= recipe(settings.model, settings.profile, settings.data, settings.weights)
    usual |= DEFAULTS | {"model": default_model(settings.data, settings.profile)}
    own = {
        name: value
        for name, value in asdict(settings).items()
        if name not in NOT_KEPT and value != usual[name]
    }
    return shlex.join([*words, *as_flags(own)])


def machine(device: torch.device) -> dict:
    """What a reader of a figure must know of the machine it was measured on."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processor": processor(),
        "cores": os.cpu_count(),
        "processes": world().size,
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
