"""Every student is found in each layout that platforms and instructors make, and none is lost."""

from datetime import UTC, datetime

import pytest
from exports import notebook, read_export, zipped

from course_utils.classroom.grading.submissions import class_in_words

NAME = "03_exercises.ipynb"
GRADESCOPE = """\
---
submission_101:
  :submitters:
  - :name: Alice Adams
    :sid: '11'
    :email: alice@example.org
  :created_at: 2026-11-03 22:37:00.000000000 Z
  :score: 0.0
  :history:
  - :id: 100
    :created_at: 2026-11-01 22:37:00.000000000 Z
submission_102:
  :submitters:
  - :name: "Zoë O'Brown"
    :sid: '12'
    :email: zoe@example.org
  - :name: 李雷
    :sid:
    :email: lei@example.org
  :created_at: 2026-11-03 22:37:00.000000000 Z
"""
LAYOUTS = {  # students: (files, names)
    "moodle": (
        ["Alice Adams_12_assignsubmission_file_/{}", "Bob Brown_13_assignsubmission_file_/{}"],
        ["Alice Adams", "Bob Brown"],
    ),
    "moodle without folders": (
        ["Alice Adams_12_assignsubmission_file_{}", "Bob Brown_13_assignsubmission_file_{}",
         "Bob Brown_13_assignsubmission_onlinetext.html"],
        ["Alice Adams", "Bob Brown"],
    ),
    "canvas": (
        ["adamsalice_12_456_03_exercises-1.ipynb", "brownbob_LATE_13_457_{}",
         "brownbob_LATE_13_458_notes.pdf"],
        ["adamsalice", "brownbob"],
    ),
    "sakai": (
        ["HW 1/Adams, Alice(aa1)/Submission attachment(s)/{}",
         "HW 1/Adams, Alice(aa1)/timestamp.txt",
         "HW 1/Adams, Alice(aa1)/comments.txt", "HW 1/grades.csv",
         "HW 1/Adams, Alice(aa1)/Feedback Attachment(s)/03_exercises returned.ipynb",
         "HW 1/O'Brown, Bob(bb2)/Submission attachment(s)/{}"],
        ["Alice Adams", "Bob O'Brown"],
    ),
    "sakai without folders": (
        ["HW 1/Adams, Alice(aa1)_Submission attachment(s)_{}",
         "HW 1/Brown, Bob(bb2)_Submission attachment(s)_{}"],
        ["Alice Adams", "Bob Brown"],
    ),
    "brightspace": (
        ["12345-678 - Alice Adams - Nov 3, 2026 1137 PM/{}",
         "12346-678 - Bob Brown-Smith - Nov 3, 2026 105 PM/{}", "index.html"],
        ["Alice Adams", "Bob Brown-Smith"],
    ),
    "brightspace without folders": (
        ["12345-678 - Alice Adams - Nov 3, 2026 1137 PM - {}",
         "12346-678 - Bob Brown - Nov 3, 2026 105 PM - work - of 2026.ipynb", "index.html"],
        ["Alice Adams", "Bob Brown"],
    ),
    "gradescope": (
        ["assignment_7_export/submission_101/{}", "assignment_7_export/submission_102/{}",
         "assignment_7_export/submission_metadata.yml"],
        ["Alice Adams", "Zoë O'Brown", "李雷"],
    ),
    "gradescope without its list": (
        ["assignment_7_export/submission_101/{}", "assignment_7_export/submission_102/{}"],
        ["submission_101", "submission_102"],
    ),
    "google classroom": (
        ["Homework/Alice Adams - {}", "Homework/Bob Brown - Copy of {}", "Homework/notes.pdf"],
        ["Alice Adams", "Bob Brown"],
    ),
    "blackboard": (
        ["HW_aa1_attempt_2026-11-03-10-00-00_{}", "HW_aa1_attempt_2026-11-03-10-00-00.txt",
         "HW_bb2_attempt_2026-11-03-10-00-00_{}"],
        ["aa1", "bb2"],
    ),
    "github classroom": (
        ["resnet-submissions/resnet-alice/{}", "resnet-submissions/resnet-alice/.git/config",
         "resnet-submissions/resnet-bob/work/{}", "resnet-submissions/resnet-bob/README.md"],
        ["alice", "bob"],
    ),
    "nbgrader": (
        ["submitted/alice/03_exercises/{}", "submitted/alice/03_exercises/timestamp.txt",
         "submitted/bob/03_exercises/{}"],
        ["alice", "bob"],
    ),
    "folders": (["alice/{}", "bob/{}"], ["alice", "bob"]),
    "folders in a folder, and strays": (
        ["hw/alice/{}", "hw/bob/{}", "hw/list.csv", "a.md", ".DS_Store", "__MACOSX/hw/._x.ipynb"],
        ["alice", "bob"],
    ),
    "folders in two folders": (["a/b/alice/{}", "a/b/bob/{}"], ["alice", "bob"]),
    "folders by week": (
        ["week 1/alice/01_exercises.ipynb", "week 1/bob/01_exercises.ipynb",
         "week 2/alice/02_exercises.ipynb", "week 2/bob/02_exercises.ipynb"],
        ["alice", "bob"],
    ),
    "a folder and a late file beside it": (
        ["hw/alice/{}", "hw/bob/{}", "03_exercises_carl.ipynb"], ["alice", "bob", "carl"]
    ),
    "a solution beside the folders": (
        ["hw/alice/{}", "hw/bob/{}", "hw/{}"], ["alice", "bob", "hw"]
    ),
    "notebooks": (["03_exercises_alice.ipynb", "03_exercises_bob.ipynb"], ["alice", "bob"]),
    "a folder of notebooks": (["in/03_exercises_alice.ipynb", "in/bob_{}"], ["alice", "bob"]),
    "a folder of notebooks with names only": (["in/alice.ipynb", "in/bob.ipynb"], ["alice", "bob"]),
    "notebooks by week": (
        ["1/01_exercises_alice.ipynb", "1/01_exercises_bob.ipynb",
         "2/02_exercises_alice.ipynb", "2/02_exercises_bob.ipynb"],
        ["alice", "bob"],
    ),
    "zips": (["alice.zip", "bob.zip", "readme.txt"], ["alice", "bob"]),
    "zips in a folder": (["in/alice.zip", "in/bob.zip", "in/readme.txt"], ["alice", "bob"]),
    "names in every script": (
        ["李雷/{}", "نور/{}", "🎓 Zoë/{}", f"{'x' * 100}/{{}}"],
        ["x" * 100, "نور", "李雷", "🎓 Zoë"],
    ),
    "one student's versions": (["anna/{}", "anna/03_exercises_final.ipynb"], ["anna"]),
    "one student's folders of each version": (
        ["anna/old/{}", "anna/new/{}", "bob/{}", "carl/{}"], ["anna", "bob", "carl"]
    ),
    "the same names of folders in all": (
        ["anna/v1/{}", "anna/v2/{}", "bob/v1/{}", "bob/v2/{}"], ["anna", "bob"]
    ),
}  # fmt: skip


