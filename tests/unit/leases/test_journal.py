"""The journal's format: damage costs no more than it touches, and only what is a lease is read as one."""

from __future__ import annotations

from binascii import crc32

import pytest

from knockd.leases.journal import (
    FREED,
    MAX_COMMANDS,
    MAX_LINES,
    MAX_NUMBER,
    MAX_SECONDS,
    Journal,
    Parsed,
    encode_header,
    encode_record,
    encode_size,
    parse,
)
from knockd.leases.journal_layout import encode
from tests.support.samples.journals import RECORD, journal, record

THREE = journal(record(1), record(2, stop="close %IP% \u00fc \n\r\x00".replace("\0", "")), record(3))
TEXT = encode(THREE)


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
    for size in range(len(TEXT)):
        found = parse(TEXT[:size])
        assert found.journal.records == THREE.records[: sum(end <= size for end in ends)]
        assert found.damaged >= 1


def test_size() -> None:
    """A lease takes well below half a kilobyte."""
    most = journal(*(record(number) for number in range(1_000)))
    assert len(encode(most)) - len(encode(journal())) < 400 * 1_000


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
        (b'"id":"a1b2.1"', b'"id":""'),
        (b'"id":"a1b2.1"', b'"id":"a1b2.1 stop"'),
        (b'"id":"a1b2.1"', b'"id":"' + b"a" * 65 + b'"'),
        (b'"door":"ssh"', b'"door":"' + b"s" * 129 + b'"'),
        (b'"interface":"eth0"', b'"interface":"' + b"e" * 129 + b'"'),
        (b'"serial":1', b'"serial":-1'),
        (b'"serial":1', b'"serial":' + b"9" * 4_000),
        (b'"serial":1', b'"serial":' + b"9" * 5_000),
        (b'"serial":1', b'"serial":true'),
        (b"1010.0", b"1e999"),
        (b"{", b"[" * 3_000),
        (b"{", b"["),
    ],
)
def test_what_is_no_lease(old: bytes, new: bytes) -> None:
    """A line that does not say what a lease is is damaged, even when its checksum is right."""
    found = parse(wrong(old, new))
    assert found.journal.records == ()
    assert found.damaged == 1


def test_a_mapped_address_of_earlier_versions() -> None:
    """A mapped address in hexadecimal is read, and from then on written as all others are."""
    (record,) = parse(wrong(b'"192.0.2.1"', b'"::ffff:c000:201"')).journal.records
    assert record.source == "::ffff:192.0.2.1"


def test_idle() -> None:
    """What keeps a lease open is written where there is something; what makes no sense keeps none open."""
    one = record(idle=60.0, service="22/tcp", open_max=3_600.0)
    assert b"idle" not in encode_record(record(), 1)
    assert encode_record(one, 1).endswith(b',"idle":60.0,"service":"22/tcp","open_max":3600.0}')
    assert parse(encode(journal(one))).journal.records == (one,)
    for wrong_service in ("", "ssh", "0/tcp"):
        found = parse(encode(journal(one._replace(service=wrong_service)))).journal.records
        assert found == (one._replace(service=wrong_service, idle=0.0),)


def test_unopened() -> None:
    """That a start command failed is written where it is so, and read only as true or false."""
    line = encode_record(record(unopened=True), 1)
    assert line.endswith(b',"max_commands":8,"unopened":true}')
    assert parse(encode(journal(record(unopened=True)))).journal.records == (record(unopened=True),)
    assert parse(wrong(b'"max_commands":8', b'"max_commands":8,"unopened":1')).damaged == 1


def test_by_whom_and_since_when() -> None:
    """How and when a lease was opened is noted where it is known; no file of earlier versions says so."""
    one = record(by="by hand, root", opened=1_000.5)
    line = encode_record(one, 1)
    assert line.endswith(b',"max_commands":8,"by":"by hand, root","opened":1000.5}')
    assert parse(encode(journal(one))).journal.records == (one,)
    assert b"opened" not in encode_record(record(), 1)
    for more in (b'"by":7', b'"by":"%s"' % (b"x" * 129), b'"opened":1', b'"opened":-1.0', b'"opened":NaN'):
        assert parse(wrong(b'"max_commands":8', b'"max_commands":8,' + more)).damaged == 1


