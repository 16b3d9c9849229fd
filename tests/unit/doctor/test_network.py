"""Whether knocks can come in: interfaces and ports."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from knockd.doctor import network as module
from knockd.doctor.firewall_reader import Firewall
from knockd.doctor.network import (
    find_shared_ports,
    find_surroundings,
    find_used_ports,
    look_at_interfaces,
    look_at_ports,
)
from knockd.knocks.taken import Taken, number_of
from knockd.net.interface import LOOPBACK, Interface
from knockd.net.rtnetlink import Link
from knockd_conf.model import Config, Door, GuardPorts, Options, Step
from knockd_conf.protocol import Protocol
from tests.support.doubles.played import door

FOUR, SIX = bytes((10, 7, 0, 1)), bytes.fromhex("fd00000700000000000000000000001a")
LOCAL = bytes.fromhex("fe80") + bytes(13) + b"\1"
CONFIG = Config("/etc/knockd.conf", Options(), (), socket.gethostname(), ())
NOTHING = Firewall(None, legacy=True, ufw_active=False, unlooked=())


def interface(name: str, index: int, *addresses: bytes, up: bool = True, kind: int = 1) -> Interface:
    """An interface with addresses."""
    return Interface(Link(index, name, kind, up), frozenset(addresses))


LO = interface("lo", 1, bytes((127, 0, 0, 1)), kind=LOOPBACK)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> dict[str, Interface]:
    """The interfaces of this host: lo and what a test adds."""
    made = {"lo": LO}
    monkeypatch.setattr(module, "read_interfaces", lambda: made)
    monkeypatch.setattr("knockd.net.interfaces.read_interfaces", lambda: made)
    return made


def names(wanted: Sequence[str]) -> list[str]:
    """The names of what is found of interfaces."""
    return [one.name for one in look_at_interfaces(CONFIG, wanted).findings]


def test_well(there: dict[str, Interface]) -> None:
    """An interface that is up and has an address hears knocks."""
    there["eth0"] = interface("eth0", 2, FOUR)
    assert [] == names(["eth0"])


def test_missing(there: dict[str, Interface]) -> None:
    """One that is not there is named, with those that are."""
    (finding,) = look_at_interfaces(CONFIG, ["eth7"]).findings
    assert "no-interface" == finding.name
    assert "no interface eth7 here; there are: lo" == finding.text
    assert ["no-interface"] == names([])
    assert there


def test_deaf(there: dict[str, Interface]) -> None:
    """One that is down, or has no address, hears nothing."""
    there["eth0"] = interface("eth0", 2, FOUR, up=False)
    there["eth1"] = interface("eth1", 3)
    assert ["interface-deaf", "interface-deaf"] == names(["eth0", "eth1"])


def test_only_this_host(there: dict[str, Interface]) -> None:
    """On lo come only knocks of this host itself, and they never count."""
    there["eth0"] = interface("eth0", 2, FOUR)
    assert ["only-this-host"] == names(["lo"])
    assert [] == names(["lo", "eth0"])


def used(one: Door, taken: Taken) -> list[str]:
    """The names of what is found of a door's ports."""
    config = CONFIG.__class__("/etc/knockd.conf", Options(), (one,), CONFIG.host, ())
    return [found.name for found in find_used_ports(config, [one.steps], taken)]


def test_ports_in_use() -> None:
    """Guard ports that somebody named, and steps, are found when a server listens there."""
    eighty, other = Step(80), Step(700)
    busy = Taken(in_use=frozenset({number_of(eighty)}))
    named = door("700 800", guard_ports=GuardPorts(auto=False, ports=(eighty, Step(81))))
    assert ["guard-in-use"] == used(named, busy)
    assert [] == used(named, Taken())
    assert [] == used(door("700 800"), busy)
    assert ["step-in-use"] == used(door("700 800"), Taken(in_use=frozenset({number_of(other)})))
    config = Config("/etc/knockd.conf", Options(), (named,), CONFIG.host, ())
    assert "guard ports" == look_at_ports(config, [named.steps], Taken()).subject


def test_ports_of_signed_knocks() -> None:
    """A port that has a socket, or that a door opens, is somebody else's as well; each is told once."""
    accept = "iptables -A INPUT -s %IP% -p {} --dport {} -j ACCEPT"
    one = door("", "ssh", signed_port=4_711)
    two = door("", "web", signed_port=4_711, start_command=accept.format("tcp", 4_711))
    wide = door("1 2", "vpn", signed_port=0, start_command=accept.format("udp", "4000:5000"))
    routed = door("", "far", signed_port=4_712, target=(ip_address("192.0.2.1"),))
    busy = Taken(in_use=frozenset(number_of(Step(port, Protocol.UDP)) for port in (4_711, 4_712)))
    tcp = Taken(in_use=frozenset({number_of(Step(4_711))}))

    def shared(doors: Sequence[Door], taken: Taken) -> list[tuple[str, str]]:
        config = Config("/etc/knockd.conf", Options(), tuple(doors), CONFIG.host, ())
        found = find_shared_ports(config, taken)
        assert {*find_shared_ports(config, taken)} <= {
            *look_at_ports(config, [()] * len(doors), taken).findings
        }
        return [(one.name, one.text) for one in found]

    assert [] == shared([one, two], Taken())
    assert [] == shared([one, two, routed], tcp)
    kind = "signed-port-shared"
    text = "signed knocks come to 4711:udp, which has a socket: its program gets them too, and may answer"
    assert [(kind, text)] == shared([one, two, routed], busy)
    text = "signed knocks come to 4711:udp, which door vpn opens: a service gets them too"
    assert [(kind, text)] == shared([one, two, wide], busy)


def test_surroundings(there: dict[str, Interface]) -> None:
    """Addresses by which others reach this host, and the IP versions of them."""
    there["eth0"] = interface("eth0", 2, FOUR, LOCAL)
    here = find_surroundings(["eth0", "ppp0"], NOTHING, ipv6=True)
    assert ("eth0", "ppp0") == here.interfaces
    assert frozenset({FOUR}) == here.own
    assert (4,) == here.versions
    assert here.legacy
    assert here.ufw_active is False
    there["eth0"] = interface("eth0", 2, FOUR, SIX)
    assert (4, 6) == find_surroundings(["eth0"], NOTHING, ipv6=True).versions
    assert (4,) == find_surroundings(["eth0"], NOTHING, ipv6=False).versions
    there["eth0"] = interface("eth0", 2, SIX)
    assert (6,) == find_surroundings(["eth0"], NOTHING, ipv6=True).versions
