"""Views, and the time beside another packet process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from knockd.knocks.events import Stage, Underway
from knockd.process.figures import MOST_UNDERWAY, Counted, Figure, Totals
from knockd.process.verbs import Opening, Pong, Ready
from knockd.process.view import View
from tests.support.doubles.captures import Act
from tests.support.doubles.packet_process import DLT_EN10MB, NOW, VIEW, World, knock, new_world
from tests.support.doubles.played import ALICE, LOCAL, OURS, door, watched
from tests.support.samples.headers import framed, ipv4, tcp


@pytest.fixture
def world() -> Iterator[World]:
    """Nothing is there yet."""
    with new_world() as made:
        yield made


# Views.


def test_asked_for_a_sign_of_life(world: World) -> None:
    """An empty view is answered, and changes no filter."""
    world.ours.send(View().encode())
    world.run([knock(7)])
    assert Pong() in world.said()
    assert len(world.eth0.filters) == 1


def test_other_watches(world: World) -> None:
    """With a view other ports count, the filter comes with them, and attempts at unchanged doors go on."""
    both = View(watches=(*watched(door("7 8")), *watched(door("17"), door("17"))[1:]))

    def send() -> None:
        world.ours.send(both.encode())

    world.run([knock(7)], send, [], [knock(17)], [knock(8)])
    assert world.said()[1:] == [
        Stage(0, ALICE, 1),
        Pong(),
        Opening(1, ALICE, OURS, 1, 0, round(NOW * 1_000_000)),
        Opening(0, ALICE, OURS, 2, 0, round(NOW * 1_000_000)),
    ]
    assert len(world.eth0.filters) == 2


def test_other_addresses(world: World) -> None:
    """With a view another address is the interface's; watches stay as they were."""
    elsewhere = bytes([10, 0, 0, 9])

    def send() -> None:
        world.ours.send(View({"eth0": frozenset({elsewhere})}).encode())

    moved = framed(DLT_EN10MB, ipv4(tcp(7), destination="10.0.0.9"))
    world.run([moved], send, [], [moved])
    assert world.said() == [Ready(""), Pong(), Stage(0, ALICE, 1)]


def test_new_addresses_of_this_host(world: World) -> None:
    """A view's addresses of this host take the place of those before; a view without them leaves them."""

    def send(view: View) -> Act:
        def sent() -> None:
            world.ours.send(view.encode())

        return sent

    world.run(send(View(own=LOCAL)), [], send(View(watches=VIEW.watches)), [], [knock(7, "10.0.0.1")])
    assert [one for one in world.said() if isinstance(one, Stage)] == []


# Figures.


def figures(world: World) -> list[Figure]:
    """What the packet process has said of itself before its end."""
    said = world.said(figures=True)
    return [one for one in said[: said.index(PONG)] if isinstance(one, Figure)]


PONG = Pong()


def test_figures(world: World) -> None:
    """Whoever asks is told of each interface, of attempts and of all that was counted, then answered."""

    def ask() -> None:
        world.eth0.received, world.eth0.dropped = 9, 2
        world.ours.send(View(figures=True).encode())

    world.run([knock(7)], ask, [])
    told = figures(world)
    assert [type(one) for one in told] == [Counted, Underway, Totals]
    assert isinstance(told[0], Counted)
    assert told[0][:4] == (0, DLT_EN10MB, 9, 2)
    assert told[1:] == [Underway(0, ALICE, 1, 25), Totals(1, 1, 0, 0, 0, 0)]


def test_most_attempts(world: World) -> None:
    """However many attempts there are, so many are named, and all are counted."""

    def ask() -> None:
        world.ours.send(View(figures=True).encode())

    world.run([knock(7, f"192.0.2.{n}") for n in range(1, 31)], ask, [])
    told = figures(world)
    assert sum(isinstance(one, Underway) for one in told) == MOST_UNDERWAY
    assert told[-1] == Totals(30, 30, 0, 0, 0, 0)


def test_unasked(world: World) -> None:
    """Nobody who does not ask is told anything before the end, when counts are said and no attempts."""
    world.run([knock(7)])
    told = [one for one in world.said(figures=True) if not isinstance(one, Counted)]
    assert told == [Ready(""), Stage(0, ALICE, 1), Totals(1, 1, 0, 0, 0, 0)]
