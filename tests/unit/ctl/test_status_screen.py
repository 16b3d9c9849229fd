"""The status as lines for a terminal."""

from __future__ import annotations

import re
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from knockd.ctl.reply import read_lease, read_status
from knockd.ctl.status_screen import format_status, show_left
from knockd.ctl.targets import Target
from knockd.review.cells import width_of
from knockd.review.clock import Clock
from tests.support.samples.fleets import store
from tests.support.samples.statuses import (
    BUSY,
    NOW,
    UNWELL,
    attempt,
    door,
    interface,
    lease,
    sharing,
    signing,
    status,
)

HOSTILE = "\x1b[2J\x07\x9b31m\u202e\u2066\u2028\r\x7f"
LONG6 = "2001:db8:1234:5678:9abc:def0:1234:5678"
DOCS = Path(__file__).resolve().parents[3] / "docs"


def lines(reply: dict[str, Any], columns: int = 80, **options: Any) -> list[str]:
    """The screen of an answer."""
    return format_status(read_status(reply), NOW, columns, clock=Clock(UTC), **options)


def test_a_usual_day() -> None:
    """All of it is on one screen of 24 lines, with room for the prompt."""
    assert [
        "knockd 1.0.0 on eth0, ppp0: up since Nov 26 20:53 (3 d 4 h)",
        "All is well.",
        "",
        "Who is in: 3",
        "  DOOR    ADDRESS                 SINCE     LEFT         HOW",
        "  ssh     203.0.113.7             00:53:17  7 s          knock at 192.0.2.1 on …",
        "  ssh     2001:db8:aa00:17::c0de  15:53:20  2 h, in use  knock at 2001:db8::1 o…",
        "  backup  198.51.100.20           00:32:40  9 min        by hand, root",
        "",
        "4 doors: ssh 2 in, backup 1 in; without a stop command: wake-nas",
        "",
        "Listening",
        "  INTERFACE  LINK        PACKETS  DROPPED  FILTER     ADDRESSES",
        "  eth0       Ethernet    128,734        0  21 of 134  192.0.2.1 2001:db8::1",
        "  ppp0       PPP       5,112,904       12  21 of 131  198.51.100.1",
        "",
        "Knocks under way: 1",
        "  ADDRESS       DOOR  STEPS   LEFT",
        "  203.0.113.99  web   2 of 3  4 s",
        "",
        "Processes: daemon 812, packet process 815 (0 restarts)",
        "Configuration: /etc/knockd.conf, read 3 d ago",
        "Journal: /var/lib/knockd/leases",
    ] == lines(BUSY)


def test_what_is_not_well_comes_first() -> None:
    """A heading with their number, then a sentence each, and what to do."""
    assert [
        "3 things are not well:",
        "  Waiting for wg0: not there, or not up.",
        "    -> ip link; the names are those of Interface in /etc/knockd.conf",
        "  The configuration is bad, and the one before it is in use: /etc/knockd.conf:7:",
        "  expected a port from 0 to 65535, got '70000'",
        "    -> mend it, then: knockctl reload",
        "  web could not be closed for 203.0.113.80: its stop command failed 5 times.",
        "    -> close it by hand, then: knockctl forget 2c26b46b68ffc68f",
        "",
        "Who is in: 4",
    ] == lines(UNWELL)[1:11]


def test_nobody() -> None:
    """What there is none of takes a line."""
    found = lines(status())
    assert "Nobody is in." in found
    assert "Door ssh: 0 in" in found
    assert "No knock is under way." in found


def test_up_since() -> None:
    """The start is named to the minute, for answers differ by the time that they are under way."""
    first = lines(status(seconds_up=5.0))[0]
    assert re.search(r": up since \d\d:\d\d \(5 s\)$", first)


