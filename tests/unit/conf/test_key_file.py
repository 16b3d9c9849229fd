"""Key files as text."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from knockd_conf.key_file import MAX_KEYS, MAX_PROBLEMS, MAX_SIZE, NamedKey, format_key, parse_keys
from tests.support.samples.rotating_vectors import read_page

KEY = bytes(range(32))
TEXT = b64encode(KEY).decode()
OTHER = bytes(range(32, 64))
OTHER_TEXT = b64encode(OTHER).decode()
TEXTS = [b64encode(bytes([n]) * 32).decode() for n in range(MAX_KEYS + 1)]
NO_DAYS = ("2026-13-01", "2026-00-01", "2026-02-29", "2100-02-29", "2026-04-31", "2026-01-32", "26-01-01", "")
NO_DAY = "expected expires=YYYY-MM-DD behind the key, a day of the calendar"


def test_keys_of_a_file() -> None:
    """Each line has a name, a key and perhaps its last day; comments are skipped."""
    found = parse_keys(f"# whose keys\nalice {TEXT}\n  bob@home\t{OTHER_TEXT} expires=2026-12-31 \n".encode())
    assert () == found.problems
    assert (NamedKey("alice", KEY), NamedKey("bob@home", OTHER, "2026-12-31")) == found.keys


@pytest.mark.parametrize("key", [NamedKey("alice", KEY), NamedKey("bob", bytes(32), "2027-01-31")])
def test_there_and_back(key: NamedKey) -> None:
    """A line is read as it was written."""
    assert (key,) == parse_keys(format_key(key).encode()).keys


@pytest.mark.parametrize("day", ["2026-12-31", "2028-02-29", "2000-02-29", "2026-06-30", "0001-01-01"])
def test_last_days(day: str) -> None:
    """Every day of the calendar may be the last one of a key."""
    assert (NamedKey("alice", KEY, day),) == parse_keys(f"alice {TEXT} expires={day}".encode()).keys


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1: expected NAME KEY, got an empty line"),
        ("# nobody\n", "expected a line NAME KEY, got none; knockctl keygen makes one"),
        (f"a {TEXT}\n\nb {TEXTS[1]}", "line 2: expected NAME KEY, got an empty line"),
        (TEXT, "line 1: expected NAME KEY, got one word"),
        (f"a {TEXT} b c", "line 1: expected NAME KEY and perhaps expires=YYYY-MM-DD, got more words"),
        (f"a/b {TEXT}", "line 1: expected a name of at most 64 letters, digits and _ @ . -"),
        (f"a {TEXT[:-4]}", "line 1: expected a key of 32 bytes, got 30"),
        (f"a {TEXT[:-1]}!", "line 1: expected a key in base64 behind the name"),
        (
            f"a {TEXT[:-2]}9=",
            "line 1: expected a key in base64 behind the name, got one that was changed at its end",
        ),
        (f"a {TEXT} until=2026-12-01", "line 1: expected expires=YYYY-MM-DD behind the key"),
        *((f"a {TEXT} expires={day}", f"line 1: {NO_DAY}") for day in NO_DAYS),
        (f"a {TEXT}\na {TEXT}", "line 2: expected a name once, a is in line 1 too"),
        (f"a {TEXT}\nb\xe9 {TEXT}", "line 2: expected ASCII characters only"),
        (
            f"a {TEXT}\n#\nb {TEXT} expires=2026-12-01",
            "line 3: expected another key than that of line 1; knockctl keygen makes one for b",
        ),
        (
            "\n".join(f"k{n} {TEXTS[n]}" for n in range(MAX_KEYS + 1)),
            f"expected at most {MAX_KEYS} keys, got 33",
        ),
        ("#" * (MAX_SIZE + 1), f"expected at most {MAX_SIZE} bytes, got more"),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    """The message says where and what was expected, shows no key, and no key counts."""
    found = parse_keys(text.encode("latin-1"))
    assert (expected,) == found.problems
    assert () == found.keys


def test_many_mistakes() -> None:
    """A file that is something else does not fill a log."""
    found = parse_keys(b"x\n" * 100)
    assert MAX_PROBLEMS + 1 == len(found.problems)
    assert "and 80 more" == found.problems[-1]


def test_a_key_is_not_printed() -> None:
    """What a traceback would show of a key is its name."""
    assert "NamedKey('alice')" == repr(NamedKey("alice", KEY))


@pytest.mark.parametrize("one", read_page()["key_files"], ids=lambda one: repr(one["text"][:20]))
def test_key_files_of_the_specification(one: dict[str, Any]) -> None:
    """The keys of a file are those of the specification."""
    expected = [
        NamedKey(key["name"], bytes.fromhex(key["key"]), key.get("expires", "")) for key in one["keys"]
    ]
    assert tuple(expected) == parse_keys(one["text"].encode()).keys


@pytest.mark.parametrize("one", read_page()["bad_key_files"], ids=lambda one: str(one["why"]))
def test_no_key_files_of_the_specification(one: dict[str, str]) -> None:
    """What is no key file by the specification is none."""
    assert () == parse_keys(one["text"].encode()).keys
