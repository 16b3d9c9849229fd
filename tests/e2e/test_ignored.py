"""Knocks of an ignored source: the log says once why nothing opened, and for how long yet."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from typing import Any

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import Daemon
from tests.support.daemons.doors import CLIENT, SERVER, config, door
from tests.support.lab.processes import children, only_child
from tests.support.lab.services import TcpService, send_knock
from tests.support.lab.waiting import wait_until

STEPS = ("7001", "8081", "9001")
COOLING = door("web", ",".join(STEPS), start_command="true", seq_cooldown=60)
WITH_GUARDS = door("web", ",".join(STEPS), start_command="true", guard_ports="7002")
MARKER = door("marker", "1700,1800", start_command="true")
"""Another door: when it has opened, all that came before has been judged."""

IGNORED = "knock ignored"


def knock(pair: Pair, *steps: str, version: int = 4) -> None:
    """Some packets, and then a knock at the other door."""
    send_knock(pair.client, SERVER[version], *steps)
    send_knock(pair.client, SERVER[version], "1700", "1800")


def events(daemon: Daemon, name: str) -> list[dict[str, Any]]:
    """The events with this name in a log of JSON."""
    entries = [json.loads(line) for line in daemon.log_lines()]
    return [entry for entry in entries if entry["event"] == name]


@pytest.mark.parametrize("version", [4, 6])
def test_in_a_cooldown(pair: Pair, start: Start, version: int) -> None:
    """Who knocks again within Seq_Cooldown hears of it once, however often."""
    daemon = start(pair.server, config(COOLING, MARKER))
    for number in range(1, 4):
        knock(pair, *STEPS, version=version)
        daemon.wait_for("marker: OPEN SESAME", times=number)
    (line,) = [one for one in daemon.log_lines() if IGNORED in one]
    found = re.fullmatch(
        r"(\S+): web: knock ignored for (\d+) more seconds \(opened a moment ago, Seq_Cooldown\)", line
    )
    assert found
    assert (found[1], 50 <= int(found[2]) <= 60) == (CLIENT[version], True)
    assert daemon.count("web: OPEN SESAME") == 1


def test_after_a_guard_port(pair: Pair, start: Start) -> None:
    """In JSON there are the seconds that are left and the reason; the stage has the number of steps."""
    daemon = start(
        pair.server,
        config(WITH_GUARDS, MARKER, LogFormat="json"),
        ready='"event": "starting"',
    )
    for number in range(1, 3):
        knock(pair, "7001", "7002", *STEPS)
        daemon.wait_for('"event": "open"', times=number)
    (guarded,), (ignored,) = events(daemon, "guarded"), events(daemon, "ignored")
    assert (guarded["stage"], guarded["steps"]) == (1, 3)
    assert {"level": "info", "ip": CLIENT[4], "door": "web", "reason": "guard port touched"}.items() <= (
        ignored.items()
    )
    assert 20.0 <= ignored["seconds"] <= 25.0


def test_without_log_failures(pair: Pair, start: Start) -> None:
    """With Log_Failures = no nothing is said."""
    daemon = start(pair.server, config(COOLING, MARKER, Log_Failures="no"))
    for number in range(1, 3):
        knock(pair, *STEPS)
        daemon.wait_for("marker: OPEN SESAME", times=number)
    assert daemon.count(IGNORED) == 0


def test_guard_that_is_in_use(pair: Pair, start: Start) -> None:
    """Who used a server that was started later is not ignored: there is nothing to say."""
    daemon = start(pair.server, config(door("web", ",".join(STEPS), start_command="true")))
    with TcpService(pair.server, 8080), pair.client.socket(socket.AF_INET, socket.SOCK_STREAM) as visit:
        visit.connect((SERVER[4], 8080))
        daemon.wait_for("guard ports that are in use now")
        time.sleep(0.5)  # the packet process hears of it
        send_knock(pair.client, SERVER[4], *STEPS)
        lines = daemon.wait_for("web: OPEN SESAME")
    assert [] == [line for line in lines if IGNORED in line]


def test_after_another_packet_process(pair: Pair, start: Start) -> None:
    """Who is ignored stays so when another one takes over; it does not know why and says nothing."""
    daemon = start(pair.server, config(COOLING, MARKER))
    knock(pair, *STEPS)
    daemon.wait_for("marker: OPEN SESAME")
    before = only_child(daemon.pid)
    daemon.write_config(config(COOLING, MARKER, Buffer=4096))
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: children(daemon.pid) not in ([], [before]), 10, "a child reads the configuration")
    wait_until(lambda: before not in children(daemon.pid), 10, "another packet process")
    knock(pair, *STEPS)
    daemon.wait_for("marker: OPEN SESAME", times=2)
    assert (daemon.count("web: OPEN SESAME"), daemon.count(IGNORED)) == (1, 0)
