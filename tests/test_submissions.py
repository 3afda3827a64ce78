"""What a class handed in is found whatever the platform; bad files cost nobody else anything."""

import functools
import io
import json
import stat
import sys
import zipfile
from datetime import datetime, timedelta, timezone

import pytest
from exports import NOVEMBER, notebook, read_export, write, zipped

from course_utils.classroom.grading import intake
from course_utils.classroom.grading.student_names import safe_keys
from course_utils.classroom.grading.submissions import (
    PRIVATE,
    SubmittedFile,
    latest,
    read_submissions,
)


@pytest.fixture
def read(tmp_path):
    return functools.partial(read_export, tmp_path)


def names(submission):
    return [file.name for file in submission.files]


# ---- what platforms export ----

MOODLE = {
    "Jörg Müller_12345_assignsubmission_file_/03_exercises.ipynb": notebook("j"),
    "李雷_777_assignsubmission_file_/03_exercises.ipynb": notebook("l"),
    "李梅_778_assignsubmission_file_/work/03_exercises.ipynb": notebook("m"),
    "Jörg Müller_99_assignsubmission_file_/03_exercises.ipynb": notebook("k"),
}
CANVAS = {
    "mullerjorg_LATE_12345_67890_03_exercises-1.ipynb": notebook("j"),
    "smithanna_12346_67891_03_exercises.ipynb": notebook("a"),
    "smithanna_12346_67892_04_exercises.ipynb": notebook("b"),
}
BLACKBOARD = {
    "Exercise 3_jm123_attempt_2026-11-19-09-00-00_03_exercises.ipynb": notebook("old"),
    "Exercise 3_jm123_attempt_2026-11-20-10-00-00_03_exercises.ipynb": notebook("new"),
    "Exercise 3_jm123_attempt_2026-11-20-10-00-00.txt": b"Name: J (jm123)",
    "Exercise 3_ab_attempt_2026-11-20-09-00-00_03_exercises.ipynb": notebook("b"),
}
ILIAS = {
    "Exercise/Part 1/Müller_Jörg_jm123_567/03_exercises.ipynb": notebook("j"),
    "Exercise/Part 1/Li_Lei_ll_568/03_exercises.ipynb": notebook("l"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_moodle(read, packed):
    found = read(MOODLE, packed).of
    assert {"jorg-muller-12345", "jorg-muller-99"} < found.keys() and len(found) == 4
    assert sorted(each.student for each in found.values()) == sorted(
        ["Jörg Müller", "Jörg Müller", "李雷", "李梅"]
    )
    assert all(names(each) == ["03_exercises.ipynb"] for each in found.values())
    assert found["jorg-muller-99"].files[0].content == notebook("k")
    assert not any(each.notes for each in found.values())


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_canvas_tells_itself_who_is_late(read, packed):
    found = read(CANVAS, packed, due=datetime(2020, 1, 1)).of
    assert found.keys() == {"mullerjorg-12345", "smithanna-12346"}
    late, other = found["mullerjorg-12345"], found["smithanna-12346"]
    assert (late.student, names(late)) == ("mullerjorg", ["03_exercises-1.ipynb"])
    assert late.notes == ["03_exercises-1.ipynb is late, says the platform"]
    assert names(other) == ["03_exercises.ipynb", "04_exercises.ipynb"] and not other.notes


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_blackboard_the_last_attempt_counts(read, packed):
    found = read(BLACKBOARD, packed, due=datetime(2026, 11, 20, 9, 30)).of
    assert found.keys() == {"jm123", "ab"}
    (file,) = found["jm123"].files
    assert file.content == notebook("new") and file.received == datetime(*NOVEMBER)
    assert found["jm123"].notes == [
        "03_exercises.ipynb: handed in 2 times; the last of 2026-11-20 10:00 counts",
        "03_exercises.ipynb is late by 30 min",
    ]
    assert not found["ab"].notes


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_ilias_below_folders_that_hold_all(read, packed):
    found = read(ILIAS, packed).of
    assert {key: each.student for key, each in found.items()} == {
        "muller-jorg-jm123-567": "Jörg Müller",
        "li-lei-ll-568": "Lei Li",
    }


def test_plain_folders_files_and_zips(read):
    inner = {"deep/03_exercises.ipynb": notebook("z"), "__MACOSX/._03_exercises.ipynb": b"\0"}
    found = read({
        "anna/03_exercises.ipynb": notebook("a"),
        "anna/sub/04_exercises.ipynb": notebook("a4"),
        "bob.ipynb": notebook("b"),
        "03_exercises_carl.ipynb": notebook("c"),
        "dora.zip": zipped(inner),
        ".DS_Store": b"\0",
        "anna/.ipynb_checkpoints/03_exercises-checkpoint.ipynb": notebook("older"),
    })  # fmt: skip
    assert {key: names(each) for key, each in found.of.items()} == {
        "anna": ["03_exercises.ipynb", "04_exercises.ipynb"],
        "bob": ["bob.ipynb"],
        "carl": ["03_exercises_carl.ipynb"],
        "dora": ["03_exercises.ipynb"],
    }
    assert not found.told and not any(each.notes for each in found.of.values())


def test_a_folder_around_all_students_and_one_with_nothing_in_it(read):
    files = {f"handed in/{name}/03_exercises.ipynb": notebook(name) for name in ("anna", "bob")}
    found = read(files | {"handed in/carl/": b""}, packed=True).of
    assert found.keys() == {"anna", "bob", "carl"}
    assert found["carl"].notes == ["no notebook that can be read was handed in"]


def test_one_students_folder_or_notebook(tmp_path):
    write(tmp_path / "a", {"anna/03_exercises.ipynb": notebook(), "anna/04_exercises.ipynb": b""})
    assert [each.key for each in read_submissions(tmp_path / "a")] == ["anna"]
    write(tmp_path / "bob", {"03_exercises.ipynb": notebook()})
    assert [each.key for each in read_submissions(tmp_path / "bob")] == ["bob"]
    write(tmp_path / "c", {"carl.zip": zipped({"03_exercises.ipynb": notebook()})})
    assert [each.key for each in read_submissions(tmp_path / "c")] == ["carl"]
    write(tmp_path / "d", {"doradora_1_2_ex.zip": zipped({"03_exercises.ipynb": notebook()})})
    assert [each.student for each in read_submissions(tmp_path / "d")] == ["doradora"]
    inner = zipped({f"{part}/03_exercises.ipynb": notebook(part) for part in ("part 1", "part 2")})
    write(tmp_path, {"e.zip": zipped({"eva.zip": inner})})
    assert [each.key for each in read_submissions(tmp_path / "e.zip")] == ["eva"]
    both = {f"{name}/03_exercises.ipynb": notebook(name) for name in ("gil", "hal")}
    write(tmp_path / "g", {"all.zip": zipped(both), ".DS_Store": b""})
    assert [each.key for each in read_submissions(tmp_path / "g")] == ["gil", "hal"]
    moodle = "Export/Fay Li_1_assignsubmission_file_/03_exercises.ipynb"
    write(tmp_path / "f", {moodle: notebook()})
    assert [each.key for each in read_submissions(tmp_path / "f")] == ["fay-li-1"]


def test_zips_of_students_in_the_zip_of_all(read):
    pack = {name: zipped({"03_exercises.ipynb": notebook(name)}) for name in "abc"}
    nested = zipped({"more.zip": pack["c"]})
    files = {"a.zip": pack["a"], "b.zip": pack["b"], "c.zip": nested}
    found = read(files | {"d.zip": zipped({"deep.zip": nested})}, packed=True).of
    assert [names(found[key]) for key in "abcd"] == [["03_exercises.ipynb"]] * 3 + [[]]
    assert found["d"].notes[0] == "more.zip is a zip in a zip in a zip; it was not opened"
    assert not any(found[key].notes for key in "abc")


# ---- several attempts, late ones, the same ones ----


def test_late_by_the_time_of_the_file(read):
    files = {"anna/03_exercises.ipynb": notebook()}
    due = datetime(2026, 11, 18, 7, 0)
    assert read(files, due=due).of["anna"].notes == [
        "03_exercises.ipynb is late by 2 days 3 h, by the time of the file"
    ]
    assert not read(files, due=datetime(*NOVEMBER)).of["anna"].notes
    assert read(files, packed=True, due=due).of["anna"].files[0].received == datetime(*NOVEMBER)


def test_due_may_have_a_time_zone(read):
    due = datetime(*NOVEMBER).astimezone(timezone(timedelta(hours=5)))
    files = {"anna/03_exercises.ipynb": notebook()}
    assert not read(files, due=due).of["anna"].notes
    assert read(files, due=due - timedelta(hours=1)).of["anna"].files[0].late


def test_what_counts_as_the_same_notebook():
    older, newer = datetime(2026, 1, 1), datetime(2026, 1, 2)
    files = [SubmittedFile("03_exercises (1).ipynb", b"2"), SubmittedFile("x.ipynb", b"x", newer)]
    files += [SubmittedFile("03_exercises.ipynb", b"1"), SubmittedFile("y.ipynb", b"y", older)]
    kept, notes = latest(files)
    assert [file.content for file in kept] == [b"2", b"y", b"x"]
    assert notes == [
        "03_exercises.ipynb: handed in 2 times; the last, 03_exercises (1).ipynb, counts"
    ]
    kept, _ = latest(kept, which=lambda file: "one chapter")
    assert [file.content for file in kept] == [b"x"]
    assert latest([files[0], files[0]]) == ([files[0]], [])


def test_the_same_notebook_of_two_students_is_told_to_the_instructor(read):
    of = read({f"{name}/03_exercises.ipynb": notebook() for name in ("anna", "bob")}).of
    says = f"{PRIVATE}03_exercises.ipynb is the same, byte for byte, as of"
    assert of["anna"].notes == [f"{says} bob (bob)"]
    assert of["bob"].notes == [f"{says} anna (anna)"]


# ---- bad files ----


def link_in_a_zip():
    info = zipfile.ZipInfo("03_exercises.ipynb")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped_with(info, b"/etc/passwd")


def zipped_with(info, content, patch=lambda whole: whole):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(info, content)
    return patch(whole.getvalue())


def encrypted():
    """A zip whose member says that it is encrypted, in both of its headers."""
    whole = bytearray(zipped_with("03_exercises.ipynb", notebook()))
    whole[6] |= 1
    whole[whole.index(b"PK\1\2") + 8] |= 1
    return bytes(whole)


HUGE = b" " * (intake.NOTEBOOK_LIMIT + 1)
MANY = {f"{n}.ipynb": b" " * intake.NOTEBOOK_LIMIT for n in range(4)}
GOOD = {"03_exercises.ipynb": notebook()}
BAD = {
    "empty.ipynb": (b" \n", "empty.ipynb is empty"),
    "text.ipynb": (b"print('hello')", "text.ipynb is damaged"),
    "half.ipynb": (notebook()[:-5], "half.ipynb is damaged"),
    "deep.ipynb": (b"[" * 200_000, "deep.ipynb is damaged"),
    "latin.ipynb": (notebook("ü", "latin-1"), "latin.ipynb is damaged"),
    "list.ipynb": (b"[1, 2]", "list.ipynb is no notebook of this kind: it has no cells"),
    "dict.ipynb": (b'{"cells": {}}', "dict.ipynb is no notebook of this kind"),
    "huge.ipynb": (HUGE, "huge.ipynb cannot be read: it has more than 20 MB"),
    "notes.docx": (b"PK", "notes.docx is no notebook"),
    "broken.zip": (zipped(GOOD)[:-30], "broken.zip cannot be unpacked"),
    "none.zip": (b"", "none.zip cannot be unpacked"),
    "bomb.zip": (zipped({"b.ipynb": HUGE}), "b.ipynb cannot be read: it has more than 20 MB"),
    "many.zip": (zipped(MANY), "3.ipynb cannot be read: there is more than 60 MB in all"),
    "up.zip": (zipped({"../../up.ipynb": notebook()}), "up.ipynb has a name that leads elsewhere"),
    "root.zip": (zipped({"/x/root.ipynb": notebook()}), "root.ipynb has a name that leads"),
    "drive.zip": (zipped({"C:\\x.ipynb": notebook()}), "x.ipynb has a name that leads"),
    "link.zip": (link_in_a_zip(), "03_exercises.ipynb is a link"),
    "secret.zip": (encrypted(), "03_exercises.ipynb is encrypted"),
    "members.zip": (zipped(dict.fromkeys(map(str, range(2001)), b"")), "more than 2,000 files"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_becomes_a_note_of_its_student(read, name):
    content, says = BAD[name]
    found = read({f"anna/{name}": content, **{f"bob/{each}": GOOD[each] for each in GOOD}})
    assert found.of.keys() == {"anna", "bob"} and not found.told
    assert [says in note for note in found.of["anna"].notes].count(True) == 1, found.of["anna"]
    assert found.of["anna"].notes[-1] == "no notebook that can be read was handed in"
    assert not found.of["anna"].files
    assert names(found.of["bob"]) == ["03_exercises.ipynb"] and not found.of["bob"].notes


def test_a_loop_that_printed_too_much_costs_nothing(read):
    cell = {"cell_type": "code", "source": "x = 1", "metadata": {}, "outputs": []}
    text = {"output_type": "stream", "name": "stdout", "text": " " * intake.NOTEBOOK_LIMIT}
    loud = {"cells": [cell | {"outputs": [text]}], "metadata": {}, "nbformat": 4}
    files = {f"{n}_exercises.ipynb": json.dumps(loud).encode() for n in ("01", "02")}
    anna = read({"anna/work.zip": zipped(files), "bob/03_exercises.ipynb": notebook("b")}).of[
        "anna"
    ]
    assert [json.loads(file.content)["cells"] for file in anna.files] == [[cell]] * 2
    assert not anna.notes


def test_a_notebook_of_the_old_format_is_read(read):
    old = b'{"nbformat": 3, "worksheets": [{"cells": []}]}'
    assert read({"anna/03_exercises.ipynb": old}).of["anna"].files[0].content == old


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_notebook_that_an_editor_saved_in_another_encoding(read, encoding):
    found = read({"anna/03_exercises.ipynb.txt": notebook("ü", encoding)})
    assert found.of["anna"].files[0].content == notebook("ü")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_not_followed(read, tmp_path):
    write(tmp_path / "elsewhere", {"03_exercises.ipynb": notebook()})
    write(tmp_path / "class" / "anna", {"04_exercises.ipynb": notebook()})
    (tmp_path / "class" / "anna" / "folder").symlink_to(tmp_path / "elsewhere")
    target = tmp_path / "elsewhere" / "03_exercises.ipynb"
    (tmp_path / "class" / "anna" / "03_exercises.ipynb").symlink_to(target)
    anna = read({}).of["anna"]
    assert names(anna) == ["04_exercises.ipynb"]
    assert [note.split(" is a link")[0] for note in anna.notes] == ["03_exercises.ipynb", "folder"]


def test_where_no_student_can_be_named_the_class_is_told(read, tmp_path):
    files = {"../evil.ipynb": notebook(), "/evil.ipynb": notebook(), "list.xlsx": b"PK"}
    found = read(files | {"anna/03_exercises.ipynb": notebook()}, packed=True)
    assert found.of.keys() == {"anna"} and not found.of["anna"].notes
    assert [note.split()[0] for note in found.told] == ["../evil.ipynb", "evil.ipynb", "list.xlsx"]
    told = []
    write(tmp_path, {"broken.zip": zipped(files)[:-9]})
    assert read_submissions(tmp_path / "broken.zip", class_notes=told) == []
    assert told[0].startswith("broken.zip cannot be unpacked")


def test_where_there_is_nothing_one_line_says_so(tmp_path):
    with pytest.raises(ValueError, match="no folder and no zip"):
        read_submissions(tmp_path / "absent")


def test_no_student_can_hand_in_for_another(read):
    fake = "Bob Lee_2_assignsubmission_file_/03_exercises.ipynb"
    found = read({
        "Anna Lee_1_assignsubmission_file_/mine.zip": zipped({fake: notebook("fake")}),
        f"Anna Lee_1_assignsubmission_file_/{fake}": notebook("fake too"),
        "Bob Lee_2_assignsubmission_file_/03_exercises.ipynb": notebook("true"),
    })  # fmt: skip
    (file,) = found.of["bob-lee-2"].files
    assert file.content == notebook("true") and len(found.of) == 2


# ---- keys ----


def test_keys_are_safe_everywhere():
    odd = [
        "..",
        "../../x",
        "con",
        "LPT1",
        "Ołena",
        "Олена",
        "李雷",
        "李梅",
        "ANNA",
        "anna",
        "Anna ",
    ]
    odd += ["a" * 300, "a" * 301, "nul.txt", "-", "", "Strauß", "x/y", "x\\y", "x y"]
    keys = safe_keys(odd)
    assert list(keys) == odd and len({key.casefold() for key in keys.values()}) == len(odd)
    for key in keys.values():
        assert key.isascii() and key.replace("-", "").isalnum() and key == key.lower()
        assert len(key) < 80 and not key.startswith("-")
        assert key.split(".")[0] not in ("con", "lpt1", "nul", "aux", "prn")
    assert keys["Ołena"] == "olena" and keys["Strauß"] == "strauss"
    assert keys["李雷"].startswith("student-") and keys["anna"].startswith("anna-")
    assert safe_keys(odd[::-1]) == keys
    assert safe_keys(["李 Lei"])["李 Lei"].startswith("lei-")
    assert len(safe_keys(["b" * 100])["b" * 100]) == 71
    taken = safe_keys(["x y", "x_y", keys["x y"]])
    assert len(set(taken.values())) == 3


def test_names_that_differ_only_in_how_they_are_written_are_one_student(read):
    found = read({
        "Ju\u0308rgen/03_exercises.ipynb": notebook("a"),
        "J\u00fcrgen/04_exercises.ipynb": notebook("b"),
    })  # fmt: skip
    assert [(each.student, len(each.files)) for each in found.of.values()] == [("Jürgen", 2)]


def test_names_that_old_programs_wrote_into_a_zip(tmp_path):
    whole = zipped({"Zoë/03_exercises.ipynb": notebook(), "anna/03_exercises.ipynb": notebook("a")})
    (tmp_path / "class.zip").write_bytes(whole.replace(b"\x00\x08", b"\x00\x00"))
    with zipfile.ZipFile(tmp_path / "class.zip") as archive:
        assert "Zoë/03_exercises.ipynb" not in archive.namelist()
    assert "zoe" in {each.key for each in read_submissions(tmp_path / "class.zip")}
