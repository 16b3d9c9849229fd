"""Which entries are asked for."""

from __future__ import annotations

import pytest

from knockd.log.catalogue import EVENTS
from knockd.review.entries import Entry
from knockd.review.selection import ATTEMPTS, Kind, Selection, kind_of, parse_kinds, parse_network


def entry(event: str = "open", *, ip: str = "192.0.2.7", door: str = "ssh", time: float = 1000) -> Entry:
    """An entry of a classic line: its stamp is exact to a minute."""
    return Entry(time, event, ip, door, "", {}, 60)


def test_nothing_asked_for_is_everything() -> None:
    """An empty selection covers what names neither door nor address."""
    assert Selection().shows(entry("stopping", ip="", door=""), set())


@pytest.mark.parametrize(
    ("since", "until", "covered"),
    [(1000, None, True), (1059, None, True), (1060, None, False), (None, 1000, False), (None, 1000.5, True)],
)
def test_time(since: float | None, until: float | None, covered: bool) -> None:
    """A stamp of a minute is covered when any second of the minute is; ``until`` itself is not."""
    assert covered == Selection(since=since, until=until).covers(entry())


def test_doors() -> None:
    """A door is asked for by its exact name; an entry of the daemon is none of it."""
    asked = Selection(doors=frozenset({"ssh", "a: b"}))
    assert asked.covers(entry(door="a: b"))
    assert not asked.covers(entry(door="SSH"))
    assert not asked.covers(entry("stopping", door=""))


@pytest.mark.parametrize(
    ("text", "ip", "covered"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("192.0.2.99/24", "192.0.2.7", True),
        ("2001:db8::/32", "2001:0db8::1", True),
        ("2001:db8::/32", "192.0.2.7", False),
        ("192.0.2.0/24", "::ffff:192.0.2.7", True),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7", True),
        ("::ffff:192.0.2.7", "192.0.2.7", False),
        ("0.0.0.0/0", "", False),
        ("0.0.0.0/0", "1.2.3", False),
    ],
)
def test_addresses(text: str, ip: str, covered: bool) -> None:
    """An address is in its network, however it is written; what is no address is in none."""
    assert covered == Selection(networks=(parse_network(text),)).covers(entry(ip=ip))


def test_kinds_of_knocks() -> None:
    """Who opened at any time is an owner who failed; all others scan."""
    asked = Selection(kinds=frozenset({Kind.FAILED}))
    assert asked.shows(entry("expired"), {"192.0.2.7"})
    assert not asked.shows(entry("expired"), set())


@pytest.mark.parametrize(
    ("event", "opener", "kind"),
    [
        ("stage", True, Kind.OPEN),
        ("stage", False, Kind.SCAN),
        ("refused", False, Kind.OPEN),
        ("opened-by-hand", False, Kind.OPEN),
        ("fleet-opened", False, Kind.OPEN),
        ("fleet-silent", False, Kind.DAEMON),
        ("reload-by-hand", False, Kind.DAEMON),
        ("command-output", False, Kind.COMMAND),
        ("held-back", False, Kind.DAEMON),
    ],
)
def test_kinds(event: str, opener: bool, kind: Kind) -> None:
    """A stage belongs to what most likely came of it; all that is of no address is the daemon's."""
    assert kind is kind_of(event, opener=opener)


@pytest.mark.parametrize(
    ("kinds", "needed"),
    [
        ("failed", True),
        ("scan,daemon", True),
        ("open", True),
        ("open,failed,scan", False),
        ("command", False),
    ],
)
def test_when_openers_have_to_be_known(kinds: str, needed: bool) -> None:
    """A second reading is spared where no kind tells owners from strangers."""
    assert needed == Selection(kinds=parse_kinds(kinds)).needs_openers


def test_every_event_has_its_kind() -> None:
    """What a kind names is in the catalogue, and events about an address are none of the daemon's."""
    assert {"expired", "spoiled", "guarded"} <= ATTEMPTS
    alone = {event for event in EVENTS if kind_of(event, opener=True) is Kind.DAEMON}
    assert set() == {event for event in alone if "ip" in EVENTS[event].fields}


@pytest.mark.parametrize("text", ["", "192.0.2", "example.org", "192.0.2.0/33"])
def test_what_is_no_network(text: str) -> None:
    """The message gives an example and quotes what was typed."""
    with pytest.raises(ValueError, match=r"expected an address or a network such as .*, got '"):
        parse_network(text)


def test_what_is_no_kind() -> None:
    """The message lists the kinds and quotes the word."""
    expected = "expected some of open, failed, scan, command, daemon, with commas, got 'opened'"
    with pytest.raises(ValueError, match=f"^{expected}$"):
        parse_kinds("open,opened")
