"""Whose packets pass at all: what all doors allow and deny, put together, and made shorter."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network

import pytest

from knockd_bpf.sources import EVERYBODY, NOBODY, Sources, narrow_sources, unite_sources
from knockd_conf.access import Access, Network, Networks, collapse_networks, make_networks


def networks(text: str) -> Networks:
    """Networks in text, divided by blanks."""
    return make_networks(map(ip_network, text.split()))


def access(allow: str = "", deny: str = "") -> Access:
    """Access by networks in text."""
    return Access(networks(allow), networks(deny))


def sources(allow: str | None = None, deny: str = "") -> Sources:
    """Sources by networks in text."""
    return Sources(None if allow is None else networks(allow), networks(deny))


@pytest.mark.parametrize(
    ("accesses", "four", "six"),
    [
        ([], EVERYBODY, EVERYBODY),
        ([None], EVERYBODY, EVERYBODY),
        ([access("10.0.0.0/8"), None], EVERYBODY, EVERYBODY),
        ([access("10.0.0.0/8")], sources("10.0.0.0/8"), NOBODY),
        ([access("10.0.0.0/8"), access("fd00::/8")], sources("10.0.0.0/8"), sources("fd00::/8")),
        ([access("10.0.0.0/9"), access("10.128.0.0/9 ::/0")], sources("10.0.0.0/8"), EVERYBODY),
        ([access("0.0.0.0/0")], EVERYBODY, NOBODY),
        ([access("", "10.0.0.0/8")], sources(None, "10.0.0.0/8"), EVERYBODY),
        ([access("", "10.0.0.0/8"), None], EVERYBODY, EVERYBODY),
        (
            [access("", "10.0.0.0/8"), access("", "10.1.0.0/16 fd00::/8")],
            sources(None, "10.1.0.0/16"),
            EVERYBODY,
        ),
        ([access("10.0.0.0/8", "10.1.0.0/16")], sources("10.0.0.0/8", "10.1.0.0/16"), NOBODY),
        ([access("10.0.0.0/8", "11.0.0.0/8")], sources("10.0.0.0/8"), NOBODY),
        ([access("10.0.0.0/8 11.1.1.1", "11.0.0.0/8")], sources("10.0.0.0/8"), NOBODY),
        ([access("10.0.0.0/8", "0.0.0.0/0")], NOBODY, NOBODY),
        ([access("", "0.0.0.0/0")], NOBODY, EVERYBODY),
        ([access("10.0.0.0/8"), access("11.0.0.0/8", "11.0.0.0/8")], sources("10.0.0.0/8"), NOBODY),
        ([access("10.0.0.0/8", "10.0.0.0/9"), access("10.0.0.0/8")], sources("10.0.0.0/8"), NOBODY),
    ],
)
def test_all_doors_together(accesses: list[Access | None], four: Sources, six: Sources) -> None:
    """Allowed is what any door allows, denied what all of them deny; one door for everybody is enough."""
    assert four == unite_sources(accesses, 4)
    assert six == unite_sources(accesses, 16)


def drawn(rng: random.Random, number: int) -> Networks:
    """Networks of IPv4 close to each other."""
    made = (
        ip_network((0xC0000000 + rng.randrange(1024), 22 + rng.randrange(11)), strict=False)
        for _ in range(number)
    )
    return collapse_networks(make_networks(made))


@pytest.mark.parametrize("seed", range(60))
def test_nobody_is_lost(seed: int) -> None:
    """Whoever may knock at a door passes; also when few networks are left, then others may pass too."""
    rng = random.Random(seed)
    accesses = [
        Access(drawn(rng, rng.randrange(30)), drawn(rng, rng.randrange(9)))
        for _ in range(rng.randrange(1, 4))
    ]
    united = unite_sources(accesses, 4)
    near = narrow_sources(united, rng.randrange(1, 9))
    for number in range(0xC0000000 - 2, 0xC0000000 + 1026):
        source = number.to_bytes(4, "big")
        if any(one.admits(source) for one in accesses):
            assert united.takes(source)
        if united.takes(source):
            assert near.takes(source)


@pytest.mark.parametrize("seed", range(60))
def test_one_door_is_met_exactly(seed: int) -> None:
    """Of one door exactly those pass who may knock at it."""
    rng = random.Random(seed)
    rule = Access(drawn(rng, rng.randrange(30)), drawn(rng, rng.randrange(9)))
    united = unite_sources([rule], 4)
    for number in range(0xC0000000 - 2, 0xC0000000 + 1026):
        source = number.to_bytes(4, "big")
        assert rule.admits(source) == united.takes(source)


def test_networks_that_are_near_are_merged() -> None:
    """What is merged first lets the fewest strangers pass; of what is denied the largest networks stay."""
    wide = sources("10.0.0.0/24 10.0.2.0/24 20.0.0.0/8 198.51.100.7", "20.1.0.0/16 20.2.2.2")
    assert sources("10.0.0.0/22 20.0.0.0/8 198.51.100.7", "20.1.0.0/16 20.2.2.2") == narrow_sources(wide, 3)
    assert sources("0.0.0.0/3 198.51.100.7", "20.1.0.0/16 20.2.2.2") == narrow_sources(wide, 2)
    assert sources(None, "20.1.0.0/16") == narrow_sources(wide, 1)
    assert wide == narrow_sources(wide, 4)


@pytest.mark.parametrize("given", [EVERYBODY, NOBODY])
def test_nothing_to_merge(given: Sources) -> None:
    """Everybody stays everybody, and nobody nobody."""
    assert given == narrow_sources(given, 1)


def test_many_networks_of_ipv6() -> None:
    """A thousand networks become as many as may be told apart, which have them all."""
    rng = random.Random(1)
    made = [
        Network(16, (1 << 128) - (1 << 80), (0x2000 << 112) + (rng.getrandbits(45) << 80))
        for _ in range(1_000)
    ]
    near = narrow_sources(Sources(collapse_networks(made)), 64)
    assert near.allow is not None
    assert len(near.allow) <= 64
    assert all(any(wide.covers(one) for wide in near.allow) for one in made)


def test_who_is_taken() -> None:
    """The first and the last address of a network pass, those beside it do not."""
    rule = sources("192.0.2.0/24")
    found = [
        rule.takes(ip_address(one).packed) for one in ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0")
    ]
    assert found == [False, True, True, False]
