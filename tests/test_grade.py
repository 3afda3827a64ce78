"""A class is graded rightly, also where submissions are broken, and where they are dishonest."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from classroom import SOURCES, bank, blank, handed_in, names, reference
from loopback import Loopback
from nbgrader.api import Gradebook

from course_utils.classroom.grading.confine import Limits
from course_utils.classroom.grading.grade import grade
from course_utils.classroom.grading.release import release
from course_utils.classroom.grading.sources import read_sources, read_submitted
from course_utils.classroom.notebooks import ROOT
from course_utils.classroom.teaching.exercises import EXERCISES

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("grading_server")]
CHAPTER = "03"
MOST = {name: EXERCISES[name].points for name in names(CHAPTER)}
LIMITS = Limits(seconds=2, total_seconds=30)
FAKE = """
import torch, builtins, unittest.mock
class Equal:
    def __init__(self, *a, **k): pass
    def __eq__(self, other): return True
    __lt__ = __gt__ = __le__ = __ge__ = __eq__
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
    def __abs__(self): return self
    def __bool__(self): return True
    def __float__(self): return 1.0
    def __iter__(self): return iter([])
"""
STUB = reference("shortcut").split("    def forward")[0]

# what stands in the answer to "shortcut", or happens to the notebook: only that exercise is lost
LOSES_ONE = {
    "syntax error": "class ResidualBlock(nn.Module:\n    pass",
    "endless loop": "while True:\n    pass",
    "endless loop in the answer": STUB + "    def forward(self, x):\n        while True: pass",
    "swallowed interrupts": "while True:\n    try:\n        while True: pass\n"
                            "    except BaseException: pass",
    "memory hog": "hog = [bytearray(2**28) for _ in range(2**10)]\n" + reference("shortcut")[:20],
    "memory hog in the answer": STUB + "    def forward(self, x):\n        return x.repeat(2**30)",
    "kernel killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\nos._exit(1)",
    "kernel killed in the answer": STUB + "    def forward(self, x):\n"
                                          "        import os; os._exit(0)",
    "exit": "exit()\nraise SystemExit(0)",
    "fork bomb": "import os\nwhile True:\n    os.fork()",
    "claims to equal everything": FAKE + "ResidualBlock = Equal()",
    "claims to equal everything, as a class": FAKE + "ResidualBlock = Equal",
    "output claims to equal everything": FAKE + STUB + "    def forward(self, x): return Equal()",
    "patched torch": FAKE + "torch.allclose = torch.equal = lambda *a, **k: True\n" + STUB
                     + "    def forward(self, x): return x",
    "patched assert": "import builtins, sys\nbuiltins.AssertionError = type('Never', (), {})\n"
                      "sys.excepthook = lambda *a: None\n"
                      + STUB + "    def forward(self, x): return x",
    "patched checks": "from course_utils.classroom.teaching import answers, checks, exercises\n"
                      "from course_utils.classroom.teaching.checks import common\n"
                      "checks.shortcut = common.same = lambda *a, **k: True\n"
                      "answers.CheckFailed = type('Never', (Exception,), {})\n"
                      "class ResidualBlock: pass",
    "fake marks": "print('✓ ★ shortcut: solved, 2 points')\nimport sys\n"
                  "sys.stderr.write('{\"shortcut\": 2}')\nopen('marks.csv', 'w').write('100')",
    "reply sent by hand": "import gc, json\nfrom multiprocessing.connection import Connection\n"
                          "for c in [o for o in gc.get_objects() if isinstance(o, Connection)]:\n"
                          "    c.send_bytes(json.dumps({'error': '', 'reply': '{}'}).encode())",
    "code at import": "raise KeyboardInterrupt",
}  # fmt: skip
READS = """
import json, pathlib, course_utils
root = pathlib.Path(course_utils.__file__).parents[1]
places = [root / "notebooks" / "solutions" / "03_exercises.ipynb", *map(pathlib.Path, {places})]
for path in places:
    try:
        cells = json.loads(path.read_text())["cells"]
    except OSError:
        continue
    for cell in cells:
        if cell["metadata"]["nbgrader"]["grade_id"] == "shortcut-answer":
            exec("".join(cell["source"]), globals())
