"""One training step of ResNet-18 on 32 px: float32 in NCHW against bfloat16 in channels_last.

uv run python tests/benchmarks/resnet18_step.py
"""

import torch
from common import interleaved, where
from torch import nn

from course_utils import create_model, profile

BATCH_SIZE, STEPS, REPETITIONS, WANTED = 128, 1, 5, 1.6

torch.set_num_threads(1)
images, labels = torch.randn(BATCH_SIZE, 3, 32, 32), torch.randint(10, (BATCH_SIZE,))


def side(memory_format: torch.memory_format, dtype: torch.dtype | None):
    """A training step in this layout, in mixed precision where a type is given."""
    model = create_model("resnet18", stem="cifar").to(memory_format=memory_format)
    batch = images.to(memory_format=memory_format)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=True)
    loss_fn = nn.CrossEntropyLoss()

    def run():
        for _ in range(STEPS):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
                loss = loss_fn(model(batch), labels)
            loss.backward()
            optimizer.step()

    return run


if __name__ == "__main__":
    sides = {
        "float32, NCHW": side(torch.contiguous_format, None),
        "as `fit` does": side(torch.channels_last, profile.amp_dtype(torch.device("cpu"))),
    }
    seconds = interleaved(sides, REPETITIONS)
    for name, value in seconds.items():
        print(f"{name:<14} {value:5.2f} s for a step of {BATCH_SIZE} images")
    usual, ours = seconds.values()
    print(f"`fit`'s way is {usual / ours:.2f} times as fast (≥ {WANTED})")
    print(where(REPETITIONS))
