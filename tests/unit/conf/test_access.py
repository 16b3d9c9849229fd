"""Who may knock."""

from __future__ import annotations

import pickle
import random
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network

import pytest

from knockd_conf.access import (
    Access,
    Network,
    Networks,
    collapse_networks,
    find_spans,
    make_networks,
    settle_access,
    subtract_spans,
)

LAST4, LAST6 = 2**32 - 1, 2**128 - 1


def networks(text: str) -> Networks:
    """Networks in text, divided by blanks."""
    return make_networks(map(ip_network, text.split()))


def access(allow: str = "", deny: str = "") -> Access:
    """Access by networks in text."""
    return Access(networks(allow), networks(deny))


@pytest.mark.parametrize(
    ("rule", "address", "expected"),
    [
        (access(), "192.0.2.1", True),
        (access(), "2001:db8::1", True),
        (access("192.0.2.0/24"), "192.0.2.0", True),
        (access("192.0.2.0/24"), "192.0.2.255", True),
        (access("192.0.2.0/24"), "192.0.1.255", False),
        (access("192.0.2.0/24"), "192.0.3.0", False),
        (access("192.0.2.0/24"), "::c000:201", False),
        (access("192.0.2.0/24 2001:db8::/32"), "2001:db8:1::1", True),
        (access("0.0.0.0/0"), "255.255.255.255", True),
        (access("0.0.0.0/0"), "::1", False),
        (access("::/0"), "ffff::", True),
        (access("", "192.0.2.0/24"), "192.0.2.1", False),
        (access("", "192.0.2.0/24"), "2001:db8::1", True),
        (access("192.0.2.0/24", "192.0.2.7"), "192.0.2.7", False),
        (access("192.0.2.0/24", "192.0.2.7"), "192.0.2.8", True),
        (access("192.0.2.7", "192.0.2.0/24"), "192.0.2.7", False),
        (access("", "0.0.0.0/0"), "0.0.0.0", False),
    ],
)
def test_who_is_admitted(rule: Access, address: str, expected: bool) -> None:
    """Networks of the address's own version count, and Deny wins."""
    assert expected is rule.admits(ip_address(address).packed)


def drawn(rng: random.Random, number: int) -> list[IPv4Network | IPv6Network]:
    """Networks close to each other, of both versions."""
    chosen: list[IPv4Network | IPv6Network] = []
    for _ in range(number):
        if rng.random() < 0.6:
            chosen.append(ip_network((0xC0000000 + rng.randrange(256), 24 + rng.randrange(9)), strict=False))
        else:
            chosen.append(
                ip_network((0x20010DB8 << 96 | rng.randrange(256), 120 + rng.randrange(9)), strict=False)
            )
    return chosen


@pytest.mark.parametrize("seed", range(40))
def test_all_networks_are_judged_as_one_by_one(seed: int) -> None:
    """Whoever is in a network of Allow and in none of Deny is admitted, whatever the networks."""
    rng = random.Random(seed)
    allow, deny = drawn(rng, rng.randrange(1, 8)), drawn(rng, rng.randrange(8))
    rule = Access(make_networks(allow), make_networks(deny))
    for at in range(-2, 258):
        for address in (ip_address(0xC0000000 + at), ip_address((0x20010DB8 << 96) + at)):
            expected = any(address in one for one in allow) and not any(address in one for one in deny)
            assert expected == rule.admits(address.packed)


@pytest.mark.parametrize("seed", range(40))
def test_the_fewest_networks(seed: int) -> None:
    """Networks become those that Python's own module makes of them."""
    chosen = drawn(random.Random(seed), 12)
    fours = [one for one in chosen if isinstance(one, IPv4Network)]
    sixes = [one for one in chosen if isinstance(one, IPv6Network)]
    expected = (*make_networks(collapse_addresses(fours)), *make_networks(collapse_addresses(sixes)))
    assert expected == collapse_networks(make_networks(chosen))