def test_more_than_we_know() -> None:
    """What a record says besides is left alone: a later version may add to it."""
    assert parse(wrong(b"{", b'{"colour":"red",')).journal.records == (RECORD,)


@pytest.mark.parametrize(
    "header",
    [
        b'{"knockd-journal":0}',
        b'{"knockd-journal":' + b"9" * 4_000 + b"}",
        b'{"knockd-journal":2,"boot":"' + b"b" * 65 + b'","serial":7,"complete":true}',
        b'{"knockd-journal":2,"boot":"b","serial":-7,"complete":true}',
        b'{"knockd-journal":2,"boot":"b","serial":' + b"9" * 4_000 + b',"complete":true}',
        b'{"knockd-journal":2,"boot":"b","serial":7,"complete":1}',
    ],
)
def test_what_is_no_header(header: bytes) -> None:
    """A header that no version writes is damaged: nobody knows which boot the leases are of."""
    found = parse(b"%08x %s\n" % (crc32(header), header))
    assert found.journal.boot == ""
    assert found.damaged == 1


@pytest.mark.parametrize("data", [b"", b"\n", b"\0" * 4_096], ids=["empty", "blank", "zeros"])
def test_no_header(data: bytes) -> None:
    """An empty file, or one of zeros as some file systems leave after a power cut, is damaged."""
    assert parse(data).damaged == 1


def test_other_version() -> None:
    """A journal of another version is not read, whatever its records look like."""
    header = b'{"knockd-journal":3,"leases":"other"}'
    data = b"%08x %s\n" % (crc32(header), header) + TEXT
    found = parse(data)
    assert found.version == 3
    assert found.journal.records == ()
    assert found.damaged == 0


def test_format() -> None:
    """A journal is its size, the header, a line for each record and the header again, with checksums."""
    size = b'{"size":2048}'
    header = b'{"knockd-journal":2,"boot":"b","serial":7,"complete":true}'
    one = (
        b'{"serial":7,"id":"a1b2.1","door":"ssh","occurrence":0,"source":"192.0.2.1","destination":"10.0.0.1",'
        b'"interface":"eth0","state":"open","deadline":1010.0,"failures":0,"stop":"close %IP%; sync",'
        b'"cmd_timeout":10.0,"command_deadline":0.0,"max_commands":8}'
    )
    lines = [b"%08x %s" % (crc32(line), line) for line in (size, header, one, header)]
    assert [line for line in encode(journal(RECORD, serial=7, boot="b")).split(b"\n") if line] == lines
    assert [encode_size(2_048), encode_header(journal(serial=7, boot="b"))] == lines[:2]


def old(*records: bytes, count: int = 1) -> bytes:
    """A journal as versions before wrote it."""
    header = b'{"knockd-journal":1,"boot":"b","serial":7,"complete":true,"leases":%d}' % count
    return b"\n".join(b"\n%08x %s\n" % (crc32(line), line) for line in (header, *records, header))


OLD = (
    b'{"id":"a1b2.1","door":"ssh","occurrence":0,"source":"192.0.2.1","destination":"10.0.0.1",'
    b'"interface":"eth0","state":"open","deadline":1010.0,"failures":0,"stop":"close %IP%; sync",'
    b'"cmd_timeout":10.0,"command_deadline":0.0,"max_commands":8}'
)


def test_of_versions_before() -> None:
    """A journal of version 1 is read at an upgrade; its header says whether a record is missing."""
    found = parse(old(OLD))
    assert found.journal == journal(RECORD, serial=7, boot="b")
    assert found.damaged == 0
    assert parse(old(OLD, count=3)).damaged == 2


def changed(*lines: bytes) -> bytes:
    """A journal of one lease, with lines behind it."""
    return b"\n\n".join((encode(journal(RECORD)), *lines))


@pytest.mark.parametrize("turned", [False, True])
def test_two_lines_of_a_lease(turned: bool) -> None:
    """Of two lines of a lease the later one counts, wherever it is; a freed line does not count."""
    two = [encode_record(RECORD._replace(deadline=2_000.0 + n), 2 + n) for n in range(2)]
    found = parse(changed(*(two[::-1] if turned else two)))
    assert found.journal == journal(RECORD._replace(deadline=2_001.0), serial=3)
    assert found.damaged == 0
    freed = parse(changed(two[0], FREED + two[1][len(FREED) :]))
    assert freed.journal == journal(RECORD._replace(deadline=2_000.0), serial=2)
    assert freed.damaged == 0


