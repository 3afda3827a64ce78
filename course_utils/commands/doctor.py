"""Look over the machine: can the course run here, and if not, what fixes it?"""

import importlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from course_utils.store.locations import ROOT

REINSTALL = "run `uv sync` (or reinstall the packages that environment.yml lists)"
SHOWN = ("torch", "torchvision", "jupyterlab", "ipykernel", "ipywidgets")
DISK_WANTED = 2e9  # bytes: CIFAR-10's archive, unpacked, its cache, and some runs


@dataclass(frozen=True)
class Finding:
    """A line of the report: with a ``remedy`` a problem, if ``fatal`` one that stops the course."""

    what: str
    found: str
    remedy: str = ""
    fatal: bool = False


def doctor() -> int:
    """Print what this machine has, and how to fix what is wrong.

    Returns an exit status: 1 when the course cannot run here, else 0.
    """
    problems = []
    needs_torch = (processor, data, profile)
    for examine in (versions, torch_works, processor, data, disk, jupyter, profile):
        broken = any(finding.what == "import torch" for finding in problems)
        if broken and examine in needs_torch:
            continue
        for finding in thorough(examine):
            grade = "ok" if not finding.remedy else "FAILS" if finding.fatal else "look"
            print(f"{grade:<6} {finding.what:<20} {finding.found}")
            problems += [finding] if finding.remedy else []
    for finding in problems:
        print(f"\n{finding.what}: {finding.found}\n    to fix it: {finding.remedy}")
    fatal = any(finding.fatal for finding in problems)
    print("\nThe course cannot run here yet." if fatal else "\nThe course can run here.")
    return int(fatal)


