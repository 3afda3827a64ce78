"""Take from this process what students' code has no business with, as far as the system allows.

Linux gives the most: namespaces (no network, no foreign processes, a folder in memory), Landlock
(only named files can be opened, also without root) and, as root, a user of its own. Elsewhere the
limits of ``setrlimit`` remain, where there are any. `confine` says what it reached.
"""

import contextlib
import ctypes
import os
import signal
import struct
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from course_utils.store.locations import DRAWINGS, ROOT

try:
    import resource
except ImportError:  # Windows
    resource = None

READABLE = [
    ROOT / "course_utils",
    DRAWINGS,
    *map(Path, {sys.prefix, sys.base_prefix, sysconfig.get_path("purelib")}),
    *map(Path, ("/usr", "/lib", "/lib64", "/etc", "/sys", "/dev/urandom", "/dev/zero")),
    *map(Path, ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat")),
]
VARIABLES = {
    "COURSE_PROFILE": "tiny",
    "COURSE_DATA": str(DRAWINGS),
    "GOMP_SPINCOUNT": "0",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "agg",
    "PATH": "/usr/bin:/bin",
    "PIP_NO_INDEX": "1",  # `pip install` fails at once, and elsewhere than here installs nothing
    "USER": "student",
    "UV_OFFLINE": "1",
}
MEGABYTE = 2**20
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER = 0x00020000, 0x08000000, 0x10000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
APART = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
MS_NOSUID_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2 | 4, 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # on every processor
MOUNT_SETATTR = 442
SOCKETS = ("/run", "/tmp", "/var", "~")  # a socket is no file that Landlock knows
READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, list a folder
FILE_ONLY = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
NEWEST = {1: 13, 2: 14, 3: 15, 4: 15}  # rights on files that each version knows; from 5 on 16

USER, NETWORK, FILES = "another user", "no network", "only their own files"
PROCESSES, LIMITS = "no other processes", "limits on memory, files and processes"


@dataclass(frozen=True)
class Limits:
    """What one student's code may use."""

    seconds: float = 10.0  # for one cell, or one question of a check
    total_seconds: float = 120.0  # for a notebook
    memory: int = 2048  # MiB beyond what the libraries have mapped
    disk: int = 64  # MiB
    processes: int = 32
    another_user: bool = True  # where the grader is root; if not, as for anybody else


def confine(
    folder: Path, readable: Sequence[Path], limits: Limits, tell: Callable[[int], None]
) -> list[str]:
    """Restrict this process for good; returns what holds, in words.

    ``folder`` becomes the only place it can write to, ``readable`` what else it can read. On Linux
    the caller goes on in a child, the first process of its own world; its parent tells the child's
    number and waits.
    """
    held, limited = [], []
    os.umask(0o077)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        root = os.geteuid() == 0 and limits.another_user and _open_to_all(readable)
        user = 1_000_000_000 + os.getpid() if root else None  # nobody else has this number
        Path("/proc/self/oom_score_adj").write_text("1000")  # if memory runs out, this goes first
        held += _step_apart(libc, folder, readable, limits, user, tell)
        if user is not None and _passable(readable):
            _become(user, folder)
            held.insert(0, USER)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # ends with its parent
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        limited = _limit(limits)  # as long as /proc can be read
        held += _only_files(libc, folder, readable)
    elif resource:
        limited = _limit(limits)
    os.chdir(folder)
    return held + limited


def _step_apart(libc, folder, readable, limits, user, tell) -> list[str]:
    """Own namespaces; without root by way of a user namespace. The caller goes on in a child."""
    outside = os.geteuid(), os.getegid()
    flags = APART if user is not None else APART | CLONE_NEWUSER
    if libc.unshare(flags):
        return []
    if user is None:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"1000 {outside[0]} 1")
        Path("/proc/self/gid_map").write_text(f"1000 {outside[1]} 1")
    with contextlib.suppress(PermissionError):  # some systems give the namespace without mounts
        _mount(libc, "none", "/", None, MS_REC | MS_PRIVATE)
        _own_view(libc, folder, readable, limits)
    child = os.fork()
    if child:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        tell(child)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 255)
    return [NETWORK, PROCESSES]


