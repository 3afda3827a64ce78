"""Whose submission a file or folder is, by the names that learning platforms give."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

MOODLE = re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_[a-z]+_?(?P<file>.*)")
CANVAS = re.compile(r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<id>\d+)_\d+_(?P<file>.+)")
BLACKBOARD = re.compile(r".+_(?P<name>[^_]+)_attempt_(?P<when>\d{4}(?:-\d\d){5})[_.]?(?P<file>.*)")
SAKAI = re.compile(r"(?P<last>[^,()]+), ?(?P<first>[^()]*)\((?P<id>[^()]+)\)"
                   r"(?:_Submission attachment\(s\)_(?P<file>.+))?")  # fmt: skip
BRIGHTSPACE = re.compile(r"(?P<id>\d+)-\d+ - (?P<name>.+?) - (?P<when>[^-]*\b20\d\d\b[^-]*?)"
                         r"(?: - (?P<file>.+))?")  # fmt: skip
ILIAS = re.compile(r"(?P<last>[^_]+)_(?P<first>[^_]+)_(?P<login>[^_\s]+)_(?P<id>\d+)")
COPY = re.compile(r"(?i)\b(copy of|kopie von)$|^(copy of|kopie von)\b|(?<=.)\s*\(\d+\)$"
                  r"|(?: - kopie| copy)$")  # fmt: skip
CHAPTER_FILE = re.compile(r"(?<![^\W_])\d\d_exercises(?![^\W_])")
LETTERS = str.maketrans({"ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae",
                         "œ": "oe", "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "ı": "i"})  # fmt: skip
RESERVED = {"con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(10))}


@dataclass(frozen=True)
class Who:
    """A student, as a platform's name tells; identity differs where students do."""

    student: str
    identity: str
    file: str = ""  # the name that the student gave, where the platform put its own before it
    late: bool = False
    received: datetime | None = None
    timed: bool = True  # False where times of files say nothing, and the platform tells who is late


def by_platform(name: str, is_file: bool) -> Who | None:
    """Who handed this in; None where the name is of none of the platforms known.

    >>> by_platform("Jörg Müller_12345_assignsubmission_file_", False).student
    'Jörg Müller'
    >>> by_platform("mullerjorg_LATE_123_678_03_exercises-1.ipynb", True).late
    True
    """
    if found := MOODLE.fullmatch(name):
        return Who(found["name"], f"{found['name']} {found['id']}", found["file"])
    if found := BRIGHTSPACE.fullmatch(name.removesuffix(".zip") if is_file else name):
        received = time_of(found["when"], "%b %d, %Y %I%M %p")
        identity = f"{found['name']} {found['id']}"
        return Who(found["name"], identity, found["file"] or "", received=received)
    if (found := SAKAI.fullmatch(name)) and is_file == bool(found["file"]):
        student = f"{found['first'].strip()} {found['last'].strip()}".strip()
        return Who(student, f"{student} {found['id']}", found["file"] or "")
    if not is_file:
        found = ILIAS.fullmatch(name)
        return found and Who(f"{found['first']} {found['last']}", name.replace("_", " "))
    if found := BLACKBOARD.fullmatch(name):
        received = time_of(found["when"], "%Y-%m-%d-%H-%M-%S")
        return Who(found["name"], found["name"], found["file"], received=received)
    if found := CANVAS.fullmatch(name):
        identity, late = f"{found['name']} {found['id']}", bool(found["late"])
        return Who(found["name"], identity, found["file"], late=late, timed=False)
    return None


def time_of(text: str, form: str) -> datetime | None:
    """The time that a platform wrote; None where it was another form.

    >>> time_of("Nov 3, 2026 105 PM", "%b %d, %Y %I%M %p").hour
    13
    """
    text = re.sub(r"\b(\d)(\d\d [AP]M)", r"0\1\2", text.replace(":", "").strip())
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None


def by_name(name: str) -> str:
    """The student in a folder's or file's name, without chapter and ending; may be empty.

    >>> by_name("03_exercises_alice.ipynb"), by_name("Li (1).zip"), by_name("03_exercises.ipynb")
    ('alice', 'Li', '')
    >>> by_name("Copy of 03_exercises - Alice Adams.ipynb"), by_name("03_exercises (2).ipynb")
    ('Alice Adams', '(2)')
    """
    stem = re.sub(r"(?i)(\.zip|\.ipynb(\.txt|\.json)?)$", "", name)
    stem = CHAPTER_FILE.sub("", stem).strip(" _-.")
    return COPY.sub("", stem).strip(" _-.") or stem


def shown(name: str) -> str:
    r"""A name in one form of Unicode, without characters that cannot be seen.

    >>> print(shown(f"Mu{chr(0x308)}ller{chr(7)}"))
    Müller\x07
    """
    text = name.encode("utf-8", "backslashreplace").decode()
    kept = (c if c.isprintable() else ascii(c)[1:-1] for c in unicodedata.normalize("NFC", text))
    return "".join(kept)[:200]


def safe_keys(identities: Iterable[str]) -> dict[str, str]:
    """A file name for each identity, good on every system, different also without upper case.

    It has a hash where the plain letters do not tell students apart.

    >>> list(safe_keys(["Ołena Müller 7", "con", "Anna"]).values())
    ['olena-muller-7', 'con-1143da2bc5', 'anna']
    """
    plain = {each: _plain(each) for each in identities}
    times = Counter(key for key, _ in plain.values())
    keys = {each: key if whole and times[key] == 1 else f"{key}-{_hash(each)}"
            for each, (key, whole) in plain.items()}  # fmt: skip
    if len(set(keys.values())) < len(keys):  # somebody is called as another with a hash
        return {each: f"{key}-{_hash(each)}" for each, (key, _) in plain.items()}
    return keys


def _plain(identity: str) -> tuple[str, bool]:
    """Letters a–z, digits and hyphens; and whether these tell all of it."""
    letters = unicodedata.normalize("NFKD", identity.translate(LETTERS))
    letters = "".join(c for c in letters if not unicodedata.combining(c)).lower()
    key = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")
    whole = letters.isascii() and 0 < len(key) <= 60 and key not in RESERVED
    return key[:60].strip("-") or "student", whole


def _hash(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:10]
