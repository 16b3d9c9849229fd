"""Signed knocks in the packet process: told to the keeper, by the minutes of each view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from knockd.knocks.events import Discarded, Stage, Why
from knockd.knocks.session import DISCARDED, GOES_ON
from knockd.knocks.signed_watch import SignedWatch
from knockd.process.handover import encode_handover
from knockd.process.link import handover_pair
from knockd.process.verbs import Opening, Packet, Pong, Ready, Signed
from knockd.process.view import View
from tests.support.doubles.captures import Act
from tests.support.doubles.packet_process import DLT_EN10MB, NOW, SETUP, VIEW, World, knock, new_world
from tests.support.doubles.played import ALICE, OURS
from tests.support.samples.headers import UDP, framed, ipv4, udp
from tests.support.samples.signed_packets import MINUTE, PORT, sealed, watching

NUMBER = UDP << 16 | PORT
STAMP = round(NOW * 1_000_000)
SIGNED = replace(VIEW, signed=watching(1))


def frame(packet: bytes) -> bytes:
    """The frame of a signed knock."""
    return framed(DLT_EN10MB, ipv4(udp(PORT, packet), UDP))


def told(number: int, minute: int = MINUTE) -> Signed:
    """What the keeper is told of a packet."""
    return Signed(ALICE, OURS, 0, STAMP, NUMBER, sealed(number, minute=minute))


@pytest.fixture
def world() -> Iterator[World]:
    """A packet process that may be sent ports of signed knocks."""
    with new_world() as made:
        made.setup = replace(SETUP, signed=True)
        yield made


def send(world: World, view: View) -> Act:
    """Something to do: the keeper sends a view."""

    def sent() -> None:
        world.ours.send(view.encode())

    return sent


def test_signed(world: World) -> None:
    """A packet is told once, whole; a copy is discarded."""
    world.run([frame(sealed(1)), frame(sealed(1))], view=SIGNED)
    assert world.said() == [Ready(""), told(1), Discarded(ALICE, NUMBER, Why.REPEATED)]


def test_later_view(world: World) -> None:
    """Ports may come with a view; before it the packet is nothing."""
    view = View(signed=watching(1))
    world.run([frame(sealed(1))], send(world, view), [], [frame(sealed(1))])
    assert world.said() == [Ready(""), Pong(), told(1)]
    assert len(set(world.eth0.filters)) == 2


def test_next_minute(world: World) -> None:
    """The tags of the next minute are in the filter, and knocks that are under way go on."""
    view = View(signed=watching(1, now=MINUTE + 1))
    world.run([knock(7)], send(world, view), [], [frame(sealed(1, minute=MINUTE + 2)), knock(8)], view=SIGNED)
    said = world.said()
    assert said[:3] == [Ready(""), Stage(0, ALICE, 1), Pong()]
    assert set(said[3:]) == {told(1, MINUTE + 2), Opening(0, ALICE, OURS, 2, 0, STAMP)}
    assert len(set(world.eth0.filters)) == 2


def test_view_that_says_nothing_of_them(world: World) -> None:
    """Other watches or addresses leave ports and minutes as they were."""
    world.run(send(world, View(watches=VIEW.watches)), [], [frame(sealed(1))], view=SIGNED)
    assert world.said() == [Ready(""), Pong(), told(1)]
    assert len(set(world.eth0.filters)) == 1


def test_no_minutes(world: World) -> None:
    """Without minutes, as while the clock is not trusted, no packet is taken."""
    world.run(send(world, View(signed=SignedWatch((), ()))), [], [frame(sealed(1))], view=SIGNED)
    assert world.said() == [Ready(""), Pong()]


def test_debug(world: World) -> None:
    """With -D the line of a packet says what becomes of it as a signed knock."""
    world.setup = replace(world.setup, debug=True)
    world.run([frame(sealed(1)), frame(sealed(1)), knock(9)], view=SIGNED)
    lines = [one.line for one in world.said() if isinstance(one, Packet)]
    assert f"{PORT} 166 bytes ({GOES_ON})" in lines[0]
    assert lines[1].endswith(f"({DISCARDED[Why.REPEATED]})")
    assert lines[2].endswith("bytes")


def test_taken_over(world: World) -> None:
    """What was held until the other packet process has handed over is told then, but for what that told."""
    before, leaving = handover_pair()
    stamps = {"eth0": [STAMP]}

    def hand_over() -> None:
        for message in encode_handover(stamps, ()):
            leaving.send(message)
        leaving.close()
        world.ours.send(View(begin=True).encode())

    def later() -> None:
        world.eth0.stamp = NOW + 1

    world.run([frame(sealed(1))], later, [frame(sealed(2))], hand_over, [], [], view=SIGNED, before=before)
    before.close()
    assert world.said() == [Ready(""), told(2)._replace(stamp=STAMP + 1_000_000), Pong()]
