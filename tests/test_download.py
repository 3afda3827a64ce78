"""Downloads against a real server on loopback that misbehaves in every known way."""

import hashlib
import io
import os
import random
import shutil
import ssl
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from threading import Thread

import loopback as web
import pytest
from PIL import Image

from course_utils import imagenette
from course_utils.commands.download import SETS, get
from course_utils.store import checking
from course_utils.store.archives import UNPACKING
from course_utils.store.checksums import HYMENOPTERA, read_checksums, verify_pictures
from course_utils.store.class_names import IMAGENETTE
from course_utils.store.fetching import DownloadError, Limits, Source, fetch
from course_utils.store.web import WebError, is_secure, is_web, open_url

QUICK = Limits(timeout=0.5, window=0.4, slow=5_000, resumes=1)
NAME = "cifar-10-batches-py"
PIXELS = {f"data_batch_{i}": random.Random(i).randbytes(20_000) for i in range(3)}


def packed(pixels, name=NAME):
    """The .tar.gz of a folder."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for file, content in pixels.items():
            info = tarfile.TarInfo(f"{name}/{file}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


ARCHIVE = packed(PIXELS)
HALF = len(ARCHIVE) // 2
KNOWN = {"folder": NAME, "sha256": hashlib.sha256(ARCHIVE).hexdigest(), "size": len(ARCHIVE)}


def verify(folder):
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    if found != PIXELS:
        raise ValueError(f"{folder} holds other pixels")


@pytest.fixture
def server(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with web.Loopback() as server:
        yield server


@pytest.fixture
def source(server):
    """Make a source that is served in these manners, one a request."""

    def make(*manners, host="a", content=ARCHIVE, **known):
        return Source(server.put(f"/{host}/c.tgz", content, *manners), **(known or KNOWN))

    return make


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def ranges(server):
    return [asked for _, asked in server.seen]


# ---- one mirror ----


def test_fetches_and_takes_what_is_there(server, source, tmp_path, capsys):
    path = fetch(source(), tmp_path)
    assert path.read_bytes() == ARCHIVE and names(tmp_path) == ["c.tgz"]
    assert fetch(source(), tmp_path) == path
    assert ranges(server) == [None]
    assert capsys.readouterr() == ("", "")  # no progress bar but on a terminal


@pytest.mark.parametrize("manner", [web.cut, web.hang_midway])
def test_resumes_where_it_was_cut(server, source, tmp_path, manner):
    path = fetch(source(manner, web.ranged), tmp_path, QUICK)
    assert path.read_bytes() == ARCHIVE
    assert ranges(server) == [None, f"bytes={HALF}-"]


def test_starts_over_where_the_server_ignores_ranges(server, source, tmp_path):
    assert fetch(source(web.cut, web.whole), tmp_path).read_bytes() == ARCHIVE
    assert ranges(server) == [None, f"bytes={HALF}-"]


def test_resumes_a_bounded_number_of_times(server, source, tmp_path):
    with pytest.raises(WebError, match=r"cut after 0 of .* bytes; asked for the rest 1 times"):
        fetch(source(web.cut_at_once), tmp_path, QUICK)
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "begun, known, asked",
    [
        (ARCHIVE[:1000], KNOWN, ["bytes=1000-"]),
        (b"x" * 1000, KNOWN, ["bytes=1000-", None]),  # another file's: once more, clean
        (ARCHIVE, KNOWN, []),  # killed just before the check
        (ARCHIVE + b"more", KNOWN, [f"bytes={len(ARCHIVE) + 4}-", None]),
        (ARCHIVE, KNOWN | {"size": None}, [f"bytes={len(ARCHIVE)}-"]),
        (ARCHIVE[:1000], {"folder": NAME}, [None]),  # no SHA-256 would tell that they differ
    ],
    ids=["right", "poisoned", "complete", "too long", "complete, size unknown", "unverifiable"],
)
def test_a_part_that_was_left_is_used_with_care(server, source, tmp_path, begun, known, asked):
    (tmp_path / "c.tgz.part").write_bytes(begun)
    assert fetch(source(**known), tmp_path).read_bytes() == ARCHIVE
    assert ranges(server) == asked
    assert names(tmp_path) == ["c.tgz"]


def test_size_alone_is_told_by_the_length(source, tmp_path):
    unknown = {"folder": NAME}
    with pytest.raises(WebError, match="does not tell the length"):
        fetch(source(web.tells_no_length, **unknown), tmp_path)
    with pytest.raises(WebError, match="was cut after"):
        fetch(source(web.tells_too_much, **unknown), tmp_path, QUICK)
    assert not (tmp_path / "c.tgz").exists()
    assert fetch(source(web.tells_no_length), tmp_path).read_bytes() == ARCHIVE  # size known


def test_stops_a_stream_that_does_not_end(source, tmp_path):
    endless = source(web.tells_no_length, content=ARCHIVE * 3)
    with pytest.raises(WebError, match="sends more than"):
        fetch(endless, tmp_path)


def test_an_archive_that_is_there_but_damaged_is_named_and_kept(source, tmp_path):
    (tmp_path / "c.tgz").write_bytes(b"mine")
    with pytest.raises(DownloadError, match=r"c\.tgz is damaged or another file .*: remove it"):
        fetch(source(), tmp_path)
    assert (tmp_path / "c.tgz").read_bytes() == b"mine"


def test_free_space_is_checked_first(server, source, tmp_path):
    huge = source(lambda request, _: request.head(Content_Length=10**17), folder=NAME)
    with pytest.raises(DownloadError, match=r"200,000,000,000 MB are needed .* make room"):
        fetch(huge, tmp_path)
    assert names(tmp_path) == []


# ---- only https ----


def test_plain_http_is_for_loopback_only():
    assert is_secure("https://example.org") and is_secure("http://[::1]:80/")
    for address in ("http://example.org", "http://localhost/", "ftp://127.0.0.1/", "file:///a"):
        assert not is_secure(address)
        with pytest.raises(WebError, match="no https address"):
            open_url(address, timeout=1)


def test_follows_a_redirect_but_not_to_http(server, source, tmp_path):
    server.put("/c.tgz", ARCHIVE)
    assert fetch(source(web.redirect(f"{server.root}/c.tgz")), tmp_path).exists()
    for address in ("http://example.invalid/c.tgz", "ftp://127.0.0.1/c.tgz"):
        server.put("/away", b"", web.redirect(address))
        with pytest.raises(WebError, match=f"redirects to {address}, which is refused"):
            open_url(f"{server.root}/away", timeout=5)


@pytest.fixture
def https(server, tmp_path_factory):
    """The server with a certificate of its own making; returns the path of that."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    make = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 "
        "-addext keyUsage=digitalSignature,keyCertSign"
    )
    command = [*make.split(), "-keyout", str(key), "-out", str(certificate)]
    if not shutil.which("openssl") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs openssl to make a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return certificate


