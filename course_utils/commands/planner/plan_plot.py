"""The planner's curve from 1 to many GPUs beside published runs."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from course_utils.commands.planner import published
from course_utils.commands.planner.published import MLPERF_RUNS
from course_utils.commands.planner.scaling import Estimate, estimate
from course_utils.show.plotting import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILLION, legend, tidy


def plot_scaling(curve: Sequence[Estimate], measured: dict[int, float] | None = None) -> Figure:
    """Images a second and minutes of a run over the GPUs, both axes by factors of ten.

    ``curve`` is what `scaling_curve` gives; ``measured`` {processes: images/s} of your own. Filled
    marks are published, empty ones of the same form what the model says of the same machines.
    """
    if not curve:
        raise ValueError("the curve is empty: give what scaling_curve returns")
    figure, (speed, time) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    gpus = [found.job.gpus for found in curve]
    rates = [found.images_per_second for found in curve]
    peak = curve[0].job.peak
    speed.plot(gpus, [n * peak for n in gpus], ":", color=GREY, label="N times an endless batch")
    speed.plot(gpus, rates, "-", color=BLUE, label="the plan")
    time.plot(gpus, [60 * found.hours for found in curve], "-", color=BLUE, label="the plan")
    for points in _published():
        _draw(speed, points, "images/s")
        _draw(time, points, "minutes")
    speed.plot([], [], "o", color=GREY, mfc="none", ms=12, label="the model of the same machines")
    if measured:
        speed.plot(*zip(*sorted(measured.items())), "*", color=BLACK, ms=10, label="measured here")
    _log(tidy(speed, "Training speed", "GPUs", "images per second"))
    _log(tidy(time, "Training time", "GPUs", "minutes of the whole run"))
    legend(figure, *speed.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _published() -> list[dict]:
    """Each published family of runs: its look, and (GPUs, published, predicted) of both panels."""
    h100 = {"label": "MLPerf v3.0, H100", "colour": VERMILLION, "mark": "o"}
    found = {n: estimate(published.h100(n)) for n in MLPERF_RUNS}
    h100["images/s"] = [
        (n, n * run[1], found[n].images_per_second) for n, run in MLPERF_RUNS.items()
    ]
    h100["minutes"] = [(n, run[3], 60 * found[n].hours) for n, run in MLPERF_RUNS.items()]
    p100s, a100s = estimate(published.p100(256)), estimate(published.two_a100(549))
    goyal = {"label": "Goyal 2017, P100, 90 epochs", "colour": GREEN, "mark": "s"}
    goyal["images/s"] = [(256, 90 * p100s.job.images / 3600, p100s.images_per_second)]
    goyal["minutes"] = [(256, 60, 60 * p100s.hours)]
    tutorial = {"label": "tutorial, 2 A100, 20 epochs", "colour": ORANGE, "mark": "^"}
    tutorial["images/s"] = [(2, 549, a100s.images_per_second)]
    tutorial["minutes"] = [(2, 13 * 60, 60 * a100s.hours)]
    return [h100, goyal, tutorial]


def _draw(ax: Axes, points: dict, quantity: str) -> None:
    gpus, known, predicted = zip(*points[quantity])
    style = {"color": points["colour"], "linestyle": "none", "marker": points["mark"]}
    ax.plot(gpus, known, markersize=6, label=points["label"], **style)
    ax.plot(gpus, predicted, markersize=12, markerfacecolor="none", **style)


def _log(ax: Axes) -> None:
    """Both axes by factors, GPUs at powers of two, numbers written out."""
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.xaxis.set_major_locator(LogLocator(4))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    ax.grid(alpha=0.25, linewidth=0.6)
