"""Batches judged from end to end: frames, link type, addresses and times in, events with stamps out."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import cast

import pytest

from knockd.knocks.batch import LEAST
from knockd.knocks.events import Attempt, Event, Expired, Opened, Stage
from knockd.knocks.session import IMPOSSIBLE, MAX_LAG, SEEN_BEFORE, Frames, Origin, Session
from knockd.knocks.stamps import passed_over
from knockd_bpf.wire import DLT_EN10MB, DLT_RAW
from tests.support.doubles.played import door, in_words, watched
from tests.support.samples.frames import captured, ethernet, packet

OURS, OURS6, ALICE, ALICE6 = "10.0.0.1", "fd00::1", "192.0.2.1", "2001:db8::1"
LOCAL = frozenset(ip_address(one).packed for one in (OURS, OURS6))
BOOTED = 1_000_000.0
"""What the clock of the stamps shows more than ours."""


def frames(
    ports: Sequence[int], stamps: Sequence[float] = (), *, source: str = ALICE, linktype: int = DLT_EN10MB
) -> Frames:
    """A SYN to each port; ``stamps`` in seconds of our clock."""
    made = [packet(source, OURS6 if ":" in source else OURS, port) for port in ports]
    if linktype == DLT_EN10MB:
        made = [ethernet(bytes(6), bytes(6), one) for one in made]
    return Frames(*captured(made, [round((at + BOOTED) * 1e6) for at in stamps]), linktype)


def judged(session: Session, batch: Frames, now: float, drained: bool = True) -> list[str]:
    """One round of the packet process: events in words, each with the second of its stamp on our clock."""
    session.refill_limits(now)
    found = [
        f"{in_words([cast(Event, event)])[0]} at {stamp / 1e6 - BOOTED:g}"
        for event, stamp in session.judge(batch, Origin(0, LOCAL), now, -BOOTED)
    ]
    ended = session.expire_attempts(now, drained=drained)
    return found + in_words(ended)


@pytest.mark.parametrize("linktype", [DLT_EN10MB, DLT_RAW])
@pytest.mark.parametrize("source", [ALICE, ALICE6])
def test_a_knock(linktype: int, source: str) -> None:
    """The steps of a door in order open it, over every link type and IP version."""
    session = Session(watched(door("1 2")))
    batch = frames([1, 9, 2], [100.0, 100.25, 100.5], source=source, linktype=linktype)
    assert judged(session, batch, 100.5) == ["stage 1 at 100", "opened 2 at 100.5"]


def test_events() -> None:
    """An event comes as the matcher says it, with the stamp of its packet in microseconds."""
    session = Session(watched(door("9"), door("1 2")))
    alice, ours = (ip_address(one).packed for one in (ALICE, OURS))
    found = list(session.judge(frames([1, 2], [5.0, 5.000001]), Origin(0, LOCAL), 5.0, -BOOTED))
    assert found == [(Stage(1, alice, 1), 1_000_005_000_000), (Opened(1, alice, ours, 2), 1_000_005_000_001)]


def test_unreadable_link_type() -> None:
    """Frames of a link type that nobody can read cause nothing."""
    assert judged(Session(watched(door("1"))), frames([1], [5.0])._replace(linktype=147), 5.0) == []


def test_without_ipv6() -> None:
    """Where IPv6 is not wanted its packets cause nothing."""
    session = Session(watched(door("1")), ipv6=False)
    assert judged(session, frames([1], [5.0], source=ALICE6), 5.0) == []
    assert judged(session, frames([1], [5.0]), 5.0) == ["opened 1 at 5"]


@pytest.mark.parametrize(("second", "opens"), [(110.0, True), (110.5, False)])
def test_a_late_batch(second: float, opens: bool) -> None:
    """Packets that waited in the ring are judged by their stamps, not by the time we come to them."""
    session = Session(watched(door("1 2", seq_timeout=10.0)))
    session.expire_attempts(99.0, drained=True)
    events = judged(session, frames([1, 2], [100.0, second]), 111.0 + MAX_LAG - 11.0)
    assert ("opened 2 at 110" in events) == opens


def test_stamps_of_the_past() -> None:
    """A stamp is believed for so many seconds, and never to lie before what was judged already."""
    session = Session(watched(door("1 2", seq_timeout=10.0)))
    judged(session, frames([1], [100.0]), 100.0)
    late = judged(session, frames([2], [100.5]), 100.0 + MAX_LAG + 10.5)
    assert late == ["expired 1 at 100.5"]


def test_slack() -> None:
    """Slack is how much later a packet may come in time."""
    session = Session(watched(door("1 2", seq_timeout=10.0)), slack=0.5)
    judged(session, frames([1], [100.0]), 100.0)
    assert judged(session, frames([2], [110.4]), 110.4) == ["opened 2 at 110.4"]


def test_expiry() -> None:
    """An old attempt ends when its time is over, unless frames may be left in a ring."""
    session = Session(watched(door("1 2", seq_timeout=10.0)))
    judged(session, frames([1], [100.0]), 100.0)
    assert session.next_expiry() == 110.0
    session.refill_limits(111.0)
    assert session.expire_attempts(111.0, drained=False) == []
    assert session.expire_attempts(111.0, drained=True) == [Expired(0, ip_address(ALICE).packed, 1)]
    assert session.next_expiry() is None


def test_a_backlog_saves_an_attempt() -> None:
    """What is left in the ring after a round still counts from its own time."""
    session = Session(watched(door("1 2", seq_timeout=10.0)))
    judged(session, frames([1], [100.0]), 100.0)
    judged(session, frames([9], [104.0]), 111.0, drained=False)
    assert judged(session, frames([2], [109.0]), 111.0) == ["opened 2 at 109"]


def test_set_watches() -> None:
    """New watches count for the next batch."""
    session = Session(watched(door("1")))
    session.set_watches(watched(door("2")), 100.0)
    assert judged(session, frames([1, 2], [5.0, 5.0]), 5.0) == ["opened 1 at 5"]


def test_a_one_time_sequence() -> None:
    """It opens once, in a batch as well."""
    session = Session(watched(door("1 2", one_time_file="/codes")))
    found = judged(session, frames([1, 2, 1, 2] * LEAST), 5.0)
    assert [event.partition(" at")[0] for event in found] == ["stage 1", "opened 2"]


def test_on_packet() -> None:
    """The index of each packet's record comes just before its events."""
    session, seen = Session(watched(door("1 2"))), list[object]()
    batch = frames([1, 9, 2])
    for event, _ in session.judge(batch, Origin(0, LOCAL), 5.0, 0.0, lambda place, _: seen.append(place)):
        seen.append(type(event))
    assert seen == [0, Stage, 1, 2, Opened]


