"""The planner: its formulas, its answers against published runs, and `course plan`."""

import math
import random
import re
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

from course_utils import create_model
from course_utils.commands.planner.plan_plot import plot_scaling
from course_utils.commands.planner.plan_table import curve_table, estimate_text, published_table
from course_utils.commands.planner.published import FITTED, MLPERF_RUNS, fit_rate, published_runs
from course_utils.commands.planner.rates import measure_network, measured_job
from course_utils.commands.planner.scaling import (
    EPOCHS_TO_TARGET,
    H100_OVERHEAD_MS,
    H100_PEAK,
    IMAGES_PER_CORE,
    MODELS,
    Job,
    epochs_to_target,
    estimate,
    rate_at,
    ring_all_reduce,
    scaling_curve,
)

ROOT = Path(__file__).resolve().parents[1]


# ---- formulas ----


def ring_by_hand(gpus: int, size: float, bandwidth: float, latency: float) -> float:
    """Every GPU sends one part of N to its neighbour, N - 1 times to add and again to share."""
    seconds = 0.0
    for _ in range(2):
        for _step in range(gpus - 1):
            seconds += latency + size / gpus / bandwidth
    return seconds


@pytest.mark.parametrize("gpus", [1, 2, 3, 8, 1000])
def test_all_reduce_is_that_of_the_ring(gpus):
    expected = ring_by_hand(gpus, 102.2e6, 12.5e9, 5e-6)
    assert ring_all_reduce(gpus, 102.2e6, 12.5e9, 5e-6) == pytest.approx(expected)


def test_a_rate_is_found_again():
    points = [(b, rate_at(b, 1234.0, 5e-3)) for b in (16, 128)]
    assert fit_rate(*points) == pytest.approx((1234.0, 5e-3))
    with pytest.raises(ValueError, match="measure for longer"):
        fit_rate((4, 10.0), (8, 30.0))


def test_the_rate_of_an_h100_is_the_fit():
    points = [(MLPERF_RUNS[gpus][0], MLPERF_RUNS[gpus][1]) for gpus in reversed(FITTED)]
    peak, overhead = fit_rate(*points)
    assert peak == pytest.approx(H100_PEAK, rel=1e-3)
    assert 1e3 * overhead == pytest.approx(H100_OVERHEAD_MS, rel=2e-3)


def test_epochs():
    for batch, epochs in EPOCHS_TO_TARGET.items():
        assert epochs_to_target(batch) == pytest.approx(epochs)
    assert epochs_to_target(1) == epochs_to_target(3_264)
    assert epochs_to_target(40_960) == pytest.approx((56 + 68) / 2)
    grown = [epochs_to_target(2**k) for k in range(8, 20)]
    assert grown == sorted(grown) and grown[-1] > 84.5


def test_parameters_are_those_of_the_networks():
    for name in ("resnet18", "resnet50", "googlenet"):
        model = create_model(name, 1000)
        assert sum(p.numel() for p in model.parameters()) == MODELS[name][0], name


# ---- a job ----

QUICK = Job(images_per_second_per_core=1e9)  # loading holds nothing up


def test_a_step_is_the_sum_of_its_parts():
    slow = {"network_gb_s": 1.25, "latency_us": 30, "jitter": 0.05}
    for job in (Job(), Job(cores=8), replace(QUICK, gpus=64, **slow), replace(QUICK, gpus=1)):
        found = estimate(job)
        parts = (found.computing, found.overhead, found.exposed, found.stragglers, found.waiting)
        assert sum(parts) == pytest.approx(found.step) and min(parts) >= 0
        assert found.images_per_second == pytest.approx(job.batch / found.step)
        steps = found.epochs * math.ceil(job.images / job.batch)
        assert found.hours == pytest.approx(steps * found.step / 3600)
        assert found.money == pytest.approx(3 * job.gpus * found.hours)


