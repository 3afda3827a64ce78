"""Pictures as people lay them out: undivided, under other names, in two folders, with a table."""

import random
import shutil

import pytest
from picture_folders import CLASSES, SMALL, read_json, write_pictures
from PIL import Image

from course_utils import image_splits
from course_utils.store.dividing import divide, divided_copy
from course_utils.store.folder_listing import SYSTEM, listed_classes, split_folder

NO_TABLES = ["--no-tensorboard", "--no-progress"]
FAST = [*SMALL, "--model", "resnet18", "--weights", "none", "--width", 8, *NO_TABLES]


@pytest.fixture
def root(tmp_path):
    """Three classes of ten pictures right in a folder."""
    write_pictures(tmp_path / "made", train=10)
    return (tmp_path / "made" / "train").rename(tmp_path / "colours")


def names(part) -> set[str]:
    return {f"{path.parent.name}/{path.name}" for path, _ in part.samples}


def in_table(root, head: str = "file,label", ending: str = ".png"):
    """The same pictures without class folders, and a table of their labels."""
    folder, rows = root.parent / "loose", [head]
    folder.mkdir()
    for path in sorted(root.rglob("*.png")):
        shutil.copy(path, folder / f"{path.parent.name}{path.name}")
        rows.append(f"{path.parent.name}{path.stem}{ending},{path.parent.name}")
    table = root.parent / "labels.csv"
    table.write_text("\n".join(rows), encoding="utf-8")
    return folder, table


# ---- a share is held out ----


def test_a_share_of_every_class_is_held_out_the_same_every_time(root, tmp_path):
    splits = image_splits(root, val_share=0.2)
    assert splits.train.labels.bincount().tolist() == [8] * 3 and splits.test is None
    assert splits.val.labels.bincount().tolist() == [2] * 3
    assert not names(splits.train) & names(splits.val)
    moved = tmp_path / "elsewhere" / "of another name"
    paths = list(root.rglob("*.png"))
    random.shuffle(paths)
    for path in paths:  # made in another order
        target = moved / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    again = image_splits(moved, val_share=0.2)
    assert names(again.val) == names(splits.val)
    assert again.about()["pictures"] == splits.about()["pictures"]


def test_it_may_be_held_out_of_train_beside_a_test(root, tmp_path):
    write_pictures(tmp_path / "more", test=2, seed=1)
    shutil.copytree(root, tmp_path / "more" / "Training")
    splits = image_splits(tmp_path / "more", val_share=0.3)
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [21, 9, 6]
    shutil.move(tmp_path / "more" / "test", root / "test")  # is no class there
    splits = image_splits(root, val_share=0.3)
    assert [len(part) for part in (splits.train, splits.val, splits.test)] == [21, 9, 6]


def test_a_copy_is_divided_in_the_same_way(root, tmp_path, course):
    code, said, _ = course("data", "split", root, "--out", tmp_path / "out")
    assert code == 0 and "24 train, 6 val; use it" in said
    splits = image_splits(tmp_path / "out")
    assert names(splits.val) == names(image_splits(root, val_share=0.2).val)
    assert len(list(root.rglob("*.png"))) == 30
    counts = divided_copy(root, tmp_path / "three", {"val": 0.2, "test": 0.1}, seed=1)
    assert counts == {"train": 21, "val": 6, "test": 3}
    other = image_splits(tmp_path / "three")
    assert names(other.val) != names(splits.val) and len(other.test) == 3
    assert names(other.train) | names(other.val) | names(other.test) == names(splits.train) | names(
        splits.val
    )


def test_groups_stay_together_in_all_classes(root):
    for path in list(root.rglob("*.png")):
        path.rename(path.with_name(f"s{int(path.stem) // 2}_{path.name}"))
    _, samples, _ = listed_classes(root, root)
    parts = divide(samples, {"val": 0.2, "test": 0.2}, group="_")
    groups = [{samples[i][0].name.partition("_")[0] for i in part} for part in parts.values()]
    assert [len(group) for group in groups] == [3, 1, 1] and len(set.union(*groups)) == 5
    with pytest.raises(ValueError, match="blue: has too few groups .names up to the first 's'"):
        divide(samples, {"val": 0.2}, group="s")
    with pytest.raises(ValueError, match="its name has no '-'"):
        divide(samples, {"val": 0.2}, group="-")


def test_every_split_has_every_class_or_it_is_refused(root):
    for number in range(2, 10):
        (root / "red" / f"{number}.png").unlink()
    splits = image_splits(root, val_share=0.1)
    assert splits.val.labels.bincount().tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="red: has too few pictures for train, val, test"):
        divide(listed_classes(root, root)[1], {"val": 0.1, "test": 0.1})


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--val", 1.5], "val 1.5: shares are above 0, and together below 1"),
        (["--val", 0.6, "--test", 0.4], "together below 1"),
        (["--out", "{root}/out"], "lies in"),
        (["--out", "{root}"], "is there already"),
    ],
)
def test_copies_that_cannot_be(root, course, flags, words):
    flags = [str(flag).format(root=root) for flag in flags]
    code, _, error = course("data", "split", root, *flags)
    assert code == 2 and words in error and error.count("\n") == 1
    assert {path.name for path in root.parent.iterdir()} == {"colours", "made"}


