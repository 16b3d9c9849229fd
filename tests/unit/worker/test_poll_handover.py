"""The packet process that ends hands over, and the one that takes over begins where that has ended."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest

from knockd.knocks.events import Attempt, Stage
from knockd.process.handover import MOST_IN_ONE, encode_handover
from knockd.process.link import handover_pair
from knockd.process.verbs import Failed, Message, Opening, Pong, Ready, SmallRing
from knockd.process.view import View
from knockd.worker import handover, poll
from tests.support.doubles.captures import Act
from tests.support.doubles.packet_process import NOW, VIEW, World, knock, new_world
from tests.support.doubles.played import ALICE, OURS, door, watched

STAMP = round(NOW * 1_000_000)
(WATCH,) = VIEW.watches or ()
OPENING = Opening(0, ALICE, OURS, 2, 0, STAMP)


@pytest.fixture
def world() -> Iterator[World]:
    """Nothing is there yet."""
    with new_world() as made:
        yield made


class Before:
    """The packet process that hands over, and the keeper."""

    def __init__(self, world: World) -> None:
        self.reading, self._writing = handover_pair()
        self._world = world

    def leave(self, *attempts: Attempt, stamps: Sequence[int] = ()) -> None:
        """Hands over; ``stamps`` are those of the latest packets that it has judged at eth0."""
        for message in encode_handover({"eth0": stamps}, attempts):
            self._writing.send(message)
        self.end()

    def end(self) -> None:
        """Ends."""
        self._writing.close()

    def begin(self, view: View = View(begin=True)) -> Act:  # noqa: B008 - immutable
        """The keeper has heard the last of it."""

        def said() -> None:
            self._world.ours.send(view.encode())

        return said


@pytest.fixture
def before(world: World) -> Iterator[Before]:
    """It goes on."""
    made = Before(world)
    yield made
    made.end()
    made.reading.close()


ONE_STEP = Attempt(hash(WATCH.attempts_at), ALICE, 1, 999.0)


def counted(world: World) -> list[Message]:
    """What was said, without answers."""
    return [one for one in world.said() if one != Pong()]


# Handing over.


def inherited(world: World) -> list[bytes]:
    """What the packet process has left."""
    found = []
    with suppress(BlockingIOError):
        while data := world.next.recv(1 << 17):
            found.append(data)
    return found


def test_attempts_are_left(world: World) -> None:
    """When the keeper closes the link all attempts are handed over, with the stamp of the last packet."""
    assert world.run([knock(7)]) == os.EX_OK
    assert inherited(world) == [*encode_handover({"eth0": [STAMP]}, [ONE_STEP._replace(since=1_000.0)])]


def test_ends_are_closed(world: World) -> None:
    """The keeper and the next packet process hear at once that there is no more: captures close later."""
    world.run([knock(7)])
    inherited(world)
    world.said()
    assert (world.next.recv(1), world.ours.recv(1)) == (b"", b"")
    assert not world.eth0.closed


def test_what_has_come_is_judged(world: World) -> None:
    """Frames that are in the ring when the link closes are judged, and their openings sent."""
    world.run(world.end, [knock(7)], [knock(8)])
    assert world.said() == [Ready(""), Stage(0, ALICE, 1), OPENING]
    assert inherited(world) == [*encode_handover({"eth0": [STAMP, STAMP]}, [])]


def test_what_waits_for_the_block_timer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel shows a packet only when its block is full or old: the last look is after that time."""
    pauses: list[float | None] = []
    new = select.poll

    class Noting:
        """A poll object that notes pauses: who waits for nothing but time."""

        def __init__(self) -> None:
            self._poll, self._registered = new(), 0

        def register(self, descriptor: int, events: int) -> None:
            self._registered += 1
            self._poll.register(descriptor, events)

        def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
            if self._registered:
                return self._poll.poll(timeout)
            pauses.append(timeout)
            return []

    monkeypatch.setattr(select, "poll", Noting)
    assert world.run([knock(7)]) == os.EX_OK
    assert pauses == [2_000 * world.setup.latency / 1_000]


def test_nobody_takes_over(world: World) -> None:
    """Without another one it ends all the same."""
    world.next.close()
    assert world.run([knock(7)]) == os.EX_OK


# Taking over.


def test_a_step_before_and_one_after(world: World, before: Before) -> None:
    """A knock goes on where the other one has seen it; what both have seen counts once."""

    def leave() -> None:
        before.leave(ONE_STEP, stamps=[STAMP])

    def later() -> None:
        world.eth0.stamp = NOW + 0.01

    world.run(
        [knock(7)],
        [knock(7, "192.0.2.9")],
        later,
        [knock(8)],
        leave,
        before.begin(),
        [],
        [],
        before=before.reading,
    )
    assert counted(world) == [Ready(""), OPENING._replace(stamp=STAMP + 10_000)]


