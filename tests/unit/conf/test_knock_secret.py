"""The file with a host's knock secret."""

from __future__ import annotations

import re
from base64 import b64encode

import pytest

from knockd_conf.knock_secret import FLEET, MAX_SIZE, format_secret, parse_secret

SECRET = bytes(range(32))
TEXT = b64encode(SECRET).decode()
MAKE_ONE = "'knockctl keygen --host' makes one"


@pytest.mark.parametrize("text", [TEXT, f"{TEXT}\n", f"# of gate\r\n\r\n  {TEXT}\t\r\n# end\r\n"])
def test_a_secret(text: str) -> None:
    """One line, comments and blank lines around it."""
    assert SECRET == parse_secret(text.encode())


def test_there_and_back() -> None:
    """A secret is read as it was written: 44 characters."""
    assert TEXT == format_secret(SECRET)
    assert len(TEXT) == 44


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", f"expected a line with the knock secret, got none: {MAKE_ONE}"),
        ("# none\n", f"expected a line with the knock secret, got none: {MAKE_ONE}"),
        (f"#\n{TEXT}\n\n{TEXT}\n", "line 4: expected one line with the knock secret, got another"),
        (f"{TEXT[:-1]}\n", f"line 1: expected base64 of 32 bytes: {MAKE_ONE}"),
        (f"secret {TEXT}\n", f"line 1: expected base64 of 32 bytes: {MAKE_ONE}"),
        ("\xe9", f"line 1: expected base64 of 32 bytes: {MAKE_ONE}"),
        (f"\n{TEXT[:-4]}\n", f"line 2: expected 32 bytes, got 30: {MAKE_ONE}"),
        (f"{TEXT[:-2]}9=\n", "line 1: expected base64, got one that was changed at its end"),
        ("#" * (MAX_SIZE + 1), f"expected at most {MAX_SIZE} bytes, got more"),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    """The message says where and what was expected, and shows nothing of the file."""
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        parse_secret(text.encode())


def test_a_key_of_a_fleet() -> None:
    """The same file; its messages have its own name and command."""
    assert SECRET == parse_secret(TEXT.encode(), FLEET)
    expected = "expected a line with the key of a fleet, got none: 'knockctl keygen --fleet' makes one"
    with pytest.raises(ValueError, match=f"^{expected}$"):
        parse_secret(b"", FLEET)
