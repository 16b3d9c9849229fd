"""Signed knocks in batches, beside those of doors with steps."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import ip_address

from knockd.knocks.events import Discarded, Event, Opened, SignedEvent, SignedPacket, Stage, Why
from knockd.knocks.session import DISCARDED, GOES_ON, IMPOSSIBLE, SEEN_BEFORE, Frames, Origin, Session
from knockd.knocks.stamps import passed_over
from knockd_bpf.wire import DLT_EN10MB, UDP
from knockd_conf.signed_sizes import SIZE
from tests.support.doubles.played import ALICE, LOCAL, OURS, door, watched
from tests.support.samples.frames import captured
from tests.support.samples.headers import framed, ipv4, tcp, udp
from tests.support.samples.signed_packets import MINUTE, PORT, keys_of, sealed, watching

NUMBER = UDP << 16 | PORT
STRANGE = keys_of(MINUTE).tag + bytes(SIZE - 4)
SECOND = 1_000_000


def knock(packet: bytes, source: str = "192.0.2.1") -> bytes:
    """The frame of a signed knock."""
    return framed(DLT_EN10MB, ipv4(udp(PORT, packet), UDP, source=source))


def step(port: int) -> bytes:
    """The frame of a step."""
    return framed(DLT_EN10MB, ipv4(tcp(port)))


def batch(*frames: bytes, stamp: int = 0) -> Frames:
    """Frames of one read; the stamps (microseconds) are one behind the other."""
    return Frames(*captured(frames, [stamp + place for place in range(len(frames))]), DLT_EN10MB)


def session(*, interfaces: int = 1) -> Session:
    """A session of one door with steps 7 and 8, and of one key."""
    made = Session(watched(door("7 8")), interfaces=interfaces)
    made.set_signed(watching(1))
    made.refill_limits(100.0)
    return made


def events(made: Session, frames: Frames, origin: Origin | None = None) -> list[Event | SignedEvent]:
    """The events of a batch."""
    return [event for event, _ in made.judge(frames, origin or Origin(0, LOCAL), 100.0, 100.0)]


def test_beside_steps() -> None:
    """Signed packets come as events with their stamps, and steps as ever."""
    sent = batch(step(7), knock(sealed(1)), knock(sealed(1)), step(8), stamp=5)
    found = [*session().judge(sent, Origin(0, LOCAL), 100.0, 100.0)]
    assert sorted(found, key=lambda one: one.stamp) == [
        (Stage(0, ALICE, 1), 5),
        (SignedPacket(ALICE, OURS, NUMBER, sealed(1), 0), 6),
        (Discarded(ALICE, NUMBER, Why.REPEATED), 7),
        (Opened(0, ALICE, OURS, 2), 8),
    ]


def test_port_that_is_a_step_too() -> None:
    """A door may have the port as a step: both see the packet."""
    made = Session(watched(door(f"{PORT}u 8")))
    made.set_signed(watching(1))
    assert [Stage, SignedPacket] == [type(event) for event in events(made, batch(knock(sealed(1))))]


def test_other_minutes() -> None:
    """Other tags touch no attempt that is under way."""
    made = session()
    events(made, batch(step(7)))
    made.set_signed(watching(1, now=MINUTE + 1))
    assert [Opened(0, ALICE, OURS, 2)] == events(made, batch(step(8)))
    assert [SignedPacket] == [type(one) for one in events(made, batch(knock(sealed(1, minute=MINUTE + 2))))]


def test_limit_of_strangers() -> None:
    """What is discarded has the limit of strangers; what is left out is counted, and keeps no knock out."""
    made = session()
    flood = [knock(STRANGE, str(ip_address(0x0B000000 + n))) for n in range(300)]
    found = events(made, batch(*flood, knock(sealed(1))))
    assert [Discarded] * 100 + [SignedPacket] == [type(event) for event in found]
    made.refill_limits(110.0)
    assert 200 == made.take_held()


# Packets that are not judged.


def test_two_interfaces() -> None:
    """What two interfaces have seen is one packet, and said once: whether it goes on or not."""
    made, sent = session(interfaces=2), batch(knock(sealed(1)), knock(STRANGE))
    assert [SignedPacket, Discarded] == [type(event) for event in events(made, sent)]
    assert [] == events(made, sent, Origin(1, LOCAL))


def test_other_packet_in_one_microsecond() -> None:
    """A packet is another one though its source, port and stamp are those of one at another interface."""
    made = session(interfaces=2)
    events(made, batch(knock(STRANGE), stamp=5))
    assert [SignedPacket] == [
        type(one) for one in events(made, batch(knock(sealed(1)), stamp=5), Origin(1, LOCAL))
    ]


def test_copy_at_another_interface() -> None:
    """The same bytes with another stamp came before, by whatever interface."""
    made = session(interfaces=2)
    events(made, batch(knock(sealed(1))))
    copies = events(made, batch(knock(sealed(1)), stamp=9 * SECOND), Origin(1, LOCAL))
    assert [Discarded(ALICE, NUMBER, Why.REPEATED)] == copies


def test_impossible_sources() -> None:
    """No packet off the wire has a source of our own; by the loopback it may."""
    sent = batch(knock(sealed(1), "10.0.0.1"))
    assert [] == events(session(), sent, Origin(0, LOCAL, LOCAL))
    assert [SignedPacket] == [type(event) for event in events(session(), sent)]


def test_judged_before_a_take_over() -> None:
    """What another packet process has judged is not judged again, nor where another interface saw it."""
    made, sent = session(interfaces=2), batch(knock(sealed(1)), knock(sealed(2)), stamp=5)
    first = Origin(0, LOCAL, passed=passed_over([5]))
    made.pass_over(sent, first)
    found = events(made, sent, Origin(1, LOCAL)) + events(made, sent, first)
    assert [SignedPacket(ALICE, OURS, NUMBER, sealed(2), 0)] == found


def test_other_packet_than_before_a_take_over() -> None:
    """A packet that shares source, port and stamp with one that was judged is another one."""
    made = session(interfaces=2)
    made.pass_over(batch(knock(STRANGE), stamp=5), Origin(0, LOCAL, passed=passed_over([5])))
    assert [SignedPacket] == [
        type(one) for one in events(made, batch(knock(sealed(1)), stamp=5), Origin(1, LOCAL))
    ]


# With -D.


def test_on_packet() -> None:
    """Whoever is shown each packet hears what becomes of it, also where the limit leaves the event out."""
    made, shown = session(interfaces=2), list[tuple[int, str]]()
    flood = [knock(STRANGE)] * 120
    sent = batch(knock(sealed(1)), knock(sealed(1)), step(7), *flood)
    found = [*made.judge(sent, Origin(0, LOCAL), 100.0, 100.0, lambda *told: shown.append(told))]
    kinds = [type(event) for event, _ in found]
    assert [SignedPacket, Discarded, Stage] + [Discarded] * 98 == kinds
    unknown = DISCARDED[Why.UNKNOWN_KEY]
    assert shown[:4] == [(0, GOES_ON), (1, DISCARDED[Why.REPEATED]), (2, ""), (3, unknown)]
    assert {why for _, why in shown[3:]} == {unknown}
    shown.clear()
    again = batch(knock(sealed(1)), knock(sealed(1), "10.0.0.1"))
    origin = Origin(1, LOCAL, LOCAL)
    assert [] == [*made.judge(again, origin, 100.0, 100.0, lambda *told: shown.append(told))]
    assert [(0, SEEN_BEFORE), (1, IMPOSSIBLE)] == shown


def test_nothing_is_imported() -> None:
    """Who has no ports of signed knocks has none of their code."""
    names = {"knockd.knocks.signed_packets", "knockd.knocks.signed_watch", "knockd.process.signed_view"}
    script = f"import sys; from knockd.worker import poll; print({names} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
