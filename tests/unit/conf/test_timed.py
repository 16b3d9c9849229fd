"""Ports of a period, from key and door."""

from __future__ import annotations

from itertools import combinations

import pytest

from knockd_conf.protocol import Protocol
from knockd_conf.timed import GUARDS, KINDS, LAST_PERIOD, MAX_STEPS, MIN_RANGE, Rule, check_rule, derive_ports
from tests.support.samples.rotating_vectors import VECTORS, Vector, read_page

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
    assert 3_600 == Rule(period=60).begin_of(60)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(steps=2), "expected steps from 3 to 16, got 2"),
        (Rule(steps=17), "expected steps from 3 to 16, got 17"),
        (Rule(period=9), "expected seconds of a period from 10 to 3600, got 9"),
        (Rule(period=3_601), "expected seconds of a period from 10 to 3600, got 3601"),
        (Rule(low=0), "expected a lowest port from 1 to 65535, got 0"),
        (Rule(high=65_536), "expected a highest port from 1 to 65535, got 65536"),
        (Rule(low=1_000, high=2_022), "expected at least 1024 ports, got 1000-2022"),
        (Rule(low=60_000, high=20_000), "expected at least 1024 ports, got 60000-20000"),
        (Rule(protocol="sctp"), "expected tcp, udp or mixed"),
    ],
)
def test_no_rules(rule: Rule, expected: str) -> None:
    """A rule that the specification does not have is named, and nothing is made by it."""
    with pytest.raises(ValueError, match=f"^{expected}$"):
        check_rule(rule)
    with pytest.raises(ValueError, match=f"^{expected}$"):
        derive_ports(KEY, "ssh", 1, rule)


@pytest.mark.parametrize("period", [-1, LAST_PERIOD + 1])
def test_no_periods(period: int) -> None:
    """Before the epoch and beyond exact numbers there are no sequences."""
    with pytest.raises(ValueError, match=f"^expected a period from 0 to {LAST_PERIOD}, got {period}$"):
        derive_ports(KEY, "ssh", period, Rule())


@pytest.mark.parametrize("key", [b"", KEY[:-1], KEY + b"\0"], ids=len)
def test_no_keys(key: bytes) -> None:
    """A key has 32 bytes: HMAC would take any, and a short one could be guessed."""
    with pytest.raises(ValueError, match=f"^expected a key of 32 bytes, got {len(key)}$"):
        derive_ports(key, "ssh", 1, Rule())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_vectors(vector: Vector) -> None:
    """The ports are those of the specification."""
    rule = Rule(vector.number_of_steps, low=vector.low, high=vector.high, protocol=vector.protocol)
    found = derive_ports(vector.key, vector.door, vector.period, rule)
    assert vector.steps == tuple(f"{one.port}:{one.protocol}" for one in found.steps)
    assert vector.guards == tuple(f"{one.port}:{one.protocol}" for one in found.guards)


@pytest.mark.parametrize(
    "one", read_page()["periods"], ids=lambda one: f"{one['seconds']}/{one['period_seconds']}"
)
def test_periods_of_the_specification(one: dict[str, int]) -> None:
    """A period has the number that the specification gives it, and begins and ends around the time."""
    rule = Rule(period=one["period_seconds"])
    assert one["period"] == rule.period_at(one["seconds"])
    assert rule.begin_of(one["period"]) <= one["seconds"] < rule.begin_of(one["period"] + 1)
