"""A journal of any bytes is read without an error, and what was read is written and read again as the same.

The input is the file, but a line that begins with ``!`` and a space gets the checksum that belongs in
its place: a mutation of one that has the right checksum would hardly ever be looked at.
"""

from __future__ import annotations

import re
from binascii import crc32
from ipaddress import ip_address
from math import isfinite

from knockd.engine.journal import VERSION, Record, encode, parse

_UNSUMMED = re.compile(rb"^! ([^\n]*)$", re.MULTILINE)


def summed(data: bytes) -> bytes:
    """The file that the input stands for."""
    return _UNSUMMED.sub(lambda found: b"%08x %s" % (crc32(found[1]), found[1]), data)


def check(data: bytes) -> None:
    """Read one journal, write it, read it."""
    found = parse(summed(data))
    assert found.damaged >= 0
    for record in found.journal.records:
        _check(record)
    if found.version == VERSION:
        again = parse(encode(found.journal))
        assert (again.journal, again.damaged) == (found.journal, 0)
    else:
        assert found.journal.records == ()


def _check(record: Record) -> None:
    """What a record holds can be put into a command and a log line."""
    assert str(ip_address(record.source)) == record.source
    assert str(ip_address(record.destination)) == record.destination
    assert "%" not in record.source
    assert record.stop
    assert record.max_commands >= 1
    assert isfinite(record.deadline)
    for text in (record.id, record.door, record.interface, record.stop):
        assert b"\0" not in text.encode("utf-8", "surrogateescape"), "no process takes it"
