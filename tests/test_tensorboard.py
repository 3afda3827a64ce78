"""What TensorBoard's files hold, read back with its own reader."""

import os
import threading
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from helpers import Process, small_model, small_run, stop_at
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.optim import lr_scheduler

from course_utils import Callback, TensorBoard

try:
    import resource
except ImportError:  # not on Windows
    resource = None


def read(folder: Path) -> dict[str, dict[int, float]]:
    """Every scalar series; fails where a step comes twice."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()
    series = {}
    for tag in events.Tags()["scalars"]:
        points = events.Scalars(tag)
        series[tag] = {point.step: point.value for point in points}
        assert len(points) == len(series[tag]), f"a step of {tag} comes twice"
    series["figures"] = {t: [i.step for i in events.Images(t)] for t in events.Tags()["images"]}
    return series


class Losses(Callback):
    def __init__(self):
        self.seen = {}

    def on_step(self, state) -> None:
        self.seen[state.step] = float(state.last_loss)


def draw(state):
    figure, axes = plt.subplots(figsize=(1, 1))
    axes.imshow(state.val_totals.confusion.numpy())
    return figure


def with_schedule() -> dict:
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    schedule = lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=28)
    parts = dict(model=model, optimizer=optimizer, scheduler=schedule)
    return dict(parts, schedule_every="step", epochs=4)


def test_tensorboard_reads_back_what_happened(tmp_path):
    class Look(Callback):
        def on_epoch_end(self, state) -> None:  # what a student sees in the meantime
            assert len(read(tmp_path)["step/train_loss"]) == state.step

    losses = Losses()
    board = TensorBoard(tmp_path, {"confusion": draw}, every=3)
    history = small_run(callbacks=[losses, board, Look()], **with_schedule())
    series = read(tmp_path)
    assert series["step/train_loss"] == pytest.approx(losses.seen, rel=1e-6)
    rates = {step: 0.1 * (1 - (step - 1) / 28) for step in range(1, 29)}
    assert series["step/learning_rate"] == pytest.approx(rates, rel=1e-5)
    for measure in ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "learning_rate"):
        expected = {entry["step"]: entry[measure] for entry in history}
        assert series[f"epoch/{measure}"] == pytest.approx(expected, rel=1e-6)
    assert series["figures"] == {"confusion": [7, 14, 21, 28]}
    assert plt.get_fignums() == []


def test_hparams_compare_runs(tmp_path):
    told = {"learning_rate": 0.1, "model": "small", "width": None, "mean": (0.5, 0.5, 0.5)}
    history = small_run(callbacks=[TensorBoard(tmp_path, hparams=told)], epochs=2)
    [file] = tmp_path.iterdir()  # no folder of another run beside it
    events = EventAccumulator(str(tmp_path)).Reload()
    for name in ("val_accuracy", "val_loss"):  # the values that stand in the tab are these
        assert events.Scalars(f"epoch/{name}")[-1].value == pytest.approx(history[-1][name])
    plugin = events.summary_metadata
    begin, experiment = (
        HParamsPluginData.FromString(plugin[f"_hparams_/{part}"].plugin_data.content)
        for part in ("session_start_info", "experiment")
    )
    found = dict(begin.session_start_info.hparams.items())
    assert found["learning_rate"].number_value == 0.1 and found["model"].string_value == "small"
    assert found["mean"].string_value == "(0.5, 0.5, 0.5)" and "width" not in found
    tags = [metric.name.tag for metric in experiment.experiment.metric_infos]
    assert tags == ["epoch/val_accuracy", "epoch/val_loss"]


def test_without_an_epoch_there_is_nothing_to_compare(tmp_path):
    small_run(callbacks=[TensorBoard(tmp_path, hparams={"seed": 1}), stop_at(2)])
    assert not EventAccumulator(str(tmp_path)).Reload().summary_metadata.keys() & {
        "_hparams_/session_start_info"
    }


def test_after_a_resume_no_step_comes_twice(tmp_path):
    """Stopped at step 25, taken up from step 21, before: what came after it is dropped."""
    folder, board = tmp_path / "run", TensorBoard(tmp_path / "board")
    small_run(folder, [board, stop_at(25)], **with_schedule())
    assert max(read(tmp_path / "board")["step/train_loss"]) == 25
    time.sleep(1)  # event files are read in the order of their names, which hold the second
    losses = Losses()
    small_run(folder, [board, losses], resume=folder / "last.prev.pt", **with_schedule())
    series = read(tmp_path / "board")
    assert list(series["step/train_loss"]) == list(range(1, 29))
    assert list(losses.seen) == list(range(22, 29))
    after = {step: series["step/train_loss"][step] for step in losses.seen}
    assert after == pytest.approx(losses.seen, rel=1e-6)
    assert list(series["epoch/val_loss"]) == [7, 14, 21, 28]


# ---- what the system refuses ----


def small_files() -> None:
    """As a full disk: no file may be longer than a few curves are."""
    limit(resource.RLIMIT_FSIZE, 2_000)


def no_more_files() -> None:
    least = os.open(os.devnull, os.O_RDONLY)  # the next number that is free
    os.close(least)
    limit(resource.RLIMIT_NOFILE, least)


def limit(what: int, most: int) -> None:
    resource.setrlimit(what, (most, resource.getrlimit(what)[1]))


def in_need(line, need, folder: Path) -> tuple[int, list[str], list[str]]:
    """Epochs trained, warnings, and what threads printed of their errors, under this limit."""
    warnings.simplefilter("always")
    from torch.utils.tensorboard import SummaryWriter  # noqa: F401 - its own files

    printed = []
    threading.excepthook = lambda args: printed.append(str(args.exc_value))
    with warnings.catch_warnings(record=True) as said:
        need()
        history = small_run(callbacks=[TensorBoard(folder, every=3, hparams={"seed": 0})])
    return len(history), [str(w.message) for w in said], printed


@pytest.mark.slow
@pytest.mark.skipif(resource is None, reason="needs limits of a process")
@pytest.mark.parametrize("need", [small_files, no_more_files])
def test_what_cannot_be_written_costs_a_warning_and_not_the_run(need, tmp_path):
    with Process(in_need, need, tmp_path) as process:
        epochs, [warning], printed = process.receive()
    assert epochs == 3 and printed == []
    assert str(tmp_path) in warning and "nothing more is written for TensorBoard" in warning
    assert warning.endswith("training goes on") and "\n" not in warning
