"""One switch for the whole course: the profile, and with it device, seed and determinism.

``COURSE_PROFILE=tiny|cpu|gpu``. Without it: ``tiny`` while the real data is absent, else ``gpu``
where there is an accelerator (CUDA or MPS), else ``cpu``.

Notebook 00.
"""

import os
import platform
import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from course_utils.store.locations import DRAWINGS, LAYOUTS, find

PROFILES = ("tiny", "cpu", "gpu")
ANY_PICTURES = "pictures from anywhere"  # as data: real, and of no set
_begun_with = "cifar10"  # the data that `start` was last told of


def name(data: str | None = None) -> str:
    """The profile in force: from ``COURSE_PROFILE``, or chosen from what this machine has.

    ``data``: the set that must be there for more than ``tiny``; default: that of the last `start`.
    A folder holds real data, unless it is one of the drawings.
    Raises ``ValueError`` for a name that is none of ``tiny``, ``cpu``, ``gpu``.
    """
    chosen = os.environ.get("COURSE_PROFILE", "").strip().lower()
    if chosen and chosen not in PROFILES:
        raise ValueError(f"COURSE_PROFILE is {chosen!r}; it must be one of {', '.join(PROFILES)}")
    if chosen:
        return chosen
    data = data or _begun_with
    if data != ANY_PICTURES and _drawn(data):
        return "tiny"
    return "cpu" if best_device().type == "cpu" else "gpu"


def _drawn(data: str) -> bool:
    if data in LAYOUTS:
        return find(data).drawings
    return DRAWINGS.resolve() in Path(data).resolve().parents


def best_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def device(wanted: str = "auto", data: str | None = None) -> torch.device:
    """The device called ``wanted``: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    ``auto`` is the CPU in the profiles ``tiny`` and ``cpu``, see `name`, else the best there is.
    Raises ``ValueError`` where the device asked for is not there.
    """
    if wanted == "auto":
        return best_device() if name(data) == "gpu" else torch.device("cpu")
    try:
        asked = torch.device(wanted)
        torch.zeros(1, device=asked).item()  # compute and read back: some only half work
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(
            f"device {wanted!r} is not there: this machine has {best_device().type!r}; "
            "use device='auto', or see `course doctor`"
        ) from None
    return asked


def fast_cpu_dtype() -> torch.dtype | None:
    """``torch.bfloat16`` where this processor multiplies it in hardware, else None.

    Environment variables that switch AVX-512 off, for torch or for oneDNN, are heeded.
    """
    if platform.machine().lower() in ("x86_64", "amd64"):
        # oneDNN says yes too where it emulates bfloat16, torch where oneDNN may not use it
        supported = processor_level() == "AVX-512" and torch.cpu._is_avx512_bf16_supported()
    else:
        supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)()
    return torch.bfloat16 if supported else None


def processor_level() -> str:
    """The vector instructions in use: ``"AVX-512"``, ``"AVX2"``, ``"baseline"``, or another's name.

    ``ATEN_CPU_CAPABILITY`` limits torch, ``ONEDNN_MAX_CPU_ISA`` its convolutions; the lower counts.
    """
    names = {"AVX512": "AVX-512", "DEFAULT": "baseline"}
    level = torch.backends.cpu.get_cpu_capability()
    onednn = os.environ.get("ONEDNN_MAX_CPU_ISA", "all").upper()
    if level == "AVX512" and not onednn.startswith(("ALL", "DEFAULT", "AVX512", "AVX10")):
        level = "AVX2"
    return names.get(level, level)


def amp_dtype(on: torch.device) -> torch.dtype | None:
    """The type for mixed precision that pays on this device, or None: stay with float32."""
    if on.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return fast_cpu_dtype() if on.type == "cpu" else None


def choose_convolutions(on: torch.device) -> None:
    """Let cuDNN time its convolutions and keep the fastest, unless determinism is asked for.

    For inputs of one size. In another process it may keep others, which round differently.
    """
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.backends.cudnn.benchmark = on.type == "cuda" and not deterministic


def memory_format(model: nn.Module, on: torch.device) -> torch.memory_format:
    """The memory format to train this model in: channels_last, the faster one for convolutions.

    NCHW for a model with a layer of `unsafe_in_channels_last` on a CPU.
    """
    unsafe = on.type == "cpu" and unsafe_in_channels_last(model)
    return torch.contiguous_format if unsafe else torch.channels_last


def unsafe_in_channels_last(model: nn.Module) -> str | None:
    """The name of a convolution that must not be trained in channels_last on a CPU, or None.

    On processors with AVX2 and without AVX-512, oneDNN's backward pass of a 1×1 convolution with a
    stride and 2 to 7 input channels writes outside its memory (torch 2.15): the process aborts,
    sometimes much later.
    """
    for name, layer in model.named_modules():
        strided = isinstance(layer, nn.Conv2d) and max(layer.stride) > 1
        if strided and layer.kernel_size == (1, 1) and layer.in_channels < 8:
            return name
    return None


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and every torch generator."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def start(data: str = "cifar10", seed: int = 0, on: str = "auto") -> torch.device:
    """Begin a notebook or a command: seed everything, print what was chosen, return the device.

    In ``tiny`` the same numbers come out every time on one machine: one thread, deterministic
    algorithms. Another processor rounds differently, which long training makes visible.
    ``on`` names a device, as in `device`.
    """
    global _begun_with
    _begun_with = data
    chosen, where = name(data), device(on)
    seed_everything(seed)
    if chosen == "tiny":
        torch.set_num_threads(1)
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS refuses
        # use_deterministic_algorithms(True), but for importing the compiler, which takes seconds
        torch.set_deterministic_debug_mode("error")
    print(f"profile {chosen}, device {where.type}, seed {seed}")
    return where


def pick(*, tiny: dict, cpu: dict, gpu: dict) -> SimpleNamespace:
    """The settings of the profile in force, as attributes.

    >>> settings = pick(tiny=dict(epochs=2), cpu=dict(epochs=10), gpu=dict(epochs=20))
    >>> settings.epochs in (2, 10, 20)
    True
    """
    chosen = name()
    return SimpleNamespace(profile=chosen, **{"tiny": tiny, "cpu": cpu, "gpu": gpu}[chosen])
