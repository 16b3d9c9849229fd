"""Doors that open for the knocker's network: real firewalls, knockers who change their address, a kill."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Pair, Start
from tests.support.daemons.daemon import LISTENING
from tests.support.daemons.doors import (
    CLIENT,
    FIREWALLS,
    NFTABLES,
    SECRET,
    SERVER,
    Firewall,
    config,
    door,
    drop_with_iptables,
)
from tests.support.lab.hosts import Host
from tests.support.lab.services import TcpService, can_connect, send_knock, wait_closed, wait_open
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until

STEPS = ("700", "800", "900")
OTHER = {4: "10.7.0.77", 6: "fd00:7::4d"}
"""Another address of the client, in the same network."""

NETWORK = {4: "10.7.0.0/24", 6: "fd00:7::/56"}
BITS = {4: 24, 6: 64}


def drop_with_nftables(host: Host) -> None:
    """Default drop, with a set of networks."""
    table = NFTABLES.replace("HOOK", "input").replace("_addr; }", "_addr; flags interval; }")
    host.run("nft", "-f", "-", stdin=table)


WALLS = {
    "nftables": Firewall(("nft",), drop_with_nftables, FIREWALLS["nftables"].commands),
    "iptables": Firewall(("iptables", "ip6tables"), drop_with_iptables, FIREWALLS["iptables"].commands),
}


def wide_door(wall: Firewall, **keys: object) -> str:
    """A door that opens for networks."""
    start, stop, start_6, stop_6 = (one.replace("%IP%", "%NET%") for one in wall.commands("tcp"))
    commands = {"start_command": start, "stop_command": stop}
    commands |= {"start_command_6": start_6, "stop_command_6": stop_6}
    return config(door("secret", ",".join(STEPS), **{"open_prefix": "24/56", **commands, **keys}))


def closed(pair: Pair, name: str) -> Firewall:
    """The server's firewall, closed."""
    wall = WALLS[name]
    for tool in wall.tools:
        need(tool)
    wall.close(pair.server)
    return wall


def move(pair: Pair, version: int) -> None:
    """The client has another address from now on, as after a change of its carrier's mind."""
    old, new = f"{CLIENT[version]}/{BITS[version]}", f"{OTHER[version]}/{BITS[version]}"
    once = ("nodad",) if version == 6 else ()
    pair.client.run("ip", "address", "add", new, "dev", "eth0", *once)
    pair.client.run("ip", "address", "del", old, "dev", "eth0")
    if version == 4:  # the kernel may take all of a network's addresses away with its first
        pair.client.run("ip", "address", "replace", new, "dev", "eth0")


def rules(pair: Pair, name: str, version: int) -> int:
    """How often the network is in the kernel's own table."""
    if name == "nftables":
        shown = pair.server.run("nft", "list", "set", "inet", "filter", f"knocked{version}")
    else:
        shown = pair.server.run("iptables" if version == 4 else "ip6tables", "-S", "INPUT")
    return shown.count(NETWORK[version])


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", WALLS)
def test_two_addresses_of_one_network(pair: Pair, start: Start, name: str, version: int) -> None:
    """A knock opens for the network; one from another address renews the one lease, and one end closes it."""
    wall = closed(pair, name)
    daemon = start(pair.server, wide_door(wall, cmd_timeout=5))
    with TcpService(pair.server, SECRET):
        send_knock(pair.client, SERVER[version], *STEPS)
        wait_open(pair.client, SERVER[version], SECRET)
        move(pair, version)
        assert can_connect(pair.client, SERVER[version], SECRET, timeout=5)
        send_knock(pair.client, SERVER[version], *STEPS)
        daemon.wait_for("OPEN SESAME", times=2)
        daemon.wait_for("running command", times=3)
        wait_until(lambda: rules(pair, name, version) == 1, 10, "one rule for the network")
        wait_open(pair.client, SERVER[version], SECRET)
        wait_closed(pair.client, SERVER[version], SECRET, within=20)
    daemon.stop()
    assert rules(pair, name, version) == 0
    ends = [line for line in daemon.log_lines() if "command timeout" in line]
    assert ends == [f"{OTHER[version]}: secret: command timeout"]


@pytest.mark.parametrize("name", WALLS)
def test_a_kill_in_between(pair: Pair, start: Start, tmp_path: Path, name: str) -> None:
    """The next daemon knows that the network is in: another address renews, and nothing is left."""
    wall = closed(pair, name)
    text = wide_door(wall, cmd_timeout=8)
    with TcpService(pair.server, SECRET):
        first = start(pair.server, text, directory=tmp_path)
        send_knock(pair.client, SERVER[4], *STEPS)
        wait_open(pair.client, SERVER[4], SECRET)
        first.process.kill()
        first.process.wait()
        move(pair, 4)
        second = start(pair.server, text, directory=tmp_path, ready=None)
        second.wait_for("recovered an open door of the last run")
        second.wait_for(LISTENING, times=2)
        send_knock(pair.client, SERVER[4], *STEPS)
        second.wait_for("OPEN SESAME", times=2)
        wait_until(lambda: rules(pair, name, 4) == 1, 10, "one rule for the network")
        wait_open(pair.client, SERVER[4], SECRET)
        wait_closed(pair.client, SERVER[4], SECRET, within=20)
    second.stop()
    assert rules(pair, name, 4) == 0


@pytest.mark.parametrize("version", [4, 6])
def test_connections_of_the_network_keep_it_open(pair: Pair, start: Start, version: int) -> None:
    """Close_When_Idle counts a connection of any address in the network."""
    wall = closed(pair, "nftables")
    keys = {"cmd_timeout": 1, "close_when_idle": 2, "service": f"{SECRET}/tcp"}
    daemon = start(pair.server, wide_door(wall, **keys))
    send_knock(pair.client, SERVER[version], *STEPS)
    daemon.wait_for("OPEN SESAME")
    wait_until(lambda: rules(pair, "nftables", version) == 1, 10, "the network is in the set")
    move(pair, version)
    with TcpService(pair.server, SECRET):
        pair.server.run(
            "nft", "insert", "rule", "inet", "filter", "input", "th", "dport", str(SECRET), "accept"
        )
        with pair.client.socket(10 if version == 6 else 2, 1) as client:
            client.settimeout(20)
            client.connect((SERVER[version], SECRET))
            assert client.getsockname()[0] == OTHER[version]
            daemon.wait_for("still connected, open until", timeout=20)
            assert rules(pair, "nftables", version) == 1
    daemon.wait_for("command timeout", timeout=20)
    wait_until(lambda: rules(pair, "nftables", version) == 0, 10, "the network is out of the set")
