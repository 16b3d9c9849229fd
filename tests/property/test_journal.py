"""The journal's format: what is written is read, and damage costs no more than it touches."""

from __future__ import annotations

from binascii import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.engine.journal import VERSION, Journal, Record, encode, parse
from tests.support.journals import JOURNALS, RECORD, journal, record

THREE = journal(record(1), record(2, stop="close %IP% \u00fc \n\r\x00".replace("\0", "")), record(3))
TEXT = encode(THREE)


@settings(deadline=None)
@given(JOURNALS)
def test_what_is_written_is_read(written: Journal) -> None:
    """Reading gives the journal that was written, and nothing of it counts as damaged."""
    found = parse(encode(written))
    assert (found.journal, found.damaged, found.version) == (written, 0, VERSION)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    """Any bytes at all are read without an error, and hold no lease that nobody wrote."""
    assert parse(data).journal.records == ()


@settings(deadline=None)
@given(JOURNALS, st.binary(max_size=20), st.data())
def test_any_splice(written: Journal, junk: bytes, data: st.DataObject) -> None:
    """With any bytes in any place of it a journal gives nothing that was not in it."""
    text = encode(written)
    at = data.draw(st.integers(0, len(text)))
    to = data.draw(st.integers(at, len(text)))
    found = parse(text[:at] + junk + text[to:])
    assert set(found.journal.records) <= set(written.records)


@pytest.mark.parametrize("bit", range(8))
def test_any_bit(bit: int) -> None:
    """A bit that flips, wherever it is, costs the one record it is in at most, and is noticed."""
    for at in range(len(TEXT)):
        data = bytearray(TEXT)
        data[at] ^= 1 << bit
        found = parse(bytes(data))
        assert len(found.journal.records) >= 2
        assert set(found.journal.records) <= set(THREE.records)
        assert found.journal.boot == THREE.boot  # the header stands there twice
        assert found.damaged or data[at] ^ (1 << bit) == ord("\n")  # an empty line holds nothing


def test_any_truncation() -> None:
    """Of a journal that ends early every record that is whole is read, and what is missing is counted."""
    ends = [TEXT.index(line) + len(line) for line in TEXT.split(b"\n") if b'"source"' in line]
    for size in range(len(TEXT) - 1):  # the last byte is a line's end
        found = parse(TEXT[:size])
        assert found.journal.records == THREE.records[: sum(end <= size for end in ends)]
        assert found.damaged >= 1


def test_size() -> None:
    """A lease takes well below half a kilobyte."""
    assert len(encode(journal(RECORD))) - len(encode(journal())) < 400


def wrong(old: bytes, new: bytes) -> bytes:
    """A record whose checksum is right and whose content is not."""
    (line,) = (line for line in encode(journal(RECORD)).split(b"\n") if b'"source"' in line)
    text = line[9:].replace(old, new)
    assert text != line[9:]
    return b"%08x %s" % (crc32(text), text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"192.0.2.1"', b'"192.0.2.01"'),
        (b'"192.0.2.1"', b'"192.0.2.1; id"'),
        (b'"192.0.2.1"', b'"fe80::1%eth0"'),
        (b'"192.0.2.1"', b'"FE80::1"'),
        (b'"10.0.0.1"', b'"$(id)"'),
        (b'"open"', b'"ajar"'),
        (b"1010.0", b"1010"),
        (b"1010.0", b"NaN"),
        (b"1010.0", b"Infinity"),
        (b"1010.0", b"-1.0"),
        (b'"max_commands":8', b'"max_commands":0'),
        (b'"max_commands":8', b'"max_commands":true'),
        (b'"failures":0', b'"failures":-1'),
        (b'"close %IP%; sync"', b'""'),
        (b'"close %IP%; sync"', b'"a\\u0000b"'),
        (b'"close %IP%; sync"', b'"\\ud800"'),
        (b'"door":"ssh",', b""),
        (b"{", b"[" * 3_000),
        (b"{", b"["),
    ],
)
def test_what_is_no_lease(old: bytes, new: bytes) -> None:
    """A line that does not say what a lease is is damaged, even when its checksum is right."""
    found = parse(wrong(old, new))
    assert (found.journal.records, found.damaged) == ((), 1)


def test_more_than_we_know() -> None:
    """What a record says besides is left alone: a later version may add to it."""
    assert parse(wrong(b"{", b'{"colour":"red",')).journal.records == (RECORD,)


@pytest.mark.parametrize("data", [b"", b"\n", b"\0" * 4_096], ids=["empty", "blank", "zeros"])
def test_no_header(data: bytes) -> None:
    """An empty file, or one of zeros as some file systems leave after a power cut, is damaged."""
    assert parse(data).damaged == 1


def test_other_version() -> None:
    """A journal of another version is not read, whatever its records look like."""
    header = b'{"knockd-journal":2,"leases":"other"}'
    data = b"%08x %s\n" % (crc32(header), header) + TEXT
    found = parse(data)
    assert (found.version, found.journal.records, found.damaged) == (2, (), 0)


@settings(deadline=None)
@given(st.lists(st.sampled_from(THREE.records)))
def test_order(records: list[Record]) -> None:
    """Records are read in the order they were written."""
    assert parse(encode(journal(*records))).journal.records == tuple(records)
