"""Addresses folded to networks."""

from __future__ import annotations

import pytest

from knockd.review import networks as module
from knockd.review.networks import ELSEWHERE, Networks, network_of, widen_network
from knockd.review.sources import Source


@pytest.mark.parametrize(
    ("ip", "narrow", "wide"),
    [
        ("192.0.2.7", "192.0.2.0/24", "192.0.0.0/16"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
        ("2001:db8:1:0:5:6:7:8", "2001:db8:1::/64", "2001:db8:1::/48"),
        ("2001:db8:1::5", "2001:db8:1::/64", "2001:db8:1::/48"),
        ("2001::1:2:3:4:5", "2001:0:0:1::/64", "2001::/48"),
        ("::1", "::/64", "::/48"),
    ],
)
def test_networks(ip: str, narrow: str, wide: str) -> None:
    """A /24 and a /16 of IPv4, a /64 and a /48 of IPv6."""
    assert network_of(ip) == narrow
    assert network_of(ip, wide=True) == wide
    assert widen_network(narrow) == wide
    assert widen_network(wide) == wide


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1.2.3",
        "1.2.3.x",
        ":::",
        "a/b",
        "\x1b[2J",
        "::ffff:192.0.2.1",
        "1:2:3",
        "::x",
        ":",
        "x.0/24",
        "x/64",
    ],
)
def test_what_is_no_address(text: str) -> None:
    """Any other text is its own network."""
    assert network_of(text) == text
    assert widen_network(text) == text


def made(number: int) -> Source:
    """An address with two attempts, one of which touched a guard, at a door of its own."""
    source = Source(number)
    source.attempts, source.guards, source.last = 2, 1, number + 1
    source.doors = ("ssh", f"door {number}")
    return source


def test_wider_networks_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes later of a network that was joined to a wider one goes there too."""
    monkeypatch.setattr(module, "MOST_NETWORKS", 16)
    networks = Networks()
    for number in range(100):
        networks.add(network_of(f"10.7.{number}.1"), made(number))
    assert {"10.7.0.0/16": 100} == {name: group.addresses for name, group in networks.groups.items()}


def test_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many networks come, few are kept, and no attempt is lost."""
    monkeypatch.setattr(module, "MOST_NETWORKS", 16)
    networks = Networks()
    for number in range(1_000):
        network = network_of(f"{number % 250}.{number // 250}.{number % 7}.1")
        networks.add(network, made(number))
    groups = networks.groups
    assert len(groups) <= 17
    assert sum(group.attempts for group in groups.values()) == 2_000
    assert sum(group.addresses for group in groups.values()) == 1_000
    assert (min(group.first for group in groups.values()), groups[ELSEWHERE].last) != (0, 0)
    assert all(len(group.doors) <= 8 for group in groups.values())
