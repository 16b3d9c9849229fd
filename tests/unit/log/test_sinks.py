"""Where log lines go: one sink that fails stops no other, and its loss is reported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knockd.log import file as logfile
from knockd.log import sinks
from knockd.log.sinks import REPORT_AGAIN, Sinks
from knockd_conf.model import LogFormat
from tests.support.doubles.log_sinks import Log, short_lines


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
    assert (short_lines(out), short_lines(err)) == ([log.problem, "one", "two"], [log.problem])


def test_lines_are_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """When the file is back it gets the number of missing lines before the next one; so do the others."""
    log = Log(tmp_path)
    log.sinks.write("one")
    log.sinks.write("two")
    log.make()
    log.sinks.write("three")
    out = short_lines(capfd.readouterr().out)
    expected = [log.lost(2), "three"]
    assert (short_lines(log.path.read_text()), out[-2:]) == (expected, ["three", log.lost(2)])


@pytest.mark.parametrize(
    ("journal", "echo", "out", "err"),
    [
        ({1, 2}, False, ["one"], []),
        ({1, 2}, True, ["one"], []),
        ({2}, False, [], ["one"]),
        ({2}, True, ["one"], ["one"]),
        (set(), False, [], []),
    ],
)
def test_journal(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    journal: set[int],
    echo: bool,
    out: list[str],
    err: list[str],
) -> None:
    """Beside a file systemd's journal has every line, once, whichever stream leads there."""
    made = Sinks(
        str(tmp_path / "log"),
        use_syslog=False,
        echo=echo,
        log_format=LogFormat.CLASSIC,
        journal=frozenset(journal),
    )
    made.write("one")
    made.close()
    assert (out, err) == tuple(text.splitlines() for text in capfd.readouterr())


class SilentSyslog:
    """A syslog that takes everything."""

    name = "syslog"

    def write(self, line: str) -> None:
        """Takes a line."""

    def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize("feeds", [True, False])
def test_journal_behind_syslog(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, feeds: bool
) -> None:
    """What the journal gets by way of syslog it does not get once more."""
    monkeypatch.setattr(sinks, "feeds_journal", lambda: feeds)
    monkeypatch.setattr(sinks, "Syslog", SilentSyslog)
    journal = frozenset({1, 2})
    made = Sinks(None, use_syslog=True, echo=False, log_format=LogFormat.CLASSIC, journal=journal)
    made.write("one")
    made.close()
    assert capfd.readouterr().out.splitlines() == ([] if feeds else ["one"])


def test_failure_in_the_journal(capfd: pytest.CaptureFixture[str]) -> None:
    """A sink that fails is reported to the journal once, though standard error is the journal too."""
    journal = frozenset({1, 2})
    made = Sinks("/dev/full", use_syslog=False, echo=False, log_format=LogFormat.CLASSIC, journal=journal)
    made.write("one")
    said = capfd.readouterr()
    assert (len(said.out.splitlines()), said.err) == (2, "")


def test_file_that_vanishes(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    """A directory that goes while knockd runs is noticed with the next line."""
    log.sinks.write("one")
    log.take_away()
    log.sinks.write("two")
    log.make()
    log.sinks.write("three")
    assert short_lines(log.path.read_text()) == [log.lost(1), "three"]
    assert short_lines(capfd.readouterr().err) == [log.problem]


def test_every_failure_is_named(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that worked again and then fails is named again."""
    for _ in range(2):
        log.take_away()
        log.sinks.write("lost")
        log.make()
        log.sinks.write("kept")
    assert short_lines(capfd.readouterr().err) == [log.problem] * 2


def test_told_once_a_minute(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    """While it fails the other sinks hear at most once a minute how many lines are missing."""
    log.take_away()
    for line in ("one", "two", "three", "four"):
        log.sinks.write(line)
        log.clock.now += REPORT_AGAIN / 2
    assert short_lines(capfd.readouterr().out) == ["one", log.problem, "two", "three", log.lost(3), "four"]


def test_nothing_was_lost(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that could not be opened anew but is back before the next line has lost nothing."""
    log.take_away()
    log.sinks.reopen_file()
    log.make()
    log.sinks.write("one")
    assert (short_lines(log.path.read_text()), short_lines(capfd.readouterr().out)) == (
        ["one"],
        [log.problem, "one"],
    )


def test_the_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is still lost at the end is reported to the other sinks and on standard error."""
    log = Log(tmp_path)
    log.sinks.write("one")
    log.sinks.close()
    out, err = capfd.readouterr()
    assert (short_lines(out)[-1], short_lines(err)) == (log.lost(1), [log.problem, log.lost(1)])


def test_reload(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The sinks of a new configuration know what those of the old one lost, and tell it when they can."""
    old = Log(tmp_path, echo=False)
    old.sinks.write("one")
    old.make()
    new = Log(tmp_path, echo=False)
    new.sinks.take_over(old.sinks)
    new.sinks.write("two")
    assert (short_lines(new.path.read_text()), short_lines(capfd.readouterr().err)) == (
        [new.lost(1), "two"],
        [new.problem],
    )


def test_another_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The loss of a log that no configuration names any more is reported on standard error."""
    old = Log(tmp_path, echo=False)
    old.sinks.write("one")
    new = Sinks(str(tmp_path / "new"), use_syslog=False, echo=False, log_format=LogFormat.JSON)
    new.take_over(old.sinks)
    assert short_lines(capfd.readouterr().err) == [old.problem, old.lost(1)]


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
