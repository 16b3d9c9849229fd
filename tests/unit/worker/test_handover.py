"""What comes from the packet process before, and what is held until then."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from knockd.knocks.events import Attempt
from knockd.knocks.memory import most_exported
from knockd.knocks.session import Frames
from knockd.process.handover import MAX_HANDOVER, MOST_IN_ONE
from knockd.process.link import handover_pair
from knockd.process.verbs import MalformedError
from knockd.worker import handover
from knockd.worker.captures import WatchedInterface
from knockd.worker.handover import Inheritance, send_handover
from tests.support.doubles.captures import FakeCapture
from tests.support.doubles.played import ALICE, BOB

ATTEMPTS = [Attempt(1, ALICE, 2, 5.0), Attempt(1, BOB, 0, 6.0)]
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The reading end and the other one."""
    ends = handover_pair()
    yield ends
    for end in ends:
        end.close()


def test_all_of_it(pair: Pair) -> None:
    """Stamps and attempts arrive; the end is the end of the socket."""
    inheritance = Inheritance(pair[0], {"eth0"})
    send_handover(pair[1], {"eth0": [7, 8]}, ATTEMPTS)
    assert [inheritance.receive() for _ in range(3)] == [True, True, True]
    pair[1].close()
    assert not inheritance.receive()
    assert (inheritance.stamps, inheritance.attempts) == ({"eth0": [7, 8]}, ATTEMPTS)


def test_ready(pair: Pair) -> None:
    """It is ready when the end has come and the keeper has said that it may begin, in any order."""
    inheritance = Inheritance(pair[0], {"eth0"})
    pair[1].close()
    assert not inheritance.ready
    inheritance.receive()
    assert not inheritance.ready
    inheritance.begun = True
    assert inheritance.ready


def test_more_than_there_is_room_for(pair: Pair) -> None:
    """Who hands over waits until the other one has read."""
    many = [Attempt(1, ALICE, 1, float(number)) for number in range(40 * MOST_IN_ONE)]
    inheritance = Inheritance(pair[0], {"eth0"})

    def send() -> None:
        send_handover(pair[1], {}, many)
        pair[1].close()

    sender = threading.Thread(target=send)
    sender.start()
    pair[0].setblocking(True)
    while inheritance.receive():
        pass
    sender.join()
    assert inheritance.attempts == many


def test_more_than_a_matcher_holds(pair: Pair) -> None:
    """One that was taken over may send without end: what no matcher can have held is ignored."""
    most = most_exported(max_attempts=8)
    inheritance = Inheritance(pair[0], {"eth0"}, max_attempts=8)
    for messages in range(2 + most // MOST_IN_ONE):
        send_handover(pair[1], {"eth0": [7], f"eth{1 + messages}": [8]}, [ATTEMPTS[0]] * MOST_IN_ONE)
        assert [inheritance.receive() for _ in range(3)] == [True] * 3
    assert (len(inheritance.attempts), inheritance.stamps) == (most, {"eth0": [7]})


def test_nobody_takes_over(pair: Pair) -> None:
    """Without a reader it ends at once."""
    pair[0].close()
    with pytest.raises(ConnectionError):
        send_handover(pair[1], {}, ATTEMPTS)


@pytest.mark.parametrize("messages", [(b"x",), (b"A", b"x"), (b"A" * (MAX_HANDOVER + 1),)])
def test_malformed(pair: Pair, messages: tuple[bytes, ...]) -> None:
    """What is no hand-over is an error."""
    inheritance = Inheritance(pair[0], {"eth0"})
    for message in messages:
        pair[1].send(message)
    for _ in messages[1:]:
        inheritance.receive()
    with pytest.raises(MalformedError):
        inheritance.receive()


def test_held_frames(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are held in order, up to a bound; empty batches are not."""
    monkeypatch.setattr(handover, "MAX_HELD", 100)
    inheritance, capture = Inheritance(pair[0], {"eth0"}), FakeCapture("eth0")
    watched = WatchedInterface(0, capture, frozenset())
    batches = [Frames(bytes(34), bytes(16), 1), Frames(b"", b"", 1), Frames(bytes(35), bytes(16), 1)]
    full = []
    for frames in batches:
        inheritance.hold(watched, frames)
        full.append(inheritance.full)
    assert full == [False, False, True]
    assert inheritance.held == [(watched, batches[0]), (watched, batches[2])]
    capture.close()
