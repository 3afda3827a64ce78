"""Every notebook keeps the rules, and every rule catches a notebook that does not."""

import base64
import io
import socket
from copy import deepcopy
from inspect import signature

import nbformat
import notebook_rules as rules
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image, ImageDraw

from course_utils.classroom.notebooks import ROOT, execute, executed, joined, to_bytes

FOLDERS = [ROOT / "notebooks", ROOT / "notebooks" / "solutions"]
NOTEBOOKS = [path for folder in FOLDERS for path in sorted(folder.glob("*.ipynb"))]


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_keeps_rule(path, rule):
    told = {"folder": path.parent} if "folder" in signature(rule).parameters else {}
    assert not list(rule(nbformat.read(path, as_version=4), **told))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_file_is_as_the_command_writes_it(path):
    assert path.read_bytes() == to_bytes(nbformat.read(path, as_version=4))


def png(drawn: bool) -> str:
    picture = Image.new("RGB", (32, 32), "white")
    if drawn:
        ImageDraw.Draw(picture).line((0, 0, 31, 31), fill="black")
    stream = io.BytesIO()
    picture.save(stream, "png")
    return base64.b64encode(stream.getvalue()).decode()


def code(source, count, *outputs, tags=()):
    metadata = {"tags": list(tags)} if tags else {}
    return new_code_cell(
        source, execution_count=count, outputs=list(outputs), metadata=metadata, id=f"code-{count}"
    )


def shown(**data):
    data = {kind.replace("_", "/", 1): value for kind, value in data.items()}
    return new_output("display_data", data=data)


@pytest.fixture
def good():
    """A small notebook that keeps every rule."""
    text = (
        "How large is the picture? ![a diagonal line](../README.md) and a [link](../README.md).\n"
    )
    fold = "<details><summary>Answer</summary>\n\nthirty-two\n\n</details>\n"
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# A title\n\n" + text + fold * 3, id="title"),
            code("import course_utils\nimport torch", 1),
            code("show()", 2, shown(image_png=png(True), text_plain="<Figure size 1x1>")),
            code("timed()", 3, new_output("stream", text="2 s\n"), tags=[rules.IGNORED]),
            code("silent()", 4),
            code("1 / 0", 5, tags=["raises-exception"]),
            new_markdown_cell("## Summary\n\nFive lines.\n\n## Sources\n\nA paper.", id="end"),
        ]
    )
    notebook.cells[5].outputs = [new_output("error", ename="E", evalue="0", traceback=["E: 0"])]
    return nbformat.reads(to_bytes(notebook).decode(), as_version=4)


def test_good_notebook_keeps_every_rule(good):
    assert [found for rule in rules.RULES for found in rule(good)] == []


def tagged(cell, tag):
    cell.metadata["tags"] = [tag]


def put(cell, output):
    cell.outputs = [output]


def add_text(words):
    return lambda nb: nb.cells[0].update(source=f"{nb.cells[0].source}\n{words}")


def set_source(number, source):
    return lambda nb: nb.cells[number].update(source=source)


def set_output(number, kind="stream", **fields):
    return lambda nb: put(nb.cells[number], new_output(kind, **fields))


BROKEN = [
    (rules.short, lambda nb: nb.cells.extend([new_markdown_cell("more")] * 60)),
    (rules.as_much_text_as_code, set_source(1, "import course_utils\n" + "x = 1\n" * 200)),
    (rules.short_code_cells, set_source(2, "x = 1\n" * 31)),
    (rules.short_code_cells, lambda nb: [c.update(source="x\n" * 7) for c in nb.cells]),
    (rules.counts_run_from_1, lambda nb: nb.cells[2].update(execution_count=7)),
    (rules.counts_run_from_1, lambda nb: nb.cells[2].update(execution_count=None)),
    (rules.counts_run_from_1, lambda nb: nb.cells[4].update(execution_count=None)),
    (rules.counts_run_from_1, lambda nb: tagged(nb.cells[4], "skip-execution")),
    (rules.counts_run_from_1, lambda nb: tagged(nb.cells[4], "nbval-skip")),
    (rules.counts_run_from_1, set_source(2, " \n")),
    (rules.no_unexpected_error, lambda nb: nb.cells[5].metadata.tags.clear()),
    (rules.no_unexpected_error, set_output(2, name="stderr", text="UserWarning: old\n")),
    (rules.no_blank_picture, lambda nb: put(nb.cells[2], shown(image_png=png(False)))),
    (rules.no_raw_repr, set_output(2, text="<Axes: >\n")),
    (rules.no_raw_repr, set_output(2, text="<function f at 0x7f00>\n")),
    (rules.no_raw_repr, lambda nb: put(nb.cells[2], shown(text_plain="<Figure size 1x1>"))),
    (rules.few_ignored, lambda nb: nb.cells.extend([nb.cells[3]] * 5)),
    (rules.few_ignored, lambda nb: nb.cells[3].outputs.clear()),
    (rules.few_ignored, set_source(2, "# NBVAL_IGNORE_OUTPUT\nshow()")),
    (rules.pictures_have_alt_text, add_text("![](../README.md)")),
    (rules.pictures_have_alt_text, add_text('<img src="../README.md">')),
    (rules.pictures_have_alt_text, add_text('<img src="../README.md" alt=" ">')),
    (rules.pictures_have_alt_text, lambda nb: put(nb.cells[2], shown(text_html="<img src='x'>"))),
    (rules.details_are_closed, add_text("<details><summary>More</summary> text")),
    (rules.details_are_closed, add_text("<details>no summary</details>")),
    (rules.as_stored, lambda nb: nb.metadata.update(widgets={"state": {}})),
    (rules.as_stored, lambda nb: nb.metadata.language_info.update(version="3.11.7")),
    (rules.as_stored, lambda nb: nb.cells[2].metadata.update(execution={"iopub.busy": "2026"})),
    (rules.as_stored, lambda nb: nb.cells[0].update(attachments={}) or nb.cells[0].pop("id")),
    (rules.as_stored, set_output(5, "error", ename="E", evalue="0", traceback=["a", "b"])),
    (rules.has_header, set_source(0, "## no title")),
    (rules.has_header, set_source(6, "# Summary\n# Sources")),
    (rules.has_header, lambda nb: nb.cells.insert(0, nb.cells.pop(1))),
    (rules.has_end, set_source(6, "## Summary")),
    (rules.has_end, set_source(6, "## Sources")),
    (rules.links_lead_somewhere, add_text("[gone](gone.ipynb)")),
    (rules.links_lead_somewhere, add_text('<a href="gone.ipynb#here">gone</a>')),
    (rules.imports_course_first, set_source(1, "import torch\nfrom course_utils import fit")),
    (rules.imports_course_first, set_source(1, "import torchvision.io\nimport course_utils")),
    (rules.imports_course_first, set_source(1, "import torch")),
    (rules.nothing_of_this_machine, set_output(2, text="saved in /home/me/runs\n")),
    (rules.nothing_of_this_machine, set_output(2, text="saved in C:\\Users\\me\n")),
    (rules.nothing_of_this_machine, set_source(2, 'torch.load("/tmp/model.pt")')),
]


