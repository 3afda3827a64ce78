"""The course in a real browser: notebook 01, the live plot with its stop button, TensorBoard."""

import base64
import io
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest
from browser import Notebook, chromium, chromium_path, jupyter_lab
from PIL import Image

from course_utils.show.live import ALT

pytestmark = pytest.mark.slow
LESSON = Path(__file__).resolve().parents[1] / "notebooks" / "01_cnn_cifar10.ipynb"
TRAIN_FOR_HOURS = """
data = cifar10("drawings")
loader = Batches(data.train, 32, shuffle=True, limit=10)
val_loader = Batches(data.val, 500)
model = create_model("cnn")
history = fit(
    model,
    loader,
    val_loader,
    torch.optim.Adam(model.parameters()),
    epochs=10_000,
    num_classes=10,
    callbacks=[LivePlot()],
)
print("epochs:", len(history))
"""


def children() -> set[psutil.Process]:
    """The processes that this one began, and those that they did."""
    return set(psutil.Process().children(recursive=True))


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """Notebook 01 in JupyterLab after Run All, or after the first error."""
    chromium_path()  # skips before the server is started
    before = children()
    root = tmp_path_factory.mktemp("Küche 2")  # spaces and umlauts must do
    notebook = nbformat.read(LESSON, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":  # what is there later comes from the browser
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, root / LESSON.name)
    environment = {"COURSE_PROFILE": "tiny", "COURSE_RUNS": str(root / "runs")}
    with jupyter_lab(root, **environment) as server, chromium() as page:
        lesson = Notebook(page, server, LESSON.name)
        lesson.run_all()
        last = max(i for i, cell in enumerate(lesson.cells()) if cell["code"])
        lesson.wait(lambda: lesson.cells()[last]["count"] or errors(lesson), "Run All", 120)
        lesson.has_curve = not errors(lesson) and shows_curve(lesson)  # now: tests add cells
        yield lesson
        started = children() - before
    _, alive = psutil.wait_procs(started, timeout=10)
    zombie = psutil.STATUS_ZOMBIE
    alive = [process for process in alive if process.is_running() and process.status() != zombie]
    assert not alive, "the server, a kernel, TensorBoard or Chromium was left behind"


def shows_curve(notebook: Notebook) -> bool:
    """Whether TensorBoard in notebook 01 draws a curve within a minute."""
    index = the_cell_with(notebook, "show_tensorboard(run)")
    board = notebook.output(index).locator("iframe")
    chart = board.content_frame.locator("line-chart .series-view").first

    def curve() -> bool:  # dark from side to side; the grid is pale, the marker of a step narrow
        board.scroll_into_view_if_needed()  # each time: cells above still grow, and push it away
        if not chart.is_visible():
            return False
        dark = as_array(chart.screenshot()).sum(axis=2) < 400
        return dark.any(axis=0).mean() > 0.5

    try:
        notebook.wait(curve, "a curve in TensorBoard", 60)
    except TimeoutError:
        return False
    return True


def errors(notebook: Notebook) -> list[str]:
    return [
        f"cell {index}: {output['ename']}: {output['evalue']}"
        for index, cell in enumerate(notebook.cells())
        for output in cell["outputs"]
        if output["output_type"] == "error"
    ]


def the_cell_with(notebook: Notebook, text: str) -> int:
    (index,) = [i for i, c in enumerate(notebook.cells()) if c["code"] and text in c["source"]]
    return index


def as_array(png: bytes) -> np.ndarray:
    """The pixels of a PNG, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def live_plots(outputs: list[dict]) -> list[bytes]:
    """The live plots among these outputs, as PNG."""
    data = [output.get("data", {}) for output in outputs]
    return [base64.b64decode(d["image/png"]) for d in data if d.get("text/plain") == ALT]


def test_notebook_01_runs_to_its_end(lesson):
    assert errors(lesson) == []
    assert all(cell["count"] for cell in lesson.cells() if cell["code"])


def test_notebook_01_has_one_live_plot_and_a_button(lesson):
    index = the_cell_with(lesson, "callbacks=[LivePlot()")
    (picture,) = live_plots(lesson.cells()[index]["outputs"])
    assert (as_array(picture) < 200).any(axis=2).mean() > 0.02  # not blank
    lesson.show(index)
    assert lesson.output(index).locator("img").count() == 1
    assert lesson.output(index).get_by_role("button", name="Finished").is_disabled()


def test_notebook_01_shows_a_curve_in_tensorboard(lesson):
    assert lesson.has_curve


@pytest.mark.parametrize("how", ["stop button", "interrupted"])
def test_a_running_training_is_stopped_and_its_history_returned(lesson, how):
    index = lesson.run_new_cell(TRAIN_FOR_HOURS)
    wait_until_drawn_again(lesson, index)
    assert not lesson.cells()[index]["count"]  # still running
    if how == "stop button":
        lesson.click(index, "Stop after this step")
    else:
        lesson.interrupt()
    outputs = lesson.wait_finished(index, 30)
    assert not [output for output in outputs if output["output_type"] == "error"]
    text = "".join(output.get("text", "") for output in outputs)
    assert f"stopped: {how}" in text
    assert 1 <= int(text.split("epochs:")[1]) < 10_000
    assert lesson.output(index).get_by_role("button", name="Stopped").is_disabled()
    assert len(live_plots(outputs)) == 1
    lesson.remove_last_cell()


def wait_until_drawn_again(notebook: Notebook, index: int) -> None:
    """Until the live plot of a running cell shows something that it did not show at first."""
    seen = set()

    def redrawn() -> bool:
        seen.update(live_plots(notebook.cells()[index]["outputs"]))
        return len(seen) > 1

    notebook.wait(redrawn, "the live plot to move", 60)
