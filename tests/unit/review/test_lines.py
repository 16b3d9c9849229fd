"""Lines: each in its format, by itself."""

from __future__ import annotations

import pytest

from knockd.review.entries import Entry
from knockd.review.lines import FORMATS, LONGEST, LineReader

NOW = 1_793_700_000.0
FIELDS = '"level": "info", "event": "stage", "ip": "192.0.2.1", "door": "ssh", "stage": 1'
JSON = f'{{"time": "2026-11-02T20:13:05.250+01:00", {FIELDS}}}'
BODY = "192.0.2.1: ssh: Stage 1"


@pytest.mark.parametrize(
    ("line", "name", "precision"),
    [
        (f"[2026-11-02 20:13] {BODY}", "classic", 60.0),
        (f"[2026-11-02 20:13] {BODY}\r\n", "classic", 60.0),
        (JSON, "json", 0.001),
        (f"Nov  2 20:13:05 host knockd[7]: {BODY}", "syslog", 1.0),
        (f"Nov 02 20:13:05 host knockd[7]: {BODY}", "syslog", 1.0),
        (f"Nov  2 20:13:05 host knockd: {BODY}", "syslog", 1.0),
        (f"<29>Nov  2 20:13:05 knockd: {BODY}", "syslog", 1.0),
        (f"Nov  2 20:13:05 host knockd: {JSON}", "syslog", 0.001),
        (f"2026-11-02T20:13:05.123456+01:00 host knockd[1]: {BODY}", "iso", 0.001),
        (f"<29>2026-11-02T20:13:05.123456+01:00 host knockd[1]: {BODY}", "iso", 0.001),
        (f"2026-11-02T20:13:05+0100 host knockd[1]: {BODY}", "iso", 1.0),
        (f"2026-11-02T20:13:05+0100 host knockd[1]: {JSON}", "iso", 0.001),
        (f"<29>1 2026-11-02T20:13:05.123456+01:00 host knockd 7 - - {BODY}", "rfc5424", 0.001),
        (f'1 2026-11-02T20:13:05+01:00 host knockd - - [a@1 b="\\]"][c] \ufeff{BODY}', "rfc5424", 1.0),
        (f"Mon 2026-11-02 20:13:05 CET host knockd[1]: {BODY}", "journal", 1.0),
        (f"Mon Nov  2 20:13:05 2026 daemon.notice knockd[1]: {BODY}", "logread", 1.0),
        (f"Nov  2 20:13:05 host knockd: [2026-11-02 20:13] {BODY}", "syslog", 1.0),
    ],
)
def test_format(line: str, name: str, precision: float) -> None:
    """A line of each format is an entry, and counts for its format."""
    reader = LineReader(year_hint=NOW)
    entry = reader.read(line.encode())
    assert isinstance(entry, Entry)
    assert ("stage", "192.0.2.1", "ssh", {"stage": 1}) == (entry.event, entry.ip, entry.door, entry.fields)
    assert precision == entry.precision
    assert {name: 1} == {key: count for key, count in reader.by_format.items() if count}
    assert reader.total == 1


@pytest.mark.parametrize(
    "line",
    [
        "Nov  2 20:13:05 host sshd[7]: 192.0.2.1: ssh: Stage 1",
        "Nov  2 20:13:05 host kernel: [ 1.5] knockd: x",
        "Nov  2 20:13:05 host -- MARK --",
        "Nov  2 20:13:05 host last message repeated 2 times",
        "2026-11-02T20:13:05.123456+01:00 host systemd[1]: Started knockd.service",
        "<29>1 2026-11-02T20:13:05Z host cron 7 - - x",
        "-- Boot 0123 --",
        "2026-11-22 20:13:13: tcp: 192.0.2.2:52522 -> 192.0.2.1:7000 74 bytes",
        "Nov  2 20:13:05 host knockd[7]: 2026-11-22 20:13:13: udp: 192.0.2.2:5 -> 192.0.2.1:7 29 bytes",
        "packet process: starting -> up",
        "config: new section: 'ssh'",
        "removing failed knock attempt (192.0.2.1)",
    ],
)
def test_other(line: str) -> None:
    """Lines of other programs, and what -D prints, are no entries and nothing unread."""
    reader = LineReader(year_hint=NOW)
    assert reader.read(line.encode()) is None
    assert (1, 0) == (reader.other, reader.unread)