def test_networks_beside_each_other_are_halves_only_where_they_begin_so() -> None:
    """192.0.2.1 and 192.0.2.2 touch, and are no halves of one network."""
    assert networks("192.0.2.1 192.0.2.2") == collapse_networks(networks("192.0.2.2 192.0.2.1"))
    assert networks("192.0.2.2/31") == collapse_networks(networks("192.0.2.2 192.0.2.3"))
    assert networks("0.0.0.0/0 ::/0") == collapse_networks(networks("128.0.0.0/1 0.0.0.0/1 ::/1 8000::/1"))


@pytest.mark.parametrize(
    ("own", "deny", "allow", "deny_all", "expected"),
    [
        (None, "", "", "", None),
        (None, "", "192.0.2.0/24", "", access("192.0.2.0/24")),
        ("198.51.100.0/24", "", "192.0.2.0/24", "", access("198.51.100.0/24")),
        ("", "", "192.0.2.0/24", "", None),
        ("", "", "", "192.0.2.0/24", access("", "192.0.2.0/24")),
        (None, "192.0.2.1", "", "192.0.3.0/24", access("", "192.0.2.1 192.0.3.0/24")),
        (None, "192.0.2.0/24", "", "192.0.3.0/24", access("", "192.0.2.0/23")),
        ("192.0.2.1", "", "", "192.0.2.1", access("192.0.2.1", "192.0.2.1")),
    ],
)
def test_the_door_and_the_options(
    own: str | None, deny: str, allow: str, deny_all: str, expected: Access | None
) -> None:
    """A door's Allow takes the place of that of [options], its Deny is added to that; nothing: None."""
    found = settle_access(
        None if own is None else networks(own), networks(deny), networks(allow), networks(deny_all)
    )
    assert expected == found


@pytest.mark.parametrize(
    ("spans", "less", "expected"),
    [
        (((0, 9),), (), ((0, 9),)),
        (((0, 9),), ((0, 9),), ()),
        (((0, 9),), ((3, 4),), ((0, 2), (5, 9))),
        (((0, 9),), ((0, 0), (9, 9)), ((1, 8),)),
        (((0, 3), (6, 9)), ((2, 7),), ((0, 1), (8, 9))),
        (((0, 1), (5, 6), (8, 9)), ((3, 8),), ((0, 1), (9, 9))),
        ((), ((3, 8),), ()),
    ],
)
def test_less(
    spans: tuple[tuple[int, int], ...],
    less: tuple[tuple[int, int], ...],
    expected: tuple[tuple[int, int], ...],
) -> None:
    """What is taken out leaves the rest on both sides."""
    assert expected == subtract_spans(spans, less)


def test_spans_are_of_one_version() -> None:
    """Networks that overlap or touch make one span; those of the other version make none."""
    found = find_spans(networks("0.0.0.0/8 1.0.0.0/8 0.1.0.0/16 255.0.0.0/8 ::/0"), 4)
    assert ((0, 0x01FFFFFF), (0xFF000000, LAST4)) == found
    assert ((0, LAST6),) == access().spans(16)


@pytest.mark.parametrize("text", ["192.0.2.0/24", "192.0.2.1", "0.0.0.0/0", "2001:db8::/32", "::1", "::/0"])
def test_a_network_is_shown_as_people_write_it(text: str) -> None:
    """An address stands for itself, a network for address and prefix."""
    [made] = networks(text)
    assert text == str(made)


def test_covers() -> None:
    """A network covers itself and what lies in it, of its own version."""
    [wide, narrow, beside, six] = networks("192.0.2.0/24 192.0.2.128/25 192.0.3.0/24 ::/0")
    assert wide.covers(wide)
    assert wide.covers(narrow)
    assert not narrow.covers(wide)
    assert not wide.covers(beside)
    assert not six.covers(wide)
    assert Network(4, 0, 0).last == LAST4


def test_access_travels() -> None:
    """The child that reads the configuration hands it to the daemon, where it judges alike."""
    there = pickle.loads(pickle.dumps(access("192.0.2.0/24", "192.0.2.7")))
    assert access("192.0.2.0/24", "192.0.2.7") == there
    assert there.admits(ip_address("192.0.2.8").packed)
    assert not there.admits(ip_address("192.0.2.7").packed)
