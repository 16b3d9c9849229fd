"""Which ports become guards, and what whole scans do to a door that has them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from itertools import chain
from math import sqrt

import pytest

from knockd.knocks.events import Opened
from knockd.knocks.guards import Guards, guard_rules, guards_of, opened_by_scan, with_guards
from knockd.knocks.matcher import Matcher
from knockd.knocks.taken import Taken
from knockd.knocks.watch import watches_of
from knockd.token_bucket import TokenBucket
from knockd_bpf.terms import merge_ports
from knockd_bpf.wire import Packet
from knockd_conf.fields import guard_ports
from knockd_conf.model import Door, FlagRule, GuardPorts, Step
from knockd_conf.protocol import FLAG_BITS, Protocol
from tests.support.doubles.played import ALICE, LOCAL, OURS, SYN, door, matching, packet, play, steps, watched

AUTO = GuardPorts()
SHIPPED = "7000 8000 9000"
KNOCK, LISTENS = "is a knock port", "has a listening socket"
SERVICE = "may be a service of the target"
ROUTED = ip_address("198.51.100.7")
ALL_PORTS = range(1, 65_536)


def chosen(*doors: Door, default: GuardPorts = AUTO, listening: Iterable[Step] = ()) -> tuple[Guards, ...]:
    """The guards of doors whose sequences are those of the configuration."""
    return guards_of(watches_of(doors), guard_rules(doors, default), Taken().with_sockets(listening))


def words(ports: Iterable[Step]) -> str:
    """Steps in the letters of ``steps()`` by protocol and port, neighbours as a range."""
    found = []
    for protocol, letter in ((Protocol.TCP, ""), (Protocol.UDP, "u")):
        for low, high in merge_ports(port.port for port in ports if port.protocol is protocol):
            found.append(f"{low}{letter}" if low == high else f"{low}-{high}{letter}")
    return " ".join(found)


AUTOMATIC = [
    (SHIPPED, "6996-6999 7001-7004 7996-7999 8001-8004 8996-8999 9001-9004", {}),
    ("7000u 8000", "7996-7999 8001-8004 6996-6999u 7001-7004u", {}),
    ("7000 7001 7002", "6996-6999 7003-7006", {KNOCK: "7000 7001 7002"}),
    ("7000 7002", "6996-6999 7001 7003-7006", {KNOCK: "7000 7002"}),
    ("7000 7001u", "6996-6999 7001-7004 6997-7000u 7002-7005u", {}),
    ("7000 7000 7000", "6996-6999 7001-7004", {}),
    ("1 65535", "2-5 65531-65534", {}),
    ("3 65534u", "1-2 4-7 65530-65533u 65535u", {}),
    ("1 2 3", "4-7", {KNOCK: "1 2 3"}),
    ("0 65535u", "1-4 65531-65534u", {}),
]


@pytest.mark.parametrize(("sequence", "guards", "left_out"), AUTOMATIC, ids=[row[0] for row in AUTOMATIC])
def test_automatic(sequence: str, guards: str, left_out: dict[str, str]) -> None:
    """With ``auto`` four ports below and above every step are guards, of its protocol, from 1 to 65535."""
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
    assert second == Guards(steps("22 5000 7000u"), {Step(7000): KNOCK})


def test_a_door_overrides_the_options() -> None:
    """What a door says counts for it, what [options] say for all others."""
    doors = (
        door("10", guard_ports=guard_ports("none")),
        door("20", guard_ports=guard_ports("auto")),
        door("30"),
        door("40", guard_ports=guard_ports("99")),
    )
    guards = chosen(*doors, default=guard_ports("77"))
    assert [words(one.ports) for one in guards] == ["", "16-19 21-24", "77", "99"]


def test_listening_sockets_are_left_out() -> None:
    """A port with a socket is no guard; the next one that has none takes its place."""
    (one,) = chosen(door("21 8000u"), listening=steps("22 23 7999u 7999 8001"))
    assert words(one.ports) == "17-20 24-27 7995-7998u 8001-8004u"
    assert one.left_out == dict.fromkeys(steps("22 23 7999u"), LISTENS)


def test_beside_a_long_run_of_services() -> None:
    """There a guard is farther than eight ports away only if scans of every second to fourth port need it."""
    (one,) = chosen(door("8000 9000"), listening=map(Step, (*range(8001, 8009), *range(9001, 9007))))
    assert words(one.ports) == "7996-7999 8009 8012 8996-8999 9007-9009"


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("sequence", [SHIPPED, "7000 7012 7024", "9000 8000 7000"])
def test_services_of_one_parity(sequence: str, stride: int) -> None:
    """Where every port that such a scan touches near a step has a socket, it touches a guard farther away."""
    one, knocks = door(sequence, flags=FlagRule(SYN, 0)), steps(sequence)
    used = [Step(step.port + stride * far) for step in knocks for far in range(-10, 11) if far]
    matcher = Matcher(with_guards(watches_of([one]), chosen(one, listening=used)))
    ports = [port for port in ALL_PORTS if (port - knocks[0].port) % stride == 0]
    for source, order in ((bytes(4), ports), (bytes(3) + b"\1", ports[::-1])):
        sent = packet("7", source)
        assert [] == [
            event
            for port in order
            for event in matcher.feed(sent._replace(port=port), LOCAL, 100.0)
            if isinstance(event, Opened)
        ]


def test_services_of_a_target() -> None:
    """For a routed host 22, 80 and 443 are left out, and sockets of this host do not matter."""
    (one,) = chosen(door("21 79 442 444u", target=(ROUTED,)), listening=steps("20"))
    assert words(one.ports) == "17-20 23-26 75-78 81-84 438-441 444-447 439-442u 445-448u"
    assert one.left_out == dict.fromkeys(steps("22 80 443 443u"), SERVICE)


def test_knock_ports_of_other_doors() -> None:
    """No door's guard is another door's knock port; interleaved doors have guards before and behind."""
    first, second = chosen(door("7000 7002 7004"), door("7001 7003 7005"))
    assert (words(first.ports), words(second.ports)) == ("6996-6999 7006-7009", "6996-6999 7006-7009")


def test_guards_follow_the_live_sequences() -> None:
    """When a one-time door gets its next sequence, all guards are chosen anew; without one it has none."""
    doors = door("", one_time_file="/etc/once"), door("8000")
    live = [steps("7000"), steps("7999"), ()]
    guards = [guards_of(watches_of(doors, [once, doors[1].steps]), [AUTO, AUTO], Taken()) for once in live]
    assert [[words(one.ports) for one in both] for both in guards] == [
        ["6996-6999 7001-7004", "7996-7999 8001-8004"],
        ["7995-7998 8001-8004", "7995-7998 8001-8004"],
        ["", "7996-7999 8001-8004"],
    ]


UP, DOWN = "ascending", "descending"
ORDERED = [
    ("7000 8000 9000", "", UP, 16, (1, 1000)),
    ("9000 8000 7000", "", DOWN, 16, (1, 1000)),
    ("7000", "", UP, 1, (1, 1)),
    ("7000", "", DOWN, 1, (1, 1)),
    ("7000", "6999", DOWN, 1, (1, 1)),
    ("8000 7000 9000", "", UP, 0, None),
    ("7000 7000", "", UP, 0, None),
    ("7000 8000u", "", UP, 0, None),
    ("7000u 8000u", "6999", UP, 16, (1, 1000)),
    ("7000u 8000u", "6999u", UP, 15, (2, 1000)),
    ("7000 8000 9000", "6999", UP, 15, (2, 1000)),
    ("7000 8000 9000", "6998", UP, 14, (4, 1000)),
    ("7000 8000 9000", "7001", UP, 15, (2, 1000)),
    ("7000 8000 9000", "8999", UP, 15, (2, 1000)),
    ("7000 8000 9000", "9001", UP, 16, (1, 1000)),
    ("7000 8000 9000", "7000u 7001u", UP, 16, (1, 1000)),
    ("9000 8000 7000", "6999", DOWN, 16, (1, 1000)),
    ("9000 8000 7000", "9001", DOWN, 15, (2, 1000)),
    ("7000 8000 9000", "5000", UP, 0, None),
    ("7000 8000 9000", "4999", UP, 16, (1, 1000)),
    ("7000", "6999", UP, 0, None),
    ("7000", "6999 7001", DOWN, 0, None),
    ("1 2 3", "4", UP, 1, (1, 1)),
    ("7000 8000 9001", "6998 6999", UP, 0, None),
    ("7000 7007 7021", "6999", UP, 1, (7, 7)),
    ("7000 7035 7070", "6999", UP, 3, (5, 35)),
    (SHIPPED, "6996 6997 6998 6999", UP, 13, (5, 1000)),
]


@pytest.mark.parametrize(("sequence", "guards", "order", "count", "ends"), ORDERED)
def test_opened_by_scan(
    sequence: str, guards: str, order: str, count: int, ends: tuple[int, int] | None
) -> None:
    """A scan in order opens steps in that order, when no port that it touches is a guard close by."""
    strides = opened_by_scan(steps(sequence), steps(guards)).get(order, ())
    assert (len(strides), (strides[0], strides[-1]) if strides else None) == (count, ends)


def near(ports: Iterable[int], knocks: Sequence[Step]) -> list[int]:
    """Those of ``ports`` that are close to a knock, in their order: the others mean nothing to any door."""
    close = {port for step in knocks for port in range(step.port - 8, step.port + 9)}
    return [port for port in ports if port in close]


class Town:
    """Doors that are scanned by one stranger after the other."""

    def __init__(self, *sequences: str, default: GuardPorts = AUTO) -> None:
        doors = [door(sequence, flags=FlagRule(SYN, 0)) for sequence in sequences]
        self.matcher = Matcher(with_guards(watches_of(doors), chosen(*doors, default=default)))
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


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("sequences", SCANNED, ids=[", ".join(row) for row in SCANNED])
def test_an_ordered_scan_opens_nothing(sequences: Sequence[str], stride: int) -> None:
    """Neither upwards nor downwards, of all ports or of every second, third or fourth, wherever it begins."""
    town = Town(*sequences)
    for protocol in ("", "u") if "u" in str(sequences) else ("",):
        for phase in range(stride):
            ports = near(ALL_PORTS[phase::stride], steps(" ".join(sequences))) if stride > 1 else ALL_PORTS
            assert town.scan(ports, protocol) + town.scan(reversed(ports), protocol) == []


@pytest.mark.parametrize(
    "sequence", [SHIPPED, "7000 7007 7021", "9000 8000 7000", "7000 8000 9001", "7000 9000 8000"]
)
def test_strides_that_open_are_those_that_are_told(sequence: str) -> None:
    """Every scan of every n-th port, to 1,100, opens exactly the doors that opened_by_scan names."""
    knocks, town = steps(sequence), Town(sequence)
    (guards,) = chosen(door(sequence))
    told = opened_by_scan(knocks, guards.ports)
    for stride in range(1, 1_101):
        ports = ALL_PORTS[(knocks[0].port - 1) % stride :: stride]
        for order, scanned in ((UP, ports), (DOWN, reversed(ports))):
            assert bool(town.scan(near(scanned, knocks))) is (stride in told.get(order, ()))


def test_without_guards_a_scan_opens() -> None:
    """The scans above would open a door that has no guards."""
    town = Town(SHIPPED, "9000 8000 7000", default=guard_ports("none"))
    assert town.scan(ALL_PORTS) == [0]
    assert town.scan(reversed(ALL_PORTS)) == [1]


def test_scans_in_random_order_hardly_ever_open() -> None:
    """One in 17,550 opens a door with 3 steps and 24 guards, one in 6 without guards.

    KNOCKD_SCANS says how many are tried (20,000 by default). The bounds are five standard deviations.
    """
    choose, tried = random.Random(1), int(os.environ.get("KNOCKD_SCANS", "20000"))
    guarded, bare = Town(SHIPPED), Town(SHIPPED, default=guard_ports("none"))
    ports = [port + beside for port in (7000, 8000, 9000) for beside in range(-4, 5)]
    opened = [0, 0]
    for _ in range(tried):
        choose.shuffle(ports)
        opened[0] += len(guarded.scan(ports))
        opened[1] += len(bare.scan([port for port in ports if port % 1_000 == 0]))
    for found, chance in zip(opened, (1 / 17_550, 1 / 6), strict=True):
        assert abs(found - tried * chance) <= 5 * sqrt(tried * chance) + 1


def test_a_knock_after_a_scan() -> None:
    """Others knock while a scan goes on, and the scanner itself may knock when its time is over."""
    shipped = door(SHIPPED, seq_timeout=25.0)
    matcher = Matcher(with_guards(watches_of([shipped]), chosen(shipped)))
    assert play(matcher, "6999", now=100.0) == ["guarded 0"]
    assert play(matcher, SHIPPED, OURS, now=100.0) == ["stage 1", "stage 2", "opened 3"]
    assert play(matcher, SHIPPED, now=124.9) == ["ignored 1"]
    assert play(matcher, SHIPPED, now=125.0) == ["stage 1", "stage 2", "opened 3"]


def test_a_guard_asks_for_the_flags_and_address_of_its_door() -> None:
    """Data of an old connection to a guard's port, or a packet to someone else, is no touch."""
    doors = door("7", flags=FlagRule(SYN, FLAG_BITS["ack"])), door("7", target=(ROUTED,))
    matcher = matching(*doors, guards=["8", "8"])
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
    matcher = matching(door("1 2"), guards=["7"])
    play(matcher, "7")
    matcher.set_watches(watched(door("7 9"), guards=["8"]), 100.0)
    assert play(matcher, "7 9") == ["ignored 25"]