def test_what_was_asked_for() -> None:
    """The lines say of which door or address they are."""
    assert "Nobody is in at ssh." in lines(status(), target=Target("ssh"))
    assert "No knock is under way from ::1." in lines(status(), target=Target(None, "::1"))
    assert "Who is in at ssh from ::1: 3" in lines(BUSY, target=Target("ssh", "::1"))


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({}, "7 s"),
        ({"seconds_left": None}, "no limit"),
        ({"state": "starting"}, "opening"),
        ({"state": "renewing"}, "opening"),
        ({"state": "stopping"}, "closing"),
        ({"state": "leftover"}, "closing"),
        ({"state": "retrying"}, "retry in 7 s"),
        ({"state": "failed"}, "stuck"),
        ({"unopened": True}, "not opened"),
        ({"in_use": True}, "7 s, in use"),
        ({"in_use": True, "seconds_left": None}, "in use"),
    ],
)
def test_what_is_left(fields: dict[str, Any], left: str) -> None:
    """The seconds that are left, or what is happening."""
    reply = lease("ssh", "203.0.113.7", **fields)
    assert left == show_left(read_lease(reply))
    assert any(f"  {left}  " in line for line in lines(status(leases=[reply], leases_total=1)))


def test_more_than_are_listed() -> None:
    """The daemon lists so many, and counts all."""
    reply = {**BUSY, "leases_total": 1_500, "attempts_total": 30}
    assert "Who is in: 1,500 (3 are shown)" in lines(reply)
    assert "Knocks under way: 30 (1 are shown)" in lines(reply)


def test_what_is_not_known() -> None:
    """Numbers that nobody has said are question marks, an opening of an unknown time was earlier."""
    eth0 = interface("eth0", link_type=None, received=None, dropped=None, instructions=None)
    reply = status(
        interfaces=[eth0],
        attempts_total=None,
        leases=[lease("ssh", "::1", seconds_open=None)],
        leases_total=1,
    )
    found = lines(reply)
    assert "Nobody knows how many knocks are under way." in found
    assert "  eth0       ?           ?        ?  21 of ?" in found
    assert any("  earlier  7 s  " in line for line in found)
    attempts = [attempt("203.0.113.9", "ssh", 1)]
    assert "Knocks under way: 1" in lines(status(attempts=attempts, attempts_total=None))


def test_doors() -> None:
    """Of many doors those are named in which somebody is, and those that are odd, six at most."""
    doors = [door(f"d{number}", number, closes=number > 0) for number in range(9)]
    doors.append(door("spare", disabled=True))
    found = " ".join(lines(status(doors=doors, doors_total=10)))
    assert (
        "10 doors: d1 1 in, d2 2 in, d3 3 in, d4 4 in, d5 5 in, d6 6 in and 2 more;"
        "   without a stop command: d0; without a sequence: spare" in found
    )
    one = status(doors=[door("ssh", 2, close_when_idle=60.0)])
    assert "Door ssh: 2 in, closes 60 s after the last connection" in lines(one)
    one = status(doors=[door("ssh", closes=False)])
    assert "Door ssh: no stop command: nobody knows who is in" in lines(one)


def test_keys() -> None:
    """Doors with keys have a line each: whose keys, and when the next sequence begins. Some are counted."""
    rotation = {"keys": ["anne", "bob"], "keys_total": 2, "period": 30.0, "seconds_left": 17.2}
    found = lines(status(doors=[door("ssh", rotation=rotation)]))
    assert "Keys of ssh: anne, bob, another sequence every 30 s, the next in 17 s" in found
    many = {"keys": [f"k{n}" for n in range(8)], "keys_total": 32, "period": 600.0, "seconds_left": None}
    waits = [
        door(f"d{n}", rotation=many, disabled=True, waiting="the clock is not synchronised") for n in range(7)
    ]
    found = lines(status(doors=waits, doors_total=7))
    assert "7 doors: nobody in; waiting: d0, d1, d2, d3, d4, d5 and 1 more" in found
    assert "Keys of d5: k0, k1, k2, k3, k4, k5 and 26 more, another sequence every 10 min" in found
    assert "Keys: 1 more: knockctl status DOOR" in found
    nobody = {**many, "keys": [], "keys_total": 0}
    assert "Keys of ssh: none, another sequence every 10 min" in lines(
        status(doors=[door("ssh", rotation=nobody)])
    )
    waits = [door("ssh", rotation=nobody, disabled=True, waiting="the clock is not synchronised")]
    assert "Keys of ssh: none while it waits, another sequence every 10 min" in lines(status(doors=waits))


