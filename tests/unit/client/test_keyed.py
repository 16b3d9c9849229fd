"""Which key, which period, which hits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from knockd.client.hits import Hit
from knockd.client.keyed import choose_key, choose_period, keyed_hits
from knockd_conf.key_file import KeyFile, NamedKey
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Rule, derive_ports

KEY = bytes(range(32))
ALICE, BOB = NamedKey("alice", KEY), NamedKey("bob", bytes(32))
RULE = Rule(period=30)


def test_the_only_key() -> None:
    """A file of one key needs no name."""
    assert ALICE == choose_key(KeyFile((ALICE,), ()), None)


def test_a_key_by_its_name() -> None:
    """Of several keys, the name chooses."""
    assert BOB == choose_key(KeyFile((ALICE, BOB), ()), "bob")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "expected --name with a file of several keys, got none; it has alice, bob"),
        ("carol", "expected the name of a key in it, got 'carol'; it has alice, bob"),
    ],
)
def test_no_such_key(name: str | None, message: str) -> None:
    """The message says which names there are, and no key."""
    with pytest.raises(ValueError, match="expected") as caught:
        choose_key(KeyFile((ALICE, BOB), ()), name)
    assert message == str(caught.value)


@pytest.mark.parametrize(
    ("used", "now", "period", "seconds"),
    [
        ([], 3000.0, 100, 0.0),
        ([], 3029.9, 100, 0.0),
        ([100], 3005.0, 100, 0.0),
        ([100], 3031.0, 101, 0.0),
        ([100, 100], 3010.0, 101, 21.0),
        ([100, 100], 3065.0, 102, 0.0),
        ([100, 101], 3035.0, 101, 0.0),
        ([100, 100, 101], 3035.0, 101, 0.0),
        ([100, 100, 101, 101], 3035.0, 102, 26.0),
        ([100, 100], 2990.0, 101, 41.0),
    ],
)
def test_the_period_of_a_try(used: list[int], now: float, period: int, seconds: float) -> None:
    """Each period has two tries; then a second of the next one is waited for, unless it has come."""
    assert (period, seconds) == choose_period(RULE, used, now)


def test_a_period_that_no_try_had() -> None:
    """Where a used sequence will not do, the next one is waited for after one try."""
    assert (101, 18.0) == choose_period(RULE, [100], 3013.0, fresh=True)
    assert (101, 0.0) == choose_period(RULE, [100], 3035.0, fresh=True)
    assert (100, 0.0) == choose_period(RULE, [], 3013.0, fresh=True)


VECTORS = json.loads((Path(__file__).parents[3] / "docs/spec/rotating-sequence-vectors.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["ports"], ids=lambda vector: vector["name"])
def test_the_vectors_of_the_specification(vector: dict[str, Any]) -> None:
    """What is sent is what the specification says."""
    rule = Rule(vector["steps"], RULE.period, vector["low"], vector["high"], vector["protocol"])
    hits = keyed_hits(bytes.fromhex(vector["key"]), vector["door"], vector["period"], rule)
    assert vector["expected_steps"] == [f"{hit.port}:{hit.protocol}" for hit in hits]


@pytest.mark.parametrize("vector", VECTORS["periods"])
def test_the_periods_of_the_specification(vector: dict[str, int]) -> None:
    """The present period is the one that the specification says."""
    rule = Rule(period=vector["period_seconds"])
    assert (vector["period"], 0.0) == choose_period(rule, [], vector["seconds"])


def test_the_hits_are_the_steps_of_the_period() -> None:
    """Ports and protocols are those that the specification derives, in their order."""
    rule = Rule(steps=16, protocol="mixed")
    steps = derive_ports(KEY, "ssh", 100, rule).steps
    assert tuple(Hit(str(port), port, protocol) for port, protocol in steps) == keyed_hits(
        KEY, "ssh", 100, rule
    )
    assert {Protocol.TCP, Protocol.UDP} == {protocol for _, protocol in steps}