@pytest.mark.parametrize("damage", [b"\0", b"\xff", b"\x1f"])
def test_damage_from_a_freed_line_on(damage: bytes) -> None:
    """Damage that begins in a freed line and swallows a lease behind it is noticed."""
    freed = FREED + encode_record(record(1), 1)[len(FREED) :]
    whole = encode(journal(record(2), record(3), serial=1))
    at = whole.index(encode_record(record(2), 1))
    data = whole[:at] + freed + b"\n\n" + whole[at:]
    assert parse(data).damaged == 0
    begin = at + len(freed) - 9
    found = parse(data[:begin] + damage * 100 + data[begin + 100 :])
    assert found.journal.records == (record(3),)
    assert found.damaged == 1


def test_growth_that_was_cut_short() -> None:
    """What lies beyond the size that the file says was not acknowledged: it may be there, or half of it."""
    line = encode_record(record(2), 2)
    for end in range(len(line)):
        assert parse(TEXT + b"\n" + line[:end]).journal.records == THREE.records
        assert parse(TEXT + b"\n" + line[:end]).damaged == 0
    assert len(parse(changed(line)).journal.records) == 2
    assert parse(TEXT[:-64]).damaged == 1


@pytest.mark.parametrize(
    ("name", "written", "counts"),
    [
        ("occurrence", 2**70, MAX_NUMBER),
        ("failures", 2**70, MAX_NUMBER),
        ("max_commands", 2**70, MAX_COMMANDS),
        ("cmd_timeout", 1e300, MAX_SECONDS),
        ("command_deadline", 1e300, MAX_SECONDS),
    ],
)
def test_numbers_beyond_all_bounds(name: str, written: float, counts: float) -> None:
    """A number that no configuration holds counts as the largest one: the lease is to be closed."""
    (found,) = parse(encode(journal(RECORD._replace(**{name: written})))).journal.records  # type: ignore[arg-type]
    assert found == RECORD._replace(**{name: counts})  # type: ignore[arg-type]


def test_an_interface_that_is_not_utf_8() -> None:
    """A name of bytes that are not UTF-8 is written and read: a command takes those bytes."""
    one = RECORD._replace(interface="eth\udcff")
    assert parse(encode(journal(one))).journal.records == (one,)


def test_more_lines_than_any_journal_has() -> None:
    """Of a file with lines without end so many are looked at; what is behind them is said to be damaged."""
    data = encode(journal(RECORD))
    good, bad = parse(b"-\n" * (MAX_LINES - 4) + data), parse(b"-\n" * MAX_LINES + data)
    assert good.journal.records == (RECORD,)
    assert bad.journal.records == ()
    assert bad.damaged == MAX_LINES + 1


def line(text: bytes) -> bytes:
    """A file with one line."""
    return b"%08x %s\n" % (crc32(text), text)


def test_lineage() -> None:
    """Who has written a journal, and whose leases it holds, is read as it was written."""
    journal = Journal("b", 7, (), run="1f", replaces={"2e": 5, "#": 3})
    assert parse(encode(journal)).journal == journal


@pytest.mark.parametrize(
    "named",
    [
        b'"run":5,"replaces":{}',
        b'"run":"","replaces":{"a":1}',
        b'"run":"a b","replaces":{"a":1}',
        b'"run":"a","replaces":[]',
        b'"run":"a"',
    ],
)
def test_lineage_that_is_none(named: bytes) -> None:
    """Such a journal is of nobody and hides no other; its leases count."""
    header = b'{"knockd-journal":2,"boot":"b","serial":7,"complete":false,' + named + b"}"
    found = parse(line(header))
    assert found == Parsed(Journal("b", 7, (), complete=False), 0, 2)


def test_replaces_what_is_none() -> None:
    """A serial that is none names nothing."""
    text = b'{"knockd-journal":2,"boot":"b","serial":7,"complete":true,"run":"a","replaces":{"b":-1,"c":2}}'
    assert {"c": 2} == parse(line(text)).journal.replaces