def _own_view(libc, folder: Path, readable: Sequence[Path], limits: Limits) -> None:
    """All files read-only, much of them hidden, and the folder in memory."""
    read_only = struct.pack("QQQQ", 1 | 2, 0, 0, 0)  # and nosuid
    libc.syscall(MOUNT_SETATTR, -100, b"/", 0x8000, read_only, ctypes.c_size_t(len(read_only)))
    try:
        _hide(libc, [*readable, folder], folder.parent)
        _mount(libc, "tmpfs", folder, "tmpfs", MS_NOSUID_NODEV, f"size={limits.disk}m,mode=700")
    except OSError as error:  # half a view is none to run anything in
        raise RuntimeError(f"{error.filename}: {error.strerror}") from error


def _hide(libc, paths: Sequence[Path], scratch: Path) -> None:
    """Empty private folders, and those where sockets may lie, but for the ways to these paths.

    In this process's own view an empty folder lies over each, and in it what is kept.
    """
    paths = [path for path in paths if not set(paths) & set(path.parents)]  # the others lie in them
    closed = {place for path in paths for place in path.parents if not _mode(place) & 0o001}
    places = closed | {Path(os.path.expanduser(name)).resolve() for name in SOCKETS}
    places = (places | {scratch}) - {Path("/")}
    kept = {
        place: [(path, os.open(path, os.O_RDONLY)) for path in paths if place in path.parents]
        for place in places
        if place.is_dir() and not places & set(place.parents)
    }
    for place, inside in kept.items():
        _mount(libc, "tmpfs", place, "tmpfs", MS_NOSUID_NODEV, "size=1m,mode=755")
        for path, handle in inside:
            path.parent.mkdir(parents=True, exist_ok=True)
            _all_may_pass(place, path.parent)
            path.mkdir(exist_ok=True) if os.path.isdir(f"/proc/self/fd/{handle}") else path.touch()
            _mount(libc, f"/proc/self/fd/{handle}", path, None, MS_BIND | MS_REC)
            os.close(handle)


def _all_may_pass(top: Path, bottom: Path) -> None:
    for folder in (bottom, *bottom.parents):
        if folder == top:
            return
        folder.chmod(0o755)


def _open_to_all(paths: Sequence[Path]) -> bool:
    """Whether anybody may read these, who is on the way to them: not after umask 077."""
    files = [file for path in paths if path.is_dir() for file in islice(path.glob("*.py"), 1)]
    return all(_mode(path) & 0o004 for path in (*paths, *files))


def _passable(paths: Sequence[Path]) -> bool:
    return all(_mode(place) & 0o001 for path in paths for place in path.parents)


def _mode(path: Path) -> int:
    return path.stat().st_mode


def _become(user: int, folder: Path) -> None:
    os.chown(folder, user, user)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)  # and all rights of root with it


def _mount(libc, source, target, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    if libc.mount(*words, ctypes.c_ulong(flags), options and options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, f"cannot mount: {os.strerror(number)}", str(target))


def _only_files(libc, folder: Path, readable: Sequence[Path]) -> list[str]:
    """Landlock: no file but those named can be opened, no TCP, no signals to others outside."""
    version = libc.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    if version < 1:
        return []
    every = (1 << NEWEST.get(version, 16)) - 1
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = struct.pack("QQQ", every, 3, 3)[:size]
    ruleset = libc.syscall(LANDLOCK_CREATE, rules, ctypes.c_size_t(size), ctypes.c_uint(0))
    for path, rights in [(folder, every), *((path, READ) for path in readable),
                         (Path("/dev/null"), every)]:  # fmt: skip
        if not path.exists():
            continue
        allowed = rights & every & (~0 if path.is_dir() else FILE_ONLY)
        handle = os.open(path, os.O_PATH)
        rule = struct.pack("=Qi", allowed, handle)
        failed = libc.syscall(LANDLOCK_ADD, ruleset, 1, rule, ctypes.c_uint(0))
        os.close(handle)
        if failed:
            raise OSError(ctypes.get_errno(), "Landlock refuses a path", str(path))
    failed = libc.syscall(LANDLOCK_RESTRICT, ruleset, ctypes.c_uint(0))
    os.close(ruleset)
    return [] if failed else [FILES]


def _limit(limits: Limits) -> list[str]:
    wanted = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": limits.disk * MEGABYTE, "RLIMIT_NOFILE": 256,
              "RLIMIT_NPROC": limits.processes,
              "RLIMIT_CPU": int(2 * limits.total_seconds)}  # fmt: skip
    if sys.platform == "linux":
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        wanted["RLIMIT_AS"] = mapped + limits.memory * MEGABYTE
    for name, value in wanted.items():
        kind = getattr(resource, name)
        _, most = resource.getrlimit(kind)
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(kind, (value, value))
    return [LIMITS]
