"""Allow and Deny that keep out more than is meant."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from knockd.checks.access_notes import find_access_notes, find_shut_doors
from knockd.checks.keys import Days
from knockd_conf.access import Access, make_networks
from knockd_conf.errors import Place
from knockd_conf.model import Config, Options
from tests.support.doubles.played import door

FOUR, SIX = (ip_address("192.0.2.1"),), (ip_address("2001:db8::1"),)
BOTH = FOUR + SIX
DAYS = Days("2026-12-18", "2027-01-01")
PATH = "/etc/knockd.conf"


def access(allow: str = "", deny: str = "") -> Access:
    """Access by networks in text."""
    return Access(*(make_networks(map(ip_network, text.split())) for text in (allow, deny)))


def notes(rule: Access, *, ipv6: bool = True, versions: bool = True, **values: Any) -> list[str]:
    """What is said of a door with this access, whose Allow and Deny are its own."""
    places = (("allow", Place(PATH, 3, "Allow")), ("deny", Place(PATH, 4, "Deny")))
    made = door("1", **{"start_command": "open", "access": rule, "places": places, **values})
    config = Config(PATH, Options(), (made,), "host", (PATH,))
    found = [*find_shut_doors(config, lambda _: ipv6, DAYS.today)]
    found += find_access_notes(config, lambda _: ipv6, DAYS, versions=versions)
    return [str(note).removeprefix(f"{PATH}:") for note in found]


NO_SIX = "3: Allow: it has no IPv6 address: no IPv6 knocker can open the door (with ::/0 everyone could)"
NO_FOUR = (
    "3: Allow: it has no IPv4 address: no IPv4 knocker can open the door (with 0.0.0.0/0 everyone could)"
)
NOBODY = "nobody can open the door:"


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        (access("10.0.0.0/8 fd00::/8"), {}, []),
        (access("", "10.0.0.0/8"), {}, []),
        (access("10.0.0.0/8"), {}, [NO_SIX]),
        (access("fd00::/8"), {}, [NO_FOUR]),
        (access("10.0.0.0/8"), {"ipv6": False}, []),
        (access("10.0.0.0/8"), {"versions": False}, []),
        (access("10.0.0.0/8"), {"target": FOUR}, []),
        (access("10.0.0.0/8"), {"start_command_6": ""}, []),
        (access("fd00::/8"), {"start_command": None, "start_command_6": "open"}, []),
        (access("10.0.0.0/8"), {"start_command": None}, [NO_SIX]),
        (access("10.0.0.0/8 fd00::/8", "::/0"), {}, []),
        (access("", "::/0"), {}, []),
    ],
)
def test_a_version_that_is_kept_out(rule: Access, values: dict[str, Any], expected: list[str]) -> None:
    """An Allow without an address of a version that the door serves is said; a Deny of it is meant."""
    assert expected == notes(rule, **values)


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        (access("10.1.0.0/16", "10.0.0.0/8"), {}, f"3: Allow: {NOBODY} Deny has every address of Allow"),
        (access("", "0.0.0.0/0 ::/0"), {}, f"4: Deny: {NOBODY} Deny has every address"),
        (access("224.0.0.0/8"), {}, f"3: Allow: {NOBODY} no packet comes from an address of Allow"),
        (access("::ffff:0:0/100"), {}, f"3: Allow: {NOBODY} no packet comes from an address of Allow"),
        (
            access("10.0.0.0/8"),
            {"target": SIX},
            f"3: Allow: {NOBODY} it is for IPv6 knockers alone, and Allow is for IPv4",
        ),
        (
            access("fd00::/8"),
            {"ipv6": False, "versions": False},
            f"3: Allow: {NOBODY} it is for IPv4 knockers alone, and Allow is for IPv6",
        ),
        (
            access("fd00::/8"),
            {"start_command_6": ""},
            f"3: Allow: {NOBODY} it is for IPv4 knockers alone, and Allow is for IPv6",
        ),
    ],
)
def test_a_door_for_nobody(rule: Access, values: dict[str, Any], expected: str) -> None:
    """A door that nobody can open is said at every start, with the reason."""
    assert [expected] == notes(rule, **values)


def test_the_place_is_where_it_is_written() -> None:
    """What [options] say is noted there, once a door; what a door says at the door."""
    rule = access("10.0.0.0/8")
    places = (("allow", Place(PATH, 2, "Allow")),)
    doors = door("1", access=rule, start_command="open"), door("2", name="b", start_command="open")
    config = Config(PATH, Options(), doors, "host", (PATH,), places=places)
    [note] = find_access_notes(config, lambda _: True, DAYS)
    assert (2, "Allow") == (note.line, note.key)


def test_both_targets() -> None:
    """A door for targets of both versions serves both."""
    assert [NO_SIX] == notes(access("10.0.0.0/8"), target=BOTH)


@pytest.mark.parametrize(
    ("expires", "expected"),
    [
        ("", []),
        ("2026-12-17", ["nobody can open the door: its last day was 2026-12-17"]),
        ("2026-12-18", ["the door opens until 2026-12-18 only"]),
        ("2026-12-31", ["the door opens until 2026-12-31 only"]),
        ("2027-01-01", []),
    ],
)
def test_the_last_day(expires: str, expected: list[str]) -> None:
    """What has expired is said, and what will within 14 days; the last day itself belongs to the door."""
    made = door("1", start_command="open", expires=expires)
    config = Config(PATH, Options(), (made,), "host", (PATH,))
    found = [*find_shut_doors(config, lambda _: True, DAYS.today)]
    found += find_access_notes(config, lambda _: True, DAYS, versions=False)
    assert expected == [note.message for note in found]