def test_only_a_trusted_certificate_will_do(server, https, source, tmp_path, monkeypatch):
    mirror = replace(source(), url=source().url.replace("http:", "https:"))
    with pytest.raises(WebError, match="certificate that is not trusted"):
        fetch(mirror, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(https))
    assert fetch(mirror, tmp_path).read_bytes() == ARCHIVE


def test_a_redirect_to_another_server_is_told(server, source, tmp_path):
    with web.Loopback() as other:
        away = web.redirect(other.put("/c.tgz", ARCHIVE))
        with pytest.warns(UserWarning, match=f"redirects to 127.0.0.1:{other.server_port}$"):
            assert fetch(source(away), tmp_path).exists()


def test_no_redirect_from_https_down_to_http(server, https, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(https))
    server.put("/away", b"", web.redirect(f"{server.root}/there"))
    for allowed in (is_secure, is_web):  # also for a picture, which plain http may bring
        with pytest.raises(WebError, match="redirects to http://.*, which is refused"):
            secure = server.root.replace("http:", "https:")
            open_url(f"{secure}/away", timeout=5, allowed=allowed)


# ---- mirrors in order ----

BAD_MIRRORS = {
    "hangs": (web.hang, "gave no answer in time"),
    "headers trickle": (web.trickle_headers, "gave no answer in time"),
    "hangs midway": (web.hang_midway, "gave no answer in time; asked"),
    "trickles": (web.trickle, "is too slow"),
    "cuts": (web.cut_at_once, "was cut after 0 of"),
    "tells too much": (web.tells_too_much, "offers"),
    "tells too little": (web.tells_too_little, "offers"),
    "other file": (web.other_file, "sent another file (SHA-256"),
    "web page": (web.web_page, "sent a web page"),
    "403": (web.status(403), "answered 403 Forbidden"),
    "404": (web.status(404), "answered 404 Not Found"),
    "503": (web.status(503), "answered 503 Service Unavailable"),
    "to http": (web.redirect("http://example.invalid/c.tgz"), "redirects to http://example"),
    "to a file": (web.redirect("file:///etc/passwd"), "Redirection to url 'file:"),
    "in a circle": (web.redirect("/a/c.tgz"), "infinite loop"),
}