def test_what_is_divided_is_not_divided_again(root, tmp_path):
    divided_copy(root, tmp_path / "out", {"val": 0.2})
    with pytest.raises(ValueError, match="is divided already, train is there"):
        divided_copy(tmp_path / "out", tmp_path / "again", {"val": 0.2})
    with pytest.raises(ValueError, match="val is there already: leave --val-share out"):
        image_splits(tmp_path / "out", val_share=0.2)


# ---- runs on such folders ----


def test_a_run_keeps_what_it_held_out(root, tmp_path, course):
    run = tmp_path / "run"
    flags = ["--data", root, *FAST, "--epochs", 1, "--schedule", "constant", "--warm-up", 0]
    code, _, error = course("train", "--out", run, *flags)
    assert code == 2 and "--val-share 0.2" in error and "course data split" in error
    assert course("train", "--out", run, *flags, "--val-share", 0.2)[0] == 0
    assert read_json(run / "record.json")["settings"]["val_share"] == 0.2
    code, said, _ = course("test", run / "best.pt", "--split", "val")
    assert code == 0 and "6 images of colours" in said
    code, _, error = course("train", "--out", run, "--resume", "--val-share", 0.3)
    assert code == 2 and "was begun with val_share=0.2, not 0.3" in error
    code, said, _ = course("train", "--out", run, "--resume", "--epochs", 2)
    assert code == 0 and "24 + 6 images" in said
    code, _, error = course("train", "--out", root / "run", *flags, "--val-share", 0.2)
    assert code == 2 and "lies among the pictures" in error


def test_two_folders_of_classes(root, tmp_path, course):
    divided_copy(root, tmp_path / "birds", {"val": 0.2})
    folder = tmp_path / "birds" / "train"
    flags = ["--data", folder, "--data-val", tmp_path / "birds" / "val", *FAST, "--epochs", 1]
    code, said, _ = course("train", "--out", tmp_path / "run", *flags)
    assert code == 0 and "data: birds: 24 + 6 images (train + val)" in said
    code, said, _ = course("test", tmp_path / "run" / "best.pt", "--split", "val")
    assert code == 0 and "6 images of birds" in said


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--data", "cifar10", "--val-share", 0.2], "val_share: not for CIFAR-10"),
        (["--data", "hymenoptera", "--val-share", 0.2], "hymenoptera has its own validation"),
        (
            ["--data", "{root}", "--val-share", 1.0],
            "val_share is 1.0; it must be a number above 0, below 1",
        ),
        (["--data", "{root}", "--val-share", 0.2, "--data-val", "x"], "give one of them"),
        (["--data", "{root}", "--labels", "x.csv"], "labels say nothing of validation"),
    ],
)
def test_flags_that_cannot_be(root, tmp_path, course, flags, words):
    flags = [str(flag).format(root=root) for flag in flags]
    code, _, error = course("train", "--out", tmp_path / "run", *flags)
    assert code == 2 and words in error and error.count("\n") == 1


# ---- names of folders ----


@pytest.mark.parametrize("train, val", [("training", "validation"), ("Train", "Valid")])
def test_splits_by_other_names(tmp_path, train, val):
    write_pictures(tmp_path / "birds", **{train: 2, val: 1})
    splits = image_splits(tmp_path / "birds")
    assert (splits.name, len(splits.train), len(splits.val)) == ("birds", 6, 3)


def test_two_folders_that_could_be_one_split_are_named(tmp_path):
    write_pictures(tmp_path, train=2, valid=1, dev=1)
    with pytest.raises(ValueError, match="dev and valid could both be the folder val: rename"):
        split_folder(tmp_path, "val")


@pytest.mark.parametrize("inner", ["", "images"])
def test_a_test_without_labels_is_left_out_and_told(tmp_path, inner, capsys):
    root = write_pictures(tmp_path / "birds", train=2, val=1)
    (root / "test" / inner).mkdir(parents=True)
    shutil.copy(root / "train" / "red" / "0.png", root / "test" / inner)
    splits = image_splits(root)
    assert splits.test is None and len(splits.train) == 6
    assert f"data: {root / 'test'}: none of its folders is a class" in capsys.readouterr().out


def test_folders_of_systems_are_left_out_everywhere(tmp_path, course):
    root = write_pictures(tmp_path / "birds", train=2, val=1)
    for name in (*SYSTEM, ".thumbnails"):
        for place in (root, root / "train", root / "train" / "red"):
            (place / name / "x").mkdir(parents=True)
            (place / name / "x" / "x.jpg").write_bytes(b"\0\5")
    splits = image_splits(root)
    assert splits.classes == tuple(CLASSES) and splits.train.ignored == 0
    code, said, _ = course("data", "check", root)
    assert code == 0 and "pictures: 9," in said and said.endswith("other files: 0\n")


