"""Sinks that fail: lost lines are counted, and every sink gets the count."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.log import sinks, syslog
from knockd.log.sinks import REPORT_AGAIN
from knockd.log.stream import Output
from tests.support.doubles.log_sinks import GONE, FailingSink, Log, short_lines


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A log whose directory is there."""
    (tmp_path / "log").mkdir()
    return Log(tmp_path)


@pytest.fixture
def devlog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where syslog's socket is looked for."""
    path = tmp_path / "devlog"
    monkeypatch.setattr(sinks, "Syslog", lambda: syslog.Syslog(str(path)))
    return path


def test_syslog(log: Log, devlog: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Syslog that is not there is named in the file, and hears what it missed when it is."""
    made = Log(tmp_path, use_syslog=True)
    made.sinks.write("one")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslogd:
        syslogd.bind(str(devlog))
        made.sinks.write("two")
        heard = [syslogd.recv(1000).decode().partition("knockd: ")[2] for _ in range(2)]
    made.sinks.close()
    lost = f"log-lost: 1 syslog: {GONE}"
    expected = [f"log-problem: syslog: {GONE}", "one", lost, "two"]
    assert (short_lines(log.path.read_text()), short_lines("\n".join(heard))) == (expected, [lost, "two"])
    assert short_lines(capfd.readouterr().err) == [f"log-problem: syslog: {GONE}"]


def test_all_fail(devlog: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """When every sink fails each is named on standard error, and nothing goes in circles."""
    made = Log(tmp_path, use_syslog=True, echo=False)
    for _ in range(3):
        made.sinks.write("one")
    assert (short_lines(capfd.readouterr().err), devlog.exists()) == (
        [made.problem, f"log-problem: syslog: {GONE}"],
        False,
    )


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Standard output is a pipe; the list holds its reading end."""
    reading, writing = os.pipe()
    monkeypatch.setattr(
        sinks, "Output", lambda number, **given: Output(writing if number == 1 else number, **given)
    )
    ends = [reading]
    yield ends
    for end in (*ends, writing):
        os.close(end)


def test_closed_output(log: Log, reader: list[int], tmp_path: Path) -> None:
    """When nobody reads standard output any more that is said once, and it is not tried again."""
    made = Log(tmp_path)
    os.close(reader.pop())
    for line in ("one", "two", "three"):
        made.sinks.write(line)
    made.sinks.show("a packet")
    made.sinks.close()
    lines = short_lines(log.path.read_text())
    assert [line for line in lines if "Broken pipe" not in line] == ["one", "two", "three"]
    assert len(lines) == 4


def test_stuck_output(log: Log, reader: list[int], tmp_path: Path) -> None:
    """A reader that is stuck costs lines, which are counted; nothing waits for it."""
    made = Log(tmp_path)
    for number in range(2000):
        made.sinks.write(f"{number:099}")
    before = os.read(reader[0], 1_000_000).count(b"\n")
    made.sinks.write("last")
    lost = f"log-lost: {2000 - before} "
    after = short_lines(os.read(reader[0], 1_000_000).decode())
    assert (after[0].startswith(lost), after[1:]) == (True, ["last"])
    assert len([line for line in log.path.read_text().splitlines() if line.startswith("0")]) == 2000
    made.sinks.close()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FailingSink:
    """What syslog is here."""
    made = FailingSink()
    monkeypatch.setattr(sinks, "Syslog", lambda: made)
    return made


def test_failure_that_lost_nothing_is_over(fake: FailingSink, tmp_path: Path) -> None:
    """A file that could only be opened later works: it hears of the others, and its next failure is new."""
    made = Log(tmp_path, use_syslog=True, echo=False)
    made.make()
    made.sinks.write("one")
    fake.fails = [True]
    made.sinks.write("two")
    assert short_lines(made.path.read_text()) == ["one", "log-problem: syslog: Input/output error", "two"]
    made.take_away()
    made.sinks.write("three")
    assert short_lines("\n".join(fake.lines))[-2:] == [made.problem, "three"]
    assert short_lines("\n".join(fake.lines)).count(made.problem) == 2


def test_fails_again_at_once(log: Log, fake: FailingSink, tmp_path: Path) -> None:
    """A sink that reports its loss and fails with the very next line has a new failure."""
    made = Log(tmp_path, use_syslog=True, echo=False)
    fake.fails = [True, False, True, False, False]
    for line in ("one", "two", "three"):
        made.sinks.write(line)
    problem, lost = "log-problem: syslog: Input/output error", "log-lost: 1 syslog: Input/output error"
    assert short_lines("\n".join(fake.lines)) == [lost, lost, "three"]
    assert short_lines(log.path.read_text()) == [problem, "one", lost, problem, "two", lost, "three"]


def test_counted_once(fake: FailingSink, tmp_path: Path) -> None:
    """Lines that were reported as lost are not counted again by the next failure."""
    (tmp_path / "log").mkdir()
    made = Log(tmp_path, use_syslog=True, echo=False)
    fake.fails = [True, True, True, False, False, True]
    for number in range(6):
        made.sinks.write(str(number))
    lost = [line for line in short_lines("\n".join(fake.lines)) if line.startswith("log-lost")]
    assert [line.split()[1] for line in lost] == ["3", "1"]


def test_reload_within_the_minute(log: Log, fake: FailingSink, tmp_path: Path) -> None:
    """After a reload the others hear of lost lines a minute after the last report, not at once."""
    fake.fails = [True] * 9
    old = Log(tmp_path, use_syslog=True, echo=False)
    old.sinks.write("one")
    new = Log(tmp_path, use_syslog=True, echo=False)
    new.sinks.take_over(old.sinks)
    new.sinks.write("two")
    new.clock.now += REPORT_AGAIN
    new.sinks.write("three")
    problem, lost = "log-problem: syslog: Input/output error", "log-lost: 3 syslog: Input/output error"
    assert short_lines(log.path.read_text()) == [problem, "one", "two", lost, "three"]