OLDER = {  # notebooks that do not count
    "one student's versions": 1, "one student's folders of each version": 1,
    "the same names of folders in all": 2, "folders in a folder, and strays": 1,
}  # fmt: skip


def content(path: str, number: int) -> bytes:
    if path.endswith(".zip"):
        return zipped({f"work/{NAME}": content(NAME, number)})
    if path.endswith("submission_metadata.yml"):
        return GRADESCOPE.encode()
    if path.endswith("timestamp.txt"):
        return b"20261103223700000"
    if path.endswith(".ipynb"):
        answer = b'"grade_id": "shortcut-answer", ' if "exercises" not in path else b""
        return notebook(f"x = {number}").replace(
            b'"metadata": {', b'"metadata": {' + answer[:-2], 1
        )
    return b"x"


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_student_is_found(tmp_path, layout, packed):
    paths, students = LAYOUTS[layout]
    files = [path.replace("{}", NAME) for path in paths]
    found = read_export(tmp_path, {path: content(path, n) for n, path in enumerate(files)}, packed)
    assert sorted(each.student for each in found.of.values()) == sorted(students)
    assert all(each.files for each in found.of.values())
    kept = sum(len(each.files) for each in found.of.values())
    handed_in = sum(path.endswith((".ipynb", ".zip")) for path in files if "Feedback" not in path)
    handed_in += layout == "gradescope"  # one of a group of two
    assert kept == handed_in - OLDER.get(layout, 0)


