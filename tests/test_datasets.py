"""Finding, reading, checking, caching and splitting CIFAR-10 in both of its layouts."""

import hashlib
import os
import pickle
from collections import Counter
from pathlib import Path

import pytest
import torch
from PIL import Image
from small_sets import small_parts, write_batches, write_folders

from course_utils.data import datasets
from course_utils.data.datasets import CIFAR10_CLASSES, cifar10, stratified_split
from course_utils.store import locations
from course_utils.store.cifar10_files import fingerprint, read_cifar10
from course_utils.store.locations import DRAWINGS, find

BATCHES, FOLDERS = "cifar-10-batches-py", "cifar10"
WRITE = {BATCHES: write_batches, FOLDERS: write_folders}
both_layouts = pytest.mark.parametrize("layout", [BATCHES, FOLDERS])


@pytest.fixture
def parts(monkeypatch, tmp_path):
    """Small parts that pass for the true CIFAR-10, and no other place to find data or caches."""
    parts = small_parts()
    known = {split: (len(part[1]), fingerprint(*part)) for split, part in parts.items()}
    monkeypatch.setattr(datasets, "CIFAR10_FINGERPRINTS", known)
    monkeypatch.setattr(locations, "DATA", tmp_path / "data")
    monkeypatch.delenv("COURSE_DATA")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return parts


@pytest.fixture
def place(tmp_path):
    """A folder to put data sets into; its name is what a student's may be."""
    return tmp_path / "Größe, Übung 1"


def tensors(splits):
    return [t for s in (splits.train, splits.val, splits.test) for t in (s.images, s.labels)]


def same(one, other):
    return all(map(torch.equal, tensors(one), tensors(other)))


def caches(folder):
    return sorted(folder.rglob("*.pt"))


# ---- find ----


def test_the_order_of_the_search(parts, place, tmp_path, monkeypatch, capsys):
    data = locations.DATA
    monkeypatch.setattr(locations, "DRAWINGS", tmp_path / "tiny")
    write_folders(parts, locations.DRAWINGS / FOLDERS)
    assert cifar10().drawings and cifar10("drawings").drawings
    assert set(capsys.readouterr().out.splitlines()) == {"data: the embedded drawings"}

    write_folders(parts, data / FOLDERS)
    assert find("cifar10").path == data / FOLDERS
    write_batches(parts, data / BATCHES)  # the official layout goes first
    assert find("cifar10").path == data / BATCHES
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "mine"))
    assert find("cifar10").path == data / BATCHES  # nothing there
    write_folders(parts, tmp_path / "mine" / FOLDERS)
    assert find("cifar10").path == find("cifar10", "real").path == tmp_path / "mine" / FOLDERS
    write_folders(parts, place / FOLDERS)
    assert not cifar10(place).drawings
    assert capsys.readouterr().out == f"data: cifar10 in {place / FOLDERS}\n"
    assert find("cifar10", "drawings").drawings


@both_layouts
def test_a_path_to_the_folder_or_around_it(parts, place, layout, monkeypatch):
    folder = WRITE[layout](parts, place / layout)
    assert find("cifar10", place).path == find("cifar10", folder).path == folder
    monkeypatch.chdir(folder)
    for where in (".", "..", "../" + layout):
        assert find("cifar10", where).path.samefile(folder)
        assert find("cifar10", where).layout == layout
    monkeypatch.setenv("HOME", str(place))
    assert find("cifar10", "~").path == folder or os.name == "nt"


def test_the_drawings_are_known_by_any_path(monkeypatch):
    if not (DRAWINGS / FOLDERS).is_dir():
        pytest.skip("the drawings are not there")
    monkeypatch.chdir(DRAWINGS)
    for where in (".", FOLDERS, DRAWINGS, DRAWINGS / FOLDERS):
        assert find("cifar10", where).drawings
    monkeypatch.setenv("COURSE_DATA", "../tiny")
    assert find("cifar10").drawings


