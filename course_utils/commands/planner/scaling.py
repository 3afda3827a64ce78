"""How long training takes on many GPUs, and what holds it up: a model on one page.

A step computes, sums the gradients of all GPUs, and meanwhile the processor's cores load the next
batch. What comes out is compared with published runs in `course_utils.commands.planner.published`.
"""

import math
from bisect import bisect
from dataclasses import dataclass, fields, replace

# parameters; 10⁹ multiply-adds for an image of 224 px (torchvision's table of weights)
MODELS = {
    "resnet18": (11_689_512, 1.81),
    "resnet34": (21_797_672, 3.66),
    "resnet50": (25_557_032, 4.09),
    "resnet101": (44_549_160, 7.80),
    "resnet152": (60_192_808, 11.51),
    "googlenet": (6_624_904, 1.50),
}
# joint batch -> epochs to 75.9 % top-1 with LARS: means of MLPerf's reference convergence points
# for ResNet-50 (mlcommons/logging, rcp_checker, rcps_resnet.json; 4,096 left out, a weaker recipe)
EPOCHS_TO_TARGET = {3_264: 35.2, 8_192: 42, 13_056: 45.4, 32_768: 56, 49_152: 68, 65_536: 84.5}
BACKWARD = 2 / 3  # of the computing is the backward pass: two products for the forward pass's one
# fitted, together with the overhead, on MLPerf v3.0's runs with 8 and 64 GPUs: `published.fit_rate`
H100_PEAK, H100_OVERHEAD_MS = 7_576, 4.27
# `measure_loader` on 100 of ImageNet's JPEGs at 224 px, one core of an AMD EPYC, November 2026
IMAGES_PER_CORE = 440.0
MOST_GPUS = 100_000
MAY_BE_ZERO = ("overhead_ms", "latency_us", "jitter")


@dataclass(frozen=True)
class Job:
    """A training run and the machines it is to run on; the defaults are DGX H100 machines."""

    gpus: int = 8
    """How many GPUs in all."""
    cores: int = 112
    """Processor cores of each machine."""
    batch_size: int | None = None
    """Images in a step, all GPUs together; default: 256 for each GPU."""
    images: int = 1_281_167
    """Images in an epoch; default: ImageNet's."""
    epochs: float | None = None
    """Default: what MLPerf's runs of ResNet-50 needed for 75.9 % with this batch."""
    model: str = "resnet50"
    """resnet18, resnet34, resnet50, resnet101, resnet152 or googlenet."""
    gpus_per_machine: int = 8
    """The last machine may have fewer."""
    images_per_second_per_gpu: float | None = None
    """Of one GPU with a large batch; default: an H100's, by the network's multiply-adds."""
    overhead_ms: float = H100_OVERHEAD_MS
    """Milliseconds that a step takes however small its batch."""
    images_per_second_per_core: float = IMAGES_PER_CORE
    """Training images that one core decodes, crops and flips."""
    local_gb_s: float = 450.0
    """GB/s between two GPUs of a machine, in each direction."""
    network_gb_s: float = 400.0
    """GB/s out of a machine, all its network cards together."""
    latency_us: float = 2.0
    """Microseconds from one GPU to the next."""
    jitter: float = 0.0
    """How much a GPU's steps differ, standard deviation as a share; all wait for the slowest."""
    price_per_gpu_hour: float = 3.0
    """In any currency."""

    def check(self) -> None:
        """Raise ``ValueError`` for what cannot be."""
        for field in fields(self):
            value, name = getattr(self, field.name), field.name
            if value is None or isinstance(value, str) or 1e-6 <= value <= 1e12:
                continue
            if value != 0 or name not in MAY_BE_ZERO:
                least = "0, or " if name in MAY_BE_ZERO else ""
                raise ValueError(f"{name} is {value}; it must be {least}from 0.000001 to 10¹²")
        if self.model not in MODELS:
            raise ValueError(f"model {self.model!r}: there are {', '.join(MODELS)}")
        if self.gpus > MOST_GPUS:
            raise ValueError(f"gpus is {self.gpus}; the model is good for {MOST_GPUS:,} at most")
        if self.batch % self.gpus:
            raise ValueError(
                f"batch_size is {self.batch}, which {self.gpus} GPUs cannot share evenly: "
                f"give a multiple of {self.gpus}"
            )
        if self.batch > self.images:
            raise ValueError(
                f"batch_size is {self.batch}, but there are {self.images} images: "
                "give a smaller batch_size"
            )

    @property
    def batch(self) -> int:
        """Images in a step, all GPUs together."""
        return 256 * self.gpus if self.batch_size is None else self.batch_size

    @property
    def machines(self) -> int:
        return math.ceil(self.gpus / self.gpus_per_machine)

    @property
    def peak(self) -> float:
        """Images a second of one GPU with an endless batch: the rate given, or an H100's."""
        if self.images_per_second_per_gpu is not None:
            return self.images_per_second_per_gpu
        return H100_PEAK * MODELS["resnet50"][1] / MODELS[self.model][1]


