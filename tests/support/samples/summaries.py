"""Summaries of logs for tests of what shows them: an empty one, a busy week, one that is hostile all over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from knockd.review.summary import (
    CommandFailure,
    DaemonEvent,
    DoorCount,
    End,
    Failure,
    Lines,
    Opening,
    Owner,
    Scanner,
    Stuck,
    Summary,
    Timeline,
)

START = datetime(2026, 11, 16).timestamp()
"""A Monday, midnight of this time zone."""

DAY, HOUR = 86400.0, 3600.0
NO_HOURS = ((0,) * 24,) * 7

EMPTY = Summary(
    first=None,
    last=None,
    lines=Lines(0, 0, 0, {}),
    doors=(),
    openings=(),
    owners=(),
    scanners=(),
    commands=(),
    stuck=(),
    daemon=(),
    held_back=0,
    dropped=0,
    timeline=Timeline(0.0, 0.0, (), (), ()),
    hours=NO_HOURS,
    scan_hours=NO_HOURS,
    notices=(),
    cut=(),
    attention=(),
    totals={
        "openings": 0,
        "not_opened": 0,
        "failed_of_owners": 0,
        "owners": 0,
        "scanners": 0,
        "commands": 0,
        "stuck": 0,
    },
)

PEOPLE = (
    ("ssh", "198.51.100.7", "alice.example.net", (8.1, 12.9, 18.6), 12.0),
    ("ssh", "2001:db8:12:4::9f", "", (9.4,), 10.0),
    ("vpn", "203.0.113.77", "laptop.bob.example", (7.7, 19.2), 9 * HOUR),
    ("backup", "192.0.2.40", "nas.example.net", (2.0,), 40 * 60.0),
)
"""Door, address, host, hours of the day at which it comes, seconds that it stays open."""


def _openings() -> tuple[Opening, ...]:
    made = []
    for door, ip, host, hours, stays in PEOPLE:
        for day in range(7):
            if door != "backup" and day > 4 and ip != "198.51.100.7":
                continue
            for at, hour in enumerate(hours):
                time = START + day * DAY + (hour + (day * 7 + at * 3) % 5 / 9) * HOUR
                stay = min(stays, 4 * HOUR) if at else stays
                made.append(Opening(time, door, ip, host, End.TIMEOUT, time + stay, "", 0.001))
    odd = START + 3 * DAY + 22 * HOUR
    made += [
        Opening(
            odd + 1.6 * HOUR,
            "vpn",
            "203.0.113.77",
            "",
            End.NOT_CLOSED,
            None,
            "the command ended with status 4",
            0.001,
        ),
        Opening(
            odd - DAY, "ssh", "198.51.100.7", "", End.NOT_OPENED, None, "the command ended with status 1", 1
        ),
        Opening(odd - 3 * DAY, "wake nas", "198.51.100.7", "alice.example.net", End.UNKNOWN, None, "", 60),
        Opening(odd + DAY, "open: web", "198.51.100.23", "", End.DOOR, odd + DAY + 50 * 60, "close: web", 60),
        Opening(odd + 2 * DAY, "open: web", "198.51.100.23", "", End.DAEMON, odd + 2 * DAY, "", 60),
    ]
    return tuple(sorted(made, key=lambda one: one.time, reverse=True))


def _failure(day: float, door: str, ip: str, stage: int, why: str) -> Failure:
    return Failure(START + day * DAY, door, ip, "", "spoiled", stage, why, 0.001)


OWNERS = (
    Owner(
        "198.51.100.7",
        "alice.example.net",
        23,
        4,
        (
            _failure(0.35, "ssh", "198.51.100.7", 2, "the third knock did not come within 15 seconds"),
            _failure(2.36, "ssh", "198.51.100.7", 1, "a knock for a later step came after step 1"),
            _failure(2.361, "ssh", "198.51.100.7", 1, "a knock for a later step came after step 1"),
        ),
    ),
    Owner("203.0.113.77", "", 11, 1, (_failure(4.8, "vpn", "203.0.113.77", 0, "touched a guard port"),)),
)


def _scanner(source: str, addresses: int, attempts: int, guards: int, day: float) -> Scanner:
    doors = ("ssh", "vpn", "backup", "open: web")[: 1 + attempts % 4]
    first = START + day * DAY
    return Scanner(source, addresses, attempts, guards, doors, first, first + (attempts % 7) * HOUR)


SCANNERS = tuple(
    _scanner(*row)
    for row in (
        ("203.0.113.0/24", 61, 742, 305, 1.2),
        ("192.0.2.200", 1, 310, 12, 3.4),
        ("2001:db8:bad::/48", 19, 96, 240, 5.1),
        ("198.51.100.99", 1, 88, 0, 0.2),
        ("192.0.2.17", 1, 41, 3, 2.2),
        ("203.0.113.5", 1, 17, 9, 2.9),
        ("192.0.2.61", 1, 6, 2, 4.4),
        ("192.0.2.62", 1, 1, 0, 6.3),
    )
)


def _timeline() -> Timeline:
    parts, width = 84, 2 * HOUR
    openings, attempts = [0] * parts, [0] * parts
    for one in _openings():
        openings[int((one.time - START) // width)] += one.end is not End.NOT_OPENED
    for owner in OWNERS:
        for failure in owner.failures:
            attempts[int((failure.time - START) // width)] += 1
    scans = tuple((at * 37 % 11) * (9 if 14 < at < 19 else 1) if at % 5 else 0 for at in range(parts))
    return Timeline(START, width, tuple(openings), tuple(attempts), scans)


def _hours(openings: tuple[Opening, ...]) -> tuple[tuple[int, ...], ...]:
    hours = [[0] * 24 for _ in range(7)]
    for one in openings:
        local = datetime.fromtimestamp(one.time)
        hours[local.weekday()][local.hour] += 1
    return tuple(tuple(row) for row in hours)


WEEK = Summary(
    first=START + 31,
    last=START + 7 * DAY - 240,
    lines=Lines(18_204, 2, 3, {"json": 17_020, "classic": 1_179}),
    doors=(
        DoorCount("ssh", 27, 2, 803, 412, START + 6.8 * DAY),
        DoorCount("vpn", 11, 1, 377, 101, START + 4.8 * DAY),
        DoorCount("backup", 7, 1, 90, 58, START + 6.1 * DAY),
        DoorCount("open: web", 2, 1, 31, 0, START + 5.9 * DAY),
        DoorCount("close: web", 0, 0, 0, 0, None),
    ),
    openings=_openings(),
    owners=OWNERS,
    scanners=SCANNERS,
    commands=(
        CommandFailure(
            "vpn",
            "203.0.113.77",
            "nft delete element inet filter vpn { 203.0.113.77 }",
            "ended with status 1",
            "Error: Could not process rule: No such file or directory",
            3,
            START + 3.92 * DAY,
        ),
        CommandFailure("ssh", "198.51.100.7", "", "killed after 30 seconds", "", 1, START + 2.91 * DAY),
    ),
    stuck=(Stuck(START + 3.93 * DAY, "vpn", "203.0.113.77", "the stop command failed 3 times"),),
    daemon=(
        DaemonEvent(START + 31, "starting", "starting up, listening on eth0", restart=False),
        DaemonEvent(START + 2.5 * DAY, "reading", "re-reading config file: /etc/knockd.conf", restart=False),
        DaemonEvent(
            START + 5.5 * DAY,
            "worker-lost",
            "packet process ended with status 9; starting another",
            restart=True,
        ),
    ),
    held_back=412,
    dropped=0,
    timeline=_timeline(),
    hours=_hours(_openings()),
    scan_hours=tuple(tuple((day * 5 + hour * 7) % 13 * (hour < 9) for hour in range(24)) for day in range(7)),
    notices=("/var/log/knockd.log: the clock was set back by 2 s at line 1204",),
    cut=("2 scanners that sent least are not listed",),
    attention=(
        "vpn could not be closed for 203.0.113.77 (Thu 19 Nov 22:19)",
        "the packet process restarted by itself (Sat 21 Nov 12:00)",
        "198.51.100.23 opened open: web, and had never been seen before",
    ),
    totals={
        "openings": 47,
        "not_opened": 1,
        "failed_of_owners": 5,
        "owners": 2,
        "scanners": 88,
        "commands": 4,
        "stuck": 1,
    },
)

ONE = replace(
    EMPTY,
    first=START,
    last=START,
    lines=Lines(1, 0, 0, {"classic": 1}),
    openings=(Opening(START, "ssh", "192.0.2.1", "", End.UNKNOWN, None, "", 60),),
    timeline=Timeline(START, 60, (1,), (0,), (0,)),
    totals={**EMPTY.totals, "openings": 1},
)
"""A log of one line."""


def crowded() -> Summary:
    """Two years with names as long as they get, numbers of seven digits and as many rows as there can be."""
    name, days = "door-" * 12, 730
    ips = tuple(f"2001:db8:1234:5678:9abc:def0:1234:{at:x}" for at in range(0x1000, 0x1000 + 40))
    host = "a-very-long-label-of-a-host." * 8 + "example"
    timeline = Timeline(START, 4 * DAY, *[tuple(at * 7919 % 10_007 for at in range(days // 4))] * 3)
    return replace(
        WEEK,
        last=START + days * DAY,
        doors=tuple(DoorCount(f"{name}{at}", 1_234_567, 40, 7_654_321, 99, None) for at in range(50)),
        openings=tuple(
            Opening(START + at * 43 * HOUR, f"{name}{at % 50}", ips[at % 40], host, End.TIMEOUT, None, "", 1)
            for at in range(400)
        ),
        scanners=tuple(
            Scanner(f"{ip}/128", 1, 10_000_000 - at, at, (name,) * 8, START, START)
            for at, ip in enumerate(ips)
        ),
        timeline=timeline,
        hours=((123_456,) * 24,) * 7,
        totals={**WEEK.totals, "openings": 1_234_567, "scanners": 1_234_567},
    )


HOSTILE = (
    "<script>alert(1)</script>\"'><img src=//192.0.2.1/x onerror=a()>{{ 7 * 7 }}\x1b[31m\u202etxt\n</style>"
)
"""Markup, an attribute's end, a template, an escape of terminals, a bidi override, a line's end."""


def hostile(text: str = HOSTILE) -> Summary:
    """A summary of which every text is ``text``."""
    return replace(
        WEEK,
        lines=Lines(1, 0, 0, {text: 1}),
        doors=(DoorCount(text, 1, 1, 1, 1, START),),
        openings=tuple(replace(one, door=text, ip=text, host=text, closer=text) for one in WEEK.openings[:9]),
        owners=(Owner(text, text, 1, 1, (Failure(START, text, text, text, text, 1, text, 1),)),),
        scanners=(Scanner(text, 3, 1, 1, (text, text), START, START),),
        commands=(CommandFailure(text, text, text, text, text, 1, START),),
        stuck=(Stuck(START, text, text, text),),
        daemon=(DaemonEvent(START, text, text, restart=True),),
        notices=(text,),
        cut=(text,),
        attention=(text,),
    )
