"""airbench94's published recipe, re-implemented plainly: the opponent of the course's own runs.

python tests/benchmarks/airbench.py [--seeds 10] [--epochs 9.9] [--compile]

Source: K. Jordan, *94% on CIFAR-10 in 3.29 Seconds on a Single GPU*, arXiv 2404.00498, 2024, §3 and
appendix A. Its accuracy counts the mean over six shifted and mirrored copies of each test image;
without them is printed beside it. All 50,000 training images are used, as there.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import cifar10, profile
from course_utils.commands.record import machine

BATCH, PEAK_RATE, MOMENTUM, DECAY = 1024, 11.5, 0.85, 0.0153  # rate and decay: per 1,024 images
BIAS_SCALE, SMOOTHING, WHITENED_BIAS_EPOCHS, SHIFT = 64, 0.2, 3, 2
WIDTHS, OUTPUT_SCALE = (64, 256, 256), 1 / 9


class Norm(nn.BatchNorm2d):
    """Batch norm that learns a shift and no scale."""

    def __init__(self, channels: int):
        super().__init__(channels, eps=1e-12, momentum=0.4)  # the paper's 0.6 keeps the old
        self.weight.requires_grad = False


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    """3×3, its first ``inputs`` filters the identity: what comes in goes on."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.dirac_(layer.weight.data[:inputs])
    return layer


def group(inputs: int, outputs: int) -> list[nn.Module]:
    first = [conv(inputs, outputs), nn.MaxPool2d(2), Norm(outputs), nn.GELU()]
    return [*first, conv(outputs, outputs), Norm(outputs), nn.GELU()]


def network(images: Tensor) -> nn.Sequential:
    """2×2 whitening of these images (N, 3, 32, 32), three groups, one linear layer."""
    first = nn.Conv2d(3, 24, 2)
    patches = images[:5000].unfold(2, 2, 1).unfold(3, 2, 1)  # (N, 3, 31, 31, 2, 2)
    patches = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, 12).float()
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters = (vectors / (values + 5e-4).sqrt()).T.flip(0).reshape(12, 3, 2, 2)
    first.weight.data = torch.cat([filters, -filters])
    first.weight.requires_grad = False
    layers = [first, nn.GELU()]
    for inputs, outputs in zip((24, *WIDTHS[:-1]), WIDTHS, strict=True):
        layers += group(inputs, outputs)
    head = nn.Linear(WIDTHS[-1], 10, bias=False)
    return nn.Sequential(*layers, nn.MaxPool2d(3), nn.Flatten(), head, Scale(OUTPUT_SCALE))


