"""Students' code is confined: what it tries reaches nothing, and costs nobody else anything."""

import os
import random
import socket
import stat
import sys
import tempfile
import time
from pathlib import Path

import pytest
from browser import wait_for

from course_utils.classroom.grading.confine import (
    FILES,
    LIMITS,
    NETWORK,
    PROCESSES,
    USER,
    VARIABLES,
    Limits,
)
from course_utils.classroom.grading.sandbox import Sandbox, Stopped
from course_utils.classroom.teaching.answers import CheckFailed, Other, Remote
from course_utils.classroom.teaching.checks.common import result

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("grading_server")]
ROOT = Path(__file__).resolve().parents[1]
linux = pytest.mark.skipif(sys.platform != "linux", reason="namespaces and Landlock are Linux's")
QUICK, SHORT = Limits(seconds=3, total_seconds=20), Limits(seconds=1, total_seconds=20)
WAYS = [Limits(seconds=3, another_user=True), Limits(seconds=3, another_user=False)]


@pytest.fixture(params=WAYS, ids=["as root", "as anybody"])
def sandbox(request):
    with Sandbox(request.param) as sandbox:
        yield sandbox


def value(sandbox: Sandbox, code: str):
    """What an expression is worth in there."""
    assert sandbox.run(f"def tried():\n    return {code}") == ""
    return result(Remote("tried", sandbox.ask))


@linux
def test_says_what_holds(sandbox):
    root = os.geteuid() == 0 and sandbox.limits.another_user
    assert sandbox.held == [*([USER] if root else []), NETWORK, PROCESSES, FILES, LIMITS]
    user = value(sandbox, "__import__('os').getuid()")
    assert user > 1_000_000_000 if root else user == 1000


@linux
def test_reads_no_file_of_the_course_but_the_package(sandbox):
    readable = [ROOT / "course_utils" / "__init__.py", ROOT / "data" / "tiny"]
    hidden = [ROOT / "notebooks" / "solutions", ROOT / "tests" / "answers" / "resnet.py",
              ROOT / "README.md", ROOT / ".git", Path.home(), Path("/tmp"), Path("/")]  # fmt: skip
    for path in readable:
        what = "__import__('os').listdir" if path.is_dir() else "open"
        assert sandbox.run(f"{what}({str(path)!r})") == "", path
    for path in filter(Path.exists, hidden):
        what = "__import__('os').listdir" if path.is_dir() else "open"
        error = sandbox.run(f"{what}({str(path)!r})")
        assert "PermissionError" in error or "FileNotFoundError" in error, path
        assert os.listdir(path) if path.is_dir() else path.read_bytes()  # the grader can


@linux
def test_writes_only_into_its_own_folder(sandbox, tmp_path):
    tmp_path.chmod(0o777)
    other = Sandbox(sandbox.limits)
    with other:
        for folder in (tmp_path, ROOT, other.folder, "/tmp", "/dev/shm", "/var/tmp"):
            error = sandbox.run(f"open({str(folder)!r} + '/left', 'w').write('x')")
            assert "Error in" in error, folder
        assert sandbox.run("open('mine', 'w').write('x'); open('mine').read()") == ""
        assert value(other, "__import__('os').path.exists('mine')") is False
    assert not list(tmp_path.iterdir())


def test_leaves_no_folder_behind():
    with Sandbox(QUICK) as sandbox:
        sandbox.run("open('mine', 'w').write('x')")
        assert Path(sandbox.folder).exists()
    assert not Path(sandbox.folder).exists()


@linux
def test_has_no_network(sandbox):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = server.getsockname()
        socket.create_connection(address, 1).close()
        assert server.accept()  # from here it works
        code = f"import socket; socket.create_connection({address!r}, 1)"
        assert "raises" in sandbox.run(code)
        udp = f"socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', {address!r})"
        assert "raises OSError" in sandbox.run(udp)
        with pytest.raises(TimeoutError):
            server.accept()