@dataclass(frozen=True)
class Estimate:
    """What the model says of a job; all times in seconds, of one step unless they say otherwise."""

    job: Job
    computing: float
    overhead: float
    all_reduce: float
    exposed: float  # what of the all-reduce outlasts the backward pass
    stragglers: float
    waiting: float  # for data
    step: float
    epochs: float
    hours: float  # of the whole run
    cores_needed: int  # in each machine, for no waiting
    limit: str  # what most of the step goes to

    @property
    def images_per_second(self) -> float:
        return self.job.batch / self.step

    @property
    def efficiency(self) -> float:
        """Share of the step that computes: 1 where N GPUs do N times what one with an endless
        batch does."""
        return self.computing / self.step

    @property
    def money(self) -> float:
        return self.hours * self.job.gpus * self.job.price_per_gpu_hour


def ring_all_reduce(gpus: int, size: float, bandwidth: float, latency: float) -> float:
    """Seconds until every GPU has the sum: 2(N - 1)·latency + 2(N - 1)/N · size/bandwidth.

    ``size`` in bytes, ``bandwidth`` in bytes/s of the ring's slowest link (Patarasuk and Yuan,
    *Bandwidth optimal all-reduce algorithms for clusters of workstations*, 2009).

    >>> round(ring_all_reduce(8, 102.2e6, 50e9, 0.0) * 1000, 2)
    3.58
    """
    return 2 * (gpus - 1) * latency + 2 * (gpus - 1) / gpus * size / bandwidth


def rate_at(batch: float, peak: float, overhead: float) -> float:
    """Images a second of one GPU with this batch: small ones do not fill it.

    >>> round(rate_at(400, 7576, 4.27e-3)), round(rate_at(50, 7576, 4.27e-3))
    (7009, 4600)
    """
    return batch / (batch / peak + overhead)


def epochs_to_target(batch: float) -> float:
    """Epochs that ResNet-50 needs for 75.9 % top-1, between MLPerf's reference runs.

    Below a batch of 3,264 they do not get fewer; above 65,536 the last slope goes on, a guess.
    """
    sizes = list(EPOCHS_TO_TARGET)
    if batch <= sizes[0]:
        return EPOCHS_TO_TARGET[sizes[0]]
    high = min(bisect(sizes, batch), len(sizes) - 1)
    (low_size, low), (high_size, most) = list(EPOCHS_TO_TARGET.items())[high - 1 : high + 1]
    return low + (most - low) * (batch - low_size) / (high_size - low_size)


def estimate(job: Job) -> Estimate:
    """How long one step and the whole run take, and what limits them.

    Raises ``ValueError`` for a job that cannot be.

    >>> found = estimate(Job(gpus=8, cores=32, batch_size=2048))
    >>> found.limit, found.cores_needed
    ('loading', 123)
    """
    job.check()
    batch = job.batch / job.gpus
    computing, overhead = batch / job.peak, job.overhead_ms / 1e3
    size = 4 * MODELS[job.model][0]  # fp32 gradients
    slowest = job.local_gb_s if job.machines == 1 else min(job.local_gb_s, job.network_gb_s)
    all_reduce = ring_all_reduce(job.gpus, size, 1e9 * slowest, job.latency_us / 1e6)
    exposed = max(0.0, all_reduce - BACKWARD * (computing + overhead))
    # the largest of N normal values lies at most about √(2 ln N) deviations above their mean
    late = job.jitter * math.sqrt(2 * math.log(job.gpus))
    parts = {
        "computing": computing,
        "overhead": overhead,
        "all-reduce": exposed,
        "stragglers": late * (computing + overhead),
    }
    busy = sum(parts.values())
    per_machine = batch * min(job.gpus, job.gpus_per_machine)
    loading = per_machine / (job.cores * job.images_per_second_per_core)
    step = max(busy, loading)
    epochs = epochs_to_target(job.batch) if job.epochs is None else job.epochs
    return Estimate(
        job=job,
        computing=computing,
        overhead=overhead,
        all_reduce=all_reduce,
        exposed=exposed,
        stragglers=parts["stragglers"],
        waiting=step - busy,
        step=step,
        epochs=epochs,
        hours=epochs * math.ceil(job.images / job.batch) * step / 3600,
        cores_needed=math.ceil(per_machine / busy / job.images_per_second_per_core),
        limit="loading" if loading > busy else max(parts, key=parts.get),
    )


def scaling_curve(job: Job, most: int = 1024, largest_batch: int = 32_768) -> list[Estimate]:
    """The same job on 1, 2, 4 … ``most`` GPUs, each with as many images a step as in ``job``.

    Once they would make more than ``largest_batch`` together, the batch of each GPU shrinks.
    """
    job.check()
    each, largest = job.batch // job.gpus, min(largest_batch, job.images)
    counts = [2**k for k in range(min(most, largest).bit_length())]
    batches = [min(each, largest // n) * n for n in counts]
    return [estimate(replace(job, gpus=n, batch_size=b)) for n, b in zip(counts, batches)]
