"""The state of a run: what callbacks see and checkpoints keep."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.engine.checkpoint import CheckpointError, load_latest, load_weights
from course_utils.engine.distributed import all_gather, unwrapped, world
from course_utils.engine.random_state import random_state, set_random_state
from course_utils.engine.saved_values import check_like, check_optimizer, check_parts
from course_utils.store.formats import stamp, written_by
from course_utils.training.metrics import Totals

PROCESSES = "number of processes"
UNUSABLE = (RuntimeError, TypeError, ValueError)  # what a value of another kind leads to


@dataclass
class TrainState:
    """All that a run is at one moment; callbacks read it and may set ``stop`` to a reason."""

    model: nn.Module
    optimizer: Optimizer
    scheduler: object | None
    scaler: torch.amp.GradScaler
    loader: Iterable
    num_classes: int
    epochs: int  # planned
    steps_per_epoch: int
    epoch: int = 0  # completed
    step: int = 0  # optimiser steps in all
    batch: int = 0  # steps of the present epoch
    history: list[dict] = field(default_factory=list)  # one entry a completed epoch
    accumulate: int = 1  # parts in which a batch is taken
    top_k: int | None = None  # also counted in validation
    asked: str = ""  # why a signal asks to end it; `StopTogether` makes it the stop of all
    stop: str = ""  # why training shall end after this step; empty: it goes on
    healthy: bool = True  # False: not worth saving; a loss was not finite, or an error tore a step
    last_loss: Tensor | None = None  # (), of the last step, on the device
    learning_rate: float | None = None  # of the last step
    train_totals: Totals | None = None
    val_totals: Totals | None = None
    epoch_random: dict | None = None  # every generator when the epoch began
    resumed_from: Path | None = None  # the folder of the checkpoint this run goes on from

    def state_dict(self) -> dict:
        """Everything needed to go on exactly here, as tensors and plain values.

        Where there are several processes all must call it: each has random states of its own.
        """
        within_epoch = self.batch > 0
        model = unwrapped(self.model)
        chance, *others = all_gather(random_state(self.loader))
        began, *others_began = all_gather(self.epoch_random if within_epoch else None)
        return {
            **stamp(),
            "model": model.state_dict(),
            "config": getattr(model, "config", None),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else None,
            "scaler": self.scaler.state_dict(),
            "parts": self._parts(),
            "num_classes": self.num_classes,
            "steps_per_epoch": self.steps_per_epoch,
            "epoch": self.epoch,
            "step": self.step,
            "batch": self.batch,
            "history": self.history,
            "totals": self.train_totals.state_dict() if within_epoch else None,
            "random": chance,
            "epoch_random": began,
            "other_ranks": list(zip(others, others_began, strict=True)),
        }

    def resume(self, path, change_processes: bool = False) -> None:
        """Go on from a checkpoint, or a run's folder; raises `CheckpointError` for a bad one."""
        # on the CPU, where states of generators must lie; the rest goes where the model is
        file = Path(path) / "last.pt" if Path(path).is_dir() else path
        saved = load_latest(path)
        try:
            self.load_state_dict(saved, change_processes)
        except CheckpointError as error:
            raise CheckpointError(f"{file}: {error} ({written_by(saved)})") from error
        self.resumed_from = (Path(path) if Path(path).is_dir() else Path(path).parent).resolve()

    def load_state_dict(self, saved: dict, change_processes: bool = False) -> None:
        """Go on from `state_dict`; raises `CheckpointError` naming what does not fit.

        ``change_processes``: at an epoch's end as many processes as there are now may go on.
        """
        self._check(saved, change_processes)
        load_weights(unwrapped(self.model), saved["model"])
        try:
            self._load(saved)
        except (ArithmeticError, AttributeError, LookupError, *UNUSABLE) as error:
            raise CheckpointError(f"its state cannot be used: {error!r}") from error

    def _load(self, saved: dict) -> None:
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scaler.load_state_dict(saved["scaler"])
        if self.scheduler:
            self.scheduler.load_state_dict(saved["scheduler"])
        self.epoch, self.step, self.batch = saved["epoch"], saved["step"], saved["batch"]
        self.history = list(saved["history"])
        rank = world().rank
        ranks = [(saved["random"], saved["epoch_random"]), *saved["other_ranks"]]
        known = rank < len(ranks)
        chance, self.epoch_random = ranks[rank if known else 0]
        if self.batch:  # the sums are of all processes, and rank 0 carries them on
            totals = saved["totals"]
            mine = {"good_batches": totals["good_batches"]} if rank else totals
            self.train_totals.load_state_dict(mine)
            set_random_state(self.epoch_random, self.loader)  # whether it can be
        set_random_state(chance, self.loader)
        if not known:  # a process that the run had not: the same order, other random numbers
            torch.manual_seed(torch.initial_seed() + rank)

    def _parts(self) -> dict[str, str]:
        """What else a checkpoint must agree with, by name."""
        model = unwrapped(self.model)
        return {
            "model": str(getattr(model, "config", None) or type(model).__name__),
            "optimizer": type(self.optimizer).__name__,
            "scheduler": type(self.scheduler).__name__ if self.scheduler else "none",
            "gradient scaler": "on" if self.scaler.is_enabled() else "off",
            "number of classes": str(self.num_classes),
            PROCESSES: str(world().size),
        }

    def _check(self, saved: dict, change_processes: bool) -> None:
        if "optimizer" not in saved:
            raise CheckpointError("resume needs a checkpoint of a run; this one holds weights only")
        try:
            check_parts(saved)
        except ValueError as error:
            raise CheckpointError(str(error)) from None
        for part, own in self._parts().items():
            then = saved["parts"].get(part, own)
            if then == own or (part == PROCESSES and change_processes and not saved["batch"]):
                continue
            remedy = self._remedy(saved) if part == PROCESSES else ""
            raise CheckpointError(
                f"cannot resume: the {part} of the checkpoint is {str(then)[:200]}, "
                f"that of this run {own}{remedy}"
            )
        if saved["batch"] and saved["steps_per_epoch"] != self.steps_per_epoch:
            raise CheckpointError(
                f"cannot resume in the middle of an epoch of {saved['steps_per_epoch']} batches "
                f"with a loader of {self.steps_per_epoch}: use the same data and batch_size"
            )
        self._check_kinds(saved)

    @staticmethod
    def _remedy(saved: dict) -> str:
        if saved["batch"]:
            return "; in the middle of an epoch it goes on with as many as it had"
        return "; --change-processes goes on all the same, with other random numbers in each"

    def _check_kinds(self, saved: dict) -> None:
        try:
            check_optimizer(self.optimizer, saved["optimizer"])
            check_like(saved["scaler"], self.scaler.state_dict(), "scaler")
            if self.scheduler:
                check_like(saved["scheduler"], self.scheduler.state_dict(), "scheduler")
            if saved["batch"]:
                check_like(saved["totals"], self.train_totals.state_dict(), "totals")
        except (AttributeError, LookupError, *UNUSABLE) as error:
            raise CheckpointError(str(error)) from error