def test_pictures_by_rarer_endings_are_read_and_others_told_with_their_share(tmp_path, capsys):
    root = write_pictures(tmp_path / "birds", train=4, val=1)
    image = Image.open(root / "train" / "red" / "0.png")
    image.convert("L").save(root / "train" / "red" / "scan.PGM")
    image.save(root / "train" / "blue" / "web.jfif", "JPEG")
    for number in range(4):
        (root / "train" / "green" / f"{number}.png").rename(root / "train" / f"green/{number}.heic")
    image.save(root / "train" / "green" / "5.png")
    splits = image_splits(root)
    assert len(splits.train) == 11
    assert "4 other files ignored (.heic: 80 % of train/green)" in capsys.readouterr().out


# ---- labels in a table ----


@pytest.mark.parametrize("head, ending", [("file,label", ".png"), ("id,label", "")])
def test_labels_from_a_table(root, head, ending):
    folder, table = in_table(root, head, ending)
    splits = image_splits(folder, labels=table, val_share=0.2)
    assert splits.classes == tuple(CLASSES)
    assert splits.val.labels.bincount().tolist() == [2] * 3
    for path, label in (*splits.train.samples, *splits.val.samples):
        assert path.name.startswith(CLASSES[label])


def test_a_table_as_spreadsheets_write_it(root):
    folder, table = in_table(root)
    text = "\ufeff" + table.read_text().replace(",", ";").replace("\n", "\r\n") + "\r\n;\r\n"
    table.write_bytes(text.removesuffix(";\r\n").encode())
    assert len(image_splits(folder, labels=table, val_share=0.2).train) == 24


def test_pictures_that_the_table_lacks_are_told(root, capsys):
    folder, table = in_table(root)
    table.write_text(table.read_text().replace("blue0.png,blue\n", ""))
    image_splits(folder, labels=table, val_share=0.2)
    assert "1 other file ignored (.png: 3 % of" in capsys.readouterr().out


@pytest.mark.parametrize(
    "old, new, words",
    [
        (
            "file,label",
            "a.png,cat",
            "first line is 'a.png,cat'; it must name the columns, file and",
        ),
        ("blue0.png,blue", "gone.png,blue", "1 of its 30 files are not in .*, first gone.png"),
        ("blue0.png,blue", "blue1.png,red", "line 3: blue1.png is blue, before it was red"),
        ("blue0.png,blue", "blue0.png,", "line 2: has no file or no label"),
        ("blue0.png,blue", "blue0.png", "line 2: has no file or no label"),
        ("blue0.png,blue", "blue,blue", "1 of its 30 files are not in"),
    ],
)
def test_odd_tables_are_one_line(root, old, new, words):
    folder, table = in_table(root)
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=words) as told:
        image_splits(folder, labels=table, val_share=0.2)
    assert "\n" not in str(told.value) and str(table) in str(told.value)


def test_tables_that_tell_too_little(root):
    folder, table = in_table(root)
    shutil.copy(folder / "blue0.png", folder / "blue0.jpg")
    for text, words in (
        ("", "is empty"),
        ("file,label\n", "has heads only"),
        ("id,label\nblue0,blue\nred0,red", "blue0 could be blue0.jpg, blue0.png"),
        ("id,label\nred0,red\nred1,red", "has only one class, red"),
    ):
        table.write_text(text)
        with pytest.raises(ValueError, match=words):
            image_splits(folder, labels=table, val_share=0.2)
    table.write_bytes(b"file,label\nB\xe4r.png,b")
    with pytest.raises(ValueError, match="is no text in UTF-8"):
        image_splits(folder, labels=table, val_share=0.2)


def test_a_run_and_a_test_by_tables(root, tmp_path, course):
    folder, table = in_table(root)
    flags = ["--data", folder, *FAST, "--epochs", 1, "--out", tmp_path / "run"]
    shutil.copy(table, folder / "labels.csv")
    code, _, error = course("train", *flags)
    assert code == 2 and f"--labels {folder / 'labels.csv'} --val-share 0.2" in error
    flags += ["--labels", table, "--val-share", 0.2]
    code, said, _ = course("train", *flags)
    assert code == 0 and "24 + 6 images (train + val) of 3 classes" in said
    best = tmp_path / "run" / "best.pt"
    code, said, _ = course("test", best, "--split", "val")
    assert code == 0 and "6 images of loose" in said
    table.write_text("file,label\nred0.png,red\nred1.png,red\n")
    code, said, _ = course("test", best, "--data", folder, "--labels", table)
    assert code == 0 and "2 images of loose" in said
    assert read_json(tmp_path / "run" / "record.json")["test"]["split"] == "val"  # as before
    table.write_text("file,label\nred0.png,cow\n")
    code, _, error = course("test", best, "--data", folder, "--labels", table)
    assert code == 2 and "cow are none of the classes blue, green, red" in error