@pytest.mark.parametrize("rule, damage", BROKEN, ids=lambda value: value.__name__)
def test_rule_catches(good, rule, damage):
    broken = deepcopy(good)
    damage(broken)
    assert list(rule(broken))


def test_machine_name_is_caught(good, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "hal9000")
    set_output(2, name="stdout", text="trained on hal9000\n")(good)
    assert list(rules.nothing_of_this_machine(good))


def test_every_rule_is_tested():
    assert {rule for rule, _ in BROKEN} == set(rules.RULES)


NOISY = """import sys, os, uuid
import matplotlib.pyplot as plt
from ipywidgets import IntSlider
from tqdm.auto import trange
for i in trange(2):
    print(i)
    print("note", i, file=sys.stderr)
plt.plot([1, 2])
plt.show()
print({name: os.environ.get(name) for name in ("COURSE_PROFILE", "GOMP_SPINCOUNT", "MPLBACKEND")})
IntSlider(3)"""


@pytest.fixture
def noisy(tmp_path):
    """A notebook as an older editor leaves it: no ids, no outputs, metadata of one machine."""
    notebook = new_notebook(cells=[new_code_cell(NOISY), new_code_cell("1 / 0")])
    notebook.cells[1].metadata = {"tags": ["raises-exception"], "collapsed": True}
    notebook.metadata["language_info"] = {"name": "python", "version": "3.0.1"}
    notebook.nbformat_minor = 4
    for cell in notebook.cells:
        del cell["id"]
    path = tmp_path / "noisy.ipynb"
    nbformat.write(notebook, path)
    return path


@pytest.mark.slow
def test_execution_gives_the_same_bytes_twice(noisy, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "gpu")
    monkeypatch.setenv("MPLBACKEND", "agg")
    before = noisy.read_bytes()
    assert execute([noisy], check=True) == 1  # differs …
    assert noisy.read_bytes() == before  # … and is left alone
    assert execute([noisy]) == 0
    after = noisy.read_bytes()
    assert executed(noisy) == after

    first, second = nbformat.reads(after.decode(), as_version=4).cells
    stdout = "".join(o.text for o in first.outputs if o.get("name") == "stdout")
    assert stdout.startswith("0\n1\n{'COURSE_PROFILE': 'tiny', 'GOMP_SPINCOUNT': '0', ")
    assert any("image/png" in o.get("data", {}) for o in first.outputs)
    assert first.outputs[-1].data == {"text/plain": "IntSlider(value=3)"}
    assert second.outputs[0].traceback == ["ZeroDivisionError: division by zero"]
    assert second.metadata == {"tags": ["raises-exception"]}


@pytest.mark.slow
def test_output_that_nobody_compares_stays_until_it_is_cleared(tmp_path):
    path = tmp_path / "timed.ipynb"
    cell = new_code_cell("import time; print(time.time_ns())", id="timed")
    cell.metadata["tags"] = [rules.IGNORED]
    nbformat.write(new_notebook(cells=[cell]), path)
    assert execute([path]) == 0
    first = path.read_bytes()
    assert executed(path) == first
    cell.outputs = []
    nbformat.write(new_notebook(cells=[cell]), path)
    assert executed(path) not in (first, path.read_bytes())


def test_streams_do_not_depend_on_timing():
    def said(*pieces):
        return [new_output("stream", name=name, text=text) for name, text in pieces]

    picture = [shown(image_png=png(True))]
    apart = said(("stdout", "a"), ("stderr", "x"), ("stdout", "b"), ("stderr", "y"))
    whole = said(("stdout", "ab"), ("stderr", "xy"))
    late = said(("stdout", "c"))
    assert joined(apart + picture + late) == whole + picture + late


@pytest.mark.slow
def test_failing_notebook_is_left_as_it_was(tmp_path, capsys):
    path = tmp_path / "failing.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    assert execute([path]) == 1
    assert path.read_bytes() == before
    assert "failing.ipynb" in capsys.readouterr().out
