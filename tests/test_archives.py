"""Archives: what is good unpacks, what is hostile or damaged leaves nothing behind."""

import gzip
import io
import os
import random
import stat
import tarfile
import zipfile

import pytest

from course_utils.store.archives import ArchiveError, unpack

NOISE = random.Random(0).randbytes(3000)
GOOD = {"set/a.txt": b"alpha", "set/deep/er/b.bin": NOISE}


def tar(path, members, mode="w:gz"):
    """Write (name, content or a type of tarfile's) members."""
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
            elif len(content) == 1:
                info.type, info.linkname = content, "set/a.txt"
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content or b"") if info.size else None)
    return path


def plain_tar(path, members):
    return tar(path, members, "w:")


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo("name")
            info.filename = name if content is not None else f"{name}/"  # ZipInfo cleans names
            if content == tarfile.SYMTYPE:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, content or b"", zipfile.ZIP_DEFLATED)
    return path


WRITERS = pytest.mark.parametrize("write", [tar, plain_tar, zipped])


def files(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def refused(archive, *words, destination="set", **limits):
    """Unpacking fails in one line with these words, and leaves nothing but the archive."""
    folder = archive.parent
    before = files(folder.parent)
    with pytest.raises(ArchiveError) as caught:
        unpack(archive, folder / destination, **limits)
    for word in (str(archive), *words):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(folder.parent) == before
    assert [path.name for path in folder.iterdir()] == [archive.name]


@WRITERS
def test_unpacks_one_folder_whole(tmp_path, write):
    members = [("set", None), *GOOD.items(), ("__MACOSX/junk", b"junk"), ("set/empty", None)]
    archive = write(tmp_path / "a", members)
    seen = []
    path = unpack(archive, tmp_path / "set", check=lambda folder: seen.append(os.stat(folder)))
    assert path == tmp_path / "set"
    assert os.path.samestat(seen[0], os.stat(path))  # renamed, not copied
    assert files(tmp_path / "set") == {"a.txt": b"alpha", "deep/er/b.bin": NOISE}
    assert (tmp_path / "set/empty").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "set"]


def test_leading_dot_is_harmless(tmp_path):
    archive = tar(tmp_path / "a.tgz", [("./set/a.txt", b"alpha")])
    assert files(unpack(archive, tmp_path / "set")) == {"a.txt": b"alpha"}


@WRITERS
@pytest.mark.parametrize(
    "name, why",
    [
        ("../evil", "'..'"),
        ("set/../../evil", "'..'"),
        ("/tmp/evil", "absolute"),
        ("C:/evil", "drive letter"),
        ("set\\..\\..\\evil", "backslash"),
        ("set/.. /evil", "dot or a space"),  # Windows reads it as '..'
        ("set/a.txt", "twice"),
        ("set/a.txt/evil", "twice"),
        ("set/\x1b[31mred", "refused"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")  # zipfile, on writing it
def test_refuses_names_that_lead_elsewhere(tmp_path, write, name, why):
    (tmp_path / "in").mkdir()
    members = [("set/a.txt", b"alpha"), (name, b"evil")]
    refused(write(tmp_path / "in/a.bin", members), repr(name), why)


@pytest.mark.parametrize(
    "kind, why",
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.FIFOTYPE, "special"),
        (tarfile.CHRTYPE, "special"),
        (tarfile.GNUTYPE_SPARSE, "special"),
    ],
)
def test_refuses_links_and_devices_in_tar(tmp_path, kind, why):
    (tmp_path / "in").mkdir()
    refused(tar(tmp_path / "in/a.tgz", [*GOOD.items(), ("set/x", kind)]), "'set/x'", why)


def test_refuses_links_and_encryption_in_zip(tmp_path):
    (tmp_path / "in").mkdir()
    archive = zipped(tmp_path / "in/a.zip", [*GOOD.items(), ("set/x", tarfile.SYMTYPE)])
    refused(archive, "'set/x'", "link")
    data = bytearray(zipped(archive, [("set/x", b"secret")]).read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag of encryption, in the directory
    archive.write_bytes(data)
    refused(archive, "'set/x' is encrypted")


@pytest.mark.parametrize("write", [tar, zipped])
def test_refuses_a_bomb(tmp_path, write):
    (tmp_path / "in").mkdir()
    bomb = write(tmp_path / "in/bomb", [("set/big", bytes(5_000_000))])
    assert bomb.stat().st_size < 10_000
    refused(bomb, "'set/big'", "bomb")


def test_refuses_a_bomb_in_a_tar_header(tmp_path):
    """A name of megabytes is read before any member is seen: the limit holds there too."""
    (tmp_path / "in").mkdir()
    info = tarfile.TarInfo("x" * 5_000_000)
    (tmp_path / "in/bomb.tgz").write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT)))
    refused(tmp_path / "in/bomb.tgz", "bomb")