@linux
def test_sees_and_ends_no_other_process(sandbox):
    with Sandbox(sandbox.limits) as other:
        for target in (os.getpid(), os.getppid(), sandbox.process.pid, other.pid):
            assert "raises" in sandbox.run(f"import os; os.kill({target}, 9)")
        sandbox.run("os.kill(-1, 9)")
        for name in ("mem", "environ", "fd"):
            path = f"/proc/{os.getpid()}/{name}"
            read = "os.listdir" if name == "fd" else "open"
            assert "PermissionError" in sandbox.run(f"{read}({path!r})")
        assert other.run("x = 1") == ""


def test_knows_no_variable_and_no_open_file_of_the_grader():
    with Sandbox(QUICK) as sandbox:
        known = value(sandbox, "sorted(__import__('os').environ)")
        folders = {"HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR"}
        assert set(known) - {"LC_CTYPE"} == VARIABLES.keys() | folders
        assert value(sandbox, "__import__('sys').argv") == ["student"]
        if sys.platform == "linux":
            assert sandbox.run("import os, stat") == ""
            files = "[n for n in range(256) if os.path.lexists(f'/proc/self/fd/{n}')]"
            modes = f"[os.fstat(n).st_mode for n in {files}]"
            assert [stat.S_ISCHR(mode) for mode in value(sandbox, modes)] == [True] * 3 + [False]


@linux
@pytest.mark.parametrize(
    "code, says",
    [
        ("bytearray(8 * 2**30)", "MemoryError"),
        ("import torch; torch.ones(2**31, dtype=torch.float32)", "allocate memory"),
        ("open('big', 'wb').write(bytes(70 * 2**20))", "OSError"),
        ("for n in range(9): open(f'{n}', 'wb').write(bytes(10 * 2**20))", "No space left"),
        ("files = [open('a', 'w') for _ in range(300)]", "Too many open files"),
        ("import os\nwhile True: os.fork()", "BlockingIOError"),
        ("import threading, time\n"
         "for _ in range(99): threading.Thread(target=time.sleep, args=[9]).start()",
         "can't start"),
    ],
)  # fmt: skip
def test_hogs_get_an_error_and_the_next_cell_runs(code, says):
    with Sandbox(QUICK) as sandbox:
        assert says in sandbox.run(code)
        assert value(sandbox, "6 * 7") == 42


@pytest.mark.parametrize(
    "code, says",
    [
        ("while True: pass", "longer than 1 second"),
        ("while True:\n try:\n  while True: pass\n except BaseException: pass", "longer than"),
        ("import signal, time\nfor n in range(1, 65):\n try: signal.signal(n, signal.SIG_IGN)\n"
         " except (OSError, ValueError): pass\ntime.sleep(99)", "longer than"),
        ("import os; os._exit(0)", "ended the program"),
        ("import os; os.abort()", "ended the program"),
        ("import ctypes; ctypes.string_at(0)", "ended the program"),
    ],
)  # fmt: skip
def test_what_never_ends_or_ends_all_is_stopped(code, says):
    with Sandbox(SHORT) as sandbox, pytest.raises(Stopped, match=says):
        sandbox.run(code)


@pytest.mark.parametrize("code", ["exit()", "quit()", "raise SystemExit(3)", "%reset -f", "!ls"])
def test_ordinary_endings_and_magics_end_nothing(code):
    with Sandbox(QUICK) as sandbox:
        sandbox.run(code)
        assert value(sandbox, "6 * 7") == 42