def test_the_drawings_are_known_behind_a_link(monkeypatch, tmp_path):
    try:
        (tmp_path / "tiny").symlink_to(DRAWINGS, target_is_directory=True)
    except OSError:
        pytest.skip("no links on this system")
    monkeypatch.setattr(locations, "DRAWINGS", tmp_path / "tiny")
    assert find("cifar10", "drawings").drawings
    assert find("cifar10", DRAWINGS).drawings


def test_names_that_are_not_there(parts, tmp_path):
    with pytest.raises(ValueError, match=r"'cifar-10'; there are: cifar10, hymenoptera, imagenet"):
        find("cifar-10")
    for where in ("drawing", tmp_path):
        with pytest.raises(FileNotFoundError) as error:
            cifar10(where)
        assert str(where) in str(error.value) and "course data get cifar10" in str(error.value)


# ---- both layouts ----


def test_both_layouts_are_the_same_set(parts, place):
    ways = [cifar10(WRITE[layout](parts, place / layout)) for layout in WRITE]
    assert same(*ways)
    again = [cifar10(place / layout) for layout in WRITE]  # now from their caches
    assert same(*again) and same(again[0], ways[0])
    assert ways[0].train.images.dtype == torch.uint8
    assert ways[0].train.images.shape == (180, 3, 32, 32)


def test_splits(parts, place):
    splits = cifar10(write_folders(parts, place / FOLDERS))
    for images, count in ((splits.train, 18), (splits.val, 2), (splits.test, 3)):
        assert images.labels.bincount().tolist() == [count] * 10
    whole = Counter(image.numpy().tobytes() for image in parts["train"][0])
    halves = [Counter(i.numpy().tobytes() for i in s.images) for s in (splits.train, splits.val)]
    assert halves[0] + halves[1] == whole and not halves[0] & halves[1]
    for image, label in splits.val:  # labels go with their images
        at = (parts["train"][0] == image).all(dim=(1, 2, 3)).nonzero().item()
        assert parts["train"][1][at] == label


def test_stratified_split_is_seeded_and_in_proportion():
    labels = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)[torch.randperm(100)]
    rest, held = stratified_split(labels, held_out=10, seed=1)
    assert labels[held].bincount().tolist() == [5, 3, 2]
    assert sorted([*rest.tolist(), *held.tolist()]) == list(range(100))
    assert torch.equal(held, stratified_split(labels, held_out=10, seed=1)[1])
    assert not torch.equal(held, stratified_split(labels, held_out=10, seed=2)[1])


def test_fingerprint():
    images, labels = small_parts(train=3)["train"]
    known = fingerprint(images, labels)
    single = [
        hashlib.sha256(bytes([label, 0]) + bytes(image.flatten().tolist())).digest()
        for image, label in zip(images, labels.tolist())
    ]
    assert known == hashlib.sha256(b"".join(sorted(single))).hexdigest()
    order = torch.randperm(len(labels))
    assert fingerprint(images[order], labels[order]) == known
    assert fingerprint(images.to(memory_format=torch.channels_last), labels) == known
    pixel = images.clone()
    pixel[7, 2, 31, 31] ^= 1
    label, swapped = labels.clone(), labels.clone()
    label[4] = 9
    swapped[[0, -1]] = swapped[[-1, 0]]
    seen = [fingerprint(pixel, labels), fingerprint(images, label), fingerprint(images, swapped)]
    seen += [fingerprint(images[:-1], labels[:-1]), fingerprint(images.mT.contiguous(), labels)]
    assert len({known, *seen}) == 6


# ---- damaged copies ----


@both_layouts
def test_a_partial_copy_is_refused(parts, place, layout):
    images, labels = parts["train"]
    part = WRITE[layout]({**parts, "train": (images[1:], labels[1:])}, place / layout)
    with pytest.raises(ValueError, match="199 train images of 200.*course data get cifar10"):
        cifar10(part)
    assert not caches(place.parent)


