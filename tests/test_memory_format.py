"""No network of the course reaches the layer that oneDNN's AVX2 kernels cannot train safely."""

import os
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
import torch
from helpers import small_model, small_set
from torch import nn

from course_utils import create_model, fit, models, profile
from course_utils.data.batches import Batches
from course_utils.models import list_models

LAST, NCHW = torch.channels_last, torch.contiguous_format
CPU = torch.device("cpu")
MALLOC_CHECKS = Path("/lib/x86_64-linux-gnu/libc_malloc_debug.so.0")  # glibc's, since 2.34
WIDTHS = range(1, 17)

# A step of each network in a process of its own, as `course train` takes it. It ends the process
# at the first write outside its memory.
STEPS = """
import sys, torch
from course_utils import create_model, profile
torch.set_num_threads(1)
cpu = torch.device("cpu")
for words in sys.argv[1:]:
    name, _, width = words.partition(":")
    model = create_model(name, 2, **({"width": int(width)} if width else {}))
    layout = {"memory_format": FORMAT}
    images = torch.randn(16, 3, 32, 32).to(**layout)
    model.to(**layout)(images).square().sum().backward()
    print(words, flush=True)
"""
CHOSEN = STEPS.replace("FORMAT", "profile.memory_format(model, cpu)")
ALWAYS_LAST = STEPS.replace("FORMAT", "torch.channels_last")


def widths(name: str) -> list[str]:
    """name:width for every width of this network, or the name where it has none."""
    if "width" not in signature(models._MODELS[name]).parameters:
        return [name]
    return [f"{name}:{width}" for width in WIDTHS if name != "narrow_resnet" or width % 2 == 0]


def steps(code: str, words: list[str]) -> subprocess.CompletedProcess:
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "default"}
    if MALLOC_CHECKS.exists():
        environment |= {"LD_PRELOAD": str(MALLOC_CHECKS), "MALLOC_CHECK_": "3"}
    return subprocess.run(
        [sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True
    )


EVERY_DAY = ["cnn", "narrow_resnet", "resnet18", "resnet20", "resnet50", "small_residual"]
OTHERS = [name for name in list_models() if name not in EVERY_DAY]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(EVERY_DAY, marks=pytest.mark.slow, id="every day"),
        pytest.param(OTHERS, marks=pytest.mark.exhaustive, id="the others"),
    ],
)
def test_a_step_of_every_network_stays_inside_its_memory(names):
    words = [word for name in names for word in widths(name)]
    done = steps(CHOSEN, words)
    assert done.returncode == 0 and done.stdout.split() == words, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not MALLOC_CHECKS.exists(), reason="needs glibc's malloc checks")
def test_channels_last_would_crash():
    """Else the test above would prove nothing. Once this fails, the workaround can go."""
    done = steps(ALWAYS_LAST, 5 * [f"resnet18:{width}" for width in range(2, 8)])
    assert done.returncode < 0, done.stdout + done.stderr


def layer(**options) -> nn.Module:
    usual = {"in_channels": 4, "out_channels": 8, "kernel_size": 1, "stride": 2}
    return nn.Sequential(nn.Conv2d(**usual | options))


def test_the_format_is_nchw_only_where_it_must_be():
    assert profile.memory_format(layer(), CPU) == NCHW
    assert profile.unsafe_in_channels_last(create_model("resnet18", width=4)) == (
        "layer2.0.downsample.0"
    )
    safe = [layer(in_channels=8), layer(stride=1), layer(kernel_size=3)]
    for model in (*safe, create_model("resnet18"), create_model("cnn")):
        assert profile.memory_format(model, CPU) == LAST
    assert profile.memory_format(layer(), torch.device("cuda")) == LAST


def unsafe_model() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1, 2), nn.Flatten(), nn.Linear(64, 4))


@pytest.mark.parametrize("model_format, loader_format", [(LAST, NCHW), (NCHW, LAST)])
def test_fit_refuses_what_would_crash(model_format, loader_format):
    model = unsafe_model()
    model.append(nn.Conv2d(2, 2, 3)) if model_format == LAST else None  # its format shows
    loader = Batches(small_set(), 8, shuffle=True, memory_format=loader_format)
    told = dict(epochs=1, num_classes=4)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(
        ValueError, match="0: a strided 1×1 convolution .* crashes in channels_last"
    ):
        fit(model.to(memory_format=model_format), loader, loader, optimizer, **told)


def test_fit_takes_it_in_nchw_and_other_networks_in_channels_last():
    for model, memory_format in ((unsafe_model(), NCHW), (small_model(), LAST)):
        loader = Batches(small_set(), 8, shuffle=True, memory_format=memory_format)
        optimizer = torch.optim.SGD(model.parameters(), 0.01)
        assert fit(model, loader, loader, optimizer, epochs=1, num_classes=4)
