"""Events to lines: 0.8's exact texts, JSON, and that nothing foreign forges a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from knockd.log.catalogue import EVENTS
from knockd.log.render import configure
from knockd_conf.model import LogFormat

OF_08 = [
    ("starting", {"interface": "eth0"}, "starting up, listening on eth0"),
    ("stage", {"ip": "192.0.2.1", "door": "ssh", "stage": 2}, "192.0.2.1: ssh: Stage 2"),
    ("open", {"ip": "192.0.2.1", "door": "ssh"}, "192.0.2.1: ssh: OPEN SESAME"),
    ("command", {"ip": "192.0.2.1", "door": "ssh", "command": "open 1"}, "ssh: running command: open 1"),
    (
        "command-failed",
        {"ip": "192.0.2.1", "door": "ssh", "status": 127},
        "ssh: command returned non-zero status code (127)",
    ),
    ("command-timeout", {"ip": "192.0.2.1", "door": "ssh"}, "192.0.2.1: ssh: command timeout"),
    (
        "expired",
        {"ip": "2001:db8::1", "door": "ssh", "stage": 1},
        "2001:db8::1: ssh: sequence timeout (stage 1)",
    ),
    ("reading", {"path": "/etc/knockd.conf"}, "re-reading config file: /etc/knockd.conf"),
    ("reopening", {"path": "/var/log/knockd.log"}, "re-opening log file: /var/log/knockd.log"),
    (
        "one-time-exhausted",
        {"door": "ssh"},
        "no more sequences left in the one time sequences file for door ssh --> disabling the door",
    ),
    (
        "pid-file",
        {"path": "/run/knockd.pid", "reason": "Permission denied"},
        "could not create pid file /run/knockd.pid: Permission denied",
    ),
    ("stopping", {}, "shutting down"),
]
"""Lines that log readers of 0.8 anchor on, observed from the running program."""

FIELDS: dict[str, Any] = {
    "ip": "192.0.2.1",
    "door": "ssh",
    "stage": 1,
    "seconds": 25.0,
    "pid": 7,
    "uid": 1000,
    "old": "up",
    "new": "waiting",
    "command": "open 192.0.2.1",
    "status": 1,
    "line": "said",
    "bytes": 5000,
    "most": 4096,
    "reason": "because",
    "count": 3,
    "tries": 6,
    "note": "/etc/knockd.conf: everybody on this machine can read the sequences",
    "then": "the next start closes them",
    "interface": "eth0",
    "gateway": "gw2",
    "endpoint": "192.0.2.9:6379",
    "share": 0.125,
    "key": "anne",
    "fingerprint": "SHA256:AAAA",
    "kib": 512,
    "flags": "syn,ack",
    "path": "/etc/knockd.conf",
    "problem": "/etc/knockd.conf:1: key: expected a, got 'b'",
    "aside": "/var/lib/knockd/leases.damaged",
    "place": "memory only",
    "rights": "CAP_NET_ADMIN",
    "sink": "log file /var/log/knockd.log",
    "version": 2,
}
HOSTILE = ["a\nb", "a\r\nb", "\x1b[2J", "a\x00b", "a\x7fb", "a\u2028b", "a\u202eb", "a\x85b", "a\udcffb"]


@pytest.fixture(autouse=True)
def _structlog_as_before() -> Iterator[None]:
    """What a test configured is gone after it."""
    yield
    structlog.reset_defaults()


def lines(log_format: LogFormat, event: str, /, level: str = "info", **fields: Any) -> list[str]:
    """What an event leaves in the log, line by line."""
    written: list[str] = []
    getattr(configure(written.append, log_format), level)(event, **fields)
    return "\n".join(written).split("\n")


def classic(event: str, /, **fields: Any) -> str:
    """The one line of an event in the classic format."""
    (line,) = lines(LogFormat.CLASSIC, event, **fields)
    return line


@pytest.mark.parametrize(("event", "fields", "expected"), OF_08, ids=[event for event, _, _ in OF_08])
def test_line_of_08(event: str, fields: dict[str, Any], expected: str) -> None:
    """The classic line is exactly what knockd 0.8 writes."""
    assert classic(event, **fields) == expected


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_renders(event: str) -> None:
    """Every event has a classic line, without a placeholder left in it."""
    line = classic(event, **FIELDS)
    assert (line != "", "{" in line) == (True, False)


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_renders_as_json(event: str) -> None:
    """Every event is one JSON object with time, level, its name and its fields."""
    (line,) = lines(LogFormat.JSON, event, level="warning", **FIELDS)
    found = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", found.pop("time"))
    assert found == {"level": "warning", "event": event, **FIELDS}


def test_levels_do_not_show() -> None:
    """A classic line says nothing of the event's level."""
    assert lines(LogFormat.CLASSIC, "stopping", level="error") == ["shutting down"]


def test_name_of_the_knocker() -> None:
    """With -l the name stands in brackets behind the address."""
    line = classic("open", ip="192.0.2.1", host="alice.example.org", door="ssh")
    assert line == "192.0.2.1 (alice.example.org): ssh: OPEN SESAME"


def test_no_name_of_the_knocker() -> None:
    """An address that has no name stands alone."""
    assert classic("open", ip="192.0.2.1", host="", door="ssh") == "192.0.2.1: ssh: OPEN SESAME"


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("log_format", LogFormat)
def test_no_forged_lines(log_format: LogFormat, text: str) -> None:
    """Output, names and paths with control characters stay one line of printable characters."""
    (line,) = lines(log_format, "command-output", door=text, line=f"{text}: 1.2.3.4: ssh: OPEN SESAME")
    assert line.isprintable()


def test_escapes() -> None:
    """Control characters are shown as escapes; letters of any language stay letters."""
    line = classic("command-output", door="T\u00fcr", line="a\tb\x1b[31mc\n\u202ed")
    assert line == "T\u00fcr: command said: a\\tb\\x1b[31mc\\n\\u202ed"


def test_braces_in_fields() -> None:
    """A field's text is never taken for a placeholder."""
    assert classic("command", door="{ip}", command="add {x}") == "{ip}: running command: add {x}"


@pytest.mark.parametrize("log_format", LogFormat)
def test_debug(log_format: LogFormat) -> None:
    """A line of level debug goes where -D prints, and nowhere without -D; it is never a line of the log."""
    written: list[str] = []
    printed: list[str] = []
    configure(written.append, log_format).debug("stopping")
    configure(written.append, log_format, printed.append).debug("stopping")
    assert [] == written
    assert 1 == len(printed)
