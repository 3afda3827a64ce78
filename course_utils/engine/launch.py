"""Start several processes on this machine from a notebook, and see what they print as it comes."""

import inspect
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

LEAVE = 30  # seconds that processes have to save and leave


def torchrun(
    what: Callable | Sequence[str],
    *arguments,
    processes: int = 2,
    max_restarts: int = 0,
    quiet: bool = False,
    on_line: Callable[[str], None] = lambda line: None,
) -> str:
    """Run a function, or a module's command line, in several processes under torchrun.

    ``what`` is a function, which imports what it needs inside, since it runs in new processes, and
    ``arguments`` plain values for it; or words such as ``["-m", "course_utils", "train", …]``. Each
    process has one thread. Their lines are printed as they come unless ``quiet``, given to
    ``on_line`` (`LiveRun` draws the curves of a training), and returned. The stop button, Ctrl-C,
    or an error here ends them all; a training has then saved its last step.

    Raises ``RuntimeError`` where they fail; their own messages stand above it.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = list(what) if not callable(what) else [_script(what, arguments, Path(folder))]
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += [f"--nproc-per-node={processes}", f"--max-restarts={max_restarts}", *words]
        started = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment(),
            start_new_session=True,  # an interrupt comes to this process alone, which passes it on
        )
        lines = []
        try:
            for line in started.stdout:
                lines.append(line)
                if not quiet:
                    print(line, end="", flush=True)
                on_line(line)
            code = started.wait()
        finally:
            rest = end(started)
            if not quiet:
                print(rest, end="", flush=True)
    if code:
        if quiet:
            print("".join(lines), end="")
        raise RuntimeError(f"torchrun ended with exit code {code}: see above which process failed")
    return "".join(lines)


def environment() -> dict[str, str]:
    """The environment for processes that share one machine, with no need of a network."""
    loopback = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",  # else each takes all cores
        "PYTHONIOENCODING": "utf-8",
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",  # without it restarts often fail
        **({"GLOO_SOCKET_IFNAME": loopback} if loopback else {"USE_LIBUV": "0"}),
    }


def end(started: subprocess.Popen) -> str:
    """End torchrun, which ends its processes, by force in the end; returns what they still say."""
    if started.poll() is None:
        started.terminate()
        with suppress(subprocess.TimeoutExpired):
            started.communicate(timeout=LEAVE + 5)
    if os.name == "posix":
        with suppress(ProcessLookupError):  # usually nobody is left
            os.killpg(started.pid, signal.SIGKILL)
    else:
        started.kill()
    return started.communicate()[0]


SCRIPT = """{source}

if __name__ == "__main__":
    import gc, sys

    sys.stdout.reconfigure(write_through=False, line_buffering=True)  # whole lines
    {call}
    gc.collect()  # what gloo frees at the very end aborts the process
"""


def _script(function: Callable, arguments: tuple, folder: Path) -> str:
    """Write a function from a notebook's cell into a script that calls it."""
    source = textwrap.dedent(inspect.getsource(function))
    call = f"{function.__name__}({', '.join(map(repr, arguments))})"
    path = folder / f"{function.__name__}.py"
    path.write_text(SCRIPT.format(source=source, call=call), encoding="utf-8")
    return str(path)
