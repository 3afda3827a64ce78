"""The profile switch: names, devices, seeds, determinism."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils import profile
from course_utils.store import locations

HERE = profile.best_device().type
ABSENT = next(kind for kind in ("cuda", "mps") if kind != HERE)


@pytest.fixture(autouse=True)
def torch_settings(monkeypatch):
    """What `start` changes for the whole process is put back."""
    threads, exact = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    monkeypatch.setattr(profile, "_begun_with", "cifar10")
    yield
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(exact)


@pytest.mark.parametrize("value", ["tiny", "cpu", "gpu", " CPU "])
def test_the_environment_decides(monkeypatch, value):
    monkeypatch.setenv("COURSE_PROFILE", value)
    assert profile.name() == value.strip().lower()


def test_a_bad_name_is_told(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "small")
    with pytest.raises(ValueError, match="COURSE_PROFILE is 'small'; .* one of tiny, cpu, gpu"):
        profile.name()


@pytest.mark.parametrize("value", [None, ""])
def test_the_default_follows_the_data(monkeypatch, tmp_path, value):
    monkeypatch.delenv("COURSE_PROFILE")
    if value is not None:
        monkeypatch.setenv("COURSE_PROFILE", value)
    monkeypatch.setattr(locations, "DATA", tmp_path)
    assert profile.name() == "tiny"  # nothing but the drawings
    (tmp_path / "cifar10").mkdir()
    assert profile.name() == "tiny"  # conftest's COURSE_DATA goes before data/
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert profile.name() == ("cpu" if HERE == "cpu" else "gpu")
    assert profile.name("hymenoptera") == "tiny"
    profile.start("hymenoptera")  # from now on this set decides
    assert profile.name() == "tiny" == profile.pick(tiny={}, cpu={}, gpu={}).profile
    profile.start("cifar10")
    assert profile.name() == ("cpu" if HERE == "cpu" else "gpu")


def test_pictures_from_anywhere_are_real(monkeypatch):
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.chdir(locations.DRAWINGS)
    assert profile.name("a folder") == "tiny" != profile.name(profile.ANY_PICTURES)


@pytest.mark.parametrize("chosen", ["tiny", "cpu", "gpu"])
def test_pick(monkeypatch, chosen):
    monkeypatch.setenv("COURSE_PROFILE", chosen)
    table = {name: {"epochs": number} for number, name in enumerate(profile.PROFILES)}
    settings = profile.pick(**table)
    assert vars(settings) == {"profile": chosen, **table[chosen]}


def test_devices(monkeypatch):
    assert profile.device("cpu") == torch.device("cpu")
    monkeypatch.setenv("COURSE_PROFILE", "cpu")
    assert profile.device() == torch.device("cpu")
    monkeypatch.setenv("COURSE_PROFILE", "gpu")
    assert profile.device().type == HERE


@pytest.mark.parametrize("wanted", [ABSENT, f"{ABSENT}:3", "cuda:99", "cpuu", "meta", ""])
def test_a_device_that_is_not_there(wanted):
    with pytest.raises(ValueError) as error:
        profile.device(wanted)
    assert str(error.value) == (
        f"device {wanted!r} is not there: this machine has {HERE!r}; "
        "use device='auto', or see `course doctor`"
    )


def test_start_in_tiny_is_the_same_on_every_machine(capsys):
    torch.set_num_threads(2)
    assert profile.start(seed=7) == torch.device("cpu")
    assert capsys.readouterr().out == "profile tiny, device cpu, seed 7\n"
    assert torch.get_num_threads() == 1 and torch.are_deterministic_algorithms_enabled()


def test_start_elsewhere_leaves_threads_and_algorithms_alone(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROFILE", "cpu")
    torch.set_deterministic_debug_mode("default")
    threads = torch.get_num_threads()
    assert profile.start(on="cpu") == torch.device("cpu")
    assert capsys.readouterr().out == "profile cpu, device cpu, seed 0\n"
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_start_refuses_an_absent_device():
    with pytest.raises(ValueError, match=f"device '{ABSENT}' is not there"):
        profile.start(on=ABSENT)


def test_every_generator_is_seeded():
    def draw():
        return random.random(), np.random.rand(), torch.rand(()).item()

    profile.start(seed=3)
    first = draw()
    assert all(a != b for a, b in zip(first, draw()))
    profile.start(seed=3)
    assert draw() == first
    profile.seed_everything(2**40 + 1)  # more than NumPy takes
    assert all(a != b for a, b in zip(first, draw()))


def test_mixed_precision_only_where_it_pays():
    fast = profile.fast_cpu_dtype()
    assert fast in (torch.bfloat16, None)
    assert profile.amp_dtype(torch.device("cpu")) is fast
    assert profile.amp_dtype(torch.device("mps")) is None
    flags = cpu_flags()
    if flags:
        usable = "avx512_bf16" in flags and profile.processor_level() == "AVX-512"
        assert (fast is torch.bfloat16) == usable


def cpu_flags() -> list[str]:
    """What Linux says of an x86 processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.split() for line in lines if line.startswith("flags")), [])


def test_cudnn_chooses_the_fastest_convolutions_on_a_gpu_only_and_not_in_tiny(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    before = torch.get_deterministic_debug_mode()
    try:
        for kind, deterministic, expected in (
            ("cuda", "default", True), ("cuda", "error", False), ("cpu", "default", False),
        ):  # fmt: skip
            torch.set_deterministic_debug_mode(deterministic)
            profile.choose_convolutions(torch.device(kind))
            assert torch.backends.cudnn.benchmark is expected
    finally:
        torch.set_deterministic_debug_mode(before)
