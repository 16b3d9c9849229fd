"""What a packet process says before it counts, and what it says then."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from knockd.knocks.events import Discarded, Opened, SignedPacket, Stage, Stale, Why
from knockd.process.link import pair
from knockd.process.verbs import (
    MAX_EVENT,
    Failed,
    HeldBack,
    Message,
    Opening,
    Pong,
    Ready,
    Signed,
    SmallRing,
    decode,
)
from knockd.worker.link import MAX_UNSENT_SIGNED, Outbox
from tests.support.doubles.played import ALICE, BOB, OURS

STAMP = 1_790_000_000_000_000
PORT = 17 << 16 | 47_811


class Ends:
    """An outbox and the keeper's end of its link."""

    def __init__(self) -> None:
        self.ours, self.theirs = pair()
        self.outbox = Outbox(self.theirs)

    def heard(self) -> list[Message]:
        """What the keeper can read now."""
        found = []
        while True:
            try:
                found.append(decode(self.ours.recv(MAX_EVENT), 9, 9))
            except BlockingIOError:
                return found

    def open(self, door: int = 0, source: bytes = ALICE, stamp: int = STAMP) -> None:
        """A door opens."""
        self.outbox.send_opening(Opened(door, source, OURS, 2), 0, stamp)

    def knock(self, number: int, key: int = 0) -> None:
        """A signed packet goes on."""
        self.outbox.send_signed(SignedPacket(ALICE, OURS, PORT, packet(number), key), 0, STAMP + number)


def packet(number: int) -> bytes:
    """One of many packets."""
    return number.to_bytes(124, "big")


