"""What the packet process says of itself: added up, asked for seldom, and never waited for long."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from knockd.keeper.figures import (
    EVERY,
    MOST_INTERFACES,
    OTHERS,
    PATIENCE,
    Attempt,
    FigureBook,
    FigureDesk,
    Figures,
)
from knockd.keeper.worker_process import WorkerProcess
from knockd.knocks.events import Underway
from knockd.process.figures import Counted, Totals
from tests.support.doubles.linked_workers import CONFIG, worker_process
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.doubles.played import ALICE, door

TWO_DOORS = replace(CONFIG, doors=(door("1 2 3", name="ssh"), door("4 5", name="web")))


def counted(received: int, missed: int = 0, *, interface: int = 0) -> Counted:
    """What an interface has brought."""
    return Counted(interface, 1, received, missed, 40, 12)


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    """A packet process with two doors and two interfaces."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield worker_process(ours, TWO_DOORS, "eth0", "tun0")


def test_what_is_said(worker: WorkerProcess) -> None:
    """An answer has each interface and attempt by its name, and is taken once."""
    book = FigureBook()
    for figure in (counted(9, 2), Underway(0, ALICE, 2, 7), Totals(31, 40, 0, 1, 2, 3)):
        book.hear(1, worker, figure)
    assert book.take() == Figures({"eth0": counted(9, 2)}, (Attempt("192.0.2.1", "ssh", 2, 3, 7),), 31)
    assert book.take() == Figures()


def test_sums(worker: WorkerProcess) -> None:
    """What one packet process says of itself again counts once, what the next one says counts besides."""
    book = FigureBook()
    book.hear(1, worker, counted(9, 2))
    book.hear(1, worker, counted(12, 2))
    book.hear(1, worker, Totals(0, 5, 1, 0, 0, 0))
    book.hear(1, worker, Totals(0, 7, 1, 0, 0, 0))
    book.forget(1)
    book.hear(2, worker, counted(3))
    book.hear(2, worker, Totals(0, 2, 0, 0, 0, 0))
    assert book.received == {"eth0": 15}
    assert book.dropped == {"eth0": 2}
    assert book.events == {"begun": 9, "guarded": 1, "spoiled": 0, "expired": 0, "ignored": 0}


def test_never_less(worker: WorkerProcess) -> None:
    """A packet process that says less than before takes nothing back."""
    book = FigureBook()
    book.hear(1, worker, counted(9))
    book.hear(1, worker, counted(4))
    assert book.received == {"eth0": 9}


def test_many_interfaces(worker: WorkerProcess) -> None:
    """However many interfaces come and go, so many are counted by name and all are counted."""
    book = FigureBook()
    for number in range(MOST_INTERFACES + 5):
        book.hear(number, replace(worker, interfaces=(f"veth{number}",)), counted(1))
        book.forget(number)
    assert len(book.received) == MOST_INTERFACES + 1
    assert book.received[OTHERS] == 5


class Desk(FigureDesk):
    """A desk whose answers a test gives, and what became of questions."""

    def __init__(self) -> None:
        self.manual = ManualLoop()
        self.asked = 0
        self.answers: list[Figures] = []
        super().__init__(self.manual.loop, self.count)

    def count(self) -> None:
        """The packet process is asked."""
        self.asked += 1

    def want(self) -> None:
        """Somebody asks."""
        self.ask(self.answers.append)
        self.manual.turn()


def test_shared(worker: WorkerProcess) -> None:
    """Whoever asks while an answer is waited for has that one, and whoever asks soon after."""
    desk = Desk()
    desk.want()
    desk.want()
    assert desk.answers == []
    desk.book.hear(1, worker, counted(9))
    desk.finish()
    desk.manual.turn()
    desk.manual.now += EVERY / 2
    desk.want()
    assert desk.asked == 1
    assert desk.answers == [Figures({"eth0": counted(9)})] * 3
    assert desk.manual.waiting == []


def test_asked_again() -> None:
    """After a while the packet process is asked anew."""
    desk = Desk()
    desk.want()
    desk.finish()
    desk.manual.now += EVERY
    desk.want()
    assert desk.asked == 2


def test_silent() -> None:
    """Without an answer there are no figures, soon."""
    desk = Desk()
    desk.want()
    assert desk.manual.waiting == [PATIENCE]
    desk.manual.fire()
    desk.manual.turn()
    assert desk.answers == [Figures()]


def test_too_late(worker: WorkerProcess) -> None:
    """An answer that comes too late is no part of the next one, but what it counts is counted."""
    desk = Desk()
    desk.want()
    desk.manual.fire()
    desk.book.hear(1, worker, Underway(0, ALICE, 2, 7))
    desk.book.hear(1, worker, counted(9))
    desk.finish()
    desk.manual.now += EVERY
    desk.want()
    desk.book.hear(1, worker, counted(11))
    desk.finish()
    desk.manual.turn()
    assert desk.answers[1:] == [Figures({"eth0": counted(11)})]
    assert desk.book.received == {"eth0": 11}
