"""The live plot of a training: curves and a stop button in Jupyter, one line an epoch elsewhere.

Notebook 01.
"""

import io
import os
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import torch
from matplotlib.figure import Figure

from course_utils.engine.run_folder import read_record
from course_utils.show.plotting import BLUE, SKY, draw_history, history_panels, legend
from course_utils.training.callbacks import Callback

ALT = "Training curves: loss, accuracy and learning rate over the epochs"
POINTS, STEPS = 10, 50  # of the loss within an epoch: at least so many, of at most so many steps
# Drawing takes about 0.15 s. The time since the last drawing must be this many times longer, so
# that within an epoch at most 1 % of the time goes into drawing.
WITHIN_EPOCH, AT_EPOCH_END = 100, 10


def in_jupyter() -> bool:
    """Whether this code runs in a Jupyter kernel; does not import IPython where nobody did."""
    ipython = sys.modules.get("IPython")
    return bool(ipython) and hasattr(ipython.get_ipython(), "kernel")


class LivePlot(Callback):
    """Loss, accuracy and learning rate while training, updated in place, with a stop button.

    Outside Jupyter it prints one line an epoch and needs no display.
    """

    def on_fit_start(self, state) -> None:
        self.running = []  # (epoch as a fraction, mean training loss on the device, learning rate)
        self.loss_sum, self.batches = 0.0, 0
        self.handle = self.button = None
        self.drawn = self.cost = 0.0
        if not in_jupyter():
            return
        # A server with a browser names the notebook here; nbconvert, nbclient and nbval do not.
        # They get no button: its random model ids would make stored notebooks differ.
        if "JPY_SESSION_NAME" in os.environ:
            self.button = StopButton()
        self._draw(state)

    def on_step(self, state) -> None:
        if self.button and self.button.pressed.is_set():
            state.stop = "stop button"
        if not self.handle:
            return
        self.loss_sum = self.loss_sum + state.last_loss.float()  # stays on the device
        self.batches += 1
        if self.batches >= min(STEPS, state.steps_per_epoch / POINTS):
            middle = (state.step - self.batches / 2) / state.steps_per_epoch
            self.running.append((middle, self.loss_sum / self.batches, state.learning_rate))
            self.loss_sum, self.batches = 0.0, 0
            self._draw_if_due(state, WITHIN_EPOCH)

    def on_epoch_end(self, state) -> None:
        if self.handle:
            self._draw_if_due(state, AT_EPOCH_END)
        else:
            print(epoch_line(state.history[-1], state.epochs), flush=True)

    def on_fit_end(self, state) -> None:
        if self.handle:
            self._draw(state)
        if self.button:
            self.button.end("Finished" if state.epoch >= state.epochs else "Stopped")

    def _draw_if_due(self, state, times: int) -> None:
        if time.monotonic() - self.drawn > times * self.cost:
            self._draw(state)

    def _draw(self, state) -> None:
        """Draw afresh, not through pyplot: so the picture is shown once, and no hook closes it."""
        begin = time.monotonic()
        self.handle = show_figure(draw_live(state, self.running), self.handle)
        self.drawn = time.monotonic()
        self.cost = self.drawn - begin


def show_figure(figure: Figure, handle=None):
    """Show a figure in a notebook, in the place of the one shown before; returns its handle."""
    from IPython.display import display

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    # Plain text is fixed, since nbval compares it; pictures are not compared.
    content = {"image/png": buffer.getvalue(), "text/plain": ALT}
    if handle is None:
        return display(content, raw=True, display_id=True)
    handle.update(content, raw=True)
    return handle


