"""How frames of a capture are counted."""

from __future__ import annotations

import pytest

from knockd.knocks.kernel_view import show_frame
from knockd.replay.counts import MOST_ELSEWHERE, Counts, is_cut
from knockd.replay.targets import KnockPorts
from knockd_bpf.wire import DLT_EN10MB
from tests.support.doubles.played import door, watched
from tests.support.doubles.replays import frame

PORTS = KnockPorts(watched(door("1 2")))


def test_addresses_elsewhere() -> None:
    """Only so many addresses are counted; those that are go on."""
    counts = Counts()
    for number in [*range(MOST_ELSEWHERE + 5), 0, MOST_ELSEWHERE]:
        counts.count_elsewhere(number.to_bytes(4, "big"))
    assert (len(counts.elsewhere), counts.elsewhere[bytes(4)]) == (MOST_ELSEWHERE, 2)


@pytest.mark.parametrize(("port", "expected"), [(1, {100: 1}), (9, {})])
def test_tagged(port: int, expected: dict[int, int]) -> None:
    """A frame of a VLAN counts there when it goes to a knock port."""
    counts = Counts()
    counts.count_tagged(show_frame(DLT_EN10MB, frame(0, port, vlan=100).data), PORTS)
    assert (dict(counts.vlans), counts.double_tagged) == (expected, 0)


def test_double_tagged() -> None:
    """One with two tags is for no interface that is known."""
    inner = frame(0, 1, vlan=100).data
    counts = Counts()
    counts.count_tagged(show_frame(DLT_EN10MB, inner[:12] + b"\x81\x00\0\7" + inner[12:]), PORTS)
    assert (dict(counts.vlans), counts.double_tagged) == ({}, 1)


@pytest.mark.parametrize(("length", "expected"), [(60, False), (36, True)])
def test_cut(length: int, expected: bool) -> None:
    """A frame is cut when its ports are beyond its end."""
    whole = frame(0, 1).data.ljust(60, b"\0")
    assert is_cut(show_frame(DLT_EN10MB, whole[:length])) is expected