def numbers(heard: list[Message]) -> list[int]:
    """The numbers of the signed packets that were heard."""
    return [one.stamp - STAMP for one in heard if isinstance(one, Signed)]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Nothing was said yet."""
    made = Ends()
    yield made
    made.ours.close()
    made.theirs.close()


def test_silent(ends: Ends) -> None:
    """Before it counts it says nothing, has nothing to wait for, and drops what the other one reports."""
    ends.open()
    ends.outbox.send_event(Stage(0, BOB, 1))
    ends.outbox.queue_pong()
    ends.outbox.flush(7)
    assert ends.heard() == []
    assert not ends.outbox.waiting


def test_begin(ends: Ends) -> None:
    """READY comes first; then figures, answers and the openings so far, one a sequence and source."""
    ends.outbox.try_send(SmallRing(0, 64))
    ends.open()
    ends.open(stamp=STAMP + 5)
    ends.open(door=1)
    ends.outbox.send_event(Stage(0, BOB, 1))
    ends.outbox.queue_pong()
    ends.outbox.announce("")
    assert ends.heard() == [Ready("")]
    ends.outbox.begin()
    ends.outbox.flush(0)
    heard = [Ready(""), *ends.heard()]
    assert heard[:3] == [Ready(""), SmallRing(0, 64), Pong()]
    assert heard[3:] == [Opening(0, ALICE, OURS, 2, 0, STAMP + 5), Opening(1, ALICE, OURS, 2, 0, STAMP)]


def test_every_sequence_that_opened(ends: Ends) -> None:
    """Openings of a source by several sequences wait each for itself: all of them have been used."""
    for serial in (3, 7, 3):
        ends.outbox.send_opening(Opened(0, ALICE, OURS, 2, serial), 0, STAMP)
    ends.outbox.begin()
    ends.outbox.flush(0)
    assert [3, 7] == [message.serial for message in ends.heard() if isinstance(message, Opening)]


def test_stale(ends: Ends) -> None:
    """A whole sequence that opens nothing is told with its number."""
    ends.outbox.begin()
    ends.outbox.send_event(Stale(4, ALICE, 7))
    assert [Stale(4, ALICE, 7)] == ends.heard()


def test_insist(ends: Ends) -> None:
    """What must be said is said before that too: why it cannot listen."""
    ends.outbox.send_or_wait(Failed(70, "no"))
    assert ends.heard() == [Failed(70, "no")]


def test_takes_turns(ends: Ends) -> None:
    """When the keeper does not read, a storm at one door does not stand before the opening of another."""
    ends.outbox.begin()
    for number in range(2_000):
        ends.open(source=number.to_bytes(4, "big"))
    ends.open(door=1)
    unread = len(ends.heard())
    ends.outbox.flush(0)
    doors = [message.door for message in ends.heard() if isinstance(message, Opening)]
    assert unread < 400
    assert 1 in doors[:2]


def test_a_count_waits_for_room(ends: Ends) -> None:
    """A count of lines held back that finds no room is waited for, as an opening is, and comes then."""
    ends.outbox.begin()
    while ends.outbox.try_send(Pong()):
        pass
    ends.outbox.flush(7)
    assert ends.outbox.waiting
    ends.heard()
    ends.outbox.flush(0)
    assert [HeldBack(7)] == ends.heard()
    assert not ends.outbox.waiting


def test_gone(ends: Ends) -> None:
    """When the keeper is gone that is an error to end with."""
    ends.ours.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionError):
        ends.outbox.announce("")


def test_send_all(ends: Ends) -> None:
    """What is queued is sent before the end, however slowly the keeper reads."""
    ends.outbox.begin()
    for number in range(2_000):
        ends.open(source=number.to_bytes(4, "big"))
    ends.ours.setblocking(True)
    heard: list[Message] = []

    def listen() -> None:
        while not (heard and isinstance(heard[-1], HeldBack)):
            heard.append(decode(ends.ours.recv(MAX_EVENT), 9, 9))

    keeper = threading.Thread(target=listen)
    keeper.start()
    ends.outbox.send_all(7)
    keeper.join()
    assert [len([one for one in heard if isinstance(one, Opening)]), heard[-1]] == [2_000, HeldBack(7)]


# Signed packets.


def test_signed(ends: Ends) -> None:
    """A signed packet is told with interface and stamp, one that is discarded with the reason."""
    ends.outbox.begin()
    ends.outbox.send_signed(SignedPacket(ALICE, OURS, PORT, packet(7), 3), 2, STAMP)
    ends.outbox.send_event(Discarded(BOB, PORT, Why.REPEATED))
    assert [Signed(ALICE, OURS, 2, STAMP, PORT, packet(7)), Discarded(BOB, PORT, 2)] == ends.heard()


def test_signed_before_it_counts(ends: Ends) -> None:
    """Signed packets wait for the beginning, and what is discarded before is not told."""
    ends.knock(1)
    ends.outbox.send_event(Discarded(BOB, PORT, Why.REPEATED))
    ends.knock(2)
    assert [] == ends.heard()
    ends.outbox.begin()
    ends.outbox.flush(0)
    assert [1, 2] == numbers(ends.heard())


def fill(ends: Ends) -> None:
    """The link takes no more."""
    ends.outbox.begin()
    while ends.outbox.try_send(Pong()):
        pass


def test_signed_wait_for_room(ends: Ends) -> None:
    """When the keeper does not read, signed packets wait, those of each key in turn; none is lost."""
    fill(ends)
    for number in range(100):
        ends.knock(number)
    ends.knock(1_000, key=1)
    assert ends.outbox.waiting
    ends.heard()
    ends.outbox.flush(0)
    heard = numbers(ends.heard())
    assert [0, 1_000, 1] == heard[:3]
    assert [*range(100), 1_000] == sorted(heard)
    assert not ends.outbox.waiting


def test_most_signed(ends: Ends) -> None:
    """So many wait: a flood in the name of one key pushes out no packet of another, and is counted."""
    fill(ends)
    for number in range(2 * MAX_UNSENT_SIGNED):
        ends.knock(number)
    ends.knock(1_000, key=1)
    ends.heard()
    ends.outbox.flush(0)
    heard = ends.heard()
    assert 1_000 in numbers(heard)[:2]
    ends.outbox.flush(0)
    heard += ends.heard()
    assert MAX_UNSENT_SIGNED == len(numbers(heard))
    assert [HeldBack(MAX_UNSENT_SIGNED + 1)] == [one for one in heard if isinstance(one, HeldBack)]


def test_signed_beside_openings(ends: Ends) -> None:
    """Neither a storm of openings nor one of signed packets keeps the other out."""
    fill(ends)
    for number in range(100):
        ends.open(source=number.to_bytes(4, "big"))
        ends.knock(number)
    ends.heard()
    ends.outbox.flush(0)
    heard = ends.heard()
    ends.outbox.flush(0)
    heard += ends.heard()
    assert 100 == len(numbers(heard)) == sum(isinstance(one, Opening) for one in heard)
