"""What the kernel says of interfaces, addresses and default routes, in a network namespace of our own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from ipaddress import ip_address
from typing import Any

import pytest

from knockd.net import interfaces
from knockd.net.interface import Interface
from knockd.net.rtnetlink import Link
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_RAW
from tests.support.lab.packages import PATH
from tests.support.lab.tools import lacking, need

MANY = 30
"""Interfaces enough that the kernel answers in several parts."""

BUILD = f"""
set -e
ip link set lo up
ip link add wan type veth peer name lan
ip link add br0 type bridge
ip link set lan master br0
ip address add 10.9.0.1/24 dev wan
ip address add 10.9.0.7/24 dev wan
ip address add 10.8.0.1 peer 10.8.0.2 dev wan
ip -6 address add fd00:9::1/64 dev wan nodad
for n in $(seq {MANY // 2}); do ip link add "many$n" type veth peer name "peer$n"; done
ip link set wan up
ip link set lan up
ip link set br0 up
ip link set many1 up
ip link set peer1 up
ip link set many2 up
ip link set peer2 up
ip route add default via 10.9.0.2 dev wan metric 50
ip route add default dev many1 metric 10
ip route add 192.0.2.0/24 dev many2
ip route add blackhole default metric 1
ip route add default dev many2 table 77
exec "$@"
"""

ASK = """
import json, sys
from knockd.net.interfaces import read_default_routes, read_interfaces
found = {
    name: [
        i.link.index, i.linktype, i.link.up, [i.link.part_of, i.master],
        sorted(a.hex() for a in i.addresses),
    ]
    for name, i in read_interfaces().items()
}
print(json.dumps([found, read_default_routes(read_interfaces())]))
"""


Here = tuple[dict[str, tuple[int, int, bool, list[str], list[str]]], list[str]]
"""Interfaces (index, link type, up, what it is a part of, addresses) by name, and of default routes."""


def asked(build: str) -> Any:
    """What interfaces.py says in a namespace that a shell script builds."""
    need("unshare", "util-linux")
    need("ip")
    if subprocess.run(["unshare", "-Urn", "true"], capture_output=True, check=False).returncode:
        lacking("no right to make a network namespace")
    environment = {
        **os.environ,
        "PATH": PATH,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    command = ["unshare", "-Urn", "sh", "-c", build, "sh", sys.executable, "-c", ASK]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def here() -> Here:
    """What is said of a namespace with a little of everything."""
    interfaces, routes = asked(BUILD)
    return {name: tuple(values) for name, values in interfaces.items()}, routes


def test_names(here: Here) -> None:
    """Every interface is there, however many parts the answer has."""
    names = {"lo", "wan", "lan", "br0"} | {
        f"{end}{n}" for n in range(1, MANY // 2 + 1) for end in ("many", "peer")
    }
    assert set(here[0]) == names


def test_order(here: Here) -> None:
    """Interfaces come in the kernel's order, loopback first."""
    assert [index for index, *_ in here[0].values()] == sorted(index for index, *_ in here[0].values())


def test_addresses(here: Here) -> None:
    """All addresses count, IPv4 and IPv6; on a point-to-point link ours, not the peer's."""
    _, _, _, _, addresses = here[0]["wan"]
    expected = {ip_address(text).packed.hex() for text in ("10.9.0.1", "10.9.0.7", "10.8.0.1", "fd00:9::1")}
    assert {address for address in addresses if not address.startswith("fe80")} == expected


def test_addresses_of_loopback(here: Here) -> None:
    """Loopback has its two addresses."""
    assert here[0]["lo"][4] == [ip_address("::1").packed.hex(), ip_address("127.0.0.1").packed.hex()]


def test_no_addresses(here: Here) -> None:
    """An interface without addresses has none."""
    assert here[0]["many5"][4] == []


def test_up(here: Here) -> None:
    """Whether an interface is up is said."""
    assert [here[0][name][2] for name in ("lo", "wan", "many5")] == [True, True, False]


def test_bridge_ports(here: Here) -> None:
    """A bridge's port is told from the bridge and from every other kind, and names its bridge."""
    parts = {name: part for name, (_, _, _, part, _) in here[0].items() if part != ["", ""]}
    assert parts == {"lan": ["bridge", "br0"]}


def test_default_routes(here: Here) -> None:
    """Interfaces of the main table's default routes come lowest metric first; other routes do not count."""
    assert here[1] == ["many1", "wan"]


def test_next_hops() -> None:
    """Each hop of a default route with several is one of its interfaces; an interface counts once."""
    build = """
    set -e
    for n in 1 2 3; do
        ip link add "wan$n" type veth peer name "isp$n"
        ip address add "10.$n.0.1/24" dev "wan$n"
        ip link set "wan$n" up; ip link set "isp$n" up
    done
    ip route add default nexthop via 10.3.0.2 dev wan3 nexthop via 10.1.0.2 dev wan1
    ip route add default via 10.1.0.3 dev wan1 metric 9
    exec "$@"
    """
    assert sorted(asked(build)[1]) == ["wan1", "wan3"]


def test_default_route_of_ipv6() -> None:
    """A default route of IPv6 counts too."""
    build = """
    set -e
    ip link add wan type veth peer name isp
    ip -6 address add fd00:9::1/64 dev wan nodad
    ip link set wan up
    ip link set isp up
    ip -6 route add default dev wan
    exec "$@"
    """
    assert asked(build)[1] == ["wan"]


def test_no_default_route() -> None:
    """An empty namespace has loopback, down, and no default route."""
    interfaces, routes = asked('exec "$@"')
    assert (list(interfaces), interfaces["lo"][2], routes) == (["lo"], False, [])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(1, DLT_EN10MB), (772, DLT_EN10MB), (65_534, DLT_RAW), (512, DLT_LINUX_SLL), (801, DLT_LINUX_SLL)],
    ids=["ethernet", "loopback", "tun", "ppp", "unknown"],
)
def test_linktype(kind: int, expected: int) -> None:
    """The kind of an interface says the link type of its frames."""
    assert Interface(Link(1, "x", kind, up=True)).linktype == expected


def test_loopback_here() -> None:
    """Without any right the loopback of this machine is seen."""
    assert interfaces.read_interfaces()["lo"].linktype == DLT_EN10MB


def test_nothing_is_left_open() -> None:
    """Asking leaves no descriptor open."""
    before = len(os.listdir("/proc/self/fd"))
    interfaces.read_interfaces()
    interfaces.read_default_routes(interfaces.read_interfaces())
    assert len(os.listdir("/proc/self/fd")) == before