def test_silent_until_then(world: World, before: Before) -> None:
    """Until all has come it says READY and nothing else, and answers nothing."""
    heard: list[list[Message]] = []

    def listen() -> None:
        heard.append(world.said())

    asked, end = before.begin(View()), before.end
    batches: list[list[bytes] | Act] = [asked, [knock(7)], listen, end, [], listen, before.begin(), [], []]
    world.run(*batches, before=before.reading)
    assert heard == [[Ready("")], []]
    assert world.said() == [Stage(0, ALICE, 1), Pong(), Pong()]


def test_the_end_comes_late(world: World, before: Before) -> None:
    """When the keeper is faster than what is handed over that is waited for."""

    def leave() -> None:
        before.leave(ONE_STEP)

    world.run(before.begin(), [knock(8)], [], leave, [], [], before=before.reading)
    assert counted(world) == [Ready(""), OPENING]


def test_the_other_one_was_killed(world: World, before: Before) -> None:
    """Where nothing was handed over all that was held is judged."""
    world.run([knock(7)], before.end, before.begin(), [], [knock(8)], before=before.reading)
    assert counted(world) == [Ready(""), Stage(0, ALICE, 1), OPENING]


def test_other_watches_to_begin_with(world: World, before: Before) -> None:
    """Watches that come with the beginning count for what was held."""
    watches = watched(door("8"))

    def leave() -> None:
        before.leave(ONE_STEP)

    begin = before.begin(View(watches=watches, begin=True))
    world.run([knock(8)], leave, begin, [], [], before=before.reading)
    assert counted(world) == [Ready(""), OPENING._replace(stage=1)]


def test_more_than_it_holds(world: World, before: Before, monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is no room for stays in the ring, and is judged from there."""
    receive, left = handover.Inheritance.receive, []

    def note_and_receive(inheritance: handover.Inheritance) -> bool:
        left.append(len(world.eth0.batches))
        return receive(inheritance)

    monkeypatch.setattr(handover.Inheritance, "receive", note_and_receive)
    monkeypatch.setattr(handover, "MAX_HELD", 10)
    before.leave(*[ONE_STEP._replace(watch=0)] * 2 * MOST_IN_ONE)  # four turns of the loop
    before.begin()()
    world.run([knock(7)], [knock(8)], before=before.reading)
    assert left == [2] * 4
    assert counted(world) == [Ready(""), Stage(0, ALICE, 1), OPENING]


def test_figures_come_with_the_beginning(world: World, before: Before) -> None:
    """A ring that is too small is told of when it counts."""
    from tests.support.doubles.captures import FakeCapture

    world.interfaces["eth0"] = FakeCapture("eth0", before.end, before.begin(), [], [], world.end)
    world.eth0.ring_size = 32 * 1024
    world.run(before=before.reading)
    assert counted(world) == [Ready(""), SmallRing(0, 32)]


def test_malformed(world: World, before: Before) -> None:
    """A hand-over that is none ends the packet process with the reason."""
    before._writing.send(b"x")
    assert world.run([], [], before=before.reading) == os.EX_SOFTWARE
    failed = world.said()[-1]
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("hand-over: 1 bytes")


def test_let_go_while_it_holds(world: World, before: Before) -> None:
    """One that has not begun has nothing to hand over."""
    assert world.run([knock(7)], before=before.reading) == os.EX_OK
    with pytest.raises(BlockingIOError):
        world.next.recv(1, socket.MSG_DONTWAIT)


# The clock of stamps.


def test_the_clock_is_set_back(world: World, before: Before) -> None:
    """What was judged before a take-over is told by its stamps only as long as it may be in the ring."""

    def leave() -> None:
        before.leave(stamps=[STAMP])

    def set_back() -> None:
        world.eth0.stamp = NOW - 3_600

    world.run(
        leave,
        before.begin(),
        [],
        world.pass_time(poll.SETTLED),
        [],
        set_back,
        [knock(7)],
        [knock(8)],
        before=before.reading,
    )
    assert counted(world) == [Ready(""), Stage(0, ALICE, 1), OPENING._replace(stamp=STAMP - 3_600_000_000)]


def test_a_full_ring_is_read_first(world: World, before: Before) -> None:
    """While a ring has more than one read takes, what is in it may be from before the take-over."""

    def leave() -> None:
        before.leave(stamps=[STAMP])

    world.run(
        leave,
        before.begin(),
        [],
        world.pass_time(poll.SETTLED),
        [knock(9)] * poll.BATCH,
        [knock(7)],
        [knock(7)],
        before=before.reading,
    )
    assert counted(world) == [Ready(""), Stage(0, ALICE, 1)]
