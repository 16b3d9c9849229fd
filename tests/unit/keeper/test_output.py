"""The daemon's log through reloads and rotation: which file gets a line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from knockd.keeper.output import Output
from knockd.keeper.settings import Settings
from knockd_conf.model import LogFormat, Options

SETTINGS = Settings("/etc/knockd.conf")


@pytest.fixture(autouse=True)
def _structlog_as_before() -> Iterator[None]:
    """Other tests capture what structlog gets."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """Log to a file."""
    return Options(log_file=str(tmp_path / "a.log"))


@pytest.fixture
def output(options: Options) -> Iterator[Output]:
    """The log of a daemon, closed at the end."""
    made = Output(SETTINGS, options, None)
    yield made
    made.close()


def lines(path: Path) -> list[str]:
    """The texts of a log file, without time and pid."""
    return [line.partition("] ")[2] for line in path.read_text().splitlines()]


def test_another_file(output: Output, options: Options, tmp_path: Path) -> None:
    """With another LogFile the same logger writes there, beginning with that, and no more to the old one."""
    output.logger.log("stopping")
    output.adopt(replace(options, log_file=str(tmp_path / "b.log")))
    output.logger.log("stopping")
    assert ["shutting down"] == lines(tmp_path / "a.log")
    assert [f"re-opening log file: {tmp_path}/b.log", "shutting down"] == lines(tmp_path / "b.log")


def test_the_same_options(output: Output, options: Options) -> None:
    """Options that have not changed open nothing."""
    before = output.logger.bound
    output.adopt(replace(options))
    assert before is output.logger.bound


def test_other_options_same_file(output: Output, options: Options, tmp_path: Path) -> None:
    """With another format lines follow in the same file, and no line says that it was opened."""
    output.adopt(replace(options, log_format=LogFormat.JSON))
    output.logger.log("stopping")
    (line,) = (tmp_path / "a.log").read_text().splitlines()
    assert "stopping" == json.loads(line)["event"]


def test_no_file_any_more(output: Output, options: Options, tmp_path: Path) -> None:
    """Without a LogFile the log ends, in silence."""
    output.adopt(replace(options, log_file=None))
    output.logger.log("stopping")
    assert [] == lines(tmp_path / "a.log")


def test_rotation(output: Output, tmp_path: Path) -> None:
    """After a rotation the file is there again and begins with the line that says so."""
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    output.reopen_file()
    output.logger.log("stopping")
    assert [] == lines(tmp_path / "a.log.1")
    assert [f"re-opening log file: {tmp_path}/a.log", "shutting down"] == lines(tmp_path / "a.log")


def test_nothing_to_reopen(tmp_path: Path) -> None:
    """Without a file a rotation is no news."""
    output = Output(SETTINGS, Options(), None)
    output.reopen_file()
    output.close()
    assert [] == list(tmp_path.iterdir())


def test_close(options: Options) -> None:
    """Nothing of the log is open any more."""
    before = os.listdir("/proc/self/fd")
    output = Output(SETTINGS, options, None)
    assert before != os.listdir("/proc/self/fd")
    output.close()
    assert before == os.listdir("/proc/self/fd")


def test_packets_are_no_lines_of_the_log(
    output: Output, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """-D prints on standard output and nowhere else."""
    output.show("a packet")
    assert [] == lines(tmp_path / "a.log")
    assert "a packet\n" == capfd.readouterr().out


@pytest.mark.parametrize(("debug", "printed"), [(True, "shutting down\n"), (False, "")])
def test_debug_lines(
    options: Options, tmp_path: Path, capfd: pytest.CaptureFixture[str], debug: bool, printed: str
) -> None:
    """A line of level debug is printed with -D only, after a reload too, and is never in the log."""
    output = Output(replace(SETTINGS, debug=debug), options, None)
    output.logger.bound.debug("stopping")
    output.adopt(replace(options, max_leases=options.max_leases + 1))
    output.logger.bound.debug("stopping")
    output.close()
    assert [] == lines(tmp_path / "a.log")
    assert printed * 2 == capfd.readouterr().out
