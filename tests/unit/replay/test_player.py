"""A capture judged frame by frame: filter, times, link types, and what is counted."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from knockd.knocks import file_links
from knockd.replay import counts
from knockd.replay.notes import find_notes
from knockd.replay.player import Seen
from knockd.replay.reasons import explain_source
from knockd.replay.sources import Source
from knockd.worker.capture_file import Frame
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, LINKTYPE_RAW, UDP
from knockd_conf.access import Access, make_networks
from knockd_conf.model import FlagRule
from tests.support.doubles.played import door
from tests.support.doubles.replays import (
    ALICE,
    ALICE6,
    BOB,
    OURS,
    OURS6,
    STAMP,
    frame,
    on_link,
    replayed,
    told,
)
from tests.support.samples.frames import packet

SSH = door("7000 8000 9000", "ssh", seq_timeout=5.0)
PORTS = (7000, 8000, 9000)
OPENS = ["2 open ssh 192.0.2.1 10.0.0.1"]


def knock(source: str = ALICE, begin: float = 0.0, step: float = 1.0) -> list[Frame]:
    """A whole knock."""
    return [frame(begin + step * n, port, source) for n, port in enumerate(PORTS)]


def opened(frames: list[Frame], **values: object) -> list[str]:
    """The openings of the door."""
    return [line for line in told(replayed(frames, SSH, **values)) if " open " in line]  # type: ignore[arg-type]


def row(frames: list[Frame], source: str = ALICE, **values: object) -> Source:
    """What a source did."""
    return replayed(frames, SSH, **values).sources.find(ip_address(source).packed)  # type: ignore[arg-type]


def test_a_knock() -> None:
    """A knock opens the door at the packet of its last step."""
    outcome = replayed([frame(0, 22), *knock()], SSH)
    assert OPENS == [line for line in told(outcome) if "open" in line]
    assert 4 == outcome.timeline.lines[0].packet


@pytest.mark.parametrize(
    ("linktype", "head"),
    [
        (DLT_RAW, b""),
        (LINKTYPE_RAW, b""),
        (DLT_LINUX_SLL, bytes(14) + b"\x08\0"),
        (DLT_LINUX_SLL2, b"\x08\0" + bytes(18)),
        (file_links.DLT_NULL, b"\2\0\0\0"),
        (file_links.DLT_LOOP, b"\0\0\0\2"),
        (file_links.DLT_PPP, b"\xff\3\0\x21"),
        (file_links.DLT_PPP_SERIAL, b"\xff\3\0\x21"),
        (file_links.DLT_PPP_ETHER, b"\x11\0\0\1\0\0\0\x21"),
        (file_links.DLT_RAW_BSD, b""),
        (file_links.LINKTYPE_IPV4, b""),
    ],
)
def test_link_types(linktype: int, head: bytes) -> None:
    """The door opens over every link type."""
    frames = [on_link(n, head + packet(ALICE, OURS, port)) for n, port in enumerate(PORTS)]
    assert OPENS == opened(frames, linktype=linktype)


def test_ipv6() -> None:
    """IPv6 opens too, and with -4 it does not pass the filter."""
    assert 1 == len(opened(knock(ALICE6)))
    outcome = replayed(knock(ALICE6), SSH, ipv6=False)
    assert ([], 0) == (told(outcome), outcome.counts.passed)


def test_too_slow() -> None:
    """Seq_Timeout runs in the capture's time."""
    assert [] == opened(knock(step=3.0))
    assert "Expired" == type(row(knock(step=3.0)).failure).__name__


def test_expiry_at_the_end() -> None:
    """An attempt that is too old when the capture ends has expired."""
    assert "Expired" == type(row([frame(0, 7000), frame(9, 22)]).failure).__name__


def test_a_clock_set_back() -> None:
    """A clock that is set back in a knock does not spoil it."""
    frames = [frame(100, 7000), frame(40, 8000), frame(41, 9000)]
    assert 1 == len(opened(frames))


def test_guard_port() -> None:
    """A guard port counts as in the daemon."""
    found = row([frame(0, 7000), frame(0, 7001), *knock(begin=1)], guards=["7001"])
    assert (0, 1) == (found.openings, found.guards)


def test_without_limits() -> None:
    """However many strangers there are, every one is told of."""
    frames = [frame(0, 7000, f"198.51.100.{n}") for n in range(1, 250)]
    outcome = replayed(frames, SSH)
    assert 249 == sum(one.stage for _, one in outcome.sources.ranked())


def test_filter() -> None:
    """What the filter drops is not judged; knocks among it are told by reason."""
    other = frame(0, 7000, to="10.0.0.9")
    flags = frame(0, 7000, flags=0x10)
    ssh = door("7000 8000 9000", flags=FlagRule(must_set=2, must_clear=0))
    counts = replayed([other, flags, frame(0, 22), frame(0, 7000)], ssh).counts
    assert (4, 1, 1) == (counts.frames, counts.passed, counts.wrong_flags)
    assert {ip_address("10.0.0.9").packed: 1} == counts.elsewhere


def test_dropped_of_a_source() -> None:
    """A source's knocks that the filter drops are counted apart."""
    found = row([frame(0, 7000, to="10.0.0.9"), frame(0, 7000)])
    assert (1, 1) == (found.packets, found.dropped)


def test_vlan() -> None:
    """Knocks in a VLAN pass the parent's filter, are not judged there, and are counted."""
    frames = [frame(n, port, vlan=100) for n, port in enumerate(PORTS)]
    outcome = replayed(frames, SSH)
    assert ([], 3, 0) == (told(outcome), outcome.counts.passed, outcome.counts.packets)
    assert {100: 3} == outcome.counts.vlans


