"""Execute the notebooks, in the ``tiny`` profile, so that the same bytes come out every time."""

import hashlib
import os
import tempfile
import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from course_utils.store.locations import ROOT

NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = ("deletable", "editable", "nbgrader", "tags")
IGNORED = "nbval-ignore-output"  # the tag that nbval knows


def execute(paths: Sequence[Path] = (), check: bool = False) -> int:
    """Execute notebooks top to bottom and store their outputs; returns an exit status.

    Without paths: all of ``notebooks/``, and the exercises' solutions. With ``check`` nothing is
    written: it says whether the bytes on disk are those an execution gives. A notebook that
    fails is left as it was.
    """
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    paths = [Path(path) for path in paths] or [
        path for pattern in ("*.ipynb", "solutions/*.ipynb")
        for path in sorted((ROOT / "notebooks").glob(pattern))
    ]  # fmt: skip
    failed = 0
    for path in paths:
        started = time.perf_counter()
        try:
            new = executed(path)
        except (CellExecutionError, CellTimeoutError, DeadKernelError, OSError) as error:
            print(f"{path.name}: {error}")
            failed += 1
            continue
        same = new == path.read_bytes()
        seconds = time.perf_counter() - started
        print(f"{path.name}: {'the same' if same else 'changed'} ({seconds:.0f} s)")
        if check:
            failed += not same
        elif not same:
            replace(path, new)
    return int(failed > 0)


def executed(path: Path, timeout: int = 120) -> bytes:
    """The bytes of this notebook after an execution; nothing on disk changes.

    ``timeout`` is in seconds per cell. Raises nbclient's errors where a cell fails.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    before = deepcopy(notebook)
    with tempfile.TemporaryDirectory() as scratch:
        client = NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.resolve().parent)}},
            record_timing=False,
            store_widget_state=False,
            extra_arguments=["--log-level=ERROR"],  # not: "running over TCP without encryption"
        )
        client.execute(env=environment(Path(scratch)))
    keep_ignored(before, notebook)
    return to_bytes(notebook)


def environment(scratch: Path) -> dict[str, str]:
    """The variables for a kernel whose outputs depend on this repository only.

    Settings of the user (data, IPython start-up files, plotting backend) stay outside; what the
    notebooks train lands in ``scratch``.
    """
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    return kept | {
        "COURSE_PROFILE": "tiny",
        "COURSE_DATA": str(ROOT / "data" / "tiny"),
        "COURSE_RUNS": str(scratch / "runs"),
        "COURSE_EXECUTE": "1",  # outputs without what only a live JupyterLab can show
        "GOMP_SPINCOUNT": "0",
        "IPYTHONDIR": str(scratch / "ipython"),
    }


def keep_ignored(before, after) -> None:
    """Keep the stored outputs that nobody compares, such as times; clear one to have it renewed."""
    stored = {cell.id: cell for cell in before.cells if "id" in cell}
    for cell in after.cells:
        old = stored.get(cell.get("id"))
        ignored = IGNORED in cell.metadata.get("tags", [])
        if ignored and old and old.outputs:
            cell.outputs = old.outputs


def to_bytes(notebook) -> bytes:
    """The notebook as a file: without what differs between machines, runs and editors."""
    import nbformat

    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    for number, cell in enumerate(notebook.cells):
        known = {name: cell.metadata[name] for name in CELL_METADATA if name in cell.metadata}
        cell.metadata = nbformat.from_dict(known)
        cell.setdefault("id", hashlib.sha256(f"{number} {cell.source}".encode()).hexdigest()[:8])
        if cell.cell_type == "code":
            cell.outputs = [stable(output) for output in joined(cell.outputs)]
    nbformat.validate(notebook)
    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode()


def joined(outputs: list) -> list:
    """Outputs with neighbouring texts of one stream in one piece: their cuts depend on timing."""
    kept, open_streams = [], {}
    for output in outputs:
        if output.output_type != "stream":
            open_streams = {}
        elif output.name in open_streams:
            open_streams[output.name].text += output.text
            continue
        else:
            open_streams[output.name] = output
        kept.append(output)
    return kept


def stable(output):
    """An output without what is new at each run: ids of live widgets, the frames of a traceback."""
    if output.output_type == "error":
        output.traceback = [f"{output.ename}: {output.evalue}"]
    elif "data" in output:
        output.data.pop("application/vnd.jupyter.widget-view+json", None)
    return output


def replace(path: Path, content: bytes) -> None:
    """Put new content in a file's place at once, so that no half-written notebook is left."""
    part = path.with_suffix(".part")
    part.write_bytes(content)
    os.replace(part, path)
