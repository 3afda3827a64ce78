"""Marks, feedback and summary say what was graded, harmlessly, and nothing that is secret."""

import csv
import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from course_utils.classroom.grading.class_marks import class_marks
from course_utils.classroom.grading.marks import Mark, Result
from course_utils.classroom.grading.report import write_report
from course_utils.classroom.grading.report_plot import solved, spread
from course_utils.classroom.grading.submissions import PRIVATE

EVIL = "<script>alert(1)</script>"
NAMES = {
    "anna": "Anna Müller",
    "lei": "李雷",
    "evil": f"=HYPERLINK({EVIL})",
    "noor": "نور",
    "late": "Zoë",
}
NOTES = {
    "anna": ["03_exercises.ipynb is late by 2 h", f"{PRIVATE}the same, byte for byte, as of 李雷"],
    "evil": [f"{EVIL}.zip cannot be unpacked"],
    "late": ["no notebook that can be read was handed in"],
}


def result(student, chapter, *points, said="not solved yet", detail="", **more):
    exercises = {"03": ["shortcut", "projection"], "05": ["shard"]}[chapter]
    most = {"shortcut": 2, "projection": 3, "shard": 3}
    marks = [
        Mark(name, reached, most[name], "" if reached == most[name] else said, detail)
        for name, reached in zip(exercises, points)
    ]
    return Result(student, chapter, marks, **more)


RESULTS = [
    result("anna", "03", 2, 3, notes=["a cell was missing"], remarks=["same answers as lei"]),
    result("anna", "05", 3),
    result("lei", "03", 2, 0, said="the output has shape (2, 6), expected (2, 3)"),
    result("lei", "05", 1.5, said="image 3 was counted twice"),
    result("evil", "03", 0, 0, said=EVIL, detail=f"checks.shortcut(seed=505) {EVIL}"),
    result("noor", "05", 0),
]


@pytest.fixture
def report(tmp_path):
    write_report(RESULTS, tmp_path, NAMES, NOTES, class_notes=["list.xlsx is no notebook"])
    return tmp_path


def read(path):
    return path.read_text(encoding="utf-8")


class Page(HTMLParser):
    """Checks that elements are closed in order; gathers texts, attributes and cells of tables."""

    EMPTY = {"meta", "img"}

    def __init__(self, path):
        super().__init__()
        self.open, self.texts, self.attributes, self.rows = [], [], [], []
        self.feed(read(path))
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, *each) for each in attributes]
        if tag not in self.EMPTY:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data.strip("\n")

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


# ---- the table ----


def test_the_table_has_a_row_for_each_student(report):
    content = (report / "marks.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfkey,name,points,percent of 8,")
    rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines()))
    assert [row["key"] for row in rows] == ["evil", "anna", "late", "noor", "lei"]
    anna, lei, late = rows[1], rows[4], rows[2]
    assert (anna["points"], anna["percent of 8"]) == ("8", "100.0")
    assert (anna["03 shortcut (of 2)"], anna["05 shard (of 3)"]) == ("2", "3")
    assert (lei["name"], lei["points"], lei["percent of 8"]) == ("李雷", "3.5", "43.8")
    assert lei["03 projection (of 3)"] == "0" and lei["05 shard (of 3)"] == "1.5"
    assert late["points"] == "0" and late["05 shard (of 3)"] == ""
    assert anna["notes"] == "03_exercises.ipynb is late by 2 h; 03: a cell was missing"
    told = anna["remarks for the instructor"]
    assert told == "same answers as lei; the same, byte for byte, as of 李雷"