class Scale(nn.Module):
    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def epoch_of(images: Tensor, labels: Tensor, epoch: int, first_flip: Tensor):
    """Batches of one epoch: shifted at random; mirrored in every other epoch, each image in its."""
    count, device = len(images), images.device
    padded = F.pad(images, (SHIFT,) * 4, mode="reflect")
    tops, lefts = (torch.randint(2 * SHIFT + 1, (count,), device=device) for _ in range(2))
    mirrored = first_flip ^ bool(epoch % 2)
    order, span = torch.randperm(count, device=device), torch.arange(32, device=device)
    for batch in order.split(BATCH):
        if len(batch) < BATCH and count >= BATCH:
            return
        columns = torch.where(mirrored[batch, None], 31 - span, span) + lefts[batch, None]
        rows = tops[batch, None] + span
        picked = padded[batch[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        yield picked.permute(0, 3, 1, 2), labels[batch]  # channels_last in memory


def share_of_peak(done: float) -> float:
    """The learning rate over its peak: 0.2 up to 1 at 23 % of the steps, down to 0.07."""
    return 0.2 + 0.8 * done / 0.23 if done < 0.23 else 1 - 0.93 * (done - 0.23) / 0.77


def train(images: Tensor, labels: Tensor, epochs: float, half: torch.dtype, compiled: bool):
    """One run on normalised images (N, 3, 32, 32) that lie on the device; returns the network."""
    model = network(images).to(images.device, half, memory_format=torch.channels_last)
    for layer in model:
        if isinstance(layer, Norm):
            layer.float()
    per_step = 1024 * (1 + 1 / (1 - MOMENTUM))  # Nesterov's momentum multiplies a step by so much
    rate, decay = PEAK_RATE / per_step, DECAY * BATCH / per_step
    shifts = [m.bias for m in model if isinstance(m, Norm)]
    others = [p for p in model.parameters() if p.requires_grad and p not in set(shifts)]
    optimizer = torch.optim.SGD(
        [
            {"params": others, "lr": rate, "weight_decay": decay / rate},
            {"params": shifts, "lr": rate * BIAS_SCALE, "weight_decay": decay / rate / BIAS_SCALE},
        ],
        momentum=MOMENTUM, nesterov=True, fused=images.is_cuda,
    )  # fmt: skip
    steps = max(int(len(images) // BATCH * epochs), 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: share_of_peak(k / steps))
    run = torch.compile(model) if compiled else model
    slow = [t.detach().clone() for t in averaged(model)]
    first_flip = torch.rand(len(images), device=images.device) < 0.5
    step, epoch = 0, 0
    while step < steps:
        model.train()
        model[0].bias.requires_grad = epoch < WHITENED_BIAS_EPOCHS
        for batch, target in epoch_of(images, labels, epoch, first_flip):
            loss = F.cross_entropy(
                run(batch).float(), target, label_smoothing=SMOOTHING, reduction="sum"
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            if step % 5 == 0:
                lookahead(model, slow, 0.95**5 * (step / steps) ** 3)
            if step >= steps:
                break
        epoch += 1
    lookahead(model, slow, 1.0)
    return model


def averaged(model: nn.Module) -> list[Tensor]:
    """What lookahead averages: everything of a network but its whole numbers."""
    return [t for t in model.state_dict().values() if t.is_floating_point()]


@torch.no_grad()
def lookahead(model: nn.Module, slow: list[Tensor], keep: float) -> None:
    """Move the slow weights towards the network's, and the network onto them."""
    for average, now in zip(slow, averaged(model), strict=True):
        average.lerp_(now, 1 - keep) if keep < 1 else None
        now.copy_(average)


@torch.no_grad()
def accuracies(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Of the images as they are; of the mean over six copies."""
    model.eval()
    plain, averaged_right = 0, 0
    for batch, target in zip(images.split(2000), labels.split(2000), strict=True):
        padded = F.pad(batch, (1,) * 4, mode="reflect")
        sides = [batch, padded[:, :, :32, :32], padded[:, :, 2:, 2:]]
        logits = [model(s) + model(s.flip(3)) for s in sides]
        mean = 0.25 * logits[0] + 0.125 * (logits[1] + logits[2])
        plain += (model(batch).argmax(1) == target).sum().item()
        averaged_right += (mean.argmax(1) == target).sum().item()
    return plain / len(labels), averaged_right / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=float, default=9.9)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--compile", action="store_true")
    asked = parser.parse_args()
    device = profile.best_device()
    half = torch.half if device.type == "cuda" else torch.float
    torch.backends.cudnn.benchmark = True
    data = cifar10("real")
    mean, std = (
        torch.tensor(v, device=device).view(3, 1, 1) for v in (data.train.mean, data.train.std)
    )

    def prepared(*sets):
        images = torch.cat([s.images for s in sets])[: asked.images].to(device)
        labels = torch.cat([s.labels for s in sets])[: asked.images].to(device)
        images = ((images / 255 - mean) / std).to(half, memory_format=torch.channels_last)
        return images, labels

    training, testing = prepared(data.train, data.val), prepared(data.test)
    rows = []
    for seed in range(asked.seeds):
        torch.manual_seed(seed)
        began = time.perf_counter()
        model = train(*training, asked.epochs, half, asked.compile)
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
        plain, six = accuracies(model, *testing)
        rows.append({"seed": seed, "seconds": seconds, "plain": plain, "averaged": six})
        print(f"seed {seed}: {seconds:6.2f} s, {six:.2%} (plain {plain:.2%})", flush=True)
    warm = rows[1:] or rows
    about = machine(device) | {"cold": rows[0]["seconds"]}
    about["warm"] = statistics.median(row["seconds"] for row in warm)
    about |= {name: statistics.mean(row[name] for row in rows) for name in ("plain", "averaged")}
    print(json.dumps(about | {"compiled": asked.compile, "runs": rows}))


if __name__ == "__main__":
    main()