def test_signed() -> None:
    """Doors of one port and as many keys share a line; those that wait are named."""
    doors = [door(name, signed=signing(port=port)) for name, port in (("a", 1), ("b", 1), ("c", 2))]
    doors.append(door("d", signed=signing("no secret", port=2, keys=1)))
    found = lines(status(doors=doors, doors_total=4))
    assert "4 doors: nobody in; waiting: d" in found
    assert [line for line in found if line.startswith("Signed")] == [
        "Signed knocks: a, b; UDP port 1, 2 keys",
        "Signed knocks: c; UDP port 2, 2 keys",
        "Signed knocks: d; UDP port 2, 1 key",
    ]
    many = [door(f"d{n}", signed=signing(port=n)) for n in range(1, 9)]
    assert "Signed knocks: 2 more: knockctl status DOOR" in lines(status(doors=many, doors_total=8))
    assert "Signed knocks: a; UDP port 1, 2 keys" in lines(status(doors=doors[:1]))


def test_fleet() -> None:
    """How many other gateways there are, which doors they share, and which need the store."""
    doors = [
        door("a", fleet=sharing()),
        door("b", fleet=sharing("no store", shared=False, required=True)),
        door("c", fleet=sharing(shared=False)),
    ]
    found = lines(status(fleet=store(gateways=2), doors=doors, doors_total=3))
    assert "3 doors: nobody in; waiting: b" in found
    assert "Fleet: 2 other gateways; shared: a; only with the store: b" in found
    assert "Fleet: 1 other gateway; shared: a" in lines(status(fleet=store(), doors=doors[:1]))


def test_notes() -> None:
    """The first notes are shown, and the others counted."""
    found = lines(status(notes=["a", "b", "c", "d", "e"]))
    assert ["Note: a", "Note: b", "Note: c", "Note: 2 more: knockd -t"] == found[-4:]
    assert "All is well, but see 5 notes below." == found[1]


@pytest.mark.parametrize("columns", [40, 60, 80, 132])
@pytest.mark.parametrize("name", ["ssh", "the door to the backup of the second site", "门" * 40, HOSTILE])
def test_widths(columns: int, name: str) -> None:
    """No name makes a line too wide, or cuts an address where there is room for it."""
    reply = status(
        doors=[door(name, 2)],
        leases=[lease(name, LONG6, destination=LONG6, state="failed"), lease(name, "1.1.1.1", by=name)],
        leases_total=2,
        attempts=[attempt(LONG6, name, 31, 32)],
        attempts_total=1,
        interfaces=[interface("enp0s31f6np0", *[LONG6] * 9)],
        waiting=[name],
        notes=[name],
        config=name,
    )
    found = lines(reply, columns)
    assert max(map(width_of, found)) <= columns
    assert all(line.isprintable() for line in found)
    if columns >= 80:
        assert sum(LONG6 in line for line in found) >= 3


def test_colour() -> None:
    """Headings are bold and what is not well is red; without colour there is no escape."""
    found = lines(UNWELL, colour=True)
    assert "\x1b[1m\x1b[31m3 things are not well:\x1b[0m" in found
    assert "\x1b[1mWho is in: 4\x1b[0m" in found
    assert any(line.startswith("  \x1b[31mweb ") for line in found)
    plain = [line.replace("\x1b[1m", "").replace("\x1b[31m", "").replace("\x1b[0m", "") for line in found]
    assert lines(UNWELL) == plain
    assert not any("\x1b" in line for line in lines(UNWELL))


def test_ascii() -> None:
    """A terminal without Unicode gets none."""
    assert all(line.isascii() for line in lines(BUSY, unicode=False))
