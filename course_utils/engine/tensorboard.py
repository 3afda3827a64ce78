"""TensorBoard's files: curves, figures and settings of a run."""

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from course_utils.training.callbacks import Callback


class TensorBoard(Callback):
    """Writes loss and learning rate every step, and sums and figures every epoch.

    Its horizontal axis counts steps throughout, so that after a resume TensorBoard drops the points
    of steps that are taken again. ``figures`` maps a title to a function of the state that
    returns a matplotlib figure. Losses are read from the device in blocks of ``every`` steps.
    ``hparams``: the run's settings, which stand beside its last validation loss and accuracy in
    the HParams tab. A full disk, or too many open files, costs one warning and what would have been
    written after it, not the run.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        figures: dict[str, Callable] | None = None,
        every: int = 50,
        hparams: dict | None = None,
    ):
        self.folder, self.figures, self.every = Path(folder), figures or {}, every
        self.hparams = hparams or {}

    def on_fit_start(self, state) -> None:
        self.writer, self.waiting, self.hook = None, [], threading.excepthook
        with self._or_off():
            from torch.utils.tensorboard import SummaryWriter  # takes a second to import

            threading.excepthook = self._quietly
            purge_step = state.step + 1 if state.resumed_from else None
            self.writer = SummaryWriter(self.folder, purge_step=purge_step)

    def on_step(self, state) -> None:
        if not self.writer:
            return
        self.waiting.append((state.step, state.last_loss, state.learning_rate))
        if len(self.waiting) >= self.every:
            with self._or_off():
                self._write_steps()

    def on_epoch_end(self, state) -> None:
        if self.writer:
            with self._or_off():
                self._write_steps()
                self._write_epoch(state)

    def on_fit_end(self, state) -> None:
        if self.writer:
            with self._or_off():
                self._write_steps()
                if self.hparams and state.history:
                    self._write_hparams(state.history[-1])
                self.writer.close()
        threading.excepthook = self.hook

    @contextmanager
    def _or_off(self) -> Iterator[None]:
        """Do this; what the system refuses switches everything off, with one warning."""
        try:
            yield
        except OSError as error:
            warnings.warn(
                f"{self.folder}: nothing more is written for TensorBoard ({error}); "
                "training goes on",
                stacklevel=2,
            )
            writer, self.writer = self.writer, None
            with suppress(OSError):
                if writer:
                    writer.close()

    def _quietly(self, args) -> None:
        """What the writer's thread meets comes up again in the next call: no traceback of it."""
        theirs = type(args.thread).__module__.startswith("tensorboard.")
        if not (theirs and issubclass(args.exc_type, OSError)):
            self.hook(args)

    def _write_epoch(self, state) -> None:
        entry = state.history[-1]
        for measure in ("train_loss", "val_loss", "train_accuracy", "val_accuracy"):
            self.writer.add_scalar(f"epoch/{measure}", entry[measure], state.step)
        self.writer.add_scalar("epoch/learning_rate", entry["learning_rate"], state.step)
        self.writer.add_scalar("epoch/waiting", entry["waiting"] / entry["seconds"], state.step)
        for title, draw in self.figures.items():
            self.writer.add_figure(title, draw(state), state.step)
        self.writer.flush()

    def _write_steps(self) -> None:
        if not self.waiting:
            return
        steps, losses, rates = zip(*self.waiting, strict=True)
        for step, loss, rate in zip(steps, torch.stack(losses).tolist(), rates, strict=True):
            self.writer.add_scalar("step/train_loss", loss, step)
            self.writer.add_scalar("step/learning_rate", rate, step)
        self.waiting.clear()

    def _write_hparams(self, last: dict) -> None:
        """Into this run's own file: `SummaryWriter.add_hparams` would begin another run."""
        from torch.utils.tensorboard.summary import hparams

        told = {n: v for n, v in self.hparams.items() if v is not None}  # else "None" among numbers
        told = {n: str(v) if isinstance(v, tuple) else v for n, v in told.items()}
        results = {f"epoch/{name}": last[name] for name in ("val_accuracy", "val_loss")}
        for summary in hparams(told, results):
            self.writer.file_writer.add_summary(summary)