def test_no_cell_is_taken_for_a_formula(tmp_path):
    starts = ["=1", "+1", "-1", "@a", " =1", "\t=1", "\r\n=1", "＝1", "\0=1"]
    names = {f"s{i}": start for i, start in enumerate(starts)} | {"-key": "fine"}
    write_report([], tmp_path, names, {"s0": ["=note"]})
    with (tmp_path / "marks.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row[0]: row for row in csv.reader(file)}
    assert rows["s0"][1] == "'=1" and rows["s0"][4] == "'=note" and "'-key" in rows
    read_back = [rows[f"s{i}"][1] for i in range(len(starts))]
    assert read_back == ["'=1", "'+1", "'-1", "'@a", "'=1", "'=1", "'=1", "'＝1", "'=1"]


# ---- feedback ----


def test_feedback_says_points_and_what_is_wrong(report):
    page = Page(report / "feedback" / "lei.html")
    assert "You have 3.5 of 8 points." in page.text and "李雷" in page.text
    assert ["Shortcut", "✓ solved", "2", "2", "Well done."] in page.rows
    wrong = "the output has shape (2, 6), expected (2, 3)"
    assert ["Projection", "✗ not solved", "0", "3", wrong] in page.rows
    assert ["Shard", "◐ partly solved", "1.5", "3", "image 3 was counted twice"] in page.rows
    assert "Notes" not in page.text
    assert "is late by 2 h" in Page(report / "feedback" / "anna.html").text
    assert "nothing that could be graded" in Page(report / "feedback" / "late.html").text


def test_feedback_shows_nothing_of_hidden_checks_and_of_others(report):
    for path in (report / "feedback").iterdir():
        text = html.unescape(read(path))
        assert "505" not in text and "byte for byte" not in text and "same answers" not in text
        others = [name for key, name in NAMES.items() if key != path.stem]
        assert not [name for name in others if name in text], path.name
    assert {path.name for path in (report / "feedback").iterdir()} == {f"{k}.html" for k in NAMES}


# ---- the summary ----


def test_the_summary_counts(report):
    page = Page(report / "summary.html")
    for figure in [["Students", "5"], ["Mean", "2.3 of 8 (29 %)"], ["Median", "0 of 8 (0 %)"],
                   ["Least", "0 of 8 (0 %)"], ["Most", "8 of 8 (100 %)"]]:  # fmt: skip
        assert figure in page.rows
    assert ["0 to 9 %", "3"] in page.rows and ["90 to 100 %", "1"] in page.rows
    shortcut = next(row for row in page.rows if row[0] == "03 Shortcut")
    assert shortcut[1:3] == ["2 of 3 (67 %)", "1.33 of 2"] and f"1 × {EVIL}" in shortcut[3]
    anna = next(row for row in page.rows if row[0] == "Anna Müller")
    assert anna[1:4] == ["anna", "8", "100 %"]
    assert "is late by 2 h" in anna[4] and "byte for byte" in anna[4] and "same answers" in anna[4]
    assert "checks.shortcut(seed=505)" in page.text and "list.xlsx is no notebook" in page.text
    assert ("a", "href", "feedback/anna.html") in page.attributes


def test_the_commonest_messages_come_first(tmp_path):
    said = ["b", "z", "z", "c", "b", "z", "d"]
    results = [result(f"s{i}", "05", 0, said=each) for i, each in enumerate(said)]
    write_report(results, tmp_path, {}, {})
    (shard,) = (row for row in Page(tmp_path / "summary.html").rows if row[0] == "05 Shard")
    assert shard[3].replace(" ", "") == "3×z2×b1×c"


def test_the_numbers_of_the_picture():
    marks = class_marks(RESULTS, NAMES, NOTES)
    assert spread(marks) == [3, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert solved(marks) == {
        ("03", "shortcut"): (2, 3),
        ("03", "projection"): (1, 3),
        ("05", "shard"): (1, 3),
    }
    tenths = [Result(f"s{n}", "03", [Mark("x", n / 10, 1.0)]) for n in range(11)]
    assert spread(class_marks(tenths, {}, {})) == [1] * 9 + [2]


def test_the_picture_shows_bars(report):
    picture = np.asarray(Image.open(report / "summary.png").convert("RGB")).astype(int)
    assert picture.shape[1] == 1100
    for colour in [(0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00)]:
        assert (abs(picture - colour).max(axis=2) < 8).mean() > 0.02
    page = Page(report / "summary.html")
    (words,) = (value for tag, name, value in page.attributes if (tag, name) == ("img", "alt"))
    assert "shortcut 67 %, projection 33 %, shard 33 %" in words


# ---- all of them ----


def test_pages_are_harmless_and_need_no_other_file(report):
    for path in [report / "summary.html", *(report / "feedback").iterdir()]:
        page = Page(path)
        assert "<script" not in read(path) and not [a for a in page.attributes if a[0] == "script"]
        assert ("html", "lang", "en") in page.attributes
        assert [tag for tag, name, _ in page.attributes if name == "scope"].count("th") >= 4 or (
            path.stem == "late"
        )
        links = [value for _, name, value in page.attributes if name in ("src", "href")]
        assert all(re.match(r"data:image/png;base64,|feedback/\w+\.html$", link) for link in links)
    assert EVIL in Page(report / "feedback" / "evil.html").text


def test_the_same_results_in_any_order_give_the_same_bytes(report, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    names = dict(reversed(NAMES.items()))
    write_report(RESULTS[::-1], again, names, NOTES, class_notes=["list.xlsx is no notebook"])
    for path in again.rglob("*.*"):
        assert path.read_bytes() == (report / path.relative_to(again)).read_bytes(), path.name


@pytest.mark.parametrize("names", [{}, {"anna": "Anna"}], ids=["nobody", "no marks"])
def test_a_class_without_marks(tmp_path, names):
    write_report([], tmp_path, names, {})
    assert ("Nobody has handed in" in Page(tmp_path / "summary.html").text) == (not names)
    assert len(read(tmp_path / "marks.csv").splitlines()) == 1 + len(names)


def test_halves_of_characters_and_odd_keys(tmp_path):
    write_report([result("anna", "05", 0, said="\ud800 x")], tmp_path, {"anna": "A\udcff"}, {})
    assert "? x" in Page(tmp_path / "feedback" / "anna.html").text
    with pytest.raises(ValueError, match="key"):
        write_report([], tmp_path, {"../up": "x"}, {})
