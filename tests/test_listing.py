"""Train, check, cache and predict see the same pictures: through links, in any form of a name."""

import os
import shutil
import sys
import unicodedata

import pytest
from picture_folders import write_pictures

from course_utils import image_splits
from course_utils.commands.cache import make_cache
from course_utils.commands.predict_files import find_pictures
from course_utils.store.checking import check, pictures_below

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs links and permissions")


@pytest.fixture
def root(tmp_path):
    """Three classes, of which red is a link to a folder elsewhere."""
    root = write_pictures(tmp_path / "colours", train=3, val=1)
    for split in ("train", "val"):
        (tmp_path / "elsewhere" / split).mkdir(parents=True)
        shutil.move(root / split / "red", tmp_path / "elsewhere" / split / "red")
        (root / split / "red").symlink_to(tmp_path / "elsewhere" / split / "red")
    return root


def test_a_linked_class_is_seen_by_all(root, tmp_path):
    assert len(image_splits(root).train) == 9
    (root / "train" / "red" / "0.png").write_bytes(b"")
    assert check(root) == 1
    faults = make_cache(root, tmp_path / "cache", "colours")
    assert len(faults) == 1 and faults[0].startswith(str(root / "train" / "red" / "0.png"))
    assert len(list((tmp_path / "cache" / "train" / "red").iterdir())) == 2
    found = find_pictures([root / "train"])
    assert len(found) == 9 and found == sorted(map(str, pictures_below(root / "train")[0]))


def test_links_that_lead_around_end(root):
    before = pictures_below(root)[0]
    (root / "train" / "blue" / "around").symlink_to(root)
    (root / "train" / "green" / "other").symlink_to(root / "val" / "green")
    (root / "val" / "green" / "back").symlink_to(root / "train" / "green")
    paths, _ = pictures_below(root)
    assert set(before) < set(paths) and len(paths) == len(set(paths)) < 40


def test_a_link_that_leads_nowhere_is_named_and_left_out(root, tmp_path, capsys):
    broken = root / "train" / "blue" / "9.png"
    broken.symlink_to(root / "gone.png")
    wasps = root / "train" / "wasps"
    wasps.symlink_to(tmp_path / "no wasps")
    assert check(root) == 2
    said = capsys.readouterr().out
    assert str(broken) in said and str(wasps) in said
    faults = make_cache(root, tmp_path / "cache", "colours")
    assert sorted(fault.split(": ")[0] for fault in faults) == [str(broken), str(wasps)]
    assert str(broken) in find_pictures([root / "train"])  # and fails there, or is left out
    broken.unlink()
    shutil.copy(root / "train" / "blue" / "0.png", broken)
    assert len(make_cache(root, tmp_path / "cache", "colours")) == 1
    broken.unlink()
    broken.symlink_to(root / "gone.png")  # there is a copy of it by now
    assert len(make_cache(root, tmp_path / "cache", "colours")) == 2
    assert not (tmp_path / "cache" / "train" / "blue" / "9.png").exists()


def test_a_folder_that_may_not_be_read_is_named(root, monkeypatch):
    real = os.scandir

    def scandir(path):
        if os.path.basename(path) == "green":
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(OSError, match="green"):
        find_pictures([root / "train"])
    left_out = []
    assert len(find_pictures([root / "train"], left_out.append)) == 6
    assert [error.filename for error in left_out] == [str(root / "train" / "green")]


def test_one_name_in_two_forms_is_refused(root):
    forms = [unicodedata.normalize(form, "é") for form in ("NFC", "NFD")]
    for form in forms:
        shutil.copytree(root / "train" / "blue", root / "train" / form)
    if len({path.name for path in (root / "train").iterdir()} & set(forms)) < 2:
        pytest.skip("this file system knows one form of a name only")
    with pytest.raises(ValueError, match="have the same name"):
        image_splits(root)
