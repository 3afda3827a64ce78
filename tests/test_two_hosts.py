"""Two machines train together: network namespaces, each with an address and a name of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.engine.launch import environment

pytestmark = pytest.mark.exhaustive
ADDRESSES = ("10.77.61.1", "10.77.61.2")

TRAIN = """
import hashlib, json, socket
from ranks import exact_model, shared_run
from course_utils.engine.distributed import all_gather, process_group

with process_group(60) as here:
    model = exact_model()
    history = shared_run(model=model, epochs=1)
    weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
    names = all_gather(socket.gethostname())
print(json.dumps([here.size, names, history[-1]["val_loss"], hashlib.md5(weights).hexdigest()]))
"""


@pytest.fixture
def hosts():
    """The beginning of a command on each of two hosts that see each other, and nothing else."""
    if sys.platform != "linux" or os.geteuid() or not shutil.which("ip"):
        pytest.skip("network namespaces need Linux, root, and the command ip")
    names = [f"course-{os.getpid()}-{side}" for side in "ab"]
    links = [f"c{os.getpid() % 10**6}{side}" for side in "ab"]
    try:
        made = subprocess.run(["ip", "netns", "add", names[0]], capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
        ip("netns", "add", names[1])
        ip("link", "add", links[0], "type", "veth", "peer", "name", links[1])
        for name, link, address in zip(names, links, ADDRESSES):
            ip("link", "set", link, "netns", name)
            ip("-n", name, "address", "add", f"{address}/24", "dev", link)
            ip("-n", name, "link", "set", link, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield [
            (["ip", "netns", "exec", name, "unshare", "-u", "sh", "-c",
              f'hostname {name} && exec "$@"', "sh"], link)
            for name, link in zip(names, links)
        ]  # fmt: skip
    finally:
        for name in names:
            left = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
            subprocess.run(["kill", "-9", *left.stdout.split()], capture_output=True)
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)
        subprocess.run(["ip", "link", "delete", links[0]], capture_output=True)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def test_two_hosts_train_one_network(hosts, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(TRAIN)
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    started = []
    for number, ((begin, link), address) in enumerate(zip(hosts, ADDRESSES)):
        words = [
            "--nnodes",
            "2",
            "--nproc-per-node",
            "1",
            "--rdzv-backend",
            "c10d",
            "--rdzv-id",
            "course",
        ]
        words += ["--rdzv-endpoint", f"{ADDRESSES[0]}:29511", "--local-addr", address]
        words += ["--rdzv-conf", f"is_host={1 - number}", script]
        started.append(
            subprocess.Popen(
                [*begin, sys.executable, "-m", "torch.distributed.run", *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**environment(), "GLOO_SOCKET_IFNAME": link, "PYTHONPATH": path},
            )
        )
    told = [process.communicate(timeout=200) for process in started]  # the fixture ends them
    assert [process.returncode for process in started] == [0, 0], told
    one, other = (json.loads(out.splitlines()[-1]) for out, _ in told)
    assert one == other
    size, names, _, _ = one
    assert size == 2 and len(set(names)) == 2
