"""Where log lines go: one sink that fails stops no other, and what it loses is told."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from knockd.edge import logfile, syslog
from knockd.edge.output import Output
from knockd.keeper import sinks
from knockd.keeper.sinks import TELL_AGAIN, Sinks
from knockd_conf.model import LogFormat

GONE = "No such file or directory"


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Log:
    """Sinks with a file in a directory that a test takes away, and lines without stamps."""

    def __init__(self, directory: Path, *, echo: bool = True, use_syslog: bool = False) -> None:
        self.clock = Clock()
        self.path = directory / "log" / "knockd.log"
        self.sinks = Sinks(
            str(self.path),
            use_syslog=use_syslog,
            echo=echo,
            log_format=LogFormat.JSON,
            clock=self.clock,
        )

    def make(self) -> None:
        """The directory is there."""
        self.path.parent.mkdir()

    def take_away(self) -> None:
        """The directory and all in it is gone."""
        self.path.unlink()
        self.path.parent.rmdir()

    @property
    def problem(self) -> str:
        """What is said first, as JSON without time."""
        return f"log-problem: log file {self.path}: {GONE}"

    def lost(self, count: int) -> str:
        """What is said when it is back."""
        return f"log-lost: {count} log file {self.path}: {GONE}"


def told(text: str) -> list[str]:
    """Lines, those of the sinks themselves in short."""
    return [_short(line) for line in text.splitlines()]


def _short(line: str) -> str:
    _, brace, rest = line.partition("{")
    if not brace:
        return line
    fields = json.loads(brace + rest)
    count = f"{fields['count']} " if "count" in fields else ""
    return f"{fields['event']}: {count}{fields['sink']}: {fields['reason']}"


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A log whose directory is there."""
    (tmp_path / "log").mkdir()
    return Log(tmp_path)