def test_communication_hides_behind_the_backward_pass():
    near = estimate(replace(QUICK, gpus=16))
    assert near.all_reduce > 0 and near.exposed == 0 and near.limit == "computing"
    far = estimate(replace(QUICK, gpus=16, network_gb_s=1.25))
    assert far.exposed == pytest.approx(far.all_reduce - (far.computing + far.overhead) * 2 / 3)
    assert far.all_reduce == pytest.approx(2 * 15 / 16 * 4 * 25_557_032 / 1.25e9, rel=1e-3)
    assert far.limit == "all-reduce"
    one_machine = estimate(replace(QUICK, gpus=8, network_gb_s=1.25))
    assert one_machine.exposed == 0  # its GPUs do not use the network


def test_the_cores_that_are_needed_are_enough():
    short = estimate(Job(cores=10))
    assert short.limit == "loading" and short.waiting > 0
    assert short.images_per_second == pytest.approx(10 * IMAGES_PER_CORE)
    needed = short.cores_needed
    assert estimate(Job(cores=needed)).waiting == 0
    assert estimate(Job(cores=needed - 1)).waiting > 0
    assert estimate(Job(gpus=64, cores=10)).cores_needed == needed  # cores are of each machine


def test_what_else_limits():
    assert estimate(replace(QUICK, batch_size=8 * 8)).limit == "overhead"
    noisy = estimate(replace(QUICK, gpus=1024, jitter=0.5))
    assert noisy.limit == "stragglers"
    assert estimate(replace(QUICK, gpus=1, jitter=0.5)).stragglers == 0


def test_all_wait_for_the_slowest():
    """The model's word on the slowest of 256 GPUs against drawing them 200 times."""
    found = estimate(replace(QUICK, gpus=256, jitter=0.1))
    chance = random.Random(0)
    slowest = [max(chance.gauss(0, 0.1) for _ in range(256)) for _ in range(200)]
    drawn = statistics.mean(slowest) * (found.computing + found.overhead)
    assert drawn < found.stragglers < 1.25 * drawn


def test_many_gpus():
    curve = scaling_curve(Job())
    assert [found.job.gpus for found in curve] == [2**k for k in range(11)]
    assert {found.job.batch for found in curve[7:]} == {32_768}
    assert all(found.job.batch == 256 * found.job.gpus for found in curve[:8])
    hours = [found.hours for found in curve]
    assert hours == sorted(hours, reverse=True)
    assert curve[-1].efficiency < 0.6 < curve[0].efficiency
    few = scaling_curve(Job(images=5_000), most=1024)  # an epoch is smaller than the batches
    assert max(found.job.batch for found in few) <= 5_000


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"gpus": 0}, "gpus is 0; it must be from"),
        ({"cores": -2}, "cores is -2; it must be from"),
        ({"latency_us": -1.0}, "latency_us is -1.0; it must be 0, or from"),
        ({"price_per_gpu_hour": math.inf}, "price_per_gpu_hour is inf"),
        ({"epochs": math.nan}, "epochs is nan"),
        ({"network_gb_s": 1e-300}, "network_gb_s is 1e-300"),
        ({"gpus": 10**6}, "gpus is 1000000; the model is good for 100,000"),
        ({"gpus": 512, "batch_size": 256}, "256, which 512 GPUs cannot share evenly"),
        ({"images": 100}, "batch_size is 2048, but there are 100 images"),
        ({"model": "vgg"}, "model 'vgg': there are resnet18, "),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_jobs_that_cannot_be(wrong, message, course):
    for function in (estimate, scaling_curve):
        with pytest.raises(ValueError, match=message):
            function(Job(**wrong))
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in wrong.items()]
    code, said, error = course("plan", *flags)
    assert (code, said, error.count("\n")) == (2, "", 1) and message in error


# ---- published runs ----


def test_published_figures():
    """How far the model is off; these bounds are what may be said of it."""
    bounds = {"fitted": 0.001, "given": 0.001, "arithmetic": 0.01, "reference runs": 0.015}
    rows = published_runs()
    for row in rows:
        assert abs(row.error) < bounds.get(row.basis, 0.095), row
    found = {(row.run, row.quantity): row for row in rows}
    h100 = found["MLPerf v3.0, 768 H100", "images/s and GPU"]
    assert round(h100.predicted, -1) == 4280 and h100.published == 4440
    assert h100.basis == "predicted" and round(100 * h100.error, 1) == -3.6
    goyal = found["Goyal 2017, 256 P100", "hours"]
    assert goyal.basis == "predicted" and round(100 * goyal.error) == -9
    assert round(found["tutorial, 2 A100", "images/s"].predicted) == 549
    assert round(found["tutorial, 2 A100", "hours"].predicted, 1) == 13.0
    assert round(found["the same, loading hidden", "hours"].predicted, 1) == 2.7
    assert sum(row.basis == "predicted" for row in rows) >= 6


