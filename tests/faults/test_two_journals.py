"""Journals of two daemons, or of a StateDir that is bad for a while: every noted opening is stopped."""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING, OURS, Daemon
from tests.support.daemons.doors import SERVER, config, door
from tests.support.lab.services import send_knock
from tests.support.lab.waiting import wait_until

LONG = 3_600


class Daemons:
    """Daemons with one StateDir and one runtime directory, and what their commands did."""

    def __init__(self, pair: Pair, start: Start, directory: Path) -> None:
        self._pair, self._start = pair, start
        self.directory = directory
        self.done = directory / "done"
        self.state = directory / "state"
        self.program = ("env", f"RUNTIME_DIRECTORY={directory / 'runtime'}", *OURS)

    def text(self, name: str, ports: str, **options: object) -> str:
        """A configuration with one door that stays open for an hour."""
        commands = {f"{verb}_command": f"echo {verb} {name} >> {self.done}" for verb in ("start", "stop")}
        return config(door(name, ports, cmd_timeout=LONG, **commands), **options)

    def begin(self, name: str, ports: str, *options: str) -> Daemon:
        """Starts a daemon with a door, beside others that run."""
        return self._start(
            self._pair.server,
            self.text(name, ports, StateDir=self.state),
            "--also",
            *options,
            program=self.program,
            directory=self.directory / name,
            ready=LISTENING,
        )

    def open(self, name: str, *ports: str) -> None:
        """Knocks at a door until it is open."""
        send_knock(self._pair.client, SERVER[4], *ports)
        wait_until(partial(self.has_run, f"start {name}"), 10, f"{name} opens")

    def has_run(self, command: str) -> bool:
        """Whether a command was run."""
        return self.done.exists() and command in self.done.read_text().splitlines()


def kill(*daemons: Daemon) -> None:
    """Kills daemons; their doors stay open."""
    for one in daemons:
        one.signal(signal.SIGKILL)
    for one in daemons:
        one.process.wait()


@pytest.mark.parametrize("last", ["state", "runtime"])
def test_both_are_killed(pair: Pair, start: Start, tmp_path: Path, last: str) -> None:
    """The next start closes the doors of both, whichever daemon noted last."""
    daemons = Daemons(pair, start, tmp_path)
    first = daemons.begin("a", "700,800")
    second = daemons.begin("b", "1700,1800")
    second.wait_for("another knockd uses it")
    order = [("a", "700", "800"), ("b", "1700", "1800")]
    for name, *ports in order if last == "runtime" else reversed(order):
        daemons.open(name, *ports)
    kill(first, second)
    third = daemons.begin("c", "2700,2800")
    assert third.stop() == 0
    assert daemons.has_run("stop a")
    assert daemons.has_run("stop b")


def test_reload_with_a_bad_state_dir(pair: Pair, start: Start, tmp_path: Path) -> None:
    """The good journal stays where it is: a power cut would take the one in /run."""
    daemons = Daemons(pair, start, tmp_path)
    daemon = daemons.begin("a", "700,800")
    daemons.open("a", "700", "800")
    daemon.write_config(daemons.text("a", "700,800", StateDir="/dev/null/state", LogFile=daemon.log_path))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("open doors cannot be noted in /dev/null/state")
    kill(daemon)
    assert b'"door":"a"' in (daemons.state / "leases").read_bytes()
    (tmp_path / "runtime" / "leases").unlink()  # as a power cut does
    assert daemons.begin("c", "2700,2800").stop() == 0
    assert daemons.has_run("stop a")
