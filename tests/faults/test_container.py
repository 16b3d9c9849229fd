"""knockd in a container: as its first process, and without the right to signal other users."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, Daemon
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.name_server import NameServer
from tests.support.lab.processes import children
from tests.support.lab.services import send_knock
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until


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
    container.daemon.wait_for("listening on", times=2)
    status = container.end(signal.SIGTERM)
    assert (0, "shutting down") == (status, container.daemon.log_lines()[-1])


def test_its_death_is_told(container: Container) -> None:
    """When the daemon is killed its container ends too, with the status of that."""
    (keeper,) = children(container.first)
    os.kill(keeper, signal.SIGKILL)
    assert 137 == container.daemon.process.wait(10)


@pytest.mark.parametrize("labels", [(b"alice", b"example"), None], ids=["answers", "silent"])
def test_without_cap_kill(pair: Pair, start: Start, tmp_path: Path, labels: tuple[bytes, ...] | None) -> None:
    """Where a look-up of another user cannot be ended each opening is logged, and no look-up stays."""
    need("setpriv")
    resolver = tmp_path / "resolv.conf"
    resolver.write_text(f"nameserver {CLIENT[4]}\noptions attempts:1\n")
    bind = f'mount --bind {resolver} /etc/resolv.conf && exec "$@"'
    drop = ("setpriv", "--bounding-set=-kill", "--inh-caps=-kill")
    text = config(door("secret", "700,800", start_command="true"))
    state = ("--state-dir", str(tmp_path / "state"))
    with NameServer(pair.client, CLIENT[4], labels):
        daemon = start(pair.server, text, "-l", *state, program=("sh", "-c", bind, "sh", *drop, *OURS))
        processes = len(children(daemon.pid))
        send_knock(pair.client, SERVER[4], "700", "800")
        lines = daemon.wait_for("running command")[1:]
        wait_until(lambda: len(children(daemon.pid)) == processes, 15, "the look-up has ended")
    who = CLIENT[4] if labels is None else f"{CLIENT[4]} (alice.example)"
    knock = ["Stage 1", "Stage 2", "OPEN SESAME"]
    assert [*(f"{who}: secret: {what}" for what in knock), "secret: running command: true"] == lines
    assert "Traceback" not in daemon.output()