def test_held_back() -> None:
    """Beyond its limit a flood's events are held back and counted, and come again as time goes on."""
    session = Session(watched(door("1 2")))
    flood = [ethernet(bytes(6), bytes(6), packet(f"192.0.2.{n}", OURS, 1)) for n in range(1, 255)]
    batch = Frames(*captured(flood), DLT_EN10MB)
    assert len(judged(session, batch, 5.0)) == 100
    assert session.holds_back
    assert session.take_held() == 0
    session.refill_limits(6.0)
    assert session.take_held() == 154
    assert not session.holds_back


def test_held_back_from_knockers() -> None:
    """What those cause who know two steps is limited by itself and counted too."""
    session = Session(watched(door("1 2 3")))
    packets = [packet(f"192.0.2.{n}", OURS, port) for n in range(1, 151) for port in (1, 2)]
    flood = [ethernet(bytes(6), bytes(6), one) for one in packets]
    found = judged(session, Frames(*captured(flood), DLT_EN10MB), 5.0)
    assert [event.partition(" at")[0] for event in found].count("stage 2") == 100
    session.refill_limits(6.0)
    assert session.take_held() == 50 + 50


def test_one_packet_at_two_interfaces() -> None:
    """What another interface has seen too is one packet: it opens once and is one step."""
    session = Session(watched(door("1"), door("2 2")), interfaces=2)
    batch = frames([1, 2], [5.0, 5.1])
    events = []
    for interface in (0, 1):
        origin = Origin(interface, LOCAL)
        events.append([type(event) for event, _ in session.judge(batch, origin, 5.2, -BOOTED)])
    assert events == [[Opened, Stage], []]