def test_all_sinks(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    """A line goes to the file and to standard output."""
    log.sinks.write("one")
    assert (log.path.read_text(), capfd.readouterr()) == ("one\n", ("one\n", ""))


def test_no_sink(capfd: pytest.CaptureFixture[str]) -> None:
    """Without any sink a line goes nowhere."""
    Sinks(None, use_syslog=False, echo=False, log_format=LogFormat.CLASSIC).write("one")
    assert capfd.readouterr() == ("", "")


def test_stamps(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The classic file has stamps, standard output has none."""
    path = tmp_path / "knockd.log"
    Sinks(str(path), use_syslog=False, echo=True, log_format=LogFormat.CLASSIC).write("one")
    assert (path.read_text()[0], capfd.readouterr().out) == ("[", "one\n")


def test_packets_are_not_logged(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    """What -D shows goes to standard output alone."""
    log.sinks.show("a packet")
    assert (log.path.read_text(), capfd.readouterr().out) == ("", "a packet\n")


def test_file_that_cannot_be_opened(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is named at once, on the other sinks and on standard error, once."""
    log = Log(tmp_path)
    log.sinks.write("one")
    log.sinks.write("two")
    out, err = capfd.readouterr()
    assert (told(out), told(err)) == ([log.problem, "one", "two"], [log.problem])


def test_lines_are_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """When the file is back it tells how many lines are missing, before the next one; the others hear too."""
    log = Log(tmp_path)
    log.sinks.write("one")
    log.sinks.write("two")
    log.make()
    log.sinks.write("three")
    out = told(capfd.readouterr().out)
    expected = [log.lost(2), "three"]
    assert (told(log.path.read_text()), out[-2:]) == (expected, ["three", log.lost(2)])


def test_file_that_vanishes(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    """A directory that goes while knockd runs is noticed with the next line."""
    log.sinks.write("one")
    log.take_away()
    log.sinks.write("two")
    log.make()
    log.sinks.write("three")
    assert told(log.path.read_text()) == [log.lost(1), "three"]
    assert told(capfd.readouterr().err) == [log.problem]


def test_every_failure_is_named(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that worked again and then fails is named again."""
    for _ in range(2):
        log.take_away()
        log.sinks.write("lost")
        log.make()
        log.sinks.write("kept")
    assert told(capfd.readouterr().err) == [log.problem] * 2


def test_told_once_a_minute(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    """While it fails the other sinks hear at most once a minute how many lines are missing."""
    log.take_away()
    for line in ("one", "two", "three", "four"):
        log.sinks.write(line)
        log.clock.now += TELL_AGAIN / 2
    assert told(capfd.readouterr().out) == ["one", log.problem, "two", "three", log.lost(3), "four"]


def test_nothing_was_lost(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that could not be opened anew but is back before the next line has lost nothing."""
    log.take_away()
    log.sinks.reopen()
    log.make()
    log.sinks.write("one")
    assert (told(log.path.read_text()), told(capfd.readouterr().out)) == (["one"], [log.problem, "one"])


def test_the_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is still lost at the end is told to the others and on standard error."""
    log = Log(tmp_path)
    log.sinks.write("one")
    log.sinks.close()
    out, err = capfd.readouterr()
    assert (told(out)[-1], told(err)) == (log.lost(1), [log.problem, log.lost(1)])


def test_reload(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The sinks of a new configuration know what those of the old one lost, and tell it when they can."""
    old = Log(tmp_path, echo=False)
    old.sinks.write("one")
    old.make()
    new = Log(tmp_path, echo=False)
    new.sinks.take_over(old.sinks)
    new.sinks.write("two")
    assert (told(new.path.read_text()), told(capfd.readouterr().err)) == ([new.lost(1), "two"], [new.problem])


def test_another_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What a log lost that no configuration names any more is told on standard error."""
    old = Log(tmp_path, echo=False)
    old.sinks.write("one")
    new = Sinks(str(tmp_path / "new"), use_syslog=False, echo=False, log_format=LogFormat.JSON)
    new.take_over(old.sinks)
    assert told(capfd.readouterr().err) == [old.problem, old.lost(1)]


def test_full_device(capfd: pytest.CaptureFixture[str]) -> None:
    """The text of the classic log."""
    made = Sinks("/dev/full", use_syslog=False, echo=True, log_format=LogFormat.CLASSIC)
    made.write("one")
    made.write("two")
    made.close()
    reason = "No space left on device"
    problem, lost = (
        f"could not write to log file /dev/full: {reason}",
        f"2 lines could not be written to log file /dev/full ({reason})",
    )
    out, err = capfd.readouterr()
    assert out.splitlines() == ["one", problem, "two", lost]
    assert err.splitlines() == [f"knockd: {problem}", f"knockd: {lost}"]


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
    assert (told(log.path.read_text()), told("\n".join(heard))) == (expected, [lost, "two"])
    assert told(capfd.readouterr().err) == [f"log-problem: syslog: {GONE}"]


def test_all_fail(devlog: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """When every sink fails each is named on standard error, and nothing goes in circles."""
    made = Log(tmp_path, use_syslog=True, echo=False)
    for _ in range(3):
        made.sinks.write("one")
    assert (told(capfd.readouterr().err), devlog.exists()) == (
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
    lines = told(log.path.read_text())
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
    after = told(os.read(reader[0], 1_000_000).decode())
    assert (after[0].startswith(lost), after[1:]) == (True, ["last"])
    assert len([line for line in log.path.read_text().splitlines() if line.startswith("0")]) == 2000
    made.sinks.close()


def test_nothing_is_left_open(tmp_path: Path) -> None:
    """Closed sinks leave no descriptor."""
    before = os.listdir("/proc/self/fd")
    log = Log(tmp_path)
    log.make()
    log.sinks.write("one")
    log.sinks.close()
    assert os.listdir("/proc/self/fd") == before


def test_other_options_and_no_way_to_open_the_file(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log file that cannot be opened anew is written on by the sinks of another configuration."""

    def refused(*_: object) -> int:
        raise OSError(13, "Permission denied")

    log.sinks.write("one")
    monkeypatch.setattr(logfile, "open_trusted", refused)
    made = Sinks(str(log.path), use_syslog=False, echo=False, log_format=LogFormat.JSON)
    made.take_over(log.sinks)
    made.write("two")
    made.close()
    assert "one\ntwo\n" == log.path.read_text()
