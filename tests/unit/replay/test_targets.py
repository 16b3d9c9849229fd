"""Which addresses a capture's knocks went to."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address, ip_network

import pytest

from knockd.knocks.kernel_view import show_frame
from knockd.knocks.signed_watch import SignedPort
from knockd.replay.targets import (
    KnockPorts,
    choose_most_knocked,
    count_destinations,
    fits_flags,
    is_group,
    is_kept_out,
)
from knockd.worker.capture_file import Frame
from knockd_bpf.wire import DLT_EN10MB, TCP, UDP
from knockd_conf.access import Access, make_networks
from knockd_conf.model import Door, FlagRule
from tests.support.doubles.played import door, watched
from tests.support.doubles.replays import frame

SYN_ONLY = FlagRule(must_set=0x02, must_clear=0x10)


def counted(frames: list[Frame], *doors: Door) -> dict[str, int]:
    """The knocks of each address."""
    ports = KnockPorts(watched(*doors))
    counts = count_destinations((show_frame(DLT_EN10MB, one.data), ports) for one in frames)
    return {str(ip_address(address)): count for address, count in counts.items()}


def test_steps_count() -> None:
    """Packets to a step of any door count at their destination; others do not."""
    frames = [frame(0, port, to="10.0.0.7") for port in (1, 2, 3, 9)] + [frame(0, 4, to="10.0.0.8")]
    assert {"10.0.0.7": 3, "10.0.0.8": 1} == counted(frames, door("1 2 3"), door("4 5"))


def test_protocol_and_flags() -> None:
    """A packet with another protocol or other flags than the door's is no knock."""
    frames = [frame(0, 1, protocol=UDP), frame(0, 2, flags=0x10), frame(0, 3, protocol=UDP)]
    assert {"10.0.0.1": 1} == counted(frames, door("1 2 3u", flags=SYN_ONLY))


def test_no_packet_with_the_flags() -> None:
    """Where no packet has the flags of a knock, the port is enough: somebody wants to know what is wrong."""
    frames = [frame(0, 1, flags=0x10), frame(0, 9, flags=0x10)]
    assert {"10.0.0.1": 1} == counted(frames, door("1 2 3", flags=SYN_ONLY))


def test_doors_with_a_target() -> None:
    """A door with a Target has its own addresses."""
    assert {} == counted([frame(0, 1)], door("1", target=(ip_address("10.0.0.9"),)))


@pytest.mark.parametrize("to", ["224.0.0.1", "255.255.255.255"])
def test_groups(to: str) -> None:
    """Multicast and broadcast are nobody's address."""
    assert {} == counted([frame(0, 1, to=to)], door("1"))
    assert is_group(ip_address("ff02::1").packed)
    assert not is_group(ip_address("fd00::1").packed)
    assert not is_group(ip_address("240.0.0.1").packed)


def test_most_knocked() -> None:
    """Of each version of IP the most knocked are chosen, and those that got a tenth as many."""
    four, six = (b"\n\0\0" + bytes([n]) for n in range(1, 4)), ip_address("fd00::1").packed
    first, second, third = four
    counts = Counter({second: 100, first: 1_000, third: 99, six: 1})
    assert [(first, 1_000), (second, 100), (six, 1)] == choose_most_knocked(counts)


def test_most_addresses() -> None:
    """At most four of each version are chosen."""
    counts = Counter({b"\n\0\0" + bytes([n]): 1 for n in range(9)})
    assert 4 == len(choose_most_knocked(counts))


def test_nothing() -> None:
    """Without a knock nothing is chosen."""
    assert [] == choose_most_knocked(Counter())


def test_flags_of_udp() -> None:
    """A flag rule asks nothing of UDP."""
    (watch,) = watched(door("1", flags=SYN_ONLY))
    assert fits_flags(watch, (b"", b"", UDP, 1, 0))
    assert not fits_flags(watch, (b"", b"", TCP, 1, 0))


def test_ports_of_signed_knocks() -> None:
    """A packet to one counts by UDP, unless the port watches other addresses than the interface's own."""
    here = ip_address("10.0.0.7").packed
    for one, expected in (
        (SignedPort(4711), {"10.0.0.7": 1}),
        (SignedPort(4711, frozenset({here})), {}),
        (SignedPort(4712), {}),
    ):
        ports = KnockPorts(watched(door("1")), [one])
        frames = [frame(0, 4711, to="10.0.0.7", protocol=UDP), frame(0, 4711, to="10.0.0.8", protocol=TCP)]
        counts = count_destinations((show_frame(DLT_EN10MB, it.data), ports) for it in frames)
        assert {str(ip_address(address)): count for address, count in counts.items()} == expected


def test_kept_out_everywhere() -> None:
    """A source is kept out where no watch and no port of signed knocks admits it."""
    nobody = Access(make_networks([ip_network("203.0.113.0/24")]), ())
    (open_watch,) = watched(door("1"))
    packet = (ip_address("192.0.2.1").packed, ip_address("10.0.0.1").packed, UDP, 1, 0)
    closed = SignedPort(1, access=nobody)
    assert is_kept_out([closed], packet)
    assert not is_kept_out([closed, open_watch], packet)
    assert not is_kept_out([closed, SignedPort(1)], packet)
    assert not is_kept_out([], packet)
