"""Which ports become guards, and what whole scans do to a door that has them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from itertools import chain

import pytest

from knockd.engine.events import Opened
from knockd.engine.guards import Guards, guards_of, opened_by_scan
from knockd.engine.limits import TokenBucket
from knockd.engine.matcher import Matcher
from knockd_bpf.wire import FLAG_BITS, UDP, Packet
from knockd_conf.fields import guard_ports
from knockd_conf.model import Door, FlagRule, GuardPorts, Step
from tests.support.played import ALICE, LOCAL, OURS, SYN, door, packet, play, steps

AUTO = GuardPorts()
SHIPPED = "7000 8000 9000"
KNOCK, LISTENS = "is a knock port", "has a listening socket"
SERVICE = "may be a service of the target"
ROUTED = ip_address("198.51.100.7")
ALL_PORTS = range(1, 65_536)


def chosen(*doors: Door, default: GuardPorts = AUTO, listening: Iterable[Step] = ()) -> tuple[Guards, ...]:
    """The guards of doors whose sequences are those of the configuration."""
    return guards_of(doors, [one.steps for one in doors], default, frozenset(listening))


def words(ports: Iterable[Step]) -> str:
    """Steps in the letters of ``steps()``, by port."""
    ordered = sorted(ports, key=lambda port: (port.port, port.protocol))
    return " ".join(f"{port.port}{'u' if port.protocol == UDP else ''}" for port in ordered)


AUTOMATIC = [
    (SHIPPED, "6999 7001 7999 8001 8999 9001", {}),
    ("7000u 8000", "6999u 7001u 7999 8001", {}),
    ("7000 7001 7002", "6999 7003", {KNOCK: "7000 7001 7002"}),
    ("7000 7002", "6999 7001 7003", {}),
    ("7000 7001u", "6999 7000u 7001 7002u", {}),
    ("7000 7000 7000", "6999 7001", {}),
    ("1 65535", "2 65534", {}),
    ("1 2 3", "4", {KNOCK: "1 2 3"}),
    ("0 65535u", "1 65534u", {}),
]


@pytest.mark.parametrize(("sequence", "guards", "left_out"), AUTOMATIC, ids=[row[0] for row in AUTOMATIC])
def test_automatic(sequence: str, guards: str, left_out: dict[str, str]) -> None:
    """With ``auto`` the ports below and above every step are guards, of its protocol, from 1 to 65535."""
    (one,) = chosen(door(sequence))
    assert words(one.ports) == guards
    assert one.left_out == {port: reason for reason, ports in left_out.items() for port in steps(ports)}


def test_none() -> None:
    """With ``none`` there are no guards, and none was left out."""
    assert chosen(door(SHIPPED), default=guard_ports("none")) == (Guards((), {}),)


def test_list() -> None:
    """A list holds just its own ports, whatever listens there; a knock port of any door is left out."""
    doors = door(SHIPPED), door("5000u", guard_ports=guard_ports("22,7000,7000:udp,5000"))
    _, second = chosen(*doors, listening=steps("22 7000u"))
    assert second == Guards(steps("22 7000u 5000"), {Step(7000): KNOCK})


def test_a_door_overrides_the_options() -> None:
    """What a door says counts for it, what [options] say for all others."""
    doors = (
        door("10", guard_ports=guard_ports("none")),
        door("20", guard_ports=guard_ports("auto")),
        door("30"),
        door("40", guard_ports=guard_ports("99")),
    )
    guards = chosen(*doors, default=guard_ports("77"))
    assert [words(one.ports) for one in guards] == ["", "19 21", "77", "99"]


def test_listening_sockets_are_left_out() -> None:
    """A port with a socket is no guard; the next one that has none takes its place."""
    (one,) = chosen(door("21 8000u"), listening=steps("22 23 7999u 7999 8001"))
    assert one == Guards(steps("20 24 7998u 8001u"), dict.fromkeys(steps("22 23 7999u"), LISTENS))


def test_a_guard_is_at_most_eight_ports_away() -> None:
    """Beside a long run of services there is no guard on that side."""
    busy = range(8001, 8009)
    (one,) = chosen(door("8000"), listening=map(Step, busy))
    assert one == Guards(steps("7999"), {Step(port): LISTENS for port in busy})


def test_services_of_a_target() -> None:
    """For a routed host 22, 80 and 443 are left out, and sockets of this host do not matter."""
    (one,) = chosen(door("21 79 442 444u", target=(ROUTED,)), listening=steps("20"))
    assert words(one.ports) == "20 23 78 81 441 442u 444 445u"
    assert one.left_out == dict.fromkeys(steps("22 80 443 443u"), SERVICE)


def test_knock_ports_of_other_doors() -> None:
    """No door's guard is another door's knock port; interleaved doors have guards before and behind."""
    first, second = chosen(door("7000 7002 7004"), door("7001 7003 7005"))
    assert (words(first.ports), words(second.ports)) == ("6999 7006", "6999 7006")


def test_guards_follow_the_live_sequences() -> None:
    """When a one-time door gets its next sequence, all guards are chosen anew; without one it has none."""
    doors = door("", one_time_file="/etc/once"), door("8000")
    live = [steps("7000"), steps("7999"), ()]
    guards = [guards_of(doors, [once, doors[1].steps], AUTO, frozenset()) for once in live]
    assert [[words(one.ports) for one in both] for both in guards] == [
        ["6999 7001", "7999 8001"],
        ["7998 8001", "7998 8001"],
        ["", "7999 8001"],
    ]


ORDERED = [
    ("7000 8000 9000", "", ["ascending"]),
    ("9000 8000 7000", "", ["descending"]),
    ("7000", "", ["ascending", "descending"]),
    ("8000 7000 9000", "", []),
    ("7000 7000", "", []),
    ("7000 8000u", "", []),
    ("7000u 8000u", "6999", ["ascending"]),
    ("7000 8000 9000", "6999", []),
    ("7000 8000 9000", "7001", []),
    ("7000 8000 9000", "8999", []),
    ("7000 8000 9000", "9001", ["ascending"]),
    ("9000 8000 7000", "6999", ["descending"]),
    ("9000 8000 7000", "9001", []),
    ("7000 8000 9000", "5000", []),
    ("7000 8000 9000", "4999", ["ascending"]),
    ("7000", "6999", ["descending"]),
    ("7000", "6999 7001", []),
    ("1 2 3", "4", ["ascending"]),
]


@pytest.mark.parametrize(("sequence", "guards", "expected"), ORDERED)
def test_opened_by_scan(sequence: str, guards: str, expected: list[str]) -> None:
    """A scan in order opens steps in that order with no guard between or close before them."""
    assert list(opened_by_scan(steps(sequence), steps(guards))) == expected


class Town:
    """Doors that are scanned by one stranger after the other."""

    def __init__(self, *sequences: str, default: GuardPorts = AUTO) -> None:
        doors = [door(sequence, flags=FlagRule(SYN, 0)) for sequence in sequences]
        self.matcher = Matcher(doors)
        self.matcher.set_guards(one.ports for one in chosen(*doors, default=default))
        self._strangers = 0

    def scan(self, ports: Iterable[int], protocol: str = "") -> list[int]:
        """Doors that a new stranger opens by one packet to each port, in order."""
        self._strangers += 1
        source = self._strangers.to_bytes(4, "big")
        sent = packet(f"7{protocol}", source)
        return [
            event.door
            for port in ports
            for event in self.matcher.feed(sent._replace(port=port), LOCAL, 100.0)
            if isinstance(event, Opened)
        ]


SCANNED = [
    (SHIPPED,),
    ("9000 8000 7000",),
    ("7000 7001 7002",),
    ("7002 7001 7000",),
    ("1 65535",),
    ("65535 1",),
    ("1 300 65535",),
    ("7000 7000 7000",),
    ("7000 8000 7000",),
    ("7000 8000 9000", "7001 8001 9001"),
    ("7000 7002 7004", "7001 7003 7005"),
    ("7000 8000", "7000 8000 9000"),
    ("7000u 8000u 9000u",),
    ("7000 8000u",),
]


@pytest.mark.parametrize("sequences", SCANNED, ids=[", ".join(row) for row in SCANNED])
def test_a_scan_of_all_ports_in_order_opens_nothing(sequences: Sequence[str]) -> None:
    """Neither upwards nor downwards."""
    town = Town(*sequences)
    for protocol in ("", "u") if "u" in str(sequences) else ("",):
        assert town.scan(ALL_PORTS, protocol) + town.scan(reversed(ALL_PORTS), protocol) == []


def test_without_guards_a_scan_opens() -> None:
    """The scans above would open a door that has no guards."""
    town = Town(SHIPPED, "9000 8000 7000", default=guard_ports("none"))
    assert town.scan(ALL_PORTS) == [0]
    assert town.scan(reversed(ALL_PORTS)) == [1]


def test_scans_in_random_order_hardly_ever_open() -> None:
    """Of 10,000 random orders one in 504 opens a door with 3 steps and 6 guards, one in 6 without guards."""
    choose = random.Random(1)
    guarded, bare = Town(SHIPPED), Town(SHIPPED, default=guard_ports("none"))
    ports = [port + beside for port in (7000, 8000, 9000) for beside in (-1, 0, 1)]
    opened = [0, 0]
    for _ in range(10_000):
        choose.shuffle(ports)
        opened[0] += len(guarded.scan(ports))
        opened[1] += len(bare.scan(ports))
    assert 10 < opened[0] < 30
    assert 1_550 < opened[1] < 1_800


def test_a_knock_after_a_scan() -> None:
    """Others knock while a scan goes on, and the scanner itself may knock when its time is over."""
    matcher = Matcher([door(SHIPPED, seq_timeout=25.0)])
    matcher.set_guards(one.ports for one in chosen(door(SHIPPED)))
    assert play(matcher, "6999", now=100.0) == ["guarded 0"]
    assert play(matcher, SHIPPED, OURS, now=100.0) == ["stage 1", "stage 2", "opened 3"]
    assert play(matcher, SHIPPED, now=124.9) == []
    assert play(matcher, SHIPPED, now=125.0) == ["stage 1", "stage 2", "opened 3"]


def test_a_guard_asks_for_the_flags_and_address_of_its_door() -> None:
    """Data of an old connection to a guard's port, or a packet to someone else, is no touch."""
    matcher = Matcher([door("7", flags=FlagRule(SYN, FLAG_BITS["ack"])), door("7", target=(ROUTED,))])
    matcher.set_guards([steps("8"), steps("8")])
    touches = [
        (packet("8", flags=FLAG_BITS["ack"]), []),
        (packet("8", flags=SYN | FLAG_BITS["ack"]), []),
        (packet("8u"), []),
        (packet("8", destination=bytes(4)), []),
        (packet("8", destination=ROUTED.packed), [1]),
        (packet("8"), [0]),
    ]
    for sent, expected in touches:
        assert expected == [event.door for event in matcher.feed(sent, LOCAL, 100.0)]


def test_new_guards_do_not_forgive() -> None:
    """Who touched a guard stays ignored when that port is none any more."""
    matcher = Matcher([door("1 2")])
    matcher.set_guards([steps("7")])
    play(matcher, "7")
    matcher.set_guards([steps("8")])
    matcher.set_sequence(0, steps("7 9"))
    assert play(matcher, "7 9") == []


def test_guard_events_are_held_back_under_flood() -> None:
    """Only as many events come as the bucket has tokens, and every stranger is ignored all the same."""
    bucket = TokenBucket(burst=3, rate=0.0)
    matcher = Matcher([door("1")], strangers=bucket)
    matcher.set_guards([steps("2")])
    sources = [number.to_bytes(4, "big") for number in range(1_000)]
    events = chain.from_iterable(matcher.feed(packet("2", source), LOCAL, 100.0) for source in sources)
    assert len(list(events)) == 3
    assert bucket.holds_back
    assert all(matcher.feed(packet("1", source), LOCAL, 101.0) == [] for source in sources)
    assert matcher.feed(Packet(ALICE, OURS, 6, 1, SYN), LOCAL, 101.0) == [Opened(0, ALICE, OURS, 1)]