def test_a_retransmission_at_another_interface() -> None:
    """The same packet with another stamp is another packet, by whatever interface."""
    session = Session(watched(door("2 2")), interfaces=2)
    first = [*session.judge(frames([2], [5.0]), Origin(0, LOCAL), 5.0, -BOOTED)]
    again = [*session.judge(frames([2], [5.1]), Origin(1, LOCAL), 5.1, -BOOTED)]
    assert [type(event) for event, _ in first + again] == [Stage, Opened]


@pytest.mark.parametrize("source", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:192.0.2.1", OURS, OURS6])
def test_sources_that_cannot_be(source: str) -> None:
    """Off the wire such a packet means nothing; by the loopback it counts."""
    session, batch = Session(watched(door("1"))), frames([1], [5.0], source=source)
    assert [*session.judge(batch, Origin(0, LOCAL, LOCAL), 5.0, -BOOTED)] == []
    (found,) = session.judge(batch, Origin(0, LOCAL), 5.0, -BOOTED)
    assert isinstance(found.event, Opened)


def test_why_a_packet_is_not_judged() -> None:
    """Whoever is shown each packet hears why it is ignored, and of those alone."""
    session, shown = Session(watched(door("1")), interfaces=2), list[str]()

    def show(_: int, ignored: str) -> None:
        shown.append(ignored)

    for interface, source in enumerate((ALICE, ALICE, OURS)):
        batch = frames([1], [5.0], source=source)
        assert len([*session.judge(batch, Origin(interface, LOCAL, LOCAL), 5.0, -BOOTED, show)]) == (
            not interface
        )
    assert shown == ["", SEEN_BEFORE, IMPOSSIBLE]


def test_what_another_packet_process_has_judged() -> None:
    """It is not judged again, nor what another interface saw of it; what it had not come to is."""
    session = Session(watched(door("1 2 2")), interfaces=2)
    batch = frames([1, 2, 2], [5.0, 5.1, 5.2])
    judged_until = passed_over([round((at + BOOTED) * 1e6) for at in (5.0, 5.1)])
    first, second = Origin(0, LOCAL, passed=judged_until), Origin(1, LOCAL)
    session.pass_over(batch, first)
    session.import_attempts(attempts_after(batch), 5.3)
    events = [event for origin in (second, first) for event, _ in session.judge(batch, origin, 5.3, -BOOTED)]
    assert [type(event) for event in events] == [Opened]


def attempts_after(batch: Frames) -> list[Attempt]:
    """What a packet process exports that has judged all but the last packet."""
    one = Session(watched(door("1 2 2")))
    list(one.judge(batch._replace(records=batch.records[:-16]), Origin(0, LOCAL), 5.2, -BOOTED))
    return [*one.export_attempts()]


@pytest.mark.parametrize(("limited", "told"), [(True, 100), (False, 300)])
def test_limits(limited: bool, told: int) -> None:
    """Events that strangers cause are limited, unless nobody writes them to a log."""
    session = Session(watched(door("1 2")), limited=limited)
    made = [ethernet(bytes(6), bytes(6), packet(f"198.51.{n >> 8}.{n & 255}", OURS, 1)) for n in range(300)]
    batch = Frames(*captured(made), DLT_EN10MB)
    assert told == len(list(session.judge(batch, Origin(0, LOCAL), 5.0, -BOOTED)))
