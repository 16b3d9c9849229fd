"""knockd as the first process of a container: what commands leave behind is collected, signals reach it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemon import OURS, Daemon
from tests.support.doors import CLIENT, SERVER, config, door
from tests.support.processes import children
from tests.support.services import send_knock
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Container:
    """A daemon in a pid namespace of its own; ``first`` is the pid of its first process out here."""

    daemon: Daemon
    first: int

    def end(self, number: int) -> int:
        """Sends a signal to the first process and waits; the status."""
        os.kill(self.first, number)
        return self.daemon.process.wait(10)


@pytest.fixture
def container(pair: Pair, start: Start, tmp_path: Path) -> Container:
    """It listens; the command of its door leaves a process behind that ends after it."""
    text = config(door("secret", "700,800", start_command="(sleep 0.2; sleep 0.2) & (exit 3) & exit 0"))
    daemon = start(
        pair.server,
        text,
        *("--state-dir", str(tmp_path / "state")),
        program=("unshare", "--pid", "--fork", "--kill-child", *OURS),
    )
    (first,) = children(daemon.pid)
    return Container(daemon, first)


def test_orphans_are_collected(pair: Pair, container: Container) -> None:
    """Processes that commands have left behind become zombies of nobody."""
    for number in range(1, 21):
        send_knock(pair.client, SERVER[4], "700", "800")
        container.daemon.wait_for(f"{CLIENT[4]}: secret: OPEN SESAME", times=number)
    wait_until(lambda: len(children(container.first)) == 1, 10, "only the daemon is left")
    assert 0 == container.end(signal.SIGTERM)


def test_signals_are_passed_on(container: Container) -> None:
    """HUP reads the config again, TERM ends it in order, with its status."""
    os.kill(container.first, signal.SIGHUP)
    container.daemon.wait_for("starting up, listening on", times=2)
    status = container.end(signal.SIGTERM)
    assert (0, "shutting down") == (status, container.daemon.log_lines()[-1])


def test_its_death_is_told(container: Container) -> None:
    """When the daemon is killed its container ends too, with the status of that."""
    (keeper,) = children(container.first)
    os.kill(keeper, signal.SIGKILL)
    assert 137 == container.daemon.process.wait(10)