@pytest.mark.parametrize("manner, why", BAD_MIRRORS.values(), ids=BAD_MIRRORS)
def test_the_next_mirror_takes_over(source, tmp_path, manner, why):
    mirrors = [source(manner), source(host="b")]
    limits = QUICK if "time" in why or "slow" in why else Limits(resumes=1)
    said = []
    path = get("cifar10", tmp_path, mirrors=mirrors, verify=verify, limits=limits, say=said.append)
    assert path == tmp_path / NAME
    verify(path)
    assert any(line.startswith(f"{mirrors[0].host}: ") and why in line for line in said)
    assert names(tmp_path) == [NAME]


def test_wrong_range_is_not_appended(server, source, tmp_path):
    (tmp_path / "c.tgz.part").write_bytes(ARCHIVE[:1000])
    with pytest.raises(WebError, match="another part of the file"):
        fetch(source(web.wrong_range), tmp_path)
    assert (tmp_path / "c.tgz.part").read_bytes() == ARCHIVE[:1000]
    fetch(source(web.ranged), tmp_path)
    assert ranges(server)[1:] == ["bytes=1000-"]


def test_a_mirror_goes_on_where_another_was_cut(server, source, tmp_path):
    mirrors = [source(web.cut, web.status(503)), source(host="b")]
    get("cifar10", tmp_path, mirrors=mirrors, verify=verify, limits=QUICK)
    assert ("/b/c.tgz", f"bytes={HALF}-") in server.seen


def test_what_a_failed_mirror_began_is_removed_in_the_end(server, source, tmp_path):
    begun = Source(server.put("/a/other.tgz", ARCHIVE, web.cut, web.status(503)), **KNOWN)
    get("cifar10", tmp_path, mirrors=[begun, source()], verify=verify, limits=QUICK)
    assert names(tmp_path) == [NAME]


def test_the_beginning_of_another_file_does_not_poison_the_next_mirror(server, source, tmp_path):
    content = bytes(255 - byte for byte in ARCHIVE)
    mirrors = [source(web.cut, web.status(503), content=content), source(host="b")]
    verify(get("cifar10", tmp_path, mirrors=mirrors, verify=verify, limits=QUICK))
    assert ranges(server)[2:] == [f"bytes={HALF}-", None]


def test_without_a_hash_the_pictures_decide(source, tmp_path):
    wrong = packed({"data_batch_0": b"other"}, "cifar10")
    right = packed(PIXELS, "cifar10")
    mirrors = [
        source(content=wrong, folder="cifar10"),
        source(content=b"no archive", host="b", folder="cifar10"),
        source(content=right, host="c", folder="cifar10"),
    ]
    said = []
    path = get("cifar10", tmp_path, mirrors=mirrors, verify=verify, say=said.append)
    assert path == tmp_path / "cifar10" and names(tmp_path) == ["cifar10"]
    told = [line for line in said if line.startswith("127.0.0.1")]
    assert "other pixels" in told[0] and "no tar or zip archive" in told[1] and len(told) == 2


def test_when_all_fail_every_mirror_is_told_and_the_remedy_comes_last(source, tmp_path):
    mirrors = [source(web.status(503)), source(web.web_page, host="b")]
    mirrors.append(Source("https://nowhere.invalid/c.tgz", **KNOWN))
    with pytest.raises(DownloadError) as caught:
        get("cifar10", tmp_path, mirrors=mirrors, verify=verify, limits=QUICK)
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines[:3]] == ["127.0.0.1"] * 2 + ["nowhere.invalid"]
    assert "503" in lines[0] and "web page" in lines[1]
    assert lines[3:] == [SETS["cifar10"].remedy.format(folder=tmp_path)]
    assert names(tmp_path) == []


