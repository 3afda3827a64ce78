"""`course doctor` finds what is wrong, says how to fix it, and does not fall ill itself."""

import os
import subprocess
import sys

import pytest

from course_utils.commands import doctor
from course_utils.store import locations

CHECK = "import sys; from course_utils.commands.doctor import doctor; sys.exit(doctor())"


def run(code: str = CHECK, **environment: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )


def problems(examine) -> dict[str, doctor.Finding]:
    return {finding.what: finding for finding in doctor.thorough(examine) if finding.remedy}


def test_healthy_machine(capsys):
    assert doctor.doctor() == 0
    report = capsys.readouterr().out
    for what in ("Python", "torch ", "torchvision", "jupyterlab", "ipykernel", "ipywidgets",
                 "course_utils", "device", "CPU threads", "bfloat16", "GOMP_SPINCOUNT  ",
                 "cifar10", "hymenoptera", "imagenet", "disk", "runs", "JupyterLab widgets",
                 "kernel python3", "profile"):  # fmt: skip
        assert f"ok     {what}" in report
    assert "can run here" in report


def test_too_old_and_missing_packages(monkeypatch):
    found = {"torch": "2.9.1", "torchvision": "0.30.0+cpu", "numpy": "2.0"}
    monkeypatch.setattr(doctor.metadata, "version", lambda name: found.get(name, "99"))
    old = problems(doctor.versions)
    assert set(old) == {"torch"} and old["torch"].fatal
    assert "2.9.1" in old["torch"].found and ">=2.10" in old["torch"].found

    def version(name):
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    assert problems(doctor.versions)["jupyterlab"].found == "missing"


@pytest.mark.slow
def test_torch_and_torchvision_do_not_fit(tmp_path):
    (tmp_path / "torch.py").write_text("print('torch is imported')")
    error = "RuntimeError('operator torchvision::nms does not exist')"
    (tmp_path / "torchvision.py").write_text(f"raise {error}")
    result = run(PYTHONPATH=str(tmp_path))
    assert result.returncode == 1 and not result.stderr
    assert "different builds" in result.stdout
    first, _, _ = result.stdout.partition("torch is imported")  # this takes seconds
    assert "Python" in first and "jupyterlab" in first
    assert "disk" in result.stdout and "kernel python3" in result.stdout  # the rest goes on


def test_survives_without_anything():
    nothing = "import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]\n"
    result = run(f"{nothing}sys.path.insert(0, {str(doctor.ROOT)!r})\n{CHECK}")
    assert result.returncode == 1 and not result.stderr
    assert "uv sync" in result.stdout and "cannot run here" in result.stdout


def test_missing_drawings(monkeypatch, tmp_path):
    monkeypatch.setattr(locations, "DRAWINGS", tmp_path)
    found = problems(doctor.data)
    assert set(found) == {"cifar10", "hymenoptera", "imagenet", "imagenette"}
    assert all(finding.fatal and "git checkout" in finding.remedy for finding in found.values())


def test_real_data_is_told_from_drawings(monkeypatch, tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    shown = {finding.what: finding.found for finding in doctor.data()}
    assert shown["cifar10"].startswith("real, in ") and shown["imagenet"].startswith("drawings")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "absent"))
    assert not problems(doctor.data)["COURSE_DATA"].fatal


def test_runs_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "file" / "runs"))
    assert problems(doctor.disk)["runs"].fatal
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "new" / "runs"))
    assert not problems(doctor.disk)
    assert not (tmp_path / "new").exists()


def test_full_disk_is_a_warning(monkeypatch):
    monkeypatch.setattr(doctor, "DISK_WANTED", 1e18)
    assert not problems(doctor.disk)["disk"].fatal


def test_spinning_threads_are_a_warning(monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT")
    assert not problems(doctor.processor)["GOMP_SPINCOUNT"].fatal


def test_wrong_profile(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "huge")
    assert problems(doctor.profile)["profile"].fatal


def test_kernel_of_another_python(monkeypatch, tmp_path):
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["/elsewhere/bin/python"], "display_name": ""}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert "ipykernel install" in problems(doctor.jupyter)["kernel python3"].remedy


def test_widgets_disabled(monkeypatch, tmp_path):
    (tmp_path / "labconfig").mkdir()
    page = '{"disabledExtensions": {"@jupyter-widgets/jupyterlab-manager": true}}'
    (tmp_path / "labconfig" / "page_config.json").write_text(page)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    assert "labextension enable" in problems(doctor.jupyter)["JupyterLab widgets"].remedy
