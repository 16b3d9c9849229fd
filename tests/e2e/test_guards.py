"""Guard ports that are in use: whoever uses what is there is no scanner, whenever it came there."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import OURS, Daemon
from tests.support.daemons.doors import CLIENT, SERVER, config, door, drop_with_iptables
from tests.support.lab.hosts import Host
from tests.support.lab.services import TcpService, send_knock
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until

DOOR = config(door("web", "7001,8081,9001", start_command="true", stop_command="true", cmd_timeout=1))
STEPS = ("7001", "8081", "9001")
OPENED = f"{CLIENT[4]}: web: OPEN SESAME"
IN_USE = "guard ports that are in use now"
"""What the daemon says when it has told the packet process, which may take a while to hear it."""

IGNORED = "guard port, ignored"


def visit(host: Host, port: int) -> None:
    """Tries a TCP connection to the server, and does not wait for it."""
    with host.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        connection.connect_ex((SERVER[4], port))
        time.sleep(0.05)


def try_until(daemon: Daemon, text: str, once: Callable[[], None]) -> list[str]:
    """Does it again and again until a line of the log holds ``text``, at most 10 seconds; all lines."""

    def seen() -> list[str] | None:
        once()
        time.sleep(0.1)
        return daemon.log_lines() if daemon.count(text) else None

    return wait_until(seen, 10, f"a log line with {text!r}")


def knock_until_it_opens(daemon: Daemon, client: Host, *steps: str) -> list[str]:
    """Knocks until the door opens, for who was ignored is heard a moment later; all lines of the log."""
    return try_until(daemon, OPENED, lambda: send_knock(client, SERVER[4], *steps))


def test_server_that_is_started_later(pair: Pair, start: Start) -> None:
    """The owner visits a server beside a step, and then knocks: the door opens as under 0.8."""
    daemon = start(pair.server, DOOR)
    with TcpService(pair.server, 8080):
        visit(pair.client, 8080)
        daemon.wait_for(IN_USE)
        lines = knock_until_it_opens(daemon, pair.client, *STEPS)
    assert [] == [line for line in lines if IGNORED in line]
    assert 1 == sum(line.startswith(IN_USE) for line in lines)


def test_visit_in_the_middle_of_a_knock(pair: Pair, start: Start) -> None:
    """A visit that ended an attempt is undone: the knock goes on where it was."""
    daemon = start(pair.server, DOOR)
    with TcpService(pair.server, 8080):
        send_knock(pair.client, SERVER[4], "7001", "8081")
        daemon.wait_for("Stage 2")
        visit(pair.client, 8080)
        daemon.wait_for(IN_USE)
        knock_until_it_opens(daemon, pair.client, "9001")
    assert 1 == daemon.count("Stage 1")


def test_one_server_after_the_other(pair: Pair, start: Start) -> None:
    """However often servers come and go beside the steps, their visitors are heard."""
    daemon = start(pair.server, DOOR)
    with TcpService(pair.server, 8080), TcpService(pair.server, 9002):
        visit(pair.client, 8080)
    with TcpService(pair.server, 7002):
        visit(pair.client, 7002)
        daemon.wait_for(IN_USE, times=2)
        knock_until_it_opens(daemon, pair.client, *STEPS)


def test_server_that_is_gone(pair: Pair, start: Start) -> None:
    """Where a server was, a scan is a scan again, as soon as somebody has come to a door."""
    with TcpService(pair.server, 8080):
        daemon = start(pair.server, DOOR)
        visit(pair.client, 8080)
    time.sleep(1.0)
    send_knock(pair.client, SERVER[4], "7001")
    daemon.wait_for("Stage 1")
    try_until(daemon, IGNORED, lambda: visit(pair.client, 8080))


def test_port_that_nobody_serves(pair: Pair, start: Start) -> None:
    """Who touches a guard is ignored, whatever else is looked at."""
    daemon = start(pair.server, DOOR)
    with TcpService(pair.server, 8090):
        visit(pair.client, 8080)
        daemon.wait_for(IGNORED)
        send_knock(pair.client, SERVER[4], *STEPS)
        time.sleep(1.3)  # more than from one look to the next
    assert 0 == daemon.count("Stage 1")


def test_knocking_until_it_opens(pair: Pair, start: Start) -> None:
    """The port that the door opens is tried before each knock, as people do in a loop."""
    for tool in ("iptables", "nc", "timeout"):
        need(tool)
    drop_with_iptables(pair.server)
    command = "iptables -I INPUT -s %IP% -p tcp --dport 8001 -j ACCEPT"
    start(pair.server, config(door("web", "7000,8000,9000", start_command=command)))
    with TcpService(pair.server, 8001):
        loop = f"until nc -zw1 {SERVER[4]} 8001; do knock {SERVER[4]} 7000 8000 9000; sleep 0.2; done"
        pair.client.run("timeout", "20", "sh", "-c", loop)


NFT = """table ip nat {
  chain pre {
    type nat hook prerouting priority dstnat
    tcp dport 8080 dnat to 10.7.0.2:80
  }
}"""


def forward(host: Host, tool: str) -> None:
    """Port 8080 of a host is led to another host."""
    if tool == "nft":
        host.run("nft", "-f", "-", stdin=NFT)
    else:
        rule = (
            "-A",
            "PREROUTING",
            "-p",
            "tcp",
            "--dport",
            "8080",
            "-j",
            "DNAT",
            "--to-destination",
            "10.7.0.2:80",
        )
        host.run(tool, "-t", "nat", *rule)


@pytest.mark.parametrize("tool", ["nft", "iptables", "iptables-legacy"])
@pytest.mark.parametrize("when", ["before", "later"])
def test_forwarded_port(pair: Pair, start: Start, tool: str, when: str) -> None:
    """A service of a container or of another host has no socket here; its visitors are heard all the same."""
    need(tool)
    if when == "before":
        forward(pair.server, tool)
    daemon = start(pair.server, DOOR)
    if when == "later":
        forward(pair.server, tool)
    visit(pair.client, 8080)
    if when == "later":
        daemon.wait_for(IN_USE)
    lines = knock_until_it_opens(daemon, pair.client, *STEPS)
    assert (when == "later") == (IGNORED in "\n".join(lines))


def test_check_says_what_is_left_out(pair: Pair, start: Start) -> None:
    """-t shows the guards that a daemon would use now, and why others are none."""
    need("nft")
    forward(pair.server, "nft")
    daemon = start(pair.server, DOOR.replace("stop_command = true", "stop_command = close 9000"))
    with TcpService(pair.server, 7002):
        text = pair.server.run(*OURS, "-c", str(daemon.config_path), "-i", "eth0", "-t")
    (line,) = [line for line in text.splitlines() if "guards: " in line]
    _, _, left_out = line.partition("left out: ")
    assert {
        "7002:tcp has a listening socket",
        "8080:tcp is forwarded",
        "9000:tcp is named by a command",
    } <= set(left_out.split(", "))
    wait_until(lambda: daemon.process.poll() is None, 1, "it runs")
