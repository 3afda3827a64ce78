"""What every test and every notebook shares: environment, lanes, order, random state.

Lanes: the fast lane is ``-m "not slow"``; without it the slow tests run too, except those marked
``exhaustive``, which ``--all`` adds, as CI does. A file or test named by itself always runs.
"""

import os
import random
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

import matplotlib
import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent
runs = tempfile.TemporaryDirectory(prefix="course-runs-")  # removed when the tests end

# Before torch is imported; kernels and other child processes inherit them.
os.environ |= {
    "COURSE_PROFILE": "tiny",
    "COURSE_DATA": str(ROOT / "data" / "tiny"),  # also where real data lies in data/
    "COURSE_RUNS": runs.name,
    "COURSE_EXECUTE": "1",  # outputs without what only a live JupyterLab can show
    "GOMP_SPINCOUNT": "0",  # OpenMP threads that spin starve each other on a busy machine
}
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in the background of a script
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests interrupt child processes
# not through MPLBACKEND: kernels would inherit it and lose their figures
matplotlib.use("agg")

# These begin first, so that no worker is left with a long file at the end.
LONG = (
    "tests/test_other_machine.py",
    "tests/test_torchrun.py",
    "tests/test_grade.py",
    "notebooks/05_multi_gpu_imagenet.ipynb",
    "tests/test_browser.py",
    "tests/test_lost_processes.py",
    "notebooks/03_resnet.ipynb",
    "notebooks/06_hyperparameters.ipynb",
    "tests/test_cli.py",
    "notebooks/02_googlenet.ipynb",
    "notebooks/04_transfer_learning.ipynb",
    "notebooks/01_cnn_cifar10.ipynb",
)
ONE_BY_ONE = ("tests/test_other_machine.py",)  # files whose tests share nothing


def pytest_addoption(parser):
    group = parser.getgroup("course")
    group.addoption("--all", action="store_true", help="the exhaustive tests too, as CI does")
    group.addoption(
        "--random-seed",
        type=int,
        metavar="N",
        help="shuffle files and tests, and seed the random generators before each with N",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.addinivalue_line("markers", "slow: not in the fast lane")
    config.addinivalue_line("markers", "exhaustive: slow, and only with --all")
    # notebooks are compared strictly, unless somebody types --nbval-lax
    config.option.nbval = not config.option.nbval_lax


def pytest_report_header(config):
    option = config.option
    lane = "all" if option.all else option.markexpr or "without exhaustive tests (--all adds them)"
    seed = "" if option.random_seed is None else f", random seed {option.random_seed}"
    return f"tests: {lane}{seed}"


def pytest_xdist_auto_num_workers(config):
    """As many as processors, four at most: each takes 2 GB. None where one file is named."""
    if len(config.args) == 1 and Path(config.args[0].split("::")[0]).is_file():
        return 0
    usable = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return min(len(usable), 4)


def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)


class ByFile(LoadScopeScheduling):
    """The tests of a file, the cells of a notebook, stay together: they share what is costly."""

    def _split_scope(self, nodeid):
        file = nodeid.split("::")[0]
        return nodeid if file in ONE_BY_ONE else file

    def remove_node(self, node):
        """Count a test that ended its worker as done: else it would end the next workers too."""
        units = self.assigned_work[node].values()
        left = [(unit, test) for unit in units for test, done in unit.items() if not done]
        if not left:
            return super().remove_node(node)
        unit, crashed = left[0]
        unit[crashed] = True
        super().remove_node(node)
        return crashed


# ---- lanes and order ----


def file_of(item) -> str:
    return item.nodeid.split("::")[0]


@pytest.hookimpl(tryfirst=True)  # before -m is applied
def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.path.suffix == ".ipynb" or item.get_closest_marker("exhaustive"):
            item.add_marker("slow")
    if not (config.option.all or config.option.markexpr):
        named = {Path(argument.split("::")[0]).resolve() for argument in config.args}
        left_out = [i for i in items if i.get_closest_marker("exhaustive") and i.path not in named]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
    seed, files = config.option.random_seed, dict.fromkeys(map(file_of, items))
    place = {file: number for number, file in enumerate([*LONG, *files])}
    if seed is not None:
        place = {file: random.Random(f"{seed} {file}").random() for file in files}

    def key(item):
        if item.path.suffix == ".ipynb":  # its cells keep their order
            return place[file_of(item)], item.cell_num
        mixed = 0 if seed is None else random.Random(f"{seed} {item.nodeid}").random()
        return place[file_of(item)], mixed

    items.sort(key=key)


# ---- random state ----


def seed_everything(config) -> None:
    """Tests depend neither on the tests before them nor on luck."""
    seed = config.option.random_seed or 0
    random.seed(seed)
    for name, function in (("numpy", "random.seed"), ("torch", "manual_seed")):
        if module := sys.modules.get(name):
            for part in function.split("."):
                module = getattr(module, part)
            module(seed)


def pytest_pycollect_makemodule(parent):
    seed_everything(parent.config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    seed_everything(item.config)


# ---- what was left out ----


def pytest_terminal_summary(terminalreporter):
    """One line for each reason for which tests were skipped."""
    skipped = terminalreporter.getreports("skipped")
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"skipped {count}: {reason}")
