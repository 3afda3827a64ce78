"""A whole folder of pictures is read, and every bad one reported."""

import pytest
from picture_folders import write_pictures

from course_utils.store import checking
from course_utils.store.checking import pictures_below, unreadable


@pytest.fixture
def root(tmp_path):
    """18 good pictures, and in several places two bad ones."""
    root = write_pictures(tmp_path / "colours", train=4, val=2)
    good = (root / "train" / "red" / "0.png").read_bytes()
    (root / "train" / "red" / "cut.png").write_bytes(good[:200])
    (root / "val" / "empty.JPG").write_bytes(b"")
    (root / "val" / "notes.txt").write_text("mine")
    (root / ".trash").mkdir()
    (root / ".trash" / "x.png").write_bytes(b"")
    (root / "val" / ".x.png").write_bytes(b"")
    return root


def test_every_picture_is_read_in_order_however_many_at_a_time(root, monkeypatch):
    paths, others = pictures_below(root)
    assert len(paths) == 20 and others == 1
    for workers, block in ((1, 1000), (3, 7), (None, 1)):
        monkeypatch.setattr(checking, "BLOCK", block)
        found = [(paths[index].name, why) for index, why in unreadable(paths, workers)]
        assert [name for name, _ in found] == ["cut.png", "empty.JPG"]
        assert found[1][1] == "is empty"


def test_the_command(root, course):
    code, said, error = course("data", "check", root, "--workers", 2)
    cut, empty, summary = said.splitlines()
    assert code == 1 and error == ""
    assert cut.startswith(f"{root / 'train' / 'red' / 'cut.png'}: ")
    assert empty == f"{root / 'val' / 'empty.JPG'}: is empty"
    assert summary == (
        f"{root}: pictures: 20, cannot be read: 2, suspect: 0, in two splits: 0, other files: 1"
    )
    (root / "val" / "empty.JPG").unlink()
    code, said, _ = course("data", "check", root / "val")
    assert code == 0 and said.endswith(
        "val: pictures: 6, cannot be read: 0, suspect: 0, twice: 0, other files: 1\n"
    )


@pytest.mark.parametrize("name, message", [("no", "no such folder"), ("empty", "holds no pictur")])
def test_where_there_is_nothing_to_read(root, course, name, message):
    (root / "empty").mkdir()
    code, _, error = course("data", "check", root / name)
    assert code == 2 and message in error and str(root / name) in error