@WRITERS
def test_limits_on_bytes_and_members(tmp_path, write):
    (tmp_path / "in").mkdir()
    archive = write(tmp_path / "in/a", [(f"set/{i}", NOISE) for i in range(9)])
    refused(archive, "bomb", max_bytes=20_000)
    refused(archive, "'set/5'", "more than 5", max_members=5)
    assert len(files(unpack(archive, tmp_path / "in/set", max_members=9))) == 9


@WRITERS
def test_a_damaged_archive_fails_in_one_line(tmp_path, write):
    text = "".join(str(i * i) for i in range(500)).encode()
    data = write(tmp_path / "good", [("set/a.txt", text), ("set/ä.bin", NOISE[:200])]).read_bytes()
    archive, dice, failed = tmp_path / "bad", random.Random(0), 0
    for i in range(60):
        damaged = bytearray(data)
        if i % 4 == 0:
            del damaged[dice.randrange(len(data)) :]
        else:
            damaged[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        archive.write_bytes(damaged)
        (tmp_path / f"{i}").mkdir()
        try:
            folder = unpack(archive, tmp_path / f"{i}/set")
        except ArchiveError as error:
            assert str(archive) in str(error) and "\n" not in str(error)
            failed += 1
        else:  # a plain tar has no checksum of its contents
            assert write is plain_tar or files(folder) == {"a.txt": text, "ä.bin": NOISE[:200]}
    assert failed > 8


@pytest.mark.parametrize("spoil", [(50, b"\xff"), (10, b"\x63")], ids=["name", "method"])
def test_a_zip_with_an_impossible_directory(tmp_path, spoil):
    """What zipfile meets with errors of other kinds than its own."""
    (tmp_path / "in").mkdir()
    archive = zipped(tmp_path / "in/a.zip", [("set/ä", b"alpha")])
    data, (offset, byte) = bytearray(archive.read_bytes()), spoil
    at = data.index(b"PK\x01\x02") + offset
    data[at : at + 1] = byte
    archive.write_bytes(data)
    refused(archive, "is no tar or zip archive")


def test_not_an_archive(tmp_path):
    (tmp_path / "in").mkdir()
    for content in (b"", b"<html>Log in</html>", NOISE):
        (tmp_path / "in/a.tgz").write_bytes(content)
        refused(tmp_path / "in/a.tgz", "no tar or zip archive")


def test_check_decides_before_the_name_appears(tmp_path):
    archive = tar(tmp_path / "a.tgz", GOOD.items())

    def check(folder):
        assert folder.name == "set" and files(folder)["a.txt"] == b"alpha"
        assert not (tmp_path / "set").exists()
        raise ValueError("wrong pictures")

    with pytest.raises(ValueError, match="wrong pictures"):
        unpack(archive, tmp_path / "set", check=check)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tgz"]


def test_never_overwrites_and_names_a_missing_folder(tmp_path):
    archive = tar(tmp_path / "a.tgz", GOOD.items())
    with pytest.raises(ArchiveError, match=r"a\.tgz: holds no folder other/"):
        unpack(archive, tmp_path / "other")
    (tmp_path / "set").mkdir()
    with pytest.raises(ArchiveError, match="there already"):
        unpack(archive, tmp_path / "set")
    assert not any((tmp_path / "set").iterdir())
