"""Numbers and strings as SSH puts them together."""

from __future__ import annotations

import pytest

from knockd_conf.ssh_wire import Reader, pack_string


def test_values_come_one_after_the_other() -> None:
    """What was packed is read again, in order, and the end is where all is taken."""
    reader = Reader(b"\x05" + pack_string(b"abc") + pack_string(b"") + bytes((0, 0, 1, 2)))
    assert b"\x05" == reader.take(1)
    assert b"abc" == reader.string()
    assert b"" == reader.string()
    assert 258 == reader.number()
    reader.end()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\0\0\0", "expected 4 bytes at byte 0, got 3"),
        (b"\0\0\0\4abc", "expected 4 bytes at byte 4, got 3"),
        (b"\xff\xff\xff\xff", "expected 4294967295 bytes at byte 4, got 0"),
    ],
)
def test_what_ends_too_early(data: bytes, message: str) -> None:
    """The message says what was missing, and nothing is copied."""
    with pytest.raises(ValueError, match=message):
        Reader(data).string()


def test_what_is_left() -> None:
    """Bytes behind the last value are an error."""
    reader = Reader(b"\0\0\0\1abc")
    assert b"a" == reader.string()
    with pytest.raises(ValueError, match="expected the end at byte 5, got 2 bytes more"):
        reader.end()
