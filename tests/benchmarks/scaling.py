"""DDP measured on this machine: one process and two, on the same joint batch and on twice that.

uv run python tests/benchmarks/scaling.py [--model resnet18] [--image-size 64] [--batch-size 32]

Every run is `python -m torch.distributed.run --standalone` on the CPU: gloo, one thread for each
process. Two processes share the cores with whatever else runs on the machine. With --json the
same as one line, for programs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

RESNET50_BYTES = 4 * 25_557_032


# ---- what each process does ----


def work(asked: argparse.Namespace) -> None:
    """Train for some steps, then sum ResNet-50's gradients; rank 0 prints what it took."""
    import torch
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel

    from course_utils import create_model
    from course_utils.commands.planner.rates import training_step

    torch.set_num_threads(1)
    torch.manual_seed(0)
    dist.init_process_group("gloo", timeout=timedelta(seconds=60))
    size = dist.get_world_size()
    model = create_model(asked.model, 10).to(memory_format=torch.channels_last)
    step = training_step(DistributedDataParallel(model), torch.device("cpu"))
    shape = (asked.batch_size // size, 3, asked.image_size, asked.image_size)
    images = torch.randn(shape).to(memory_format=torch.channels_last)
    labels = torch.arange(len(images)) % 10
    steps = _each(lambda: step(images, labels), asked.steps)
    gradients = torch.ones(RESNET50_BYTES // 4)
    sums = _each(lambda: dist.all_reduce(gradients), 5 if size > 1 else 0)
    cpu = torch.tensor([statistics.mean(c for _, c in steps)])
    dist.all_reduce(cpu)  # of all processes
    found = {
        "processes": size,
        "batch": asked.batch_size,
        "seconds": statistics.median(wall for wall, _ in steps),
        "cpu_seconds": cpu.item(),
        "all_reduce": statistics.median([wall for wall, _ in sums] or [0.0]),
    }
    if dist.get_rank() == 0:
        print(json.dumps(found), flush=True)
    dist.destroy_process_group()


def _each(function, times: int) -> list[tuple[float, float]]:
    """Wall and CPU seconds of every call, after one to warm up."""
    taken = []
    for _ in range(times + 1 if times else 0):
        wall, cpu = time.perf_counter(), time.process_time()
        function()
        taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    return taken[1:]


# ---- the runs, and what is said of them ----


def run(processes: int, batch_size: int, **options) -> dict:
    """One measurement in new processes: a dict with seconds a step, CPU seconds of all of them."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={processes}", str(Path(__file__).resolve()), "--work"]
    told = {"batch_size": batch_size, **options}
    command += [f"--{name.replace('_', '-')}={value}" for name, value in told.items()]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(batch_size: int = 32, **options) -> dict:
    """One process, two on the same joint batch (strong), two on twice that (weak).

    ``options``: model, image_size, steps. Gives ``rows`` and ``beta``, the bytes a second of the
    all-reduce between two processes, by the formula of the ring.
    """
    rows = [run(n, batch, **options) for n, batch in ((1, batch_size), (2, batch_size))]
    rows.append(run(2, 2 * batch_size, **options))
    for row in rows:
        row["images_per_second"] = row["batch"] / row["seconds"]
        row["speed_up"] = row["images_per_second"] / rows[0]["images_per_second"]
        row["efficiency"] = row["speed_up"] / row["processes"]
    # 2(N-1)/N · S/β with N = 2; the latency of a few calls counts for nothing here
    beta = RESNET50_BYTES / statistics.median(row["all_reduce"] for row in rows[1:])
    return {"rows": rows, "beta": beta, "cores": os.cpu_count()}


def table(found: dict) -> str:
    """The measurement as text."""
    lines = ["processes  joint batch  ms/step  images/s  efficiency  CPU ms an image"]
    for row in found["rows"]:
        lines.append(
            f"{row['processes']:9}  {row['batch']:11}  {1e3 * row['seconds']:7.0f}  "
            f"{row['images_per_second']:8.1f}  {row['efficiency']:10.0%}  "
            f"{1e3 * row['cpu_seconds'] / row['batch']:15.1f}"
        )
    alone = statistics.median(row["all_reduce"] for row in found["rows"][1:])
    lines.append(
        f"all-reduce of ResNet-50's {RESNET50_BYTES / 1e6:.1f} MB between two processes: "
        f"{1e3 * alone:.0f} ms, so β = {found['beta'] / 1e9:.2f} GB/s"
    )
    lines.append(
        f"one thread each; the {found['cores']} cores are shared with whatever else runs here: "
        "CPU time is steadier than the others"
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32, help="of all processes together")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        return work(asked)
    told = {name: getattr(asked, name) for name in ("batch_size", "model", "image_size", "steps")}
    found = measure(**told)
    print(json.dumps(found) if asked.json else table(found))
    if not asked.json:
        print(f"{asked.model} at {asked.image_size} px, median of {asked.steps} steps")


if __name__ == "__main__":
    main()