def test_continuation() -> None:
    """A line that goes on in the journal is one of another program; in a log file it is unread."""
    reader = LineReader(year_hint=NOW)
    list(reader.read_entries([b"  x\n", b"Nov  2 20:13:05 host cron: x\n", b"  x\n"]))
    assert (2, 1) == (reader.other, reader.unread)


@pytest.mark.parametrize(
    "line", ["", "\n", " \r\n", "Nov  2 20:13:05 host knockd[7]:", "Nov  2 20:13:05 host knockd: "]
)
def test_blank(line: str) -> None:
    """An empty line, or an empty message, is blank: 0.8 writes them."""
    reader = LineReader(year_hint=NOW)
    assert reader.read(line.encode()) is None
    assert (1, 1) == (reader.blank, reader.total)


@pytest.mark.parametrize(
    "line",
    [
        b"x",
        b"\xff\xfe",
        b"\0" * 100,
        b"[2026-11-02 20:13] 192.0.2.1: ssh: Sta",
        b"[2026-13-02 20:13] shutting down",
        b"[2026-11-02 25:61] shutting down",
        b"[9999999-11-02 20:13] shutting down",
        b"[2026-11-02 20:13] \0shutting down",
        b"{}",
        b"<29>",
        b"<999999999>x",
        b"1 2026-11-02T20:13:05Z",
        b"<29>1 - host knockd 7 - - shutting down",
        b"Nov 99 20:13:05 host knockd: shutting down",
        b"Nov  2 20:13:05 host knockd: shutting",
        b"[2026-11-02 20:13] shutting down".ljust(LONGEST + 1),
    ],
)
def test_unread(line: bytes) -> None:
    """What cannot be read is counted and told, with its number."""
    told: list[tuple[int, bytes]] = []
    reader = LineReader(year_hint=NOW, unread=lambda *one: told.append(one))
    assert [] == list(reader.read_entries([b"\n", line]))
    assert (1, 2) == (reader.unread, reader.total)
    assert [(2, line[:LONGEST])] == told


def test_bytes_that_are_no_text() -> None:
    """A name that is not UTF-8 is read as our daemon prints it."""
    entry = LineReader(year_hint=NOW).read(b"[2026-11-02 20:13] 192.0.2.1: b\xfcro: OPEN SESAME\n")
    assert entry is not None
    assert entry.door == "b\\xfcro"


def test_steps_back() -> None:
    """A clock that went back is noted with its line."""
    reader = LineReader(year_hint=NOW)
    lines = [b"[2026-11-02 20:13] shutting down", b"", b"[2026-11-02 18:13] shutting down"]
    assert [-7200.0] == [b.time - a.time for a, b in [list(reader.read_entries(lines))]]
    assert reader.steps_back_count == 1
    (step,) = reader.steps_back
    assert step.line == 3
    assert step.after - step.before == -7200.0


def test_every_format_is_counted_from_the_start() -> None:
    """A format without lines counts 0."""
    assert dict.fromkeys(FORMATS, 0) == LineReader(year_hint=NOW).by_format


def test_a_door_called_like_a_line_of_debug() -> None:
    """A line that is an event's is one, even where it begins as what -D prints."""
    entry = LineReader(year_hint=NOW).read(b"Nov  2 20:13:05 host knockd: config: running command: x")
    assert entry is not None
    assert ("command", "config") == (entry.event, entry.door)


def test_a_door_called_like_an_object() -> None:
    """A message that begins as JSON and is none may be a classic one."""
    entry = LineReader(year_hint=NOW).read(b"Nov  2 20:13:05 host knockd: {a: running command: x")
    assert entry is not None
    assert ("command", "{a") == (entry.event, entry.door)
