"""What a packet process says before it counts, and what it says then."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from knockd.edge.link import MAX_EVENT, Kind, Message, decode, pair
from knockd.engine.events import Opened, Stage
from knockd.worker.outbox import Outbox
from tests.support.played import ALICE, BOB, OURS

STAMP = 1_790_000_000_000_000


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

    def kinds(self) -> list[Kind]:
        """The same without details."""
        return [message.kind for message in self.heard()]

    def open(self, door: int = 0, source: bytes = ALICE, stamp: int = STAMP) -> None:
        """A door opens."""
        self.outbox.opened(Opened(door, source, OURS, 2), 0, stamp)


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Nothing was said yet."""
    made = Ends()
    yield made
    made.ours.close()
    made.theirs.close()


def test_silent(ends: Ends) -> None:
    """Before it counts it says nothing, has nothing to wait for, and lets go of what the other one tells."""
    ends.open()
    ends.outbox.tell(Stage(0, BOB, 1))
    ends.outbox.answer()
    ends.outbox.flush(7)
    assert ([], False) == (ends.kinds(), ends.outbox.waiting)


def test_begin(ends: Ends) -> None:
    """READY comes first; then figures, answers and the openings of the meantime, one a door and source."""
    ends.outbox.send(Message(Kind.SMALL_RING, count=64))
    ends.open()
    ends.open(stamp=STAMP + 5)
    ends.open(door=1)
    ends.outbox.tell(Stage(0, BOB, 1))
    ends.outbox.answer()
    ends.outbox.begin("")
    ends.outbox.flush(0)
    heard = ends.heard()
    assert [Kind.READY, Kind.SMALL_RING, Kind.PONG, Kind.OPENED, Kind.OPENED] == [one.kind for one in heard]
    assert [(0, STAMP + 5), (1, STAMP)] == [(one.door, one.count) for one in heard[3:]]


def test_insist(ends: Ends) -> None:
    """What must be said is said before that too: why it cannot listen."""
    ends.outbox.insist(Message(Kind.FAILED, stage=70, text="no"))
    assert [Kind.FAILED] == ends.kinds()


def test_takes_turns(ends: Ends) -> None:
    """When the keeper does not read, a storm at one door does not stand before the opening of another."""
    ends.outbox.begin("")
    for number in range(2_000):
        ends.open(source=number.to_bytes(4, "big"))
    ends.open(door=1)
    unread = len(ends.heard())
    ends.outbox.flush(0)
    doors = [message.door for message in ends.heard()]
    assert (unread < 400, 1 in doors[:2]) == (True, True)


def test_gone(ends: Ends) -> None:
    """When the keeper is gone that is an error to end with."""
    ends.ours.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionError):
        ends.outbox.begin("")