@both_layouts
def test_a_wrong_pixel_or_label_is_refused(parts, place, layout):
    parts["test"][0][0, 0, 0, 0] ^= 1
    folder = WRITE[layout](parts, place / layout)
    with pytest.raises(ValueError, match="test is not the true CIFAR-10.*course data get cifar10"):
        cifar10(folder)
    with pytest.raises(ValueError, match="test is not the true CIFAR-10"):
        datasets.verify_cifar10(folder)
    assert not caches(place.parent)


def test_verify_accepts_both_layouts(parts, place):
    for layout, write in WRITE.items():
        datasets.verify_cifar10(write(parts, place / layout))


def test_a_pickle_that_runs_code_is_refused_and_not_run(parts, place):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(place / "ran"),)

    folder = write_batches(parts, place / BATCHES)
    (folder / "data_batch_2").write_bytes(pickle.dumps({b"data": Evil()}, protocol=2))
    with pytest.raises(ValueError, match=r"data_batch_2 is not .*mkdir, which is refused"):
        cifar10(place)
    assert not (place / "ran").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-500]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"<!doctype html><title>Log in</title>"),
        lambda path: path.write_bytes(pickle.dumps([1, 2, 3], protocol=2)),
        lambda path: path.unlink(),
    ],
)
def test_a_broken_batch_file_is_named(parts, place, damage):
    damage(write_batches(parts, place / BATCHES) / "data_batch_4")
    with pytest.raises(ValueError, match=r"data_batch_4 is not a CIFAR-10 batch.*course data get"):
        cifar10(place)


def test_a_batch_file_with_more_labels_than_images_is_named(parts, place):
    folder = write_batches(parts, place / BATCHES)
    content = pickle.loads((folder / "test_batch").read_bytes(), encoding="bytes")
    content[b"labels"].append(3)
    (folder / "test_batch").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(ValueError, match="test_batch: 30 images of uint8, 31 labels"):
        cifar10(place)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-900]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"<!doctype html><title>Log in</title>"),
        lambda path: Image.new("RGB", (31, 32)).save(path),
    ],
)
def test_a_broken_png_is_named(parts, place, damage):
    folder = write_folders(parts, place / FOLDERS)
    path = folder / "train" / "frog" / "0121.png"
    damage(path)
    with pytest.raises(ValueError) as error:
        cifar10(folder)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_stray_files_are_ignored_and_counted(parts, place):
    folder = write_folders(parts, place / FOLDERS)
    cats = folder / "train" / "cat"
    (cats / ".ipynb_checkpoints").mkdir()
    (cats / "._0001.png").write_bytes(b"resource fork")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "labels.txt").write_text("airplane\n")
    assert len(cifar10(folder).train) == 180
    for name in ("imageNotFound.gif", "notes.txt"):
        (cats / name).write_bytes(b"")
    with pytest.warns(UserWarning, match="cat: 2 files ignored that are no PNG"):
        assert len(cifar10(folder).train) == 180


def test_a_missing_class_is_named(parts, place):
    images, labels = parts["train"]
    some = labels != 4
    folder = write_folders({**parts, "train": (images[some], labels[some])}, place / FOLDERS)
    with pytest.raises(ValueError, match=r"train.deer holds no PNG; expected .*train/<class>/"):
        cifar10(folder)


# ---- the cache ----


@pytest.fixture
def readings(monkeypatch):
    """The folders whose files were really read."""
    seen = []

    def spy(path, *rest):
        seen.append(path)
        return read_cifar10(path, *rest)

    monkeypatch.setattr("course_utils.store.cifar10_files.read_cifar10", spy)
    return seen


@both_layouts
def test_the_second_time_comes_from_the_cache(parts, place, layout, readings):
    folder = WRITE[layout](parts, place / layout)
    first, second = cifar10(place), cifar10(place)
    assert readings == [folder] and same(first, second)
    assert [path.parent for path in caches(place.parent)] == [place / ".cache"]