def test_guard_events_are_held_back_under_flood() -> None:
    """Only as many events come as the bucket has tokens, and every stranger is ignored all the same."""
    bucket = TokenBucket(burst=3, rate=0.0)
    matcher = matching(door("1"), guards=["2"], strangers=bucket)
    sources = [number.to_bytes(4, "big") for number in range(1_000)]
    events = chain.from_iterable(matcher.feed(packet("2", source), LOCAL, 100.0) for source in sources)
    assert len(list(events)) == 3
    assert bucket.holds_back
    assert all(matcher.feed(packet("1", source), LOCAL, 101.0) == [] for source in sources)
    assert matcher.feed(Packet(ALICE, OURS, 6, 1, SYN), LOCAL, 101.0) == [Opened(0, ALICE, OURS, 1)]


def test_ports_of_signed_knocks() -> None:
    """A port of signed knocks is no automatic guard; the next port farther away is one instead."""
    taken = Taken(signed=frozenset({17 << 16 | 7001, 6 << 16 | 6999}))
    (one,) = guards_of(watches_of([door("7000u")]), guard_rules([door("7000u")], AUTO), taken)
    assert words(one.ports) == "6996-6999u 7002-7005u"
    assert one.left_out == {Step(7001, Protocol.UDP): "is a port of signed knocks"}
