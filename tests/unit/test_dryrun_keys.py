"""What --dry-run says of doors whose ports are made of keys."""

from __future__ import annotations

import json

from knockd.dryrun import (
    LiveSequence,
    Secrets,
    build_filters,
    find_keyed,
    format_json,
    format_text,
    list_live,
)
from knockd.knocks.guards import Guards
from knockd.knocks.watch import watches_of
from knockd.sequences.rotating_watches import KeySequences
from knockd_conf.model import Config, Options
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Port, Ports
from tests.support.doubles.played import door, steps

DOORS = (door("7000 8000", "fixed"), door("", "home\x1b", sequence_key="/etc/home.key"))
CONFIG = Config("/etc/knockd.conf", Options(), DOORS, "host", ("/etc/knockd.conf",))
GUARDS = (Guards(steps("6999")), Guards())
NOW = 3_000.5
"""Half a second into period 100 of 30 seconds."""


def keyed(burnt: int | None = None) -> KeySequences:
    """A key whose period n has the step 20000 + n, by UDP."""
    ports = {at: Ports((Port(20_000 + at, Protocol.UDP),), ()) for at in range(97, 104)}
    return KeySequences(1, "ann", 30, 100, ports, burnt)


def test_live() -> None:
    """Three sequences open, each for some seconds more: until the period behind its own is over."""
    found = list_live(CONFIG, [keyed()], NOW)
    assert [(one.door, one.key, one.steps[0].port, one.seconds) for one in found] == [
        ("home\x1b", "ann", 20_099, 30),
        ("home\x1b", "ann", 20_100, 60),
        ("home\x1b", "ann", 20_101, 90),
    ]


def test_used() -> None:
    """What has been used opens nothing."""
    assert [one.steps[0].port for one in list_live(CONFIG, [keyed(100)], NOW)] == [20_101]


def lines(live: list[LiveSequence] | None) -> list[str]:
    """The last lines of the text, behind the filters."""
    secrets = None if live is None else Secrets(live)
    text = format_text(build_filters(watches_of(DOORS), ["nowhere0"], ipv6=True), CONFIG, GUARDS, secrets)
    return text[text.index("guards of fixed") :].splitlines()


def test_text() -> None:
    """Live ports are shown by door and key; guards of a door with a key are none that stay."""
    assert lines(list_live(CONFIG, [keyed()], NOW)) == [
        "guards of fixed: 6999:tcp",
        "",
        r"door home\x1b opens with key ann by:",
        "  20099:udp  for 30 s more",
        "  20100:udp  for 60 s more",
        "  20101:udp  for 90 s more",
    ]


def test_text_without_secrets() -> None:
    """Without them a line says what is missing, and without such a door none does."""
    missing = r"without the ports of home\x1b, which are made of keys: --show-secrets shows those of now"
    assert lines(None) == ["guards of fixed: 6999:tcp", "", missing]
    assert find_keyed(CONFIG) == [r"home\x1b"]


def test_json() -> None:
    """Programs get the same as objects."""
    found = json.loads(format_json([], CONFIG, Secrets(list_live(CONFIG, [keyed(100)], NOW))))
    assert found == {
        "left_out": [],
        "live": [{"door": r"home\x1b", "key": "ann", "steps": ["20101:udp"], "seconds": 90}],
        "tags": [],
        "interfaces": [],
    }
    assert json.loads(format_json([], CONFIG)) == {
        "left_out": [r"home\x1b"],
        "live": None,
        "tags": None,
        "interfaces": [],
    }