def test_a_changed_file_is_read_again(parts, place, readings):
    folder = write_folders(parts, place / FOLDERS)
    cifar10(place)
    (before,) = caches(place)
    path = folder / "train" / "cat" / "0060.png"
    os.utime(path, ns=(1, 1))
    cifar10(place)
    (after,) = caches(place)  # an old cache does not stay behind
    assert len(readings) == 2 and before != after
    path.unlink()
    with pytest.raises(ValueError, match="199 train images"):
        cifar10(place)


def flip_a_pixel(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage", [flip_a_pixel, lambda path: path.write_bytes(path.read_bytes()[:5000])]
)
def test_a_damaged_cache_is_read_again(parts, place, readings, damage):
    write_folders(parts, place / FOLDERS)
    first = cifar10(place)
    (cache,) = caches(place)
    damage(cache)
    with pytest.warns(UserWarning, match="is damaged; reading .* again"):
        assert same(cifar10(place), first)
    assert same(cifar10(place), first) and len(readings) == 2  # mended


def test_a_cache_that_runs_code_is_not_run(parts, place):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(place / "ran"),)

    write_folders(parts, place / FOLDERS)
    cifar10(place)
    (cache,) = caches(place)
    torch.save({"train": Evil()}, cache)
    with pytest.warns(UserWarning, match="damaged"):
        cifar10(place)
    assert not (place / "ran").exists()


def test_where_the_data_is_read_only_the_cache_is_the_users(parts, place, readings, tmp_path):
    write_folders(parts, place / FOLDERS)
    (place / ".cache").write_text("so that no folder can be made here, even by root")
    first = cifar10(place)
    assert same(cifar10(place), first) and len(readings) == 1
    assert [path.parent for path in caches(tmp_path)] == [
        tmp_path / "home" / ".cache" / "course_utils"
    ]


def test_without_any_cache_it_says_so(parts, place, readings, tmp_path):
    write_folders(parts, place / FOLDERS)
    (place / ".cache").write_text("")
    (tmp_path / "home").write_text("")
    for _ in range(2):
        with pytest.warns(UserWarning, match="no cache could be written"):
            cifar10(place)
    assert len(readings) == 2


def test_nothing_is_written_beside_the_drawings(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(locations, "DRAWINGS", tmp_path / "tiny")
    write_folders(parts, locations.DRAWINGS / FOLDERS)
    before = sorted(tmp_path.rglob("*"))
    cifar10("drawings")
    cifar10(locations.DRAWINGS)
    assert sorted(tmp_path.rglob("*")) == before


# ---- what is known of the sets ----


def test_the_drawings():
    splits = cifar10("drawings")
    assert splits.drawings and splits.classes == CIFAR10_CLASSES
    for images in (splits.train, splits.val, splits.test):
        counts = images.labels.bincount(minlength=10)
        assert counts.min() == counts.max() > 0
        assert images.images.shape[1:] == (3, 32, 32) and len(images) == len(images.images)
    about = splits.about()
    assert about["data"] == "cifar10 drawings"
    assert about["image_size"] == about["resize"] == 32 == splits.val.image_size
    assert about["classes"] == list(CIFAR10_CLASSES)


def test_about_is_what_a_checkpoint_may_hold(parts, place, tmp_path):
    about = cifar10(write_folders(parts, place / FOLDERS)).about()
    assert about["data"] == "cifar10"
    torch.save(about, tmp_path / "about.pt")
    assert torch.load(tmp_path / "about.pt", weights_only=True) == about


def test_the_true_cifar10():
    """Where the real images are at hand: they are the true ones, and so are mean and std."""
    try:
        found = find("cifar10", Path(__file__).parents[1] / "data")
    except FileNotFoundError:
        pytest.skip("the real CIFAR-10 is not in data/")
    splits = cifar10(found.path)
    pixels = torch.cat([splits.train.images, splits.val.images]).double() / 255
    mean, std = pixels.mean(dim=(0, 2, 3)), pixels.std(dim=(0, 2, 3))
    assert [round(v, 4) for v in mean.tolist()] == list(splits.train.mean)
    assert [round(v, 4) for v in std.tolist()] == list(splits.train.std)
    assert splits.train.labels.bincount().tolist() == [4500] * 10
