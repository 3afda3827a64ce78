"""What hundreds and thousands of classes cost: the confusion figure for TensorBoard.

    uv run python tests/benchmarks/many_classes.py 300 1000 10000

Each number of classes is a process of its own; the megabytes are those above what it had before.
"""

import io
import multiprocessing
import resource
import sys
import time

import torch


def megabytes() -> float:
    """The most memory this process has had (Linux: `ru_maxrss` is in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def figure(count: int) -> None:
    """Print seconds of the processor and megabytes of one epoch's confusion figure."""
    from course_utils.show.class_plots import plot_confusion

    torch.manual_seed(0)
    names = [f"class {i:05d}" for i in range(count)]
    plot_confusion(torch.eye(3), names[:3]).savefig(io.BytesIO())  # fonts are loaded
    confusion = 40 * torch.eye(count, dtype=torch.int64)
    mistakes = torch.randint(count, (10 * count, 2))
    confusion.index_put_((mistakes[:, 0], mistakes[:, 1]), torch.tensor(1), accumulate=True)
    before, begin = megabytes(), time.process_time()
    picture = plot_confusion(confusion, names)
    picture.savefig(io.BytesIO())
    spent = time.process_time() - begin
    print(f"{count:6,} classes: {spent:.1f} s, {megabytes() - before:,.0f} MB", flush=True)


if __name__ == "__main__":
    for number in map(int, sys.argv[1:] or ["300", "1000"]):
        process = multiprocessing.get_context("spawn").Process(target=figure, args=(number,))
        process.start()
        process.join()
