"""A journal of any bytes is read without an error, and what was read is written and read again as the same.

The input is the file, but a line that begins with ``!`` and a space gets the checksum that belongs in
its place: a mutation of one that has the right checksum would hardly ever be looked at.
"""

from __future__ import annotations

import re
from binascii import crc32
from ipaddress import ip_address
from math import isfinite

from knockd.leases.journal import MAX_COMMANDS, MAX_SECONDS, MAX_SERIAL, READ, Record, parse
from knockd.leases.journal_layout import encode
from knockd_conf.text import address_text

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
    assert 0 <= found.journal.serial < MAX_SERIAL
    assert len({record.id for record in found.journal.records}) == len(found.journal.records)
    if found.version in READ:
        again = parse(encode(found.journal))
        assert (again.journal, again.damaged) == (found.journal, 0)
    else:
        assert found.journal.records == ()


def _check(record: Record) -> None:
    """What a record holds can be put into a command and a log line."""
    assert address_text(ip_address(record.source).packed) == record.source
    assert address_text(ip_address(record.destination).packed) == record.destination
    assert "%" not in record.source
    assert record.stop
    assert record.max_commands >= 1
    assert isfinite(record.deadline)
    assert 0 <= record.cmd_timeout <= MAX_SECONDS
    assert 0 <= record.command_deadline <= MAX_SECONDS
    assert record.max_commands <= MAX_COMMANDS
    for text, most in ((record.id, 64), (record.door, 128), (record.interface, 128), (record.stop, 65_536)):
        data = text.encode("utf-8", "surrogateescape")
        assert b"\0" not in data, "no process takes it"
        assert len(data) <= most
