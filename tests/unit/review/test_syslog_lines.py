"""Lines of a system log: what is knockd's, of others, and neither."""

from __future__ import annotations

import pytest

from knockd.review.stamps import Stamps
from knockd.review.syslog_lines import OTHER, SyslogLine, SyslogLines


def read(*lines: str) -> SyslogLine | None:
    """What the last of these lines says."""
    reader = SyslogLines(Stamps(1_793_700_000.0, lambda *_: None))
    return [reader.read(line) for line in lines][-1]


@pytest.mark.parametrize(
    ("line", "form", "precision"),
    [
        ("Nov  2 20:13:05 gate knockd[1]: a: b", "syslog", 1.0),
        ("Nov  2 20:13:05 knockd: a: b", "syslog", 1.0),
        ("Nov  2 20:13:05 gate daemon.notice knockd: a: b", "syslog", 1.0),
        ("<29>Nov  2 20:13:05 knockd: a: b", "syslog", 1.0),
        ("Nov 02 20:13:05.123456 gate knockd[1]: a: b", "syslog", 1.0),
        ("2026-11-02T20:13:05+01:00 2001:db8::1 knockd[1]: a: b", "iso", 1.0),
        ("2026-11-02T20:13:05.5+01:00 gate knockd[1]: a: b", "iso", 0.001),
        ("<29>1 2026-11-02T20:13:05.5Z gate knockd 1 - - a: b", "rfc5424", 0.001),
        ("<29>1 2026-11-02T20:13:05Z gate knockd 1 - -  a: b", "rfc5424", 1.0),
        ('1 2026-11-02T20:13:05Z - knockd - - [a@1 b="\\]"][c] \ufeffa: b', "rfc5424", 1.0),
        ("Mon 2026-11-02 20:13:05 CET gate knockd[1]: a: b", "journal", 1.0),
        ("Mon Nov  2 20:13:05 2026 daemon.notice knockd[1]: a: b", "logread", 1.0),
    ],
)
def test_knockd(line: str, form: str, precision: float) -> None:
    """Stamp, host and program of each kind are taken off, also when the program is known."""
    for found in (read(line), read(line, line)):
        assert found is not None
        assert (form, precision, "a: b") == (found[0], found[2], found[3])


@pytest.mark.parametrize(
    "line",
    [
        "Nov  2 20:13:05 gate sshd[1]: knockd: x",
        "Nov  2 20:13:05 gate knockd2: x",
        "Nov  2 20:13:05 gate",
        "<29>1 2026-11-02T20:13:05Z gate sshd 1 - - knockd: x",
        "-- Reboot --",
    ],
)
def test_other(line: str) -> None:
    """A line of another program is no line of knockd's, whatever it says."""
    assert read(line) is OTHER
    assert read(line, line) is OTHER


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        "  x",
        "<29>",
        "1 ",
        "1 2026-11-02T20:13:05Z gate knockd 1 - x",
        "Nov 99 20:13:05 gate knockd: x",
    ],
)
def test_neither(line: str) -> None:
    """What has no stamp of a system log is no line of one."""
    assert read(line) is None


def test_continuation() -> None:
    """Once a system log has begun, a line that begins with a space belongs to the one before."""
    assert read("Nov  2 20:13:05 gate sshd: x", "    y") is OTHER


def test_message_without_text() -> None:
    """An empty message is knockd's all the same."""
    found = read("Nov  2 20:13:05 gate knockd:")
    assert found is not None
    assert found[3] == ""