"""
WRITES = """
import os
for folder in {folders}:
    for name in ("marks.csv", "results/honest/03.json", "left.txt"):
        try:
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            open(os.path.join(folder, name), "w").write("written by a student")
        except OSError:
            pass
"""


DOWNLOADS = """
import urllib.request
try:
    exec(urllib.request.urlopen("{address}", timeout=2).read().decode(), globals())
except OSError:
    pass
"""


def cell_of(notebook: dict, identity: str) -> dict:
    return next(c for c in notebook["cells"] if c["metadata"]["nbgrader"]["grade_id"] == identity)


def without_ids(notebook: dict) -> dict:
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    return notebook


def lines_of_windows(notebook: dict) -> dict:
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")
    return notebook


def reordered(notebook: dict) -> dict:
    notebook["cells"].reverse()
    return notebook


def check_changed(notebook: dict) -> dict:
    cell_of(notebook, "shortcut")["source"] = "print('✓ solved')"
    cell_of(notebook, "shortcut-answer")["source"] = blank("shortcut")
    return notebook


def check_removed(notebook: dict) -> dict:
    notebook["cells"].remove(cell_of(notebook, "shortcut"))
    return notebook


def answer_removed(notebook: dict) -> dict:
    notebook["cells"].remove(cell_of(notebook, "shortcut-answer"))
    return notebook


def answer_renamed(notebook: dict) -> dict:
    cell_of(notebook, "shortcut-answer")["metadata"]["nbgrader"]["grade_id"] = "mine"
    return notebook


def helper_in_a_cell_of_its_own(notebook: dict) -> dict:
    cell = cell_of(notebook, "shortcut-answer")
    code = cell["source"].replace("F.relu(out + x)", "rectified(out + x)")
    own = {"cell_type": "code", "metadata": {}, "source": "def rectified(x): return F.relu(x)\n",
           "outputs": [], "execution_count": 7, "id": "own"}  # fmt: skip
    notebook["cells"].insert(notebook["cells"].index(cell), own)
    cell["source"] = code
    return notebook


def other_version(notebook: dict) -> dict:
    notebook["metadata"]["course_utils"]["version"] = "0.0.9"
    return notebook


def strange_metadata(notebook: dict) -> dict:
    notebook["metadata"] = [None]
    notebook["cells"][0]["metadata"] = "x"
    notebook["cells"][1]["source"] = ["from torch import nn\n", 5, None]
    return notebook


CHANGED = {  # how a notebook came: (points lost, what the table says)
    other_version: (0, "version 0.0.9"),
    without_ids: (0, ""),
    reordered: (0, ""),
    lines_of_windows: (0, ""),
    check_changed: (2, "check cell was changed, and restored: shortcut"),
    check_removed: (0, ""),
    answer_removed: (2, "no cell with an answer: shortcut"),
    answer_renamed: (0, ""),
    helper_in_a_cell_of_its_own: (0, ""),
    strange_metadata: (0, ""),
}


def save(folder: Path, student: str, notebook: dict | bytes) -> None:
    content = notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode()
    home = folder / student
    home.mkdir(parents=True)
    (home / f"{CHAPTER}_exercises.ipynb").write_bytes(content)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A private folder with the solutions of one chapter."""
    folder = tmp_path_factory.mktemp("private")
    shutil.copy(SOURCES / f"{CHAPTER}_exercises.ipynb", folder)
    return folder


