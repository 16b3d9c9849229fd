"""Hostile clients of the control socket while real knocks come: none is lost, and nothing is left behind."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import varlink

from knockd.control.server import MOST_CLIENTS
from tests.e2e.conftest import Pair, Start
from tests.support.daemons.control_attacks import KINDS
from tests.support.daemons.daemon import Daemon, environment
from tests.support.daemons.doors import config, door
from tests.support.daemons.knocks_without_pause import Fire
from tests.support.daemons.storm import resident
from tests.support.lab.processes import children
from tests.support.lab.systemd_unit import Unit
from tests.support.lab.waiting import wait_until

STARTED = '"event": "starting"'
KNOCKS = 300
PAUSE = 0.01
"""Seconds between two knocks."""

GROWTH = 4 * 1024
"""KiB that the keeper may grow by: what it holds for knocks and log lines included."""


@contextmanager
def attacked(path: Path, kinds: list[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Clients of these kinds at a control socket."""
    with ExitStack() as running:
        found = []
        for kind in kinds:
            command = [sys.executable, "-m", "tests.support.daemons.control_attacks", str(path), kind]
            process = subprocess.Popen(command, env=environment())
            running.callback(process.wait)
            running.callback(process.kill)
            found.append(process)
        yield found


def opened(daemon: Daemon) -> Callable[[], int]:
    """How many knocks have opened so far."""
    return lambda: daemon.log_path.read_text().count('"event": "open"')


def descriptors(daemon: Daemon) -> int:
    """How many files and sockets the keeper has open."""
    return len(os.listdir(f"/proc/{daemon.pid}/fd"))


def connections(daemon: Daemon) -> int:
    """How many clients are connected, or wait for it: proc(5) shows them in their network, not in its own."""
    lines = Path("/proc/self/net/unix").read_text().splitlines()
    return sum(line.endswith(f" {daemon.control_path}") for line in lines)


def answers(daemon: Daemon) -> bool:
    """Whether a client is served."""
    try:
        with varlink.Client(f"unix:{daemon.control_path}") as client:
            return bool(list(client.get_interfaces()))
    except OSError:
        return False


@pytest.mark.alone
def test_every_attack_at_once(pair: Pair, start: Start) -> None:
    """Each knock opens; the daemon holds no more clients than it may, and serves the next one that asks."""
    text = config(door("secret", "700,800,900", seq_timeout=5, start_command=""), LogFormat="json")
    daemon = start(pair.server, text, ready=STARTED)
    wait_until(lambda: answers(daemon), 20, "a client is served")
    wait_until(lambda: len(children(daemon.pid)) == 1, 10, "only the packet process is there")
    wait_until(lambda: connections(daemon) == 0, 20, "nobody is connected")
    before = descriptors(daemon), resident(daemon.pid)
    most = 0
    with attacked(daemon.control_path, [*KINDS]) as attackers:
        # All of them are at work once the places are taken.
        wait_until(lambda: descriptors(daemon) >= before[0] + MOST_CLIENTS, 60, "clients come")
        with Fire(pair.server, pair.client, (700, 800, 900), pause=PAUSE) as fire:
            deadline = time.monotonic() + 60
            while len(fire.sent) < KNOCKS and time.monotonic() < deadline:
                most = max(most, descriptors(daemon))
                time.sleep(0.05)
        count = opened(daemon)
        wait_until(lambda: count() >= len(fire.sent) - dropped(daemon), 20, "every knock has opened")
        assert [None] * len(KINDS) == [attacker.poll() for attacker in attackers]
    print(f"{len(fire.sent)} knocks, {len(fire.sent) - opened(daemon)()} lost, {dropped(daemon)} dropped")
    assert len(fire.sent) >= KNOCKS
    assert most <= before[0] + MOST_CLIENTS + 1  # one that is just turned away
    wait_until(lambda: answers(daemon), 20, "a client is served again")
    wait_until(lambda: connections(daemon) == 0, 20, "nobody is connected any more")
    assert before[0] == descriptors(daemon)
    assert resident(daemon.pid) - before[1] < GROWTH
    assert 0 == daemon.log_path.read_text().count('"event": "internal-error"')
    assert "Traceback" not in daemon.output()
    assert 0 == daemon.stop()
    assert not daemon.control_path.exists()


def dropped(daemon: Daemon) -> int:
    """Packets that the kernel had no room for, as on a busy machine: each is a knock at most."""
    return sum(
        int(line.partition('"count": ')[2].partition(",")[0].strip("} "))
        for line in daemon.log_path.read_text().splitlines()
        if '"event": "dropped"' in line
    )


@pytest.mark.parametrize("kind", KINDS)
def test_each_attack(pair: Pair, start: Start, kind: str) -> None:
    """During any of them a client that asks is answered, and the daemon ends when it is told to."""
    daemon = start(pair.server, config(door("secret", "700,800,900", start_command="true")))
    with attacked(daemon.control_path, [kind] * 2):
        wait_until(lambda: answers(daemon), 30, "a client is served")
        assert 0 == daemon.stop()
    assert "Traceback" not in daemon.output()


def test_in_the_sandbox(unit: Unit) -> None:
    """Under systemd members of the group reach the socket, and in its directory nothing else."""
    lines = [line for line in Path("/etc/group").read_text().splitlines() if not line.startswith("knockd:")]
    unit.write("/etc/group", "\n".join([*lines, "knockd:x:4242:", ""]))
    unit.begin(door("secret", "700,800,900", start_command="true"))
    path = unit.path("/run/knockd/knockd.sock")
    found = path.lstat()
    assert (0, 4_242, 0o660) == (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
    assert 0o711 == stat.S_IMODE(path.parent.lstat().st_mode)
    others = [one for one in path.parent.iterdir() if one != path and one.lstat().st_mode & 0o077]
    assert [] == others
    with varlink.Client(f"unix:{path}") as client:
        assert "org.knockd.Control" in list(client.get_interfaces())
    assert "control socket" not in unit.log()
    unit.run("systemctl", "stop", "knockd")
    assert not path.exists()
