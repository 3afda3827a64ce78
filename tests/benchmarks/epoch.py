"""Training a small network: the usual loop of tutorials against `fit` as `course train` uses it.

uv run python tests/benchmarks/epoch.py [cnn | small_inception]
"""

import sys

import torch
from common import Usual, interleaved, training_images, where
from torch import nn
from torch.utils.data import DataLoader

from course_utils import Batches, create_model, fit, profile

BATCH_SIZE, STEPS, REPETITIONS = 32, 300, 5
WANTED = {"cnn": 2.2, "small_inception": 2.0}
NAME = sys.argv[1] if len(sys.argv) > 1 else "cnn"

torch.set_num_threads(1)
data = training_images()


def usual():
    """float32, NCHW, one PIL image at a time, `.item()` after every step."""
    model = create_model(NAME)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_fn = nn.CrossEntropyLoss()
    loader = DataLoader(Usual(data, STEPS * BATCH_SIZE), BATCH_SIZE, shuffle=True)

    def run():
        model.train()
        running_loss = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = loss_fn(model(images), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()

    return run


def ours():
    """`Batches` and `fit`: channels_last, bfloat16 where the processor has it, fused Adam."""
    layout = {"memory_format": torch.channels_last}
    model = create_model(NAME).to(**layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    train = Batches(data, BATCH_SIZE, shuffle=True, augment=True, limit=STEPS, **layout)
    val = Batches(data, BATCH_SIZE, limit=1, **layout)  # the usual loop has none
    amp_dtype = profile.amp_dtype(torch.device("cpu"))

    def run():
        fit(model, train, val, optimizer, epochs=1, num_classes=10, amp_dtype=amp_dtype)

    return run


if __name__ == "__main__":
    print(NAME)
    seconds = interleaved({"usual": usual(), "fit": ours()}, REPETITIONS)
    for name, value in seconds.items():
        print(f"{name:<6} {value:5.2f} s for {STEPS} steps of {BATCH_SIZE} images")
    print(f"fit is {seconds['usual'] / seconds['fit']:.2f} times as fast (≥ {WANTED[NAME]})")
    print(where(REPETITIONS))