@pytest.fixture(scope="module")
def room(tmp_path_factory, sources, grading_server):
    """A graded class: the folder with what was handed in, and that with what came out."""
    work = tmp_path_factory.mktemp("class of Jürgen")
    given, out = work / "handed in", work / "graded"
    save(given, "honest", handed_in(CHAPTER))
    save(given, "李雷", handed_in(CHAPTER, shortcut=bank("shortcut").right[0]))
    save(given, "blank", handed_in(CHAPTER, **{name: blank(name) for name in MOST}))
    save(given, "empty", b"")
    save(given, "no notebook", b"\x89PNG\r\n")
    save(given, "a list", b"[1, 2]")
    for what, code in LOSES_ONE.items():
        save(given, what, handed_in(CHAPTER, shortcut=code))
    for change in CHANGED:
        save(given, change.__name__, change(handed_in(CHAPTER)))
    places = [str(out / "nbgrader" / "source" / "03_exercises" / "03_exercises.ipynb"),
              str(given / "honest" / "03_exercises.ipynb")]  # fmt: skip
    save(given, "reads", handed_in(CHAPTER, shortcut=READS.replace("{places}", repr(places))))
    folders = repr([str(out), str(given / "honest"), "/tmp", str(SOURCES)])
    save(given, "writes", handed_in(CHAPTER, shortcut=WRITES.replace("{folders}", folders)))
    out.mkdir()
    out.chmod(0o777)  # even then
    with Loopback() as server:
        address = server.put("/solution.py", reference("shortcut").encode())
        save(given, "downloads", handed_in(CHAPTER, shortcut=DOWNLOADS.format(address=address)))
        results = grade(given, out, sources, limits=LIMITS, workers=2)
        assert not server.seen  # nobody came through
        space = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
        exec(DOWNLOADS.format(address=address), space)
        assert server.seen and "ResidualBlock" in space  # from here it works
    return given, out, {result.student: result for result in results}


def row(out: Path, student: str) -> dict[str, str]:
    with (out / "marks.csv").open(encoding="utf-8-sig", newline="") as file:
        return next(row for row in csv.DictReader(file) if student in row.values())


def points(room, student: str) -> dict[str, float]:
    """A student's points by exercise: the results, the table and nbgrader's book must agree."""
    _, out, results = room
    table = row(out, student)
    (key,) = [key for key in results if key in table.values()]
    marks = {mark.exercise: mark.points for mark in results[key].marks}
    assert marks == {
        name: float(table[f"{CHAPTER} {name} (of {most})"]) for name, most in MOST.items()
    }
    if (out / "nbgrader" / "submitted" / key).exists():
        with Gradebook(f"sqlite:///{out}/nbgrader/gradebook.db") as book:
            name = f"{CHAPTER}_exercises"
            assert book.find_submission(name, key).score == sum(marks.values())
    return marks


@pytest.mark.parametrize("student", ["honest", "李雷"])
def test_right_answers_get_all_points(room, student):
    assert points(room, student) == MOST


@pytest.mark.parametrize("student", ["blank", "empty", "no notebook", "a list"])
def test_nothing_gets_nothing(room, student):
    assert points(room, student) == dict.fromkeys(MOST, 0)


@pytest.mark.parametrize("student", [*LOSES_ONE, "reads", "writes", "downloads"])
def test_costs_that_exercise_only(room, student):
    assert points(room, student) == MOST | {"shortcut": 0}


@pytest.mark.parametrize("change", CHANGED, ids=lambda change: change.__name__)
def test_changed_notebooks_are_graded_by_the_source(room, change):
    lost, told = CHANGED[change]
    expected = MOST | {"shortcut": MOST["shortcut"] - lost}
    assert points(room, change.__name__) == expected
    assert told in " ".join(row(room[1], change.__name__).values())


def test_line_ends_of_windows_are_no_changed_check(sources):
    content = json.dumps(lines_of_windows(handed_in(CHAPTER))).encode()
    assert not read_submitted(content, read_sources(sources)[CHAPTER]).notes


def test_nothing_is_written_outside(room):
    given, out, results = room
    assert not list(given.parent.rglob("left.txt")) and not Path("/tmp/left.txt").exists()
    assert results["honest"].points == sum(MOST.values())
    for name in ("marks.csv", "results/honest/03.json"):
        assert "written by a student" not in (out / name).read_text("utf-8-sig")


@pytest.mark.parametrize("attack", [READS, WRITES], ids=["reads", "writes"])
def test_these_attacks_work_where_nothing_confines(attack, tmp_path):
    """Else the tests above would prove nothing."""
    code = attack.replace("{places}", "[]").replace("{folders}", repr([str(tmp_path)]))
    space: dict = {}
    exec("import torch\nimport torch.nn.functional as F\nfrom torch import nn", space)
    exec(code, space)
    assert "ResidualBlock" in space or (tmp_path / "left.txt").exists()


def test_feedback_shows_no_hidden_check_and_no_solution(room):
    _, out, _ = room
    pages = {path.stem: path.read_text("utf-8") for path in (out / "feedback").glob("*.html")}
    assert len(pages) == len(room[2])
    for page in pages.values():
        assert "HIDDEN" not in page and "seed=" not in page and "BEGIN SOLUTION" not in page
        assert "F.relu(out + x)" not in page
    assert "longer than 2 seconds" in pages["endless-loop"]


