"""From images in memory to a training batch: the usual way of tutorials against `Batches`.

uv run python tests/benchmarks/cifar10_pipeline.py
"""

import torch
from common import Usual, interleaved, training_images, where
from torch.utils.data import DataLoader

from course_utils import Batches

BATCH_SIZE, REPETITIONS, WANTED = 32, 5, {"NCHW": 15, "channels_last": 7}
PART = 4_800  # images of the slow side; both count by the image

torch.set_num_threads(1)
data = training_images()


def iterate(loader):
    """One pass over the loader; the batches are thrown away."""

    def run():
        for _images, _labels in loader:
            pass

    return run


def ours(memory_format):
    return Batches(data, BATCH_SIZE, shuffle=True, augment=True, memory_format=memory_format)


if __name__ == "__main__":
    sides = {
        "usual": iterate(DataLoader(Usual(data, PART), BATCH_SIZE, shuffle=True)),
        "NCHW": iterate(ours(torch.contiguous_format)),
        "channels_last": iterate(ours(torch.channels_last)),
    }
    counts = {"usual": PART, "NCHW": len(data), "channels_last": len(data)}
    seconds = interleaved(sides, REPETITIONS)
    each = {name: 1e6 * seconds[name] / counts[name] for name in sides}
    print(f"usual, PIL image by image    {each['usual']:6.1f} µs an image")
    for name, wanted in WANTED.items():
        ratio = each["usual"] / each[name]
        print(f"Batches, {name:<19} {each[name]:6.1f} µs an image: {ratio:.1f} times (≥ {wanted})")
    print(where(REPETITIONS))
