"""What holds for the repository as a whole: its files, its dependencies, its imports, its style."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MODULES = sorted((ROOT / "course_utils").rglob("*.py"))

# imported here, and brought by a package that is declared
COMES_WITH = {
    "IPython": "ipykernel",
    "jupyter_client": "ipykernel",
    "jupyter_core": "jupyterlab",
    "jupyterlab_server": "jupyterlab",
    "packaging": "jupyterlab",
    "traitlets": "ipykernel",
}
NAMED_OTHERWISE = {"PIL": "pillow"}

# from the ground up: a room imports from itself and from what stands before it
FLOORS = ["store", "data", "models", "training engine", "show", "classroom", "commands", "__main__"]
ROOMS = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}

WEIGHTS = "data/tiny/weights/"  # the course's own network and its record
PATH_OF_A_USER = re.compile(r"(?<![\w.:/])/(?:home|Users|root|work)/\w+|\b[A-Z]:\\+Users\\+\w+")
ABOUT_PATHS = {"tests/test_repository.py", "tests/test_notebooks.py", "tests/notebook_rules.py"}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Name and content of every file that git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    names = [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]
    return {name: (ROOT / name).read_bytes() for name in names}


def text_in(files: dict[str, bytes]) -> dict[str, str]:
    return {
        name: content.decode("utf-8", "replace")
        for name, content in files.items()
        if b"\0" not in content[:8000]
    }


def hosts(text: str) -> set[str]:
    return set(re.findall(r"https?://(?:[^\s/@\"']*@)?([\w.-]+)", text))


def registries_of_this_machine() -> set[str]:
    """Where this machine gets its packages from, as far as it is not public."""
    lock = ROOT / "uv.lock"  # written by uv, not tracked
    told = [value for name, value in os.environ.items() if re.search("INDEX|FIND_LINKS", name)]
    if lock.exists():
        told += re.findall(r'registry = "([^"]+)"', lock.read_text(encoding="utf-8"))
    return hosts(" ".join(told))


def test_no_lock_file_and_no_registry_address(files):
    assert "uv.lock" not in files
    private = registries_of_this_machine()
    for name, text in text_in(files).items():
        index = re.findall(r"https?://\S+/simple\b", text)
        assert not index, name
        assert not [host for host in private if host in text], name


def test_no_path_of_somebodys_machine(files):
    for name, text in text_in(files).items():
        if name not in ABOUT_PATHS:
            assert not PATH_OF_A_USER.findall(text), name


def test_files_are_small(files):
    sizes = {name: len(content) for name, content in files.items()}
    weights = {name: sizes.pop(name) for name in list(sizes) if name.startswith(WEIGHTS)}
    assert len(weights) == 2 and sum(weights.values()) < 6e6
    assert not [name for name, size in sizes.items() if size > 1e6]
    drawings = [size for name, size in sizes.items() if name.startswith("data/tiny/")]
    assert 0 < sum(drawings) <= 4e6


def declared(*groups: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for, by name."""
    texts = list(PROJECT["project"]["dependencies"])
    for group in groups:
        for entry in PROJECT["dependency-groups"][group]:
            included = isinstance(entry, dict) and entry["include-group"]
            texts += PROJECT["dependency-groups"][included] if included else [entry]
    return {(r := Requirement(text)).name: r for text in texts}


def test_conda_environment_is_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == "image-classification-course"
    python, pip, through_pip = environment["dependencies"]
    assert pip == "pip" and through_pip["pip"][-1] == "-e ."
    assert Requirement(python).specifier == PROJECT["project"]["requires-python"]
    listed = {(r := Requirement(text)).name: r for text in through_pip["pip"][:-1]}
    assert listed == declared("dev")


def test_every_direct_dependency_is_pinned_within_its_bounds():
    pins = {}
    for text in PROJECT["tool"]["uv"]["constraint-dependencies"]:
        pins.setdefault(Requirement(text).name, []).append(Requirement(text).specifier)
    for name, requirement in declared("dev", "grading").items():
        assert name in pins, f"{name} has no pin"
        for pin in pins[name]:
            (version,) = [part.version for part in pin if part.operator == "=="]
            assert requirement.specifier.contains(version), f"{name}: {pin}"


def imports_of(path: Path) -> set[str]:
    """Dotted names of all that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: write the import out from course_utils on"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_imports_are_declared():
    known = set(declared()) | sys.stdlib_module_names | {"course_utils"} | set(COMES_WITH)
    assert set(COMES_WITH.values()) <= set(declared())
    for path in MODULES:
        grading = set(declared("grading")) if path.parent.name == "grading" else set()
        roots = {name.split(".")[0] for name in imports_of(path)}
        assert {NAMED_OTHERWISE.get(root, root) for root in roots} <= known | grading, path.name


def test_imports_run_one_way():
    names = {module_name(path) for path in MODULES}
    graph = {module_name(path): imports_of(path) & names - {"course_utils"} for path in MODULES}
    unknown = {name.split(".")[1] for name in names if "." in name} - set(ROOMS)
    assert not unknown, "say in ROOMS where these stand"
    for name, imported in graph.items():
        for other in imported if name != "course_utils" else ():
            upper, lower = (ROOMS[module.split(".")[1]] for module in (name, other))
            assert lower <= upper, f"{name} imports {other}"
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError


def test_what_a_lesson_shows_names_its_notebook_and_stands_on_the_map():
    rooms = ("data", "models", "training", "show")
    files = [p for room in rooms for p in (ROOT / "course_utils" / room).glob("[!_]*.py")]
    map_ = (ROOT / "course_utils" / "README.md").read_text(encoding="utf-8")
    for path in files:
        assert re.search("notebooks? 0[0-6]", ast.get_docstring(ast.parse(path.read_text())), re.I)
        assert f"{path.parent.name}/{path.name}" in map_, path
    named = re.findall(r"`((?:store|engine|commands|classroom|data)/[\w/]+\.?p?y?)/?`", map_)
    assert named and all((ROOT / "course_utils" / name).exists() for name in named)


def test_no_benchmark_among_the_tests(request):
    assert not [item.nodeid for item in request.session.items if "benchmarks" in item.nodeid]
    assert "benchmarks" in PROJECT["tool"]["pytest"]["ini_options"]["norecursedirs"]


def test_readme_and_ci_run_the_same_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "pip install uv && uv run course lab\n" in readme
    assert "pip install uv && uv run pytest\n" in readme
    assert script.splitlines()[-1].startswith("uv run pytest --all ")


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff(arguments):
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
