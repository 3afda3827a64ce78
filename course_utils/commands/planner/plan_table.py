"""What `course plan` prints: an estimate with its sources, a curve, the published figures."""

import math
from collections.abc import Mapping, Sequence

from course_utils.commands.planner.published import Published
from course_utils.commands.planner.scaling import EPOCHS_TO_TARGET, Estimate, Job

# where the numbers that were not given come from
ORIGINS = {
    "cores": "a DGX H100 has 2 × 56",
    "batch_size": "256 for each GPU",
    "images": "ImageNet's training images",
    "gpus_per_machine": "as in a DGX H100",
    "images_per_second_per_gpu": "an H100: fitted on MLPerf v3.0, 8 and 64 GPUs",
    "overhead_ms": "the same fit",
    "images_per_second_per_core": "measured: ImageNet's JPEGs, one core of an AMD EPYC",
    "local_gb_s": "NVLink 4 of an H100, data sheet",
    "network_gb_s": "a DGX H100 has 8 cards of 400 Gbit/s",
    "latency_us": "assumed",
    "jitter": "none assumed; Goyal's 256 GPUs lost 9 %, which this leaves out",
    "price_per_gpu_hour": "assumed; published prices of an H100 go from 2 to 5 dollars",
}
LARGEST = max(EPOCHS_TO_TARGET)
BASES = (
    "fitted: the model was made to meet it; given: it was told; arithmetic: follows from that;",
    "reference runs: epochs between those of MLPerf's reference runs; predicted: tests the model",
)


def estimate_text(found: Estimate, measured: Mapping[str, str] | None = None) -> str:
    """An estimate in words, and where every number under it comes from.

    ``measured``: of which fields of the job the number was measured here, and on what.
    """
    job, share = found.job, found.job.batch // found.job.gpus
    on = f"{_many(job.gpus, 'GPU')} in {_many(job.machines, 'machine')}"
    lines = [
        f"{job.model}: {job.images:,} images, {found.epochs:.3g} epochs, on {on}",
        f"batch of {job.batch:,}, {share:,} for each GPU",
        "",
        *_step_lines(found),
        "",
        f"limited by     {found.limit}",
        f"loading        {_many(found.cores_needed, 'core')} needed in each machine, "
        f"{job.cores:,} there",
        f"images         {_three(found.images_per_second)} a second, "
        f"{_three(found.images_per_second / job.gpus)} for each GPU",
        f"one epoch      {_time(3600 * found.hours / found.epochs)}",
        f"the whole run  {_time(3600 * found.hours)}, {_three(found.hours * job.gpus)} GPU hours, "
        f"money {_three(found.money)}",
        "",
        "with",
        *_origin_lines(found, measured or {}),
    ]
    return "\n".join(lines)


def _step_lines(found: Estimate) -> list[str]:
    parts = {
        "computing": found.computing,
        "overhead": found.overhead,
        "all-reduce": found.exposed,
        "stragglers": found.stragglers,
        "waiting": found.waiting,
    }
    notes = {
        "all-reduce": f"after the backward pass; {1e3 * found.all_reduce:.1f} ms in all",
        "waiting": "for images",
    }
    lines = [f"one step     {1e3 * found.step:9,.1f} ms"]
    for name, value in parts.items():
        note = f"   {notes[name]}" if name in notes else ""
        lines.append(f"  {name:10} {1e3 * value:9,.1f} ms {value / found.step:6.1%}{note}")
    return lines


def _origin_lines(found: Estimate, measured: Mapping[str, str]) -> list[str]:
    job, usual = found.job, Job()
    known = {name: getattr(job, name) for name in ORIGINS}
    known |= {"batch_size": job.batch, "images_per_second_per_gpu": job.peak}
    lines = []
    for name, value in known.items():
        origin = ORIGINS[name] if getattr(job, name) == getattr(usual, name) else "given"
        if name == "images_per_second_per_gpu" and origin != "given" and job.model != "resnet50":
            origin += f"; of {job.model} by its multiply-adds, which is rough"
        text = f"{value:,}" if isinstance(value, int) else _three(value)
        lines.append(f"  {name:27} {text:>9}   {measured.get(name, origin)}")
    epochs = "given" if job.epochs is not None else "MLPerf's ResNet-50 to 75.9 %, LARS"
    if job.epochs is None and job.batch > LARGEST:
        epochs += f"; nothing is published above a batch of {LARGEST:,}"
    return [*lines, f"  {'epochs':27} {_three(found.epochs):>9}   {epochs}"]


def curve_table(curve: Sequence[Estimate]) -> str:
    """One line for each number of GPUs: what `scaling_curve` gives."""
    head = f"{'GPUs':>5} {'batch':>7} {'images/s':>10} {'efficiency':>10} {'epochs':>6}"
    lines = [f"{head} {'time':>9} {'money':>7}  limited by"]
    for found in curve:
        job = found.job
        lines.append(
            f"{job.gpus:5,} {job.batch:7,} {_three(found.images_per_second):>10} "
            f"{found.efficiency:10.0%} {found.epochs:6.1f} {_time(3600 * found.hours):>9} "
            f"{_three(found.money):>7}  {found.limit}"
        )
    return "\n".join(lines)


def published_table(rows: Sequence[Published]) -> str:
    """Predicted beside published, the error in %, and what the prediction rests on."""
    lines = [f"{'run':25} {'quantity':17} {'predicted':>9} {'published':>9} {'error':>8}"]
    for row in rows:
        error = round(100 * row.error, 1) + 0.0  # no -0.0
        lines.append(
            f"{row.run:25} {row.quantity:17} {_three(row.predicted):>9} "
            f"{_three(row.published):>9} {error:+6.1f} %  {row.basis}"
        )
    return "\n".join([*lines, *BASES])


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count > 1 else ''}"


def _three(value: float) -> str:
    """Three digits that count: 0.412, 13.4, 2,980."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value else 0
    return f"{value:,.{digits}f}" if value >= 0.001 or not value else f"{value:.3g}"


def _time(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{_three(seconds / size)} {unit}"
    return f"{_three(seconds)} s"
