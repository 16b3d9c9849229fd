"""Where log lines go: a file that rotates, vanishes or cannot be written, standard output, syslog."""

from __future__ import annotations

import errno
import io
import os
import sys
import syslog
from pathlib import Path

import pytest

from knockd.edge.logs import Sinks
from knockd_conf.model import LogFormat


def sinks(path: Path | None, *, echo: bool = False, use_syslog: bool = False) -> Sinks:
    """Sinks that write lines without a stamp, as the JSON format does."""
    return Sinks(
        None if path is None else str(path), use_syslog=use_syslog, echo=echo, log_format=LogFormat.JSON
    )


def test_file_is_made(tmp_path: Path) -> None:
    """A log file that is not there is made, readable for owner and group only."""
    path = tmp_path / "knockd.log"
    before = os.umask(0o022)
    sinks(path).write("one")
    os.umask(before)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("one\n", 0o640)


def test_file_is_appended_to(tmp_path: Path) -> None:
    """What is in the file stays."""
    path = tmp_path / "knockd.log"
    path.write_text("before\n")
    made = sinks(path)
    made.write("one")
    made.write("two")
    assert path.read_text() == "before\none\ntwo\n"


def test_no_file(capfd: pytest.CaptureFixture[str]) -> None:
    """Without any sink a line goes nowhere."""
    sinks(None).write("one")
    assert capfd.readouterr() == ("", "")


def test_rotation(tmp_path: Path) -> None:
    """After the file was renamed lines go there until it is opened anew, then into a new file."""
    path, rotated = tmp_path / "knockd.log", tmp_path / "knockd.log.1"
    made = sinks(path)
    made.write("one")
    path.rename(rotated)
    made.write("two")
    made.reopen()
    made.write("three")
    assert (rotated.read_text(), path.read_text()) == ("one\ntwo\n", "three\n")


def test_reopening_leaks_nothing(tmp_path: Path) -> None:
    """Opening anew closes what was open."""
    made = sinks(tmp_path / "knockd.log")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        made.reopen()
    after = len(os.listdir("/proc/self/fd"))
    made.close()
    assert (after, len(os.listdir("/proc/self/fd"))) == (before, before - 1)


def test_unwritable_path(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be opened is named once on standard error; every line tries it again."""
    path = tmp_path / "log" / "knockd.log"
    made = sinks(path)
    made.write("lost")
    made.write("lost too")
    complaint = capfd.readouterr().err
    path.parent.mkdir()
    made.write("kept")
    assert (complaint, path.read_text()) == (
        f"knockd: could not write log file {path}: No such file or directory\n",
        "kept\n",
    )


def test_second_complaint(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that worked again and then fails is named again."""
    path = tmp_path / "log" / "knockd.log"
    made = sinks(path)
    path.parent.mkdir()
    made.write("kept")
    path.unlink()
    path.parent.rmdir()
    made.reopen()
    assert capfd.readouterr().err.count("could not write log file") == 2


def test_full_disk(capfd: pytest.CaptureFixture[str]) -> None:
    """A write that fails is named once and harms nothing else."""
    made = sinks(Path("/dev/full"))
    made.write("lost")
    made.write("lost too")
    made.close()
    assert capfd.readouterr().err == "knockd: could not write log file /dev/full: No space left on device\n"


def test_directory(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A directory is no log file."""
    sinks(tmp_path).write("lost")
    assert capfd.readouterr().err == f"knockd: could not write log file {tmp_path}: Is a directory\n"


def test_fifo_without_reader(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A named pipe that nobody reads does not make the daemon wait."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    sinks(path).write("lost")
    assert capfd.readouterr().err.startswith("knockd: could not write log file")


def test_echo(capfd: pytest.CaptureFixture[str]) -> None:
    """With -v lines come on standard output too, without a stamp, at once."""
    Sinks(None, use_syslog=False, echo=True, log_format=LogFormat.CLASSIC).write("shutting down")
    assert capfd.readouterr().out == "shutting down\n"


class _Closed(io.StringIO):
    """Standard output whose reader has gone away."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_echo_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nobody reads standard output any more the file has the line all the same."""
    path = tmp_path / "knockd.log"
    monkeypatch.setattr(sys, "stdout", _Closed())
    made = sinks(path, echo=True)
    made.write("one")
    made.write("two")
    assert path.read_text() == "one\ntwo\n"


def test_echo_to_a_small_alphabet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A letter that the terminal's encoding lacks is shown as an escape."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    sinks(None, echo=True).write("T\u00fcr: OPEN SESAME")
    assert raw.getvalue() == b"T\\xfcr: OPEN SESAME\n"


def test_syslog(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syslog gets each line as knockd, facility user, priority notice, as from 0.8."""
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(syslog, "openlog", lambda *given: calls.append(given))
    monkeypatch.setattr(syslog, "syslog", lambda *given: calls.append(given))
    sinks(None, use_syslog=True).write("shutting down")
    assert calls == [("knockd", 0, syslog.LOG_USER), (syslog.LOG_NOTICE, "shutting down")]
