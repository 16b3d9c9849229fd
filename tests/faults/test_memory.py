"""No command line is in the memory of the packet process, whatever the keeper knew at its fork."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import SERVER, config, door
from tests.support.lab.memory import occurrences
from tests.support.lab.processes import children, only_child
from tests.support.lab.services import send_knock
from tests.support.lab.tools import lacking
from tests.support.lab.waiting import wait_until

FIRST, SECOND, STOP, SIX = (
    b"first-4711-marker",
    b"second-4711-marker",
    b"stop-4711-marker",
    b"six-4711-marker",
)
MARKERS = (FIRST, SECOND, STOP, SIX)


@pytest.fixture(autouse=True)
def _really_root() -> None:
    """Only root can read the memory of others."""
    if os.geteuid() != 0:
        lacking("reading the memory of another process needs root")


def text(marker: bytes, **options: object) -> str:
    """A file whose only door has commands with markers."""
    commands = {
        "start_command": f"true {marker.decode()} %IP%",
        "start_command_6": f"true caf\u00e9 {SIX.decode()} %IP%",
        "stop_command": f"true {STOP.decode()} %IP%",
    }
    return config(door("plain", "700,800", cmd_timeout=600, **commands), **options)


def found(pid: int) -> list[bytes]:
    """The markers that are in the memory of a process."""
    return [marker for marker in MARKERS if occurrences(pid, marker)]


def reload(daemon: Daemon, text: str, times: int) -> None:
    """Writes the file, and waits until it is in effect."""
    daemon.write_config(text)
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("listening on eth0", times=times)


def test_at_the_start(pair: Pair, start: Start) -> None:
    """The keeper knows every command, the packet process that it has forked none."""
    daemon = start(pair.server, text(FIRST))
    assert found(daemon.pid) == [FIRST, STOP, SIX]
    assert found(only_child(daemon.pid)) == []


def test_after_a_reload_of_doors(pair: Pair, start: Start) -> None:
    """Of other doors the packet process hears what to watch, and no command."""
    daemon = start(pair.server, text(FIRST))
    worker = only_child(daemon.pid)
    reload(daemon, text(SECOND), 2)
    assert SECOND in found(daemon.pid)
    assert only_child(daemon.pid) == worker
    assert found(worker) == []


def test_after_a_reload_of_captures(pair: Pair, start: Start) -> None:
    """Nor does a packet process that is forked later know a command."""
    daemon = start(pair.server, text(FIRST))
    worker = only_child(daemon.pid)
    reload(daemon, text(SECOND, Latency=7), 2)
    assert only_child(daemon.pid) != worker
    assert found(only_child(daemon.pid)) == []


def test_after_a_kill_with_an_open_door(pair: Pair, start: Start, tmp_path: Path) -> None:
    """The packet process is forked before the journal is read: it inherits no stop command of a lease."""
    first = start(pair.server, text(FIRST), directory=tmp_path)
    send_knock(pair.client, SERVER[4], "700", "800")
    first.wait_for("running command")  # so the lease is noted
    wait_until(lambda: len(children(first.pid)) == 1, 10, "the start command has ended")
    first.process.kill()
    first.process.wait()
    second = start(pair.server, text(SECOND), directory=tmp_path, ready=None)
    second.wait_for("recovered an open door")
    second.wait_for("starting up", times=2)
    assert STOP in found(second.pid)
    assert found(only_child(second.pid)) == []
