"""The rules of the notebooks: each takes a notebook and yields what it finds wrong."""

import ast
import base64
import io
import re
import socket
from collections.abc import Iterator
from copy import deepcopy
from statistics import median
from urllib.parse import unquote

import nbformat
from nbformat import NotebookNode
from PIL import Image, ImageStat

from course_utils.classroom.notebooks import IGNORED, ROOT, to_bytes

MAX_CELLS, MEDIAN_LINES, MAX_LINES, MAX_IGNORED = 60, 6, 30, 5
# no tag but a comment would do the same to nbval: one way only
MARKER = re.compile(r"^\s*#\s*(NBVAL_\w+|PYTEST_VALIDATE_\w+)", re.M)
REPR = re.compile(r" at 0x[0-9a-f]+|<Figure|<Axes|<matplotlib\.")
PATH = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|work|usr|var|mnt|opt|Users)/|\b[A-Z]:\\")
HEADING = re.compile(r"^(#{1,6})\s+(.+)$", re.M)
FENCE = re.compile(r"```.*?```|`[^`\n]*`", re.S)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)|(?:href|src)\s*=\s*[\"']([^\"']+)", re.I)


def cells(nb: NotebookNode, kind: str) -> list[NotebookNode]:
    return [cell for cell in nb.cells if cell.cell_type == kind]


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def prose(nb: NotebookNode) -> str:
    """All text without the code quoted in it."""
    return "\n\n".join(FENCE.sub("", cell.source) for cell in cells(nb, "markdown"))


def outputs(nb: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    for number, cell in enumerate(nb.cells):
        for output in cell.get("outputs", []):
            yield number, output


def texts(output: NotebookNode) -> str:
    """What a person reads of an output."""
    data = output.get("data", {})
    shown = [text for kind, text in data.items() if kind.startswith("text/")]
    return "\n".join([output.get("text", ""), output.get("evalue", ""), *shown])


def short(nb):
    if len(nb.cells) > MAX_CELLS:
        yield f"{len(nb.cells)} cells, at most {MAX_CELLS}"


def as_much_text_as_code(nb):
    text, code = (sum(len(c.source) for c in cells(nb, kind)) for kind in ("markdown", "code"))
    if text < code:
        yield f"{text} characters of text, {code} of code"


def short_code_cells(nb):
    lines = {True: [0], False: []}  # True: an exercise's answer, a stub for students
    for cell in cells(nb, "code"):
        answer = cell.metadata.get("nbgrader", {}).get("solution", False)
        lines[answer].append(len([line for line in cell.source.splitlines() if line.strip()]))
    if median(lines[False] or [0]) > MEDIAN_LINES:
        yield f"code cells have {median(lines[False])} lines (median), at most {MEDIAN_LINES}"
    if max(lines[False] + lines[True]) > MAX_LINES:
        yield f"a code cell has {max(lines[False] + lines[True])} lines, at most {MAX_LINES}"


def counts_run_from_1(nb):
    counts = [cell.execution_count for cell in cells(nb, "code")]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}: run `course execute`"
    for number, cell in enumerate(nb.cells):
        if skipped := {"skip-execution", "nbval-skip"} & set(tags(cell)):
            yield f"cell {number} has the tag {skipped.pop()}: every cell runs"
        if cell.cell_type == "code" and not cell.source.strip():
            yield f"cell {number} is empty"


def no_unexpected_error(nb):
    for number, output in outputs(nb):
        if output.output_type == "error" and "raises-exception" not in tags(nb.cells[number]):
            yield f"cell {number} ends in {output.ename}"
        if output.get("name") == "stderr" and IGNORED not in tags(nb.cells[number]):
            yield f"cell {number} writes to stderr: {output.text.strip()[:80]}"


def no_blank_picture(nb):
    for number, output in outputs(nb):
        for kind, text in output.get("data", {}).items():
            if kind in ("image/png", "image/jpeg"):
                picture = Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")
                if max(ImageStat.Stat(picture).stddev) < 1:
                    yield f"cell {number} shows a blank picture"


def no_raw_repr(nb):
    for number, output in outputs(nb):
        pictured = {"image/png", "image/jpeg"} & output.get("data", {}).keys()
        if found := REPR.search("" if pictured else texts(output)):
            yield f"cell {number} shows {found[0]!r}: end a plot with plt.show()"


