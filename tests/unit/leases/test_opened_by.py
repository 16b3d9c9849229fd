"""By which key a door was opened, in words and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd.leases.journal import Journal, encode_header, encode_record, parse
from knockd.leases.opened_by import MOST_COMMENT, by_key, by_signature, find_key, show_comment
from knockd_conf.key_file import parse_name
from tests.support.samples.journals import record

FINGERPRINT = "SHA256:" + "aB3+/" * 8 + "xyz"


def test_words() -> None:
    """Words for people, with the fingerprint that no other key has."""
    assert by_key("anne") == "key anne"
    assert by_signature("bob@laptop", FINGERPRINT) == f"key bob@laptop ({FINGERPRINT})"
    assert by_signature("", FINGERPRINT) == f"key unnamed ({FINGERPRINT})"


@pytest.mark.parametrize(
    ("comment", "shown"),
    [
        ("bob at home", "bob at home"),
        ("a\x1b[2Jb\n", "a\\x1b[2Jb\\n"),
        ("x" * 61, "x" * 60),
        ("ä" * 60, "ä" * 30),
        ("x" * 59 + "ä", "x" * 59),
        ("  ", "unnamed"),
        ("\udcff", "\\xff"),
    ],
)
def test_show_comment(comment: str, shown: str) -> None:
    """It is printable, and neither characters nor bytes are more than there is room for."""
    assert show_comment(comment) == shown


@given(st.text())
def test_comment_of_any_kind(comment: str) -> None:
    """Whatever a comment is, the key is found again, and a journal with these words is read again whole."""
    by = by_signature(comment, FINGERPRINT)
    assert find_key(by) == FINGERPRINT
    one = record(by=by)
    data = b"\n".join((encode_header(Journal("boot", 1, ())), encode_record(one, 1)))
    found = parse(data)
    assert found.damaged == 0
    assert found.journal.records == (one,)
    assert len(show_comment(comment)) <= MOST_COMMENT


@given(st.from_regex(r"[A-Za-z0-9_@][A-Za-z0-9_@.-]{0,63}", fullmatch=True))
def test_name_of_any_kind(name: str) -> None:
    """Every name of a key file is found again."""
    assert find_key(by_key(parse_name(name))) == name


@pytest.mark.parametrize(
    "by", ["", "by hand, root", "key", "key a b", "key a\n", f"key x {FINGERPRINT}", f"by ({FINGERPRINT})"]
)
def test_by_no_key(by: str) -> None:
    """A knock, a person at the control socket, and words of nobody are no key."""
    assert find_key(by) is None
