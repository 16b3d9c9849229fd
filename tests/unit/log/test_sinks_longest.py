"""The longest line there can be: it goes whole to every sink, in both formats."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from knockd.log import sinks, syslog
from knockd.log.catalogue import EVENTS, FIELDS
from knockd.log.classic import Value, render_classic
from knockd.log.logger import Logger
from knockd.log.render import configure
from knockd.log.sinks import Sinks
from knockd.log.stream import Output
from knockd_conf.ini import MAX_LINE
from knockd_conf.model import LogFormat
from knockd_conf.text import MAX_DOOR_NAME, well_formed

LONGEST: dict[str, Value] = {
    name: "x" * 1024 if kind is str else kind(2**31 - 1) for name, (kind, _) in FIELDS.items()
} | {
    "ip": "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "host": "h" * 255,
    "door": "d" * MAX_DOOR_NAME,
    "command": "\udcff" * (MAX_LINE - len("Command=")),  # each byte that is not UTF-8 is shown as \\xff
    "path": "/" * 4095,
    "problem": "/" * 4095 + ":1: key: expected a, got 'b'",
}


def longest(event: str) -> dict[str, Value]:
    """The fields of an event, each as long as it can be."""
    names = EVENTS[event].fields | ({"host"} if "ip" in EVENTS[event].fields else set())
    return {name: LONGEST[name] for name in sorted(names)}


EVENT = max(EVENTS, key=lambda event: len(render_classic(event, longest(event))))


@pytest.fixture
def syslogd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A syslog daemon, which our client connects to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "devlog"))
        made.settimeout(5)
        monkeypatch.setattr(sinks, "Syslog", lambda: syslog.Syslog(str(tmp_path / "devlog")))
        yield made


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What reads standard output, a pipe."""
    reading, writing = os.pipe()
    monkeypatch.setattr(
        sinks, "Output", lambda number, **given: Output(writing if number == 1 else number, **given)
    )
    yield reading
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("log_format", LogFormat)
def test_goes_whole_to_every_sink(
    tmp_path: Path, syslogd: socket.socket, output: int, log_format: LogFormat
) -> None:
    """File, syslog and standard output have all of it, with nothing cut off and nothing lost."""
    path = tmp_path / "knockd.log"
    made = Sinks(str(path), use_syslog=True, echo=True, log_format=log_format)
    Logger(configure(made.write, log_format)).log(EVENT, **longest(EVENT))
    made.close()
    structlog.reset_defaults()
    (line,) = path.read_text().splitlines()
    if log_format is LogFormat.CLASSIC:
        line = line.partition("] ")[2]
        assert render_classic(EVENT, longest(EVENT)) == line
    else:
        entry = json.loads(line)
        fields = longest(EVENT).items()
        shown = {name: well_formed(one) if isinstance(one, str) else one for name, one in fields}
        assert shown == {name: entry[name] for name in shown}
    assert len(line) > 4 * MAX_LINE - 100
    assert f"{line}\n".encode() == os.read(output, 1_000_000)
    assert syslogd.recv(1_000_000).decode().endswith(f" knockd: {line}")
