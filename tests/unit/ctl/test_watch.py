"""A status that is shown again and again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from knockd.ctl.reply import Status
from knockd.ctl.watch import watch_status
from tests.support.doubles.canned_daemon import CannedDaemon
from tests.support.lab.terminals import Terminal
from tests.support.samples.statuses import BUSY, lease, status

ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", "NO_COLOR": "1"}
KNOCKCTL = (sys.executable, "-m", "knockd.ctl")
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


def watch(path: Path, *options: str) -> list[str]:
    """The command line."""
    return [*KNOCKCTL, "status", "--watch", "--socket", str(path), *options]


def show_pid(found: Status) -> list[str]:
    """A screen of one line."""
    return [str(found.pid)]


def test_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no terminal is, a line stands between two answers."""
    watch_status(iter([status(pid=1), status(pid=2)]), show_pid)
    assert f"1\n{'-' * 80}\n2\n" == capsys.readouterr().out


def test_what_goes_wrong_is_raised() -> None:
    """An error of the answers ends it."""

    def replies() -> Iterator[Mapping[str, Any]]:
        yield status()
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        watch_status(replies(), show_pid)


def test_json_lines(tmp_path: Path) -> None:
    """With --json each answer is an object in one line, at once."""
    with CannedDaemon(tmp_path / "s", Status=BUSY) as daemon:
        running = subprocess.Popen(
            watch(daemon.path, "--json"), env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        )
        assert running.stdout is not None
        assert BUSY == json.loads(running.stdout.readline())
        daemon.tell_watchers(status())
        assert status() == json.loads(running.stdout.readline())
        running.terminate()
        running.communicate(timeout=20)


def test_screen(tmp_path: Path) -> None:
    """On a terminal it is drawn in place, counts down, and follows what changes; ^C gives the screen back."""
    with (
        CannedDaemon(tmp_path / "s", Status=BUSY) as daemon,
        Terminal(watch(daemon.path), ENVIRONMENT) as terminal,
    ):
        terminal.wait_for("knock at 192")
        assert terminal.said.startswith(ENTER)
        for seconds in (6, 5):
            terminal.wait_for(f"{seconds} s ")
        daemon.tell_watchers(status(leases=[lease("web", "2001:db8::99")], leases_total=1))
        terminal.wait_for("2001:db8::99")
        terminal.type("^C")
        assert terminal.wait_for_end() == 130
        assert terminal.said.rstrip().endswith(LEAVE)


def test_another_size(tmp_path: Path) -> None:
    """It is drawn anew for a smaller window, and says what has no room."""
    with (
        CannedDaemon(tmp_path / "s", Status=status()) as daemon,
        Terminal(watch(daemon.path), ENVIRONMENT) as terminal,
    ):
        terminal.wait_for("Journal: ")
        terminal.resize(8, 60)
        terminal.wait_for("more lines: knockctl status | less)")
        terminal.process.terminate()
        assert terminal.wait_for_end() == 143
        assert terminal.said.endswith(LEAVE)


def test_stopped(tmp_path: Path) -> None:
    """^Z gives the screen back until it goes on: at once, where no shell would let it go on."""
    with (
        CannedDaemon(tmp_path / "s", Status=status()) as daemon,
        Terminal(watch(daemon.path), ENVIRONMENT) as terminal,
    ):
        terminal.wait_for("Journal: ")
        terminal.type("^Z")
        terminal.wait_for(ENTER, times=2)
        assert terminal.said.count(LEAVE) == 1


def test_the_daemon_ends(tmp_path: Path) -> None:
    """A sentence says so, on the screen that was there before."""
    with (
        CannedDaemon(tmp_path / "s", Status=status()) as daemon,
        Terminal(watch(daemon.path), ENVIRONMENT) as terminal,
    ):
        terminal.wait_for("Journal: ")
        daemon.stop()
        assert terminal.wait_for_end() == os.EX_UNAVAILABLE
        assert "knockctl status: knockd at " in terminal.said.partition(LEAVE)[2]


def test_a_terminal_that_can_nothing(tmp_path: Path) -> None:
    """With TERM=dumb nothing is drawn in place."""
    with (
        CannedDaemon(tmp_path / "s", Status=status()) as daemon,
        Terminal(watch(daemon.path), {**ENVIRONMENT, "TERM": "dumb"}) as terminal,
    ):
        terminal.wait_for("Journal: ")
        assert "\x1b" not in terminal.said
