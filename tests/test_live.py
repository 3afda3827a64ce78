"""The live plot without Jupyter, in a real kernel without a browser, and what it draws."""

import base64
import io
import os
import re
import time
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from PIL import Image
from torch import nn

from course_utils import LivePlot, fit
from course_utils.show.live import ALT, LiveRun, draw_live

# What `fit` does with a callback, without the seconds that importing it takes.
TRAINING = """
import torch
from types import SimpleNamespace
from course_utils import LivePlot
plot = LivePlot()
state = SimpleNamespace(epochs=3, epoch=0, step=0, steps_per_epoch=50, history=[], stop="")
state.learning_rate = 0.1
plot.on_fit_start(state)
for state.epoch in (1, 2, 3):
    for _ in range(50):
        state.step += 1
        state.last_loss = torch.tensor(50 / (20 + state.step))
        plot.on_step(state)
    row = {"epoch": state.epoch, "learning_rate": 0.1}
    for split in ("train", "val"):
        row |= {f"{split}_loss": 2 / state.epoch, f"{split}_accuracy": 0.2 * state.epoch}
    row["val_loss"] += 0.2
    state.history.append(row)
    plot.on_epoch_end(state)
plot.on_fit_end(state)
"""


def state(**values) -> SimpleNamespace:
    known = {"epochs": 4, "epoch": 0, "step": 0, "steps_per_epoch": 100, "history": [], "stop": ""}
    return SimpleNamespace(**{**known, "learning_rate": 0.1, **values})


class Recorder(LivePlot):
    """A live plot that notes when it would draw."""

    def on_fit_start(self, state) -> None:
        super().on_fit_start(state)
        self.handle, self.drawings = "a display", 0

    def _draw(self, state) -> None:
        self.drawings += 1


def test_outside_jupyter_it_prints_one_line_an_epoch(capsys):
    batches = [(torch.randn(4, 3, 4, 4), torch.randint(3, (4,))) for _ in range(3)]
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    fit(model, batches, batches, optimizer, epochs=10, num_classes=3, callbacks=[LivePlot()])
    lines = capsys.readouterr().out.splitlines()
    loss = r"\d\.\d{4} / [\d ]{2,3}\.\d %"
    for epoch, line in enumerate(lines, start=1):
        clock = r"\d+\.\d s +\+ +\d+\.\d s val, [ \d]\d % waiting"
        expected = rf"epoch {epoch:>2}/10   train {loss}   val {loss}   lr 0\.1 +{clock}"
        assert re.fullmatch(expected, line), line
    assert len(lines) == 10
    assert len(set(map(len, lines))) == 1  # aligned


ELSEWHERE = """
import json, tempfile
from pathlib import Path
from course_utils import LiveRun
folder = Path(tempfile.mkdtemp())
follow, row = LiveRun(folder), {"train_loss": 2.0, "train_accuracy": 0.3, "val_loss": 1.9}
row["seconds"] = 1.0
for epochs in (None, 0, 1, 1, 2):
    if epochs is not None:
        rows = [{**row, "epoch": e + 1, "val_accuracy": 0.4, "learning_rate": 0.1, "step": e}
                for e in range(epochs)]
        record = {"settings": {"epochs": 3}, "history": rows}
        (folder / "record.json").write_text(json.dumps(record))
    follow("a line")
    print(epochs, follow.epochs)
"""


@pytest.mark.slow
def test_a_run_in_other_processes_is_one_picture(executed):
    outputs = executed.cells[2].outputs
    pictures = [o for o in outputs if o.output_type == "display_data"]
    assert len(pictures) == 1 and pictures[0].data["text/plain"] == ALT
    said = "".join(o.text for o in outputs if o.output_type == "stream")
    assert said == "None 0\n0 0\n1 1\n1 1\n2 2\n"


def test_outside_jupyter_it_is_left_to_the_lines_of_the_training(tmp_path):
    LiveRun(tmp_path / "not there")("epoch 1/3")


@pytest.fixture(scope="module")
def executed():
    """A notebook that trains twice, run by nbclient as nbconvert and nbval do."""
    cells = [nbformat.v4.new_code_cell(source) for source in (TRAINING, TRAINING, ELSEWHERE)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    environment = {k: v for k, v in os.environ.items() if k != "JPY_SESSION_NAME"}
    NotebookClient(notebook, timeout=60, record_timing=False).execute(env=environment)
    return notebook


@pytest.mark.slow
def test_a_stored_notebook_holds_one_picture_and_nothing_random(executed):
    first, second = (cell.outputs for cell in executed.cells[:2])
    assert first == second  # to the last byte of the picture
    assert len(first) == 1 and first[0].output_type == "display_data"
    assert first[0].data.keys() == {"image/png", "text/plain"}
    assert first[0].data["text/plain"] == ALT
    assert "widgets" not in executed.metadata


def test_the_stored_picture_shows_curves(executed):
    png = base64.b64decode(executed.cells[0].outputs[0].data["image/png"])
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0x56, 0xB4, 0xE9)):
        near = np.abs(pixels - colour).sum(axis=2) < 30
        assert near.sum() > 50, f"no curve in colour {colour}"


def test_the_loss_within_an_epoch_is_a_mean_over_steps():
    plot, now = Recorder(), state(steps_per_epoch=40)
    plot.on_fit_start(now)
    for step in range(1, 11):  # 10 points in an epoch of 40 steps: one in 4 steps
        now.step, now.last_loss = step, torch.tensor(float(step))
        plot.on_step(now)
    epochs, losses, rates = zip(*plot.running)
    assert epochs == (0.05, 0.15)
    assert [float(loss) for loss in losses] == [2.5, 6.5]
    assert rates == (0.1, 0.1)


def test_it_draws_only_when_that_is_cheap():
    plot, now = Recorder(), state(last_loss=torch.tensor(1.0), steps_per_epoch=1)
    plot.on_fit_start(now)
    plot.drawn, plot.cost = time.monotonic(), 1000.0
    plot.on_step(now)
    plot.on_epoch_end(now)
    before = plot.drawings
    plot.cost = 0.0
    plot.on_step(now)
    plot.on_epoch_end(now)
    plot.on_fit_end(now)
    assert (before, plot.drawings) == (0, 3)


def test_what_is_drawn():
    row = {"epoch": 1, "train_loss": 2.0, "train_accuracy": 0.3, "val_loss": 1.9}
    rows = [{**row, "val_accuracy": 0.42}, {**row, "epoch": 2, "val_accuracy": 0.4}]
    running = [(0.5, torch.tensor(2.2), 0.1), (1.5, torch.tensor(2.1), 0.05)]
    figure = draw_live(state(epoch=2, history=rows), running)
    loss, accuracy, rate = figure.axes
    within, train, val = loss.lines
    assert list(within.get_xdata()) == [0.5, 1.5]
    np.testing.assert_allclose(within.get_ydata(), [2.2, 2.1], rtol=1e-6)
    assert list(train.get_xdata()) == [1, 2] and list(val.get_ydata()) == [1.9, 1.9]
    assert list(accuracy.lines[1].get_ydata()) == [42, 40]
    assert list(rate.lines[0].get_ydata()) == [0.1, 0.05]
    title = figure.get_suptitle()
    assert title == "epoch 2 of 4, validation 40.0 %, best 42.0 % after epoch 1"
    labels = [(ax.get_xlabel(), ax.get_ylabel()) for ax in figure.axes]
    assert labels[0] == ("epoch", "loss in nats per image")
    assert labels[1] == ("epoch", "accuracy in %")
    used, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert used.x0 > 0 and used.y0 > 0 and used.x1 < width and used.y1 < height  # nothing cut off