# ---- without a network ----

OFFLINE = [Source(f"https://{host}.invalid/c.tgz", **KNOWN) for host in ("a", "b")]


def test_no_network_is_told_in_one_line(server, tmp_path):
    with pytest.raises(DownloadError) as caught:
        get("cifar10", tmp_path / "new", mirrors=OFFLINE, limits=QUICK)
    text = str(caught.value)
    assert "\n" not in text and text.startswith("No network (none of a.invalid, b.invalid")
    assert str(tmp_path / "new") in text and "COURSE_PROFILE=tiny" in text


def test_an_archive_put_there_by_hand_is_used_and_kept(tmp_path):
    (tmp_path / "c.tgz").write_bytes(ARCHIVE)
    said = []
    verify(get("cifar10", tmp_path, mirrors=OFFLINE, verify=verify, say=said.append))
    assert said[0] == f"using {tmp_path / 'c.tgz'}"
    assert names(tmp_path) == ["c.tgz", NAME]


def test_a_folder_that_is_there_is_verified_and_left_alone(tmp_path):
    folder = tmp_path / NAME
    folder.mkdir()
    for name, content in PIXELS.items():
        (folder / name).write_bytes(content)
    said = []
    assert get("cifar10", tmp_path, mirrors=OFFLINE, verify=verify, say=said.append) == folder
    assert "nothing to do" in said[-1]
    (folder / "data_batch_0").write_bytes(b"damaged")
    with pytest.raises(DownloadError, match="holds other pixels"):
        get("cifar10", tmp_path, mirrors=OFFLINE, verify=verify)
    assert (folder / "data_batch_0").read_bytes() == b"damaged"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"file.*: .*; choose a folder"):
        get("cifar10", tmp_path / "file" / "data", mirrors=OFFLINE)


# ---- ants and bees: told by the SHA-256 of each picture ----

BEES = "hymenoptera_data"
PICTURES = {f"train/{name}.jpg": name.encode() * 999 for name in ("ants/a b", "bees/(1)")}
HASHES = {name: hashlib.sha256(content).hexdigest() for name, content in PICTURES.items()}
BESIDES = {"train/ants/imageNotFound.gif": b"GIF", "train/ants/.ipynb_checkpoints/a.jpg": b"x"}


def zipped(files, name=BEES):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for file, content in files.items():
            archive.writestr(f"{name}/{file}", content)
        archive.writestr("__MACOSX/._train", b"")
    return data.getvalue()


def verify_bees(folder):
    verify_pictures(folder, HASHES, "the remedy")


def test_ants_and_bees_are_verified_picture_by_picture(server, tmp_path):
    content = zipped(PICTURES | BESIDES)
    mirrors = [Source(server.put("/b.zip", content, web.cut, web.whole), BEES)]
    path = get("hymenoptera", tmp_path, mirrors=mirrors, verify=verify_bees, limits=QUICK)
    assert path == tmp_path / BEES and names(tmp_path) == [BEES]  # and no __MACOSX
    assert (path / "train/ants/a b.jpg").read_bytes() == PICTURES["train/ants/a b.jpg"]
    (path / "train/ants/a b.jpg").write_bytes(b"")
    with pytest.raises(DownloadError, match="a b.jpg is changed; the remedy"):
        get("hymenoptera", tmp_path, mirrors=mirrors, verify=verify_bees)


@pytest.mark.parametrize(
    "change, fault",
    [
        ({"train/bees/(1).jpg": None}, "train/bees/(1).jpg is missing; "),
        ({"train/bees/(1).jpg": b"other"}, "train/bees/(1).jpg is changed; "),
        ({"val/ants/2.JPG": b"x"}, "val/ants/2.JPG was not published with it; "),
        (dict.fromkeys(PICTURES, b""), "a b.jpg is changed (2 such faults); the remedy"),
    ],
)
def test_a_wrong_picture_is_named(server, tmp_path, change, fault):
    files = {name: content for name, content in (PICTURES | change).items() if content is not None}
    mirrors = [Source(server.put("/b.zip", zipped(files)), BEES)]
    with pytest.raises(DownloadError) as caught:
        get("hymenoptera", tmp_path, mirrors=mirrors, verify=verify_bees)
    told, remedy = str(caught.value).splitlines()
    assert f": {tmp_path / 'b.zip'}: " in told and fault in told  # not the folder that is gone
    assert "hymenoptera_data.zip" in remedy and str(tmp_path) in remedy
    assert names(tmp_path) == []


