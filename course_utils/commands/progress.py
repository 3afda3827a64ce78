"""How far a training is: a bar on a terminal, lines elsewhere."""

import sys
import time
from datetime import timedelta
from typing import TextIO

from tqdm import tqdm

from course_utils.training.callbacks import Callback

EVERY = 0.25  # seconds between two looks at the loss, each of which waits for the device
SECONDS = 30.0  # between two lines where there is no terminal


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


class ProgressLines(Callback):
    """Lines with epoch, step, loss, learning rate, images a second, and how long it will take.

    One every ``every`` steps of an epoch; without it one every 30 seconds where there is no
    terminal, on which the bar shows the same.
    """

    def __init__(self, every: int | None = None):
        self.every = every

    def on_fit_start(self, state) -> None:
        self.first, self.began = state.step, time.monotonic()
        self._mark(state)

    def on_step(self, state) -> None:
        if self.every:
            due = state.batch % self.every == 0
        else:
            due = time.monotonic() - self.marked[1] >= SECONDS and not sys.stderr.isatty()
        if due:
            tqdm.write(self._line(state))  # above the bar, if there is one
            self._mark(state)

    def on_epoch_end(self, state) -> None:
        self._mark(state)  # the validation is over: no image was trained on meanwhile

    def _mark(self, state) -> None:
        self.marked = state.step, time.monotonic()

    def _line(self, state) -> str:
        now = time.monotonic()
        steps, seconds = state.step - self.marked[0], now - self.marked[1]
        parts = [f"epoch {state.epoch + 1}/{state.epochs}"]
        parts += [f"step {state.batch}/{state.steps_per_epoch}"]
        parts += [f"loss {float(state.last_loss):.4f}", f"lr {state.learning_rate:.3g}"]
        if sizes := getattr(state.loader, "joint_sizes", None):  # those of all processes
            images = sum(sizes) / len(sizes) * steps
            parts.append(f"{images / max(seconds, 1e-9):.0f} images/s")
        left = state.epochs * state.steps_per_epoch - state.step
        to_go = (now - self.began) / (state.step - self.first) * left  # with validations
        return "   ".join([*parts, f"{timedelta(seconds=round(to_go))} to go"])