def test_times_that_a_platform_wrote_are_read(tmp_path):
    found = {}
    for layout in ("sakai", "gradescope", "brightspace"):
        files = [path.replace("{}", NAME) for path in LAYOUTS[layout][0]]
        export = {path: content(path, n) for n, path in enumerate(files)}
        for each in read_export(tmp_path / layout, export).of.values():
            found[layout, each.student] = each.files[0].received
    utc = datetime(2026, 11, 3, 22, 37, tzinfo=UTC).astimezone().replace(tzinfo=None)
    assert found["sakai", "Alice Adams"] == found["gradescope", "李雷"] == utc
    assert found["brightspace", "Alice Adams"] == datetime(2026, 11, 3, 23, 37)
    assert found["brightspace", "Bob Brown-Smith"] == datetime(2026, 11, 3, 13, 5)


def test_of_several_attempts_in_brightspace_the_last_counts_and_that_is_told(tmp_path):
    times = ["Nov 3, 2026 1137 PM", "Nov 10, 2026 905 AM", "Oct 30, 2026 105 PM"]
    files = {f"12-678 - Bob Brown - {time}/{NAME}": notebook(time) for time in times}
    files[f"13-678 - Bob Brown - {times[0]}/{NAME}"] = notebook("another of that name")
    found = read_export(tmp_path, files | {"index.html": b"<html>"}).of
    assert found.keys() == {"bob-brown-12", "bob-brown-13"}
    assert found["bob-brown-12"].files[0].content == notebook(times[1])
    assert found["bob-brown-12"].notes == [
        f"{NAME}: handed in 3 times; the last of 2026-11-10 09:05 counts"
    ]


def test_a_class_that_may_have_become_one_is_told_before_the_marks(tmp_path):
    files = {f"anna/{part}/{NAME}": notebook(part) for part in ("a", "b", "c")}
    found = read_export(tmp_path, files | {f"bob/{NAME}": notebook()})
    assert found.told[0].startswith("anna: 3 notebooks with the same exercises")
    assert class_in_words([found.of["anna"]], found.told).startswith("ONLY ONE STUDENT was found")
    assert "2 students with 2 notebooks" in class_in_words(list(found.of.values()), [])


def test_two_students_of_one_name_in_two_groups_are_graded_apart(tmp_path):
    groups = {"group 1": ["alice", "bob"], "group 2": ["alice", "carl"]}
    files = {f"{group}/{name}/{NAME}": notebook(group + name)
             for group, names in groups.items() for name in names}  # fmt: skip
    found = read_export(tmp_path, files)
    assert sorted(each.student for each in found.of.values()) == [
        "alice (group 1)", "alice (group 2)", "bob", "carl"
    ]  # fmt: skip
    assert found.told == ["alice: in several folders with the same exercises; graded apart"]
    assert not any(each.notes for each in found.of.values())


def test_a_zip_that_may_hold_a_class_is_told(tmp_path):
    inner = zipped({f"{name}/{NAME}": notebook(name) for name in ("anna", "bob")})
    found = read_export(tmp_path, {"week 1.zip": inner, "week 2.zip": inner})
    assert [note.split(":")[0] for note in found.told] == ["week 1", "week 2"]


def test_who_stands_beside_what_a_platform_named_is_told(tmp_path):
    files = {f"{n} Lee_{n}_assignsubmission_file_/{NAME}": notebook(str(n)) for n in range(3)}
    found = read_export(tmp_path, {f"export/{path}": files[path] for path in files} |
                        {"export/solution.ipynb": notebook("s")})  # fmt: skip
    assert len(found.of) == 4 and "solution" in found.of
    assert found.told == ["not named as the platform names the others: export/solution.ipynb"]


def test_files_that_are_no_notebooks_are_one_note(tmp_path):
    files = {f"anna/data/{n}.csv": b"x" for n in range(50)} | {f"anna/{NAME}": notebook()}
    (note,) = read_export(tmp_path, files | {f"bob/{NAME}": notebook("b")}).of["anna"].notes
    assert note.startswith("50 files are no notebooks; they were not read: 0.csv, ")


def test_a_zip_of_a_class_is_opened_also_beside_other_files(tmp_path):
    files = {f"{name}/{NAME}": notebook(name) for name in ("anna", "bob")}
    found = read_export(tmp_path, {"all.zip": zipped(files), "readme.pdf": b"x"})
    assert found.of.keys() == {"anna", "bob"}


def test_only_other_files_are_told_student_by_student(tmp_path):
    found = read_export(tmp_path, {"in/anna/a.pdf": b"x", "in/bob/b.pdf": b"x"}, packed=True)
    assert [each.notes[-1] for each in found.of.values()] == [
        "no notebook that can be read was handed in"
    ] * 2
