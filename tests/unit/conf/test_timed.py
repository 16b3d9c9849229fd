"""Ports of a period, from key and door."""

from __future__ import annotations

from itertools import combinations

import pytest

from knockd_conf.protocol import Protocol
from knockd_conf.timed import GUARDS, KINDS, MAX_STEPS, MIN_RANGE, Rule, derive_ports

KEY = bytes(range(32))


@pytest.mark.parametrize("kind", KINDS)
def test_ports_are_apart(kind: str) -> None:
    """No two ports of a period are equal or adjacent, and all lie in the range."""
    rule = Rule(MAX_STEPS, low=1, high=MIN_RANGE, protocol=kind)
    for period in range(200):
        found = derive_ports(KEY, "ssh", period, rule)
        ports = [one.port for one in (*found.steps, *found.guards)]
        assert MAX_STEPS == len(found.steps)
        assert GUARDS == len(found.guards)
        assert all(abs(a - b) > 1 for a, b in combinations(ports, 2))
        assert rule.low <= min(ports) <= max(ports) <= rule.high


def test_everything_counts() -> None:
    """Another key, door or period has other ports."""
    found = {
        derive_ports(key, door, period, Rule())
        for key in (KEY, bytes(32))
        for door in ("ssh", "web")
        for period in (1, 2)
    }
    assert 8 == len(found)


@pytest.mark.parametrize(("kind", "expected"), [("tcp", {Protocol.TCP}), ("udp", {Protocol.UDP})])
def test_one_protocol(kind: str, expected: set[Protocol]) -> None:
    """All ports have the protocol that was asked for."""
    found = derive_ports(KEY, "ssh", 1, Rule(protocol=kind))
    assert expected == {one.protocol for one in (*found.steps, *found.guards)}


def test_both_protocols() -> None:
    """Mixed sequences have the same port numbers, and each protocol about half of them."""
    mixed, plain = Rule(protocol="mixed"), Rule()
    both = [one for period in range(50) for one in derive_ports(KEY, "ssh", period, mixed).steps]
    assert [one.port for p in range(50) for one in derive_ports(KEY, "ssh", p, plain).steps] == [
        one.port for one in both
    ]
    assert 60 < sum(one.protocol is Protocol.UDP for one in both) < 140


def test_periods() -> None:
    """A period begins at a multiple of its length, also before the epoch."""
    assert 1 == Rule(period=30).period_at(59.9)
    assert 2 == Rule(period=30).period_at(60.0)
    assert -1 == Rule(period=30).period_at(-0.5)
