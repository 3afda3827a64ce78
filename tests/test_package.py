"""What `import course_utils` does to a process, and what it leaves alone."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import jedi
import pytest
from jupyter_client.manager import start_new_kernel

import course_utils

ROOT = Path(__file__).resolve().parents[1]
SHOW = {"OMP_DISPLAY_ENV": "verbose"}  # libgomp then prints its settings when it is loaded
openmp_is_gnu = pytest.mark.skipif(sys.platform != "linux", reason="libgomp is Linux's OpenMP")


def bare_environment(**added) -> dict[str, str]:
    """The environment of a user, without what conftest set."""
    return {k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"} | added


def python(code: str, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=ROOT, env=bare_environment(**environment),
    )  # fmt: skip


def test_import_loads_nothing_heavy_and_changes_nothing_else():
    done = python(
        "import os, sys, random, warnings\n"
        "before = dict(os.environ), set(sys.modules), random.getstate(), list(warnings.filters)\n"
        "import course_utils\n"
        "assert 'profile' in dir(course_utils)\n"
        "changed = {k: v for k, v in os.environ.items() if before[0].get(k) != v}\n"
        "assert changed == {'GOMP_SPINCOUNT': '0'}, changed\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'PIL', 'IPython'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert random.getstate() == before[2] and warnings.filters == before[3]\n"
    )
    assert done.stdout == done.stderr == ""


def test_the_users_choice_of_spinning_stands():
    code = "import course_utils, os; print(os.environ['GOMP_SPINCOUNT'])"
    assert python(code, GOMP_SPINCOUNT="7").stdout == "7\n"


@openmp_is_gnu
def test_openmp_does_not_spin():
    assert "GOMP_SPINCOUNT = '0'" in python("import course_utils, torch", **SHOW).stderr


@pytest.mark.slow
@openmp_is_gnu
def test_openmp_does_not_spin_in_a_notebook(tmp_path):
    with (tmp_path / "said").open("w+") as said:
        environment = bare_environment(**SHOW)
        manager, client = start_new_kernel(kernel_name="python3", env=environment, stderr=said)
        try:
            code = "import course_utils, torch"
            reply = client.execute_interactive(code, timeout=60, output_hook=lambda _: None)
            assert reply["content"]["status"] == "ok"
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
        said.seek(0)
        assert "GOMP_SPINCOUNT = '0'" in said.read()


def test_every_name_is_there():
    assert len(course_utils.__all__) == len(set(course_utils.__all__)) > 30
    for name in course_utils.__all__:
        value = getattr(course_utils, name)
        assert value.__name__.rpartition(".")[2] == name
        assert value.__doc__, name
    assert set(course_utils.__all__) <= set(dir(course_utils))


def test_every_name_that_a_notebook_imports_is_offered():
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob("notebooks/**/*.ipynb")]
    lines = [
        line for text in texts for line in re.findall(r"from course_utils import ([\w, ]+)", text)
    ]
    names = {name.split(" as ")[0].strip() for line in lines for name in line.split(",")}
    assert {"profile", "checks", "fit"} <= names <= set(course_utils.__all__)


def test_every_name_is_used_in_a_notebook():
    code = " ".join(path.read_text(encoding="utf-8") for path in ROOT.glob("notebooks/**/*.ipynb"))
    assert [name for name in course_utils.__all__ if not re.search(rf"\b{name}\b", code)] == []


@pytest.mark.parametrize("name", course_utils.__all__)
def test_an_editor_finds_where_a_name_is_defined(name):
    script = jedi.Script(f"from course_utils import {name}\n{name}", project=jedi.Project(ROOT))
    (found,) = script.goto(2, 0, follow_imports=True)
    value = getattr(course_utils, name)
    source = inspect.getsourcefile(inspect.unwrap(value))
    assert (str(found.module_path), found.name) == (source, name)


def test_names_that_are_none():
    with pytest.raises(AttributeError, match="has no 'Batch'; it has: BasicBlock, Batches, "):
        _ = course_utils.Batch
    with pytest.raises(ImportError):
        exec("from course_utils import Batch")