MAGICS = [
    "%matplotlib inline", "%matplotlib notebook", "%matplotlib widget", "%matplotlib qt",
    "%matplotlib", "%pylab inline", "%gui qt", "%config InlineBackend.figure_format = 'retina'",
    "%load_ext autoreload\n%autoreload 2", "%reload_ext autoreload", "%load_ext tensorboard",
    "%tensorboard --logdir runs", "%load_ext google.colab.data_table", "%wandb", "%memit 1",
    "%pip install seaborn", "!pip install -q seaborn", "%conda install seaborn", "!apt install x",
    "!nvidia-smi", "files = !ls", "!wget -q https://example.org/x", "%cd /content", "%ls", "%pwd",
    "%env A=1", "%who", "%precision 3", "%xmode Minimal", "%time x = 1", "%timeit -n1 -r1 pass",
    "print?", "len??", "?print", "%%time", "%%capture", "%%capture x\nprint(1)", "%%prun", "%%x",
]  # fmt: skip


def test_what_stands_behind_a_magic_runs_as_in_a_kernel():
    with Sandbox(QUICK) as sandbox:
        for number, magic in enumerate(MAGICS):
            assert sandbox.run(f"{magic}\nbehind_{number} = {number}") == "", magic
            assert sandbox.run(f"assert behind_{number} == {number}") == "", magic


def test_code_that_a_magic_runs_still_fails_and_sees_its_names():
    with Sandbox(QUICK) as sandbox:
        assert "ZeroDivisionError" in sandbox.run("%timeit -n1 -r1 1 / 0")
        assert "ZeroDivisionError" in sandbox.run("%%wandb\n1 / 0")
        assert (
            sandbox.run("def timed():\n    six = 6\n    %timeit -n1 -r1 six + 1\n    return 42")
            == ""
        )
        assert value(sandbox, "timed()") == 42


@linux
def test_shell_commands_are_confined_too(sandbox):
    assert sandbox.run(f"read = !cat '{ROOT / 'README.md'}'") == ""
    (said,) = value(sandbox, "list(read)")
    assert said.endswith(("Permission denied", "No such file or directory"))
    assert sandbox.run("!echo x > mine\nmine = !cat mine\nassert mine == ['x']") == ""
    assert sandbox.run(f"!echo x > '{ROOT}/left.txt'") == "" and not (ROOT / "left.txt").exists()


@linux
def test_what_a_cell_started_ends_with_it():
    seconds = str(random.randrange(10_000, 99_999))
    start = f"import subprocess; subprocess.Popen(['sleep', '{seconds}'], start_new_session=True)"
    with Sandbox(QUICK) as sandbox:
        assert sandbox.run(start) == ""
        wait_for(lambda: _sleeping(seconds), "the process to be there", 10)
    assert not _sleeping(seconds)


def _sleeping(seconds: str) -> list[Path]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path] if path.read_bytes() == b"sleep\0%b\0" % seconds.encode() else []
        except OSError:
            continue
    return found


FORGED = """
import gc, json, os
from multiprocessing.connection import Connection
for each in gc.get_objects():
    if isinstance(each, Connection):
        for _ in range(2):  # one for this cell, one for the question that comes
            each.send_bytes(json.dumps({reply}).encode())
"""


@pytest.mark.parametrize(
    "reply",
    [
        '{"reply": json.dumps({"dict": [["value", 42]]})}',  # as a right answer's reply looks
        '{"reply": "{}"}', '{"token": "", "reply": "{}"}', "[]", '{"reply": 5}',
        '{"pid": 1}', '{"error": ["x"]}',
        '{"reply": "[" * 100000}',
        '{"reply": json.dumps({"tensor": "float32", "shape": [10**12], "data": ""})}',
    ],
)  # fmt: skip
def test_forged_replies_are_no_verdict(reply):
    with Sandbox(QUICK) as sandbox:
        sandbox.run(FORGED.replace("{reply}", reply))
        with pytest.raises((CheckFailed, Stopped)):
            _ = result(Remote("nothing", sandbox.ask))


def test_a_reply_that_is_too_long_stops_it():
    with Sandbox(QUICK) as sandbox:
        sandbox.run("import torch\ndef much(): return torch.zeros(10**7)")
        with pytest.raises((CheckFailed, Stopped)):
            result(Remote("much", sandbox.ask))