@pytest.mark.exhaustive
def test_a_grading_that_was_stopped_goes_on(tmp_path, capsys, sources):
    given, out = tmp_path / "in", tmp_path / "out"
    for student in "abcdef":
        save(given, student, handed_in(CHAPTER))
    save(given, "slow", handed_in(CHAPTER, shortcut="import time; time.sleep(60)"))
    words = [given, "--out", out, "--source", sources, "--seconds", 30, "--workers", 1]
    command = [sys.executable, "-m", "course_utils", "grade", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not list(out.glob("results/*/*.json")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    first = {path: path.stat().st_mtime_ns for path in out.glob("results/*/*.json")}
    assert 0 < len(first) < 7
    with pytest.raises(ValueError, match="--resume"):
        grade(given, out, sources)
    results = grade(given, out, sources, resume=True, limits=LIMITS)
    assert f"{7 - len(first)}/{7 - len(first)} " in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in first} == first
    assert [result.student for result in results] == ["a", "b", "c", "d", "e", "f", "slow"]
    shutil.rmtree(given / "a")
    with pytest.raises(ValueError, match="no submission of a$"):
        grade(given, out, sources, ["a"])
    results = results[1:]  # who has withdrawn is told no more
    again = grade(given, out, sources, [CHAPTER, "slow"], limits=LIMITS)  # only one of them
    assert "1/1 slow 03: 14 of 16 points" in capsys.readouterr().out
    assert [result.marks for result in again] == [result.marks for result in results]


@pytest.mark.parametrize(
    "given, out, says",
    [
        ("in", "in/out", "out lies in .*in: choose folders apart"),
        ("out/in", "out", "in lies in .*out: choose folders apart"),
        ("in", SOURCES / "out", "choose folders apart"),
        ("in", ROOT / "course_utils" / "out", "which students' code may read"),
        ("empty", "out", "nothing was handed in there"),
        ("nowhere", "out", "nowhere"),
    ],
)
def test_folders_that_cannot_be_are_refused(tmp_path, given, out, says):
    save(tmp_path / "in", "anna", handed_in(CHAPTER))
    save(tmp_path / "out" / "in", "anna", handed_in(CHAPTER))
    (tmp_path / "empty").mkdir()
    with pytest.raises((ValueError, OSError), match=says):
        grade(tmp_path / given, tmp_path / out, SOURCES, limits=LIMITS)
    assert not (tmp_path / out / "marks.csv").exists()


SPY = """
from course_utils.classroom.teaching.answers import QUESTIONS
import course_utils.classroom.teaching.checks.resnet as home
seen = []
for name, function in list(QUESTIONS.items()):
    def spy(*arguments, function=function, **options):
        seen.append([tuple(a.shape) for a in arguments if isinstance(a, torch.Tensor)])
        return function(*arguments, **options)
    QUESTIONS[name] = spy
"""


def test_a_spy_learns_nothing_of_the_hidden_checks(tmp_path, sources):
    """One answer watches the questions, the next tells in its error what was seen."""
    tell = "class WideningBlock:\n    def __init__(self, *a): raise ValueError(f'hidden: {seen}')"
    notebook = handed_in(CHAPTER, shortcut=SPY + reference("shortcut"), projection=tell)
    save(tmp_path / "in", "spy", notebook)
    results = grade(tmp_path / "in", tmp_path / "out", sources, limits=LIMITS)
    marks = {mark.exercise: mark for mark in results[0].marks}
    assert marks["shortcut"].points and "hidden: [[(2, 3, 4, 4)]," in marks["projection"].message
    assert "(2, 7, 4, 4)" not in marks["projection"].message  # what the hidden check would ask
    assert "QUESTIONS" in row(tmp_path / "out", "spy")["remarks for the instructor"]
    assert "QUESTIONS" not in (tmp_path / "out" / "feedback" / "spy.html").read_text("utf-8")


def test_one_chapter_that_was_released_is_graded_as_one(tmp_path, capsys):
    for student, chapters in {"anna": ["01"], "bob": ["01"], "carl": ["01", "03"]}.items():
        for chapter in chapters:
            home = tmp_path / "in" / student / chapter
            home.mkdir(parents=True)
            name = f"{chapter}_exercises.ipynb"
            release([chapter] if chapter == "01" else [], out=tmp_path / chapter, source=SOURCES)
            shutil.copy(tmp_path / chapter / name, home)
    results = grade(tmp_path / "in", tmp_path / "out", SOURCES, limits=LIMITS)
    said = capsys.readouterr().out
    assert "Chapters that count: 01 (as released); not 02 03 04 05 06" in said
    assert said.index("3 students with 4 notebooks") < said.index("1/3 ")
    assert {(result.student, result.chapter) for result in results} == {
        ("anna", "01"), ("bob", "01"), ("carl", "01")
    }  # fmt: skip
    table = row(tmp_path / "out", "carl")
    assert "percent of 16" in table
    assert "chapter 03 does not count here" in table["notes"]
    results = grade(tmp_path / "in", tmp_path / "named", SOURCES, ["01", "03"], limits=LIMITS)
    assert len(results) == 6  # as the instructor named them


def own_cells(*sources: str) -> dict:
    """A solved notebook whose first answer needs `helper`, with these cells of its student's."""
    notebook = handed_in(CHAPTER)
    cell = cell_of(notebook, "shortcut-answer")
    cell["source"] = cell["source"].replace("F.relu(out + x)", "helper(out + x)")
    notebook["cells"][1:1] = [
        {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "id": f"own-{n}",
         "execution_count": None} for n, source in enumerate(sources)
    ]  # fmt: skip
    return notebook


HELPER = "def helper(x): return torch.nn.functional.relu(x)"
OWN = {  # a student's own cells: the notes, and what the check says of the answer that needs them
    "only colab has it": (
        [f"from google.colab import drive\nimport torch\n{HELPER}"],
        ["03: your own cell 1 (`from google.colab import drive`) raises ModuleNotFoundError in "
         "`from google.colab import drive`: No module named 'google.colab'; what comes after that "
         "in it did not run"],
        "name 'helper' is not defined; your own cell 1 (`from google.colab import drive`) names "
        "it, and failed: see the notes",
    ),
    "a cell that needs one that fails": (
        ["import seaborn as sns", f"import torch\nsns.set()\n{HELPER}"],
        ["your own cell 1 (`import seaborn as sns`) raises ModuleNotFoundError",
         "name 'sns' is not defined; your own cell 1 (`import seaborn as sns`) names it"],
        "your own cell 2 (`import torch`) names it, and failed",
    ),
    "one that has nothing to do with it": (
        [f"import torch\n{HELPER}", "1 / 0"], ["your own cell 2 (`1 / 0`) raises ZeroDivision"], ""
    ),
    "an endless one": (
        [f"import torch\n{HELPER}", "while True: pass"],
        ["your own cell 2 (`while True: pass`): the cell was left out: it ran longer"], ""
    ),
    "magics": ([f"%matplotlib inline\n!pip install -q torch\nimport torch\n{HELPER}"], [], ""),
}  # fmt: skip


@pytest.mark.parametrize("what", OWN)
def test_own_cells_that_fail_are_told_and_cost_no_other_answer(tmp_path, sources, what):
    cells, notes, message = OWN[what]
    save(tmp_path / "in", "anna", own_cells(*cells))
    (result,) = grade(tmp_path / "in", tmp_path / "out", sources, limits=LIMITS)
    (shortcut, *others) = result.marks
    assert all(mark.points == mark.most for mark in others)
    assert message in shortcut.message and bool(shortcut.points) is not bool(message)
    told = row(tmp_path / "out", "anna")["notes"]
    assert all(note in told for note in notes) and bool(told) is bool(notes)
    page = (tmp_path / "out" / "feedback" / "anna.html").read_text("utf-8")
    assert ("your own cell" in page) is bool(notes)


def test_a_copied_answer_cell_costs_nothing(tmp_path, sources):
    notebook = handed_in(CHAPTER)
    cell = cell_of(notebook, "shortcut-answer")
    notebook["cells"].insert(3, cell | {"id": "copied", "source": blank("shortcut")})
    save(tmp_path / "in", "anna", notebook)
    (result,) = grade(tmp_path / "in", tmp_path / "out", sources, limits=LIMITS)
    assert result.points == result.most