def thorough(examine: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of an examination; where it breaks down, that is one of them."""
    try:
        yield from examine()
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        yield Finding(examine.__name__, found, REINSTALL, fatal=True)


def versions() -> Iterator[Finding]:
    """Python and every package the course needs, against the least version it needs."""
    from packaging.requirements import Requirement, SpecifierSet

    about = metadata.metadata("course-utils")
    python, wanted = sys.version.split()[0], about["Requires-Python"]
    fits = SpecifierSet(wanted).contains(python, prereleases=True)
    remedy = "" if fits else f"the course needs Python {wanted}: let uv bring one, or install it"
    yield Finding("Python", python, remedy, fatal=not fits)
    yield Finding("course_utils", f"{about['Version']} in {ROOT}")
    for text in metadata.requires("course-utils") or []:
        needed = Requirement(text)
        if needed.marker and not needed.marker.evaluate():
            continue
        try:
            found = metadata.version(needed.name)
        except metadata.PackageNotFoundError:
            yield Finding(needed.name, "missing", REINSTALL, fatal=True)
            continue
        if not needed.specifier.contains(found, prereleases=True):
            wrong = f"{found}, the course needs {needed.specifier}"
            yield Finding(needed.name, wrong, REINSTALL, fatal=True)
        elif needed.name in SHOWN:
            yield Finding(needed.name, found)


def torch_works() -> Iterator[Finding]:
    """Whether torch and torchvision can be imported together."""
    try:
        for name in ("torch", "torchvision"):
            importlib.import_module(name)
    except (ImportError, OSError, RuntimeError) as error:
        remedy = REINSTALL
        if "torchvision::nms" in str(error):  # one is the CPU build, the other is not
            remedy = f"torch and torchvision come from different builds: {REINSTALL}"
        yield Finding("import torch", str(error).splitlines()[0], remedy, fatal=True)


def processor() -> Iterator[Finding]:
    """The device, and what makes the CPU fast or slow."""
    import torch

    from course_utils.data import profile

    best = profile.best_device()
    shown, remedy = best.type, ""
    if best.type == "cuda":
        properties = torch.cuda.get_device_properties(best)
        shown = f"cuda, {properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    elif shutil.which("nvidia-smi"):
        remedy = "torch cannot use this NVIDIA GPU: renew its driver, or go on with the CPU"
    yield Finding("device", shown, remedy)
    yield Finding("CPU threads", f"{torch.get_num_threads()} of {os.cpu_count()} cores")
    level = profile.processor_level()
    older = "; strided 1×1 convolutions with few channels train in NCHW: channels_last would crash"
    yield Finding("vector instructions", level + (older if level in ("AVX2", "baseline") else ""))
    fast = profile.fast_cpu_dtype() is not None
    shown = "in hardware: training in mixed precision" if fast else "no: training in float32"
    yield Finding("bfloat16 on the CPU", shown)
    spin = os.environ.get("GOMP_SPINCOUNT", "not set")
    remedy = "" if spin == "0" else "set GOMP_SPINCOUNT=0: on a busy machine training crawls"
    yield Finding("GOMP_SPINCOUNT", spin, remedy)


def data() -> Iterator[Finding]:
    """The data sets, real or drawn, and where they lie."""
    from course_utils.commands.download import SETS
    from course_utils.store.locations import LAYOUTS, find

    named = os.environ.get("COURSE_DATA")
    if named and not Path(named).expanduser().is_dir():
        yield Finding("COURSE_DATA", named, "no such folder: unset COURSE_DATA or correct it")
    for name in LAYOUTS:
        try:
            find(name, "drawings")
        except FileNotFoundError:
            remedy = "fetch data/tiny again: git checkout -- data/tiny"
            yield Finding(name, "the embedded drawings are missing", remedy, fatal=True)
            continue
        found = find(name)
        shown = f"real, in {found.path}"
        if found.drawings:
            shown = f"drawings, in {found.path}"
            shown += f" (real images: course data get {name})" if name in SETS else ""
        yield Finding(name, shown)


def disk() -> Iterator[Finding]:
    """Space for data and runs, and whether runs can be written."""
    free = shutil.disk_usage(ROOT).free
    remedy = "make room: real data and runs want 2 GB" if free < DISK_WANTED else ""
    yield Finding("disk", f"{free / 1e9:.0f} GB free", remedy)
    runs = Path(os.environ.get("COURSE_RUNS") or ROOT / "runs")
    there = next(folder for folder in (runs, *runs.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            yield Finding("runs", f"go to {runs}")
    except OSError as error:
        remedy = "make this folder writable, or set COURSE_RUNS to one that is"
        yield Finding("runs", f"{there}: {error.strerror}", remedy, fatal=True)


def jupyter() -> Iterator[Finding]:
    """JupyterLab's extension for widgets, and the kernel that notebooks will use."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    from jupyter_core.paths import jupyter_path
    from jupyterlab_server.config import get_page_config

    name = "@jupyter-widgets/jupyterlab-manager"
    folders = [Path(folder) / name for folder in jupyter_path("labextensions")]
    manifest = next((f / "package.json" for f in folders if (f / "package.json").exists()), None)
    disabled = get_page_config([]).get("disabledExtensions", [])
    if manifest is None:
        yield Finding("JupyterLab widgets", f"{name} is missing", REINSTALL)
    elif any(entry.split(":")[0] == name for entry in disabled):
        remedy = f"run `jupyter labextension enable {name}`"
        yield Finding("JupyterLab widgets", f"{name} is disabled", remedy)
    else:
        version = json.loads(manifest.read_text(encoding="utf-8"))["version"]
        yield Finding("JupyterLab widgets", f"{name} {version}")

    remedy = "run `python -m ipykernel install --sys-prefix`"
    try:
        command = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        yield Finding("kernel python3", "missing", remedy, fatal=True)
        return
    # Jupyter puts its own Python in the place of a bare name; links are not followed, because
    # the Pythons of two environments are often links to one
    ours = os.path.dirname(command) in ("", os.path.dirname(sys.executable))
    yield Finding("kernel python3", "this Python" if ours else command, "" if ours else remedy)


def profile() -> Iterator[Finding]:
    """The profile in force."""
    from course_utils.data import profile

    try:
        chosen = profile.name()
    except ValueError as error:
        remedy = "unset COURSE_PROFILE, or set it to tiny, cpu or gpu"
        yield Finding("profile", str(error), remedy, fatal=True)
    except FileNotFoundError:
        return  # no data at all: `data` says so
    else:
        why = (
            "from COURSE_PROFILE" if os.environ.get("COURSE_PROFILE") else "chosen by what is here"
        )
        yield Finding("profile", f"{chosen}, {why}")


if __name__ == "__main__":  # works where the command line's own packages are missing
    sys.exit(doctor())