def test_a_hostile_zip_is_refused(server, tmp_path):
    mirrors = [Source(server.put("/b.zip", zipped({"../../evil.jpg": b"x"})), BEES)]
    with pytest.raises(DownloadError, match="leads out of its folder"):
        get("hymenoptera", tmp_path / "data", mirrors=mirrors, verify=verify_bees)
    assert names(tmp_path) == ["data"] and names(tmp_path / "data") == []


def test_the_list_of_ants_and_bees(tmp_path):
    known = read_checksums(HYMENOPTERA)
    folders = Counter(name.rpartition("/")[0] for name in known)
    assert folders == {"train/ants": 123, "train/bees": 121, "val/ants": 70, "val/bees": 83}
    assert all(len(digest) == 64 for digest in known.values())
    with pytest.raises(ValueError, match=r"397 such faults\); remove .* `course data get hymenop"):
        SETS["hymenoptera"].verify(tmp_path)
    (source,) = SETS["hymenoptera"].sources
    assert source.url.startswith("https://download.pytorch.org/") and source.folder == BEES


# ---- Imagenette: told by the MD5 of its archive, classes, counts, and readable pictures ----

NETTE = "imagenette2-320"


def small_imagenette(**changes) -> dict[str, bytes]:
    """One picture of every class, for each split."""
    file = io.BytesIO()
    Image.new("RGB", (30, 20), "green").save(file, "JPEG")
    names = [f"{split}/{wnid}/{wnid}_1.JPEG" for split in ("train", "val") for wnid in IMAGENETTE]
    files = dict.fromkeys(names, file.getvalue()) | {"noisy_imagenette.csv": b"path"} | changes
    return {name: content for name, content in files.items() if content is not None}


@pytest.fixture
def nette(server, monkeypatch):
    """Serves a small Imagenette, and believes that it is whole."""
    monkeypatch.setattr(checking, "IMAGENETTE_SIZES", {"train": 10, "val": 10})

    def make(files, *manners, content=None):
        archive = packed(files, NETTE)
        known = hashlib.md5(archive).hexdigest()
        return [Source(server.put("/i.tgz", content or archive, *manners), NETTE, md5=known)]

    return make


def test_imagenette_is_got_and_verified(nette, tmp_path):
    mirrors = nette(small_imagenette(), web.cut, web.ranged)
    path = get("imagenette", tmp_path, mirrors=mirrors, limits=QUICK)
    assert path == tmp_path / NETTE and names(tmp_path) == [NETTE]
    assert imagenette(tmp_path).classes[0] == "tench"
    (path / "val/n03888257/n03888257_1.JPEG").write_bytes(b"")
    with pytest.raises(DownloadError, match="_1.JPEG: is empty; remove .*data get imagenette"):
        get("imagenette", tmp_path, mirrors=mirrors)


def test_an_archive_of_another_md5_is_refused(nette, tmp_path):
    other = packed(small_imagenette(more=b"x"), NETTE)
    with pytest.raises(DownloadError, match="sent another file .MD5 [0-9a-f]{12}…, not"):
        get("imagenette", tmp_path, mirrors=nette(small_imagenette(), content=other), limits=QUICK)
    (tmp_path / "i.tgz").write_bytes(other)  # or put there by hand
    with pytest.raises(DownloadError, match="i.tgz is damaged or another file .MD5"):
        get("imagenette", tmp_path, mirrors=nette(small_imagenette()), limits=QUICK)
    assert names(tmp_path) == ["i.tgz"]


