"""Doors that close when their knocker has left: real sessions, real firewalls, the kernel's own table."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING, OURS
from tests.support.daemons.doors import CLIENT, FIREWALLS, SECRET, SERVER, config, door
from tests.support.lab.services import UdpService, can_connect, family_of, send_knock
from tests.support.lab.ssh import SshServer, need_ssh
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until

STEPS = ("700", "800", "900")
HELD, LEFT, OVER = "still connected, open until", "nobody connected for", "secret: command timeout"
PAST = 4.0
"""Seconds that a session lasts: well beyond Cmd_Timeout, and beyond several looks."""


def idle_door(**keys: object) -> str:
    """A door that opens a set of nftables for a second, and for as long as somebody is connected."""
    start, stop, start_6, stop_6 = FIREWALLS["nftables"].commands("tcp")
    commands = {"start_command": start, "stop_command": stop}
    commands |= {"start_command_6": start_6, "stop_command_6": stop_6}
    chosen = {"cmd_timeout": 1, "close_when_idle": 2, "service": f"{SECRET}/tcp", **commands, **keys}
    return config(door("secret", ",".join(STEPS), **chosen))


def is_in(pair: Pair, version: int = 4) -> bool:
    """Whether the client's address is in the firewall's set."""
    return CLIENT[version] in pair.server.run("nft", "list", "set", "inet", "filter", f"knocked{version}")


@contextmanager
def listening(pair: Pair) -> Iterator[socket.socket]:
    """A service behind the door that lets its connections be."""
    with pair.server.socket(socket.AF_INET6, socket.SOCK_STREAM) as made:
        made.bind(("::", SECRET))
        made.listen()
        yield made


@contextmanager
def session(pair: Pair, service: socket.socket, version: int = 4, port: int = SECRET) -> Iterator[None]:
    """A connection of the client, closed by both sides at the end.

    The firewall lets it in without a knock: no test depends on how fast somebody is through an open door.
    """
    let_in(pair)
    with pair.client.socket(family_of(SERVER[version]), socket.SOCK_STREAM) as client:
        client.settimeout(20)
        client.connect((SERVER[version], port))
        with service.accept()[0]:
            yield


def let_in(pair: Pair) -> None:
    """The firewall accepts all that comes to the service."""
    pair.server.run("nft", "insert", "rule", "inet", "filter", "input", "th", "dport", str(SECRET), "accept")


def stay(seconds: float = PAST) -> None:
    """Lets the time of a session pass."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > until, seconds + 10, "the session lasts")


@pytest.mark.parametrize("version", [4, 6])
def test_a_session_keeps_the_door_open(pair: Pair, start: Start, version: int) -> None:
    """While the knocker is connected his address stays in the set; it goes when he has left, not before."""
    FIREWALLS["nftables"].close(pair.server)
    daemon = start(pair.server, idle_door())
    with listening(pair) as service:
        with session(pair, service, version):
            send_knock(pair.client, SERVER[version], *STEPS)
            daemon.wait_for(HELD)
            stay()
            assert is_in(pair, version)
            assert daemon.count(OVER) == 0
            ended = time.monotonic()
        lines = daemon.wait_for(OVER, timeout=20)
        assert time.monotonic() - ended >= 2
    wait_until(lambda: not is_in(pair, version), 10, "the address is out of the set")
    said = [line for line in lines if HELD in line or LEFT in line or OVER in line]
    assert said == [
        f"{CLIENT[version]}: secret: {HELD} nobody has been for 2 seconds",
        f"{CLIENT[version]}: secret: {LEFT} 2 seconds",
        f"{CLIENT[version]}: {OVER}",
    ]


