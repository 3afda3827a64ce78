"""A bar on the terminal while a network trains."""

import sys
import time
from typing import TextIO

from tqdm import tqdm

from course_utils.training.callbacks import Callback

EVERY = 0.25  # seconds between two looks at the loss, each of which waits for the device


class ProgressBar(Callback):
    """How far the epoch is, with loss and learning rate; on a terminal only.

    It is gone when the epoch ends, so that other callbacks can print their line after it.
    """

    def __init__(self, file: TextIO | None = None):
        self.file, self.bar = file, None

    def on_step(self, state) -> None:
        if self.bar is None:
            self.bar = tqdm(
                desc=f"epoch {state.epoch + 1}/{state.epochs}",
                total=state.steps_per_epoch,
                initial=state.batch - 1,
                unit="step",
                leave=False,
                dynamic_ncols=True,
                disable=None,  # where the file is no terminal
                file=self.file or sys.stderr,
            )
            self.shown = 0.0
        if self.bar.disable or time.monotonic() - self.shown < EVERY:
            return
        told = {"loss": f"{float(state.last_loss):.4f}", "lr": f"{state.learning_rate:.3g}"}
        self.bar.set_postfix(told, refresh=False)
        self.bar.update(state.batch - self.bar.n)
        self.bar.refresh()
        self.shown = time.monotonic()

    def on_epoch_end(self, state) -> None:
        self._close()

    def on_fit_end(self, state) -> None:
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        self.bar = None