def test_values_come_back_as_plain_types_only():
    with Sandbox(QUICK) as sandbox:
        sandbox.run("class Equal(float):\n def __eq__(self, other): return True\n"
                    "def tried(): return [Equal(1), {'a': (1, None)}, 10**5000]")  # fmt: skip
        with pytest.raises(CheckFailed, match="cannot be read"):
            result(Remote("tried", sandbox.ask))
        sandbox.run("def tried(): return [Equal(1), {'a': (1, None)}]")
        other, plain = result(Remote("tried", sandbox.ask))
        assert other == Other("Equal") and plain == {"a": (1, None)}


HALF = """
import gc, os, struct, time
from multiprocessing.connection import Connection
for each in gc.get_objects():
    if isinstance(each, Connection):
        os.write(each.fileno(), struct.pack("!i", 1000) + b"x")
time.sleep(60)
"""
FLOOD = """
import gc, threading
from multiprocessing.connection import Connection
mine = [each for each in gc.get_objects() if isinstance(each, Connection)]
def flood():
    while True:
        mine[0].send_bytes(b"{}")
threading.Thread(target=flood).start()
while True: pass
"""
DEAF = """
import time
from multiprocessing.connection import Connection
Connection.recv_bytes = lambda *_: time.sleep(60)
"""


@pytest.mark.parametrize("code", [HALF, FLOOD], ids=["half a message", "a flood of messages"])
def test_what_comes_over_the_connection_cannot_hold_the_grader(code):
    with Sandbox(SHORT) as sandbox, pytest.raises(Stopped, match="longer than 1 second"):
        sandbox.run(code)


def test_a_process_that_does_not_listen_cannot_hold_the_grader():
    with Sandbox(SHORT) as sandbox:
        sandbox.run(DEAF)
        with pytest.raises(Stopped, match="longer than 1 second"):
            sandbox.run("x = " + "1" * 5_000_000)


def test_the_time_for_all_ends_cells_that_are_short_enough():
    with Sandbox(QUICK, time.monotonic() + 2) as sandbox, pytest.raises(Stopped):
        for _ in range(9):
            sandbox.run("import time; time.sleep(0.9)")


@linux
def test_reaches_no_socket_of_a_program_outside(sandbox):
    path = tempfile.mktemp(dir="/tmp")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        server.settimeout(0.2)
        os.chmod(path, 0o777)
        connect = f"import socket; socket.socket(socket.AF_UNIX).connect({path!r})"
        assert "raises" in sandbox.run(connect)
        with pytest.raises(TimeoutError):
            server.accept()
    os.unlink(path)


@linux
def test_changes_no_mode_and_no_time_of_a_file(sandbox, tmp_path):
    files = [tmp_path / "mine", ROOT / "course_utils" / "__init__.py"]
    files[0].write_text("x")
    before = [(path.stat().st_mode, path.stat().st_mtime_ns) for path in files]
    for path in files:
        assert "raises" in sandbox.run(f"import os; os.chmod({str(path)!r}, 0)")
        assert "raises" in sandbox.run(f"os.utime({str(path)!r}, (5, 5))")
    assert [(path.stat().st_mode, path.stat().st_mtime_ns) for path in files] == before


def test_two_sandboxes_do_not_share_names():
    with Sandbox(QUICK) as one, Sandbox(QUICK) as other:
        assert one.run("answer = 42") == ""
        assert "NameError" in other.run("answer")


THREADS = """
import threading, torch, torch.nn.functional as F
barrier, errors = threading.Barrier(3), []
def work():
    barrier.wait()
    try:
        F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1]))
    except RuntimeError as error:
        errors.append(str(error))
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not errors, errors
"""


def test_threads_may_use_torch_at_once():
    """After a fork torch renews its pool, and fails where two threads come first (1 in 6)."""
    for _ in range(20):
        with Sandbox(QUICK) as sandbox:
            assert sandbox.run(THREADS) == ""