def test_ssh(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A real ssh session outlives Cmd_Timeout, and the door closes when it has ended."""
    need_ssh()
    FIREWALLS["nftables"].close(pair.server)
    pair.server.run("nft", "insert", "rule", "inet", "filter", "input", "iif", "lo", "accept")
    server = SshServer(pair.server, tmp_path)
    daemon = start(pair.server, idle_door(cmd_timeout=8))
    send_knock(pair.client, SERVER[4], *STEPS)
    wait_until(lambda: is_in(pair), 10, "the address is in the set")
    with server.session(pair.client, SERVER[4]):
        daemon.wait_for(HELD, timeout=20)
        stay(10.0)
        assert is_in(pair)
    daemon.wait_for(OVER, timeout=20)
    wait_until(lambda: not is_in(pair), 10, "the address is out of the set")
    assert daemon.count(LEFT) == 1


def test_nobody_comes(pair: Pair, start: Start) -> None:
    """Who knocks and does not come has the door for Cmd_Timeout, and the log says no more than that."""
    FIREWALLS["nftables"].close(pair.server)
    daemon = start(pair.server, idle_door(close_when_idle=30, cmd_timeout=2))
    knocked = time.monotonic()
    send_knock(pair.client, SERVER[4], *STEPS)
    lines = daemon.wait_for(OVER, timeout=20)
    assert time.monotonic() - knocked >= 2
    assert not [line for line in lines if HELD in line or LEFT in line]


def test_open_max(pair: Pair, start: Start) -> None:
    """At Open_Max the address goes, whoever is connected; the log says why."""
    FIREWALLS["nftables"].close(pair.server)
    daemon = start(pair.server, idle_door(open_max=5))
    with listening(pair) as service, session(pair, service):
        send_knock(pair.client, SERVER[4], *STEPS)
        daemon.wait_for(OVER, timeout=30)
        wait_until(lambda: not is_in(pair), 10, "the address is out of the set")
    assert daemon.count("still connected, but open for 5 seconds, the most it may be") == 1


def test_the_daemon_is_killed(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A session that outlives the daemon is not cut by the next one, which closes when it has ended."""
    FIREWALLS["nftables"].close(pair.server)
    first = start(pair.server, idle_door(), directory=tmp_path)
    with listening(pair) as service:
        with session(pair, service):
            send_knock(pair.client, SERVER[4], *STEPS)
            first.wait_for(HELD)
            first.process.kill()
            first.process.wait()
            stay()
            second = start(pair.server, idle_door(), directory=tmp_path, ready=None)
            second.wait_for(LISTENING, times=2)
            second.wait_for(HELD, times=2)
            stay()
            assert is_in(pair)
            assert second.count(OVER) == 0
        second.wait_for(OVER, timeout=20)
    wait_until(lambda: not is_in(pair), 10, "the address is out of the set")


def test_the_daemon_is_killed_and_nobody_is_there(pair: Pair, start: Start, tmp_path: Path) -> None:
    """A lease of a killed daemon whose time is over is closed when nobody is seen for Close_When_Idle."""
    FIREWALLS["nftables"].close(pair.server)
    first = start(pair.server, idle_door(), directory=tmp_path)
    send_knock(pair.client, SERVER[4], *STEPS)
    first.wait_for("running command: nft add")
    wait_until(lambda: is_in(pair), 10, "the address is in the set")
    first.process.kill()
    first.process.wait()
    stay()
    second = start(pair.server, idle_door(), directory=tmp_path, ready=None)
    wait_until(lambda: not is_in(pair), 20, "the address is out of the set")
    assert second.count(HELD) == 0


def test_udp(pair: Pair, start: Start) -> None:
    """A UDP service counts as long as the kernel keeps the flow, which it does while both sides speak."""
    FIREWALLS["nftables"].close(pair.server)
    daemon = start(pair.server, idle_door(service=f"{SECRET}/udp"))
    for kind in ("udp_timeout", "udp_timeout_stream"):
        pair.server.sysctl(f"net/netfilter/nf_conntrack_{kind}", 3)
    let_in(pair)

    def speaks_and_is_held() -> bool:
        assert can_connect(pair.client, SERVER[4], SECRET, udp=True, timeout=10)
        return daemon.count(HELD) == 1

    with UdpService(pair.server, SECRET):
        assert can_connect(pair.client, SERVER[4], SECRET, udp=True, timeout=10)
        send_knock(pair.client, SERVER[4], *STEPS)
        wait_until(speaks_and_is_held, 10, "the door is held open")
        daemon.wait_for(OVER, timeout=30)
    assert daemon.count(LEFT) == 1


def test_a_translated_port(pair: Pair, start: Start) -> None:
    """Where the port is translated, the service may be named by its own port."""
    FIREWALLS["nftables"].close(pair.server)
    pair.server.run("nft", "-f", "-", stdin=REDIRECT)
    daemon = start(pair.server, idle_door())
    with listening(pair) as service, session(pair, service, port=2222):
        send_knock(pair.client, SERVER[4], *STEPS)
        daemon.wait_for(HELD)


REDIRECT = f"""
table ip nat {{
    chain prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
        tcp dport 2222 redirect to :{SECRET}
    }}
}}
"""


def test_nothing_is_tracked(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Where no rule makes the kernel track connections that is said at the start, and Cmd_Timeout counts."""
    opened, closed = tmp_path / "opened", tmp_path / "closed"
    text = idle_door(
        start_command=f"touch {opened}",
        stop_command=f"touch {closed}",
        start_command_6=None,
        stop_command_6=None,
    )
    daemon = start(pair.server, text)
    assert daemon.count("Close_When_Idle does nothing: the kernel tracks no connections here: ") == 1
    with listening(pair) as service, pair.client.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.connect((SERVER[4], SECRET))
        with service.accept()[0]:
            send_knock(pair.client, SERVER[4], *STEPS)
            daemon.wait_for(OVER)
            wait_until(closed.exists, 10, "the stop command ran")
    assert daemon.count(HELD) == 0


def test_no_right(pair: Pair, start: Start, tmp_path: Path) -> None:
    """Without CAP_NET_ADMIN that is said at the start, and Cmd_Timeout counts."""
    need("setpriv")
    closed = tmp_path / "closed"
    text = idle_door(
        start_command="true", stop_command=f"touch {closed}", start_command_6=None, stop_command_6=None
    )
    without = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", *OURS)
    daemon = start(pair.server, text, program=without)
    send_knock(pair.client, SERVER[4], *STEPS)
    daemon.wait_for(OVER)
    wait_until(closed.exists, 10, "the stop command ran")
    reason = "the kernel's table of connections cannot be read without CAP_NET_ADMIN"
    assert daemon.count(f"Close_When_Idle does nothing: {reason}") == 1