@pytest.mark.parametrize(
    "change, fault",
    [
        ({"val/n03888257/n03888257_1.JPEG": b"x"}, "_1.JPEG: is damaged or none of"),
        ({"val/n03888257/n03888257_2.JPEG": b"x"}, "val: 11 pictures where there are 10"),
        ({"train/n03888257/n03888257_1.JPEG": None}, "train: not the ten classes of Imagenette"),
    ],
)
def test_imagenette_that_is_not_whole(nette, tmp_path, change, fault):
    mirrors = nette(small_imagenette(**change))
    with pytest.raises(DownloadError) as caught:
        get("imagenette", tmp_path, mirrors=mirrors, limits=QUICK)
    assert fault in str(caught.value) and "imagenette2-320.tgz" in str(caught.value)
    assert names(tmp_path) == []


def test_the_source_of_imagenette():
    from torchvision.datasets import Imagenette

    (source,) = SETS["imagenette"].sources
    assert (source.url, source.md5) == Imagenette._ARCHIVES["320px"]
    assert sum(checking.IMAGENETTE_SIZES.values()) == 13_394


def test_the_table_of_mirrors():
    with pytest.raises(ValueError, match="there are: cifar10"):
        get("cifar11", "data")
    sources = SETS["cifar10"].sources
    assert all(source.url.startswith("https://") for source in sources)
    assert "toronto" in sources[-1].host  # slow: last
    assert {source.folder for source in sources} == {NAME, "cifar10"}


# ---- two processes, and killed ones ----

CHILD = """
import os, signal, sys
from course_utils.store.checksums import HYMENOPTERA, read_checksums, verify_pictures
from course_utils.commands.download import get
from course_utils.store.fetching import Source

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows os.kill always kills

def kill_at(event, args):
    if event == "open" and str(args[0]).endswith("data_batch_1") and "x" in str(args[1]):
        os.kill(os.getpid(), KILL)

url, folder, sha256, last = sys.argv[1:]
if last == "killed while unpacking":
    sys.addaudithook(kill_at)
source = Source(url, "cifar-10-batches-py", sha256)
get("cifar10", folder, mirrors=[source], verify=lambda folder: None)
"""


def start(source, folder, how=""):
    command = [sys.executable, "-c", CHILD, source.url, folder, source.sha256, how]
    root = Path(__file__).parents[1]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


def test_killed_while_downloading_then_resumed(server, source, tmp_path):
    mirror = source(web.hang_midway, web.ranged)
    child = start(mirror, tmp_path)
    part = tmp_path / "c.tgz.part"
    web.wait_until(lambda: part.exists() and part.stat().st_size > 0)
    child.kill()
    child.communicate()
    begun = part.stat().st_size
    assert names(tmp_path) == ["c.tgz.part"] and part.read_bytes() == ARCHIVE[:begun]
    server.release.set()
    verify(get("cifar10", tmp_path, mirrors=[mirror], verify=verify))
    assert ranges(server) == [None, f"bytes={begun}-"]
    assert names(tmp_path) == [NAME]


def test_killed_while_unpacking_then_finished(server, source, tmp_path):
    child = start(source(), tmp_path, "killed while unpacking")
    child.communicate()
    assert child.returncode != 0
    archive, unpacking = sorted(names(tmp_path), reverse=True)
    assert archive == "c.tgz" and unpacking.endswith(UNPACKING)  # half-made, under no final name
    assert names(tmp_path / unpacking / NAME) == ["data_batch_0"]
    verify(get("cifar10", tmp_path, mirrors=[source()], verify=verify))
    assert names(tmp_path) == ["c.tgz", NAME] and len(server.seen) == 1


def test_a_second_process_waits_for_the_first(server, source, tmp_path):
    mirror = source(web.hang_midway)
    child = start(mirror, tmp_path)
    part = tmp_path / "c.tgz.part"
    web.wait_until(lambda: part.exists() and part.stat().st_size > 0)
    said, paths = [], []

    def second():
        paths.append(get("cifar10", tmp_path, mirrors=[mirror], verify=verify, say=said.append))

    thread = Thread(target=second)
    thread.start()
    web.wait_until(lambda: said)
    assert "another process is getting cifar10" in said[0]
    server.release.set()
    thread.join()
    child.communicate()
    assert child.returncode == 0 and paths == [tmp_path / NAME]
    assert len(server.seen) == 1 and "nothing to do" in said[-1]