def test_interface_of_a_vlan() -> None:
    """At the VLAN's own interface they open the door, and nothing else is there."""
    frames = [frame(n, port, vlan=100) for n, port in enumerate(PORTS)]
    assert OPENS == opened([*frames, *knock(BOB)], vlan=100)


def test_priority_tag() -> None:
    """A priority tag does not keep a packet from counting."""
    assert OPENS == opened([frame(n, port, vlan=0) for n, port in enumerate(PORTS)])


def test_two_tags() -> None:
    """Doubly tagged frames are dropped by the filter and counted."""
    plain = frame(0, 7000).data
    tagged = on_link(0, plain[:12] + b"\x88\xa8\0\x64\x81\0\0\7" + plain[12:])
    counts = replayed([tagged], SSH).counts
    assert (0, 1) == (counts.passed, counts.double_tagged)


def test_outgoing() -> None:
    """What a cooked header says the host sent is not there for the daemon."""
    sent = on_link(0, b"\0\4" + bytes(12) + b"\x08\0" + packet(ALICE, OURS, 7000))
    counts = replayed([sent], SSH, linktype=DLT_LINUX_SLL).counts
    assert (1, 0) == (counts.outgoing, counts.passed)


def test_cut() -> None:
    """Packets whose port was not captured are counted."""
    whole = frame(0, 7000)
    assert 1 == replayed([whole._replace(data=whole.data[:40])], SSH).counts.cut


def test_impossible_source() -> None:
    """A source that no packet off the wire can have opens nothing."""
    outcome = replayed(knock(OURS), SSH)
    assert ([], 3) == (told(outcome), outcome.counts.impossible)
    assert 3 == outcome.sources.find(ip_address(OURS).packed).impossible


def test_two_interfaces() -> None:
    """What a bridge and its port both show in one capture counts once, a retransmission does not."""
    head = b"\x08\0\0\0\0\0\0%c" + bytes(12)
    again = [on_link(n, head % port + packet(ALICE, OURS, 7000)) for n in (0, 1) for port in (1, 2)]
    outcome = replayed(again, door("7000", "one"), linktype=DLT_LINUX_SLL2)
    assert (2, 2) == (outcome.timeline.opened, outcome.counts.duplicates)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_loopback(host: str) -> None:
    """At a loopback interface the host's own addresses are sources like others."""
    frames = [frame(n, port, host, to=host) for n, port in enumerate(PORTS)]
    assert 1 == len(opened(frames, local=[host]))


def test_other_protocol() -> None:
    """A step asks for its protocol."""
    assert [] == opened([frame(n, port, protocol=UDP) for n, port in enumerate(PORTS)])


def test_packets_of_no_kind() -> None:
    """What is of no plain form is looked at one by one: one for no door hides no knock."""
    made = [packet(ALICE6, OURS6, port, hop_by_hop=True) for port in (22, *PORTS)]
    frames = [on_link(n, bytes(12) + b"\x86\xdd" + one) for n, one in enumerate(made)]
    assert 1 == len(opened(frames))


def test_wrong_flags_at_a_target() -> None:
    """Flags are wrong at a door's own Target, too."""
    routed = door("1", flags=FlagRule(2, 0), target=(ip_address("10.5.5.5"),))
    counts = replayed([frame(0, 1, to="10.5.5.5", flags=0x10)], routed).counts
    assert (1, 0) == (counts.wrong_flags, counts.elsewhere.total())


def test_who_may_not_knock() -> None:
    """Knocks of who may not knock are counted, whether the filter drops them or another door's pass."""
    shut = door("1", access=Access(make_networks([ip_network(f"{BOB}/32")])))
    frames = [frame(0, 1), frame(1, 1, BOB)]
    outcome = replayed(frames, shut)
    assert (1, 1) == (outcome.counts.kept_out, outcome.timeline.opened)
    row = outcome.sources.find(ip_address(ALICE).packed)
    assert "Allow or Deny keeps its address out" == explain_source(row, outcome.doors, outcome.steps)
    assert 1 == len([note for note in find_notes(outcome) if "that Allow or Deny keeps out" in note])
    beside = replayed(frames, shut, door("2"))
    assert (1, 1) == (beside.counts.kept_out, beside.timeline.opened)
    row = beside.sources.find(ip_address(ALICE).packed)
    assert "Allow or Deny keeps its address out" == explain_source(row, beside.doors, beside.steps)


def test_elsewhere_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses beyond the most are not counted; those that are there go on."""
    monkeypatch.setattr(counts, "MOST_ELSEWHERE", 1)
    frames = [frame(0, 7000, to=to) for to in ("10.9.9.1", "10.9.9.2", "10.9.9.1")]
    assert {ip_address("10.9.9.1").packed: 2} == replayed(frames, SSH).counts.elsewhere


def test_observer() -> None:
    """The observer is told of every frame before it is judged: what is read, when, and whether it passes."""
    seen: list[Seen] = []
    frames = [frame(0, 7000), frame(0.5, 22)]
    replayed(frames, SSH, observe=seen.append)
    first, second = seen
    assert Seen(1, DLT_EN10MB, frames[0].data, STAMP, STAMP / 1e6, passes=True, here=True) == first
    assert (2, STAMP + 500_000, False) == (second.number, second.stamp, second.passes)


def test_observer_of_raw_packets() -> None:
    """Of link types that only files have, the observer is shown the packet."""
    seen: list[Seen] = []
    inner = packet(ALICE, OURS, 7000)
    replayed([on_link(0, b"\0\x21" + inner)], SSH, linktype=file_links.DLT_PPP, observe=seen.append)
    assert [(LINKTYPE_RAW, inner)] == [(one.linktype, one.frame) for one in seen]