def test_the_model_fitted_on_other_runs():
    """The choice of the two runs it is fitted on does not make it good."""
    runs = {gpus: run[:2] for gpus, run in MLPERF_RUNS.items()}
    peak, overhead = fit_rate(runs[512], runs[8])
    for batch, rate in runs.values():
        assert rate_at(batch, peak, overhead) == pytest.approx(rate, rel=0.07)


# ---- what is printed and drawn ----


def test_plan_says_what_comes_out_and_where_numbers_come_from(course):
    code, said, error = course("plan", "--gpus", "8", "--cores", "32", "--curve")
    assert (code, error) == (0, "")
    assert said == "\n".join(
        [estimate_text(estimate(Job(8, 32))), "", curve_table(scaling_curve(Job(8, 32))), ""]
    )
    assert "123 cores needed in each machine, 32 there" in said
    assert "limited by     loading" in said
    assert re.search(r"\n  cores +32   given\n", said)
    assert re.search(r"\n  latency_us +2\.00   assumed\n", said)
    assert len(said.split("limited by\n")[1].splitlines()) == 11


def test_origins(course):
    text = course("plan", "--gpus=512", "--batch-size=131072", "--model=resnet18")[1]
    assert "nothing is published above a batch of 65,536" in text
    assert "of resnet18 by its multiply-adds, which is rough" in text
    text = course("plan", "--epochs=90", "--images-per-second-per-gpu=2500")[1]
    assert text.splitlines()[-1].split() == ["epochs", "90.0", "given"]
    assert "2,500   given" in text


def test_published_table(course):
    code, said, error = course("plan", "--published")
    assert (code, said, error) == (0, published_table(published_runs()) + "\n", "")
    assert "768 H100     images/s and GPU      4,280     4,440   -3.6 %  predicted" in said


def test_plot():
    curve = scaling_curve(Job())
    figure = plot_scaling(curve, measured={1: 6.0, 2: 10.0})
    speed, time = figure.axes
    lines = {line.get_label(): line for line in speed.get_lines()}
    assert list(lines["the plan"].get_xdata()) == [2**k for k in range(11)]
    assert list(lines["the plan"].get_ydata()) == [found.images_per_second for found in curve]
    assert list(lines["measured here"].get_ydata()) == [6.0, 10.0]
    assert dict(zip(*lines["MLPerf v3.0, H100"].get_data()))[768] == 768 * 4440
    assert {ax.get_xscale() for ax in (speed, time)} == {ax.get_yscale() for ax in (speed, time)}
    assert speed.get_xscale() == "log" and all(
        ax.get_xlabel() and ax.get_ylabel() for ax in (speed, time)
    )
    plt.close(figure)
    with pytest.raises(ValueError, match="the curve is empty"):
        plot_scaling([])


# ---- measured here ----


def test_measured_rates_go_into_the_job(pictures):
    told_rate = Job(images_per_second_per_gpu=7.0)
    job, told = measured_job(told_rate, pictures, torch.device("cpu"), seconds=0.2)
    assert job.images_per_second_per_gpu == 7.0 and told.keys() == {"images_per_second_per_core"}
    assert 1 < job.images_per_second_per_core < 1e6
    assert job.images_per_second_per_core != Job().images_per_second_per_core
    assert "measured here: pictures of the folder named" in estimate_text(estimate(job), told)
    peak, overhead = measure_network("resnet18", "cpu", (2, 4), image_size=32, seconds=0.1)
    assert peak > 0 and overhead >= 0


def test_pictures_without_measuring(course):
    assert course("plan", "--pictures", "x")[0] == 2


def test_the_model_needs_no_torch():
    code = "import sys, course_utils.commands.planner.published; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