def few_ignored(nb):
    ignored = [number for number, cell in enumerate(nb.cells) if IGNORED in tags(cell)]
    if len(ignored) > MAX_IGNORED:
        yield f"{len(ignored)} cells have the tag {IGNORED}, at most {MAX_IGNORED}"
    for number in ignored:
        if not nb.cells[number].get("outputs"):
            yield f"cell {number} has the tag {IGNORED} and no output"
    for number, cell in enumerate(nb.cells):
        if cell.cell_type == "code" and (found := MARKER.search(cell.source)):
            yield f"cell {number} has the comment {found[1]}: use a tag"


def pictures_have_alt_text(nb):
    html = [output.get("data", {}).get("text/html", "") for _, output in outputs(nb)]
    text = "\n".join([prose(nb), *html])
    for found in re.findall(r"!\[\s*\]\([^)]*", text):
        yield f"no alt text: {found}"
    for found in re.findall(r"<img\b[^>]*>", text, re.I):
        if not re.search(r"\balt\s*=\s*([\"'])\s*[^\"'\s]", found, re.I):
            yield f"no alt text: {found[:80]}"


def details_are_closed(nb):
    for number, cell in enumerate(nb.cells):
        text = FENCE.sub("", cell.source) if cell.cell_type == "markdown" else ""
        found = {text.count(tag) for tag in ("<details", "<summary", "</summary>", "</details>")}
        if len(found) > 1:
            yield f"cell {number}: <details> and <summary> are opened or closed unequally"


def as_stored(nb):
    """Metadata, outputs and ids are as `course execute` leaves them."""
    stored = nbformat.reads(to_bytes(deepcopy(nb)).decode(), as_version=4)
    if stored.metadata != nb.metadata:
        yield f"notebook metadata {sorted(nb.metadata)}: run `course execute`"
    for number, (cell, other) in enumerate(zip(nb.cells, stored.cells)):
        if cell != other:
            yield f"cell {number} holds editor or widget noise: run `course execute`"


def has_header(nb):
    titles = [title for marks, title in HEADING.findall(prose(nb)) if marks == "#"]
    if len(titles) != 1 or not cells(nb, "markdown")[0].source.startswith("# "):
        yield f"one level-1 title is wanted, in the first line; there are: {titles}"
    elif nb.cells[0].cell_type != "markdown":
        yield "the first cell must be the title"


def has_end(nb):
    headings = " ".join(title.lower() for _, title in HEADING.findall(prose(nb)))
    for wanted in ("summary", "sources"):
        if wanted not in headings:
            yield f"no heading with the word {wanted!r}"


def links_lead_somewhere(nb, folder=ROOT / "notebooks"):
    for pair in LINK.findall(prose(nb)):
        target = "".join(pair).split("#")[0]
        elsewhere = not target or re.match(r"(https?|mailto|attachment|data):", target)
        if not elsewhere and not (folder / unquote(target)).exists():
            yield f"link to {target}, which does not exist"


def imports_course_first(nb):
    """course_utils sets what must be in force before torch is imported."""
    first = (cells(nb, "code") or [NotebookNode(source="")])[0]
    code = "\n".join(line for line in first.source.splitlines() if not line.startswith(("%", "!")))
    order = []
    for node in ast.walk(ast.parse(code)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        order += [(node.lineno, name.split(".")[0]) for name in names]
    roots = [name for _, name in sorted(order, key=lambda entry: entry[0])
             if name in ("course_utils", "torch", "torchvision")]  # fmt: skip
    if roots[:1] != ["course_utils"]:
        yield "the first code cell must import course_utils, and before torch"


def nothing_of_this_machine(nb):
    host = socket.gethostname()
    for number, cell in enumerate(nb.cells):
        seen = "\n".join([cell.source, *map(texts, cell.get("outputs", []))])
        if found := PATH.search(seen):
            yield f"cell {number} holds an absolute path: {seen[found.start() :][:60]!r}"
        if len(host) > 3 and re.search(rf"\b{re.escape(host)}\b", seen):
            yield f"cell {number} holds this machine's name"


RULES = [
    short,
    as_much_text_as_code,
    short_code_cells,
    counts_run_from_1,
    no_unexpected_error,
    no_blank_picture,
    no_raw_repr,
    few_ignored,
    pictures_have_alt_text,
    details_are_closed,
    as_stored,
    has_header,
    has_end,
    links_lead_somewhere,
    imports_course_first,
    nothing_of_this_machine,
]
