"""Published runs of ResNet-50 on ImageNet, and what `commands.planner.scaling` says of them.

MLPerf Training v3.0, closed division, NVIDIA's submissions with MXNet, run 0 of each
(mlcommons/training_results_v3.0, NVIDIA/results/dgxh100*/resnet/result_0.txt): the batch of each
GPU, the throughput of late epochs (of 512 GPUs: of epochs 3 to 50), and the minutes from the first
epoch to 75.9 %. Goyal et al., *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour*, 2017
(90 epochs; 29 hours on 8 GPUs of the same kind, as reported with it). A tutorial with DataParallel
on two A100: 0.368 s waiting for data and 0.098 s training for each batch of 256.
"""

from dataclasses import dataclass

from course_utils.commands.planner.scaling import Job, estimate

MUCH = 1e9  # images per second and core where loading is known not to hold anything up


@dataclass(frozen=True)
class Published:
    """One published figure beside the model's.

    ``basis``: *fitted* where the model was made to meet it, *given* where it is what the model was
    told, *arithmetic* where it follows from that alone, *reference runs* for epochs between those
    of other published runs, and *predicted* for all that tests the model.
    """

    run: str
    quantity: str
    predicted: float
    published: float
    basis: str
    gpus: int

    @property
    def error(self) -> float:
        """As a share of what is published, above 0 where the model says more."""
        return self.predicted / self.published - 1


def fit_rate(small: tuple[float, float], large: tuple[float, float]) -> tuple[float, float]:
    """Peak (images/s) and overhead (s) of a GPU from two measured (batch, images/s).

    >>> peak, overhead = fit_rate((50, 4602), (400, 7010))
    >>> round(peak), round(1000 * overhead, 2)
    (7576, 4.27)
    """
    (few, slow), (many, fast) = small, large
    each = (many / fast - few / slow) / (many - few)
    if each <= 0:
        raise ValueError(f"a batch of {many} took no longer than one of {few}: measure for longer")
    return 1 / each, few / slow - few * each


FITTED = (8, 64)  # the runs that peak and overhead were fitted on
# GPUs -> images of each in a step, images/s of each, epochs, minutes
MLPERF_RUNS = {
    8: (400, 7_010, 35, 13.60),
    64: (50, 4_602, 35, 2.65),
    512: (40, 4_071, 50, 0.520),
    768: (42, 4_440, 56, 0.358),
}
HOURS_OF_8_P100 = 29
# what those 29 hours make for one of them; then its overhead is in it
P100 = 90 * 1_281_167 / (HOURS_OF_8_P100 * 3600) / 8


def h100(gpus: int) -> Job:
    """A run of MLPerf; NVIDIA's own loader (DALI), partly on the GPUs, holds nothing up."""
    batch = gpus * MLPERF_RUNS[gpus][0]
    return Job(gpus, batch_size=batch, images_per_second_per_core=MUCH)


def p100(gpus: int) -> Job:
    """Goyal et al.: 32 images a GPU, 8 GPUs a machine, Ethernet of 50 Gbit/s."""
    rate = {"images_per_second_per_gpu": P100, "overhead_ms": 0, "images_per_second_per_core": MUCH}
    return Job(gpus, batch_size=32 * gpus, epochs=90, network_gb_s=6.25, latency_us=20, **rate)


def two_a100(loaded: float) -> Job:
    """The tutorial's two GPUs, that train 256 images in 0.098 s, and load so many a second."""
    rate = {"images_per_second_per_gpu": 128 / 0.098, "overhead_ms": 0}
    return Job(2, 1, 256, epochs=20, images_per_second_per_core=loaded, **rate)


def published_runs() -> list[Published]:
    """Every published figure that the model is checked against."""
    rows = []

    def add(run, quantity, predicted, known, basis, job):
        rows.append(Published(run, quantity, predicted, known, basis, job.gpus))

    for gpus, (_, rate, epochs, minutes) in MLPERF_RUNS.items():
        job = h100(gpus)
        found, run = estimate(job), f"MLPerf v3.0, {gpus} H100"
        basis = "fitted" if gpus in FITTED else "predicted"
        add(run, "images/s and GPU", found.images_per_second / gpus, rate, basis, job)
        add(run, "epochs to 75.9 %", found.epochs, epochs, "reference runs", job)
        add(run, "minutes to 75.9 %", 60 * found.hours, minutes, "predicted", job)
    eight, many = p100(8), p100(256)
    add("Goyal 2017, 8 P100", "hours", estimate(eight).hours, HOURS_OF_8_P100, "fitted", eight)
    add("Goyal 2017, 256 P100", "hours", estimate(many).hours, 1, "predicted", many)
    slow, quick = two_a100(256 / (0.368 + 0.098)), two_a100(MUCH)
    rate, run = estimate(slow).images_per_second, "tutorial, 2 A100"
    add(run, "images/s", rate, 549, "given", slow)
    add(run, "hours", estimate(slow).hours, 13.0, "arithmetic", slow)
    add("the same, loading hidden", "hours", estimate(quick).hours, 2.7, "arithmetic", quick)
    return rows