class LiveRun:
    """The curves of a training in other processes, drawn anew whenever an epoch more is recorded.

    For `torchrun`: ``on_line=LiveRun(folder)``. Outside Jupyter it draws nothing: the training
    prints its own lines.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder, self.epochs, self.handle = Path(folder), 0, None

    def __call__(self, line: str) -> None:
        record = read_record(self.folder) if in_jupyter() else {}
        history = record.get("history", [])
        if len(history) == self.epochs:
            return
        self.epochs = len(history)
        planned = record["settings"]["epochs"]
        state = SimpleNamespace(epoch=self.epochs, epochs=planned, history=history)
        self.handle = show_figure(draw_live(state, []), self.handle)


def draw_live(state, running: list[tuple]) -> Figure:
    """The three panels with the epochs so far and, fainter, what happened within them."""
    figure = Figure(figsize=(10, 3.4))
    figure.subplots_adjust(left=0.065, right=0.99, bottom=0.15, top=0.82, wspace=0.33)
    panels = history_panels(figure)
    for ax in panels:
        ax.set_xlim(0, 1.03 * state.epochs)
    panels[1].set_ylim(0, 100)
    if running:
        epochs, losses, rates = zip(*running)
        losses = torch.stack(losses).tolist()  # the one place that waits for the device
        panels[0].plot(epochs, losses, color=SKY, linewidth=1, label="training, within the epoch")
        panels[2].plot(epochs, rates, color=BLUE)
        panels[2].set_ylim(bottom=0)
    elif state.history:
        rates = [(row["epoch"], row["learning_rate"]) for row in state.history]
        panels[2].plot(*zip(*rates), color=BLUE)
        panels[2].set_ylim(bottom=0)
    title = f"epoch {state.epoch} of {state.epochs}"
    if state.history:
        draw_history(panels, state.history)
        best = max(state.history, key=lambda row: row["val_accuracy"])
        last = state.history[-1]
        title += f", validation {100 * last['val_accuracy']:.1f} %"
        title += f", best {100 * best['val_accuracy']:.1f} % after epoch {best['epoch']}"
    if panels[0].lines:
        legend(panels[0])
    figure.suptitle(title, x=0.065, ha="left", fontsize=11)
    return figure


def epoch_line(row: dict, epochs: int) -> str:
    """One epoch of the history as one line; losses in nats per image.

    >>> row = {"epoch": 3, "train_loss": 1.2345, "train_accuracy": 0.551, "val_loss": 1.2,
    ...        "val_accuracy": 0.57, "learning_rate": 0.001, "seconds": 12.3, "waiting": 3.7,
    ...        "val_seconds": 2.5}
    >>> " ".join(epoch_line(row, epochs=10).split())
    'epoch 3/10 train 1.2345 / 55.1 % val 1.2000 / 57.0 % lr 0.001 12.3 s + 2.5 s val, 30 % waiting'
    """
    parts = [f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"]
    for split in ("train", "val"):
        loss, accuracy = row[f"{split}_loss"], row[f"{split}_accuracy"]
        parts.append(f"{split} {loss:.4f} / {100 * accuracy:5.1f} %")
    waiting = 100 * row["waiting"] / row["seconds"]  # for data
    seconds = f"{row['seconds']:5.1f} s"
    if "val_seconds" in row:  # older records have none
        seconds += f" + {row['val_seconds']:4.1f} s val"
    parts.append(f"lr {row['learning_rate']:<7.3g} {seconds}, {waiting:2.0f} % waiting")
    return "   ".join(parts)


class StopButton:
    """A button for JupyterLab that works while the cell trains.

    JupyterLab 4.4 and ipykernel 7 serve its clicks in another thread (a kernel subshell), which
    sets `pressed`. Elsewhere the interrupt button of the kernel does the same.
    """

    def __init__(self) -> None:
        from IPython.display import display
        from ipywidgets import Button, Layout

        self.pressed = threading.Event()
        self.button = Button(
            description="Stop after this step",
            tooltip="End the training after the present step and keep everything learnt so far",
            icon="stop",
            layout=Layout(width="auto"),
        )
        self.button.on_click(self._click)
        # ipykernel 7.4 sends a widget's messages to the thread that last wrote to the widget: here
        # the main one, which is busy training. Forgotten, they go where JupyterLab sends them.
        vars(self.button.comm).pop("_reply_subshell_id", None)
        display(self.button)

    def _click(self, _) -> None:
        self.button.disabled = True
        self.button.description = "Stopping after this step …"
        self.pressed.set()  # last: from here on the main thread writes to the button

    def end(self, text: str) -> None:
        """Say how the training ended; nothing can be pressed any more."""
        self.button.disabled = True
        self.button.description = text
