"""What one packet process owes and may say."""

from __future__ import annotations

from knockd.keeper.worker_events import Arm, Disarm, SendView, Wait
from knockd.keeper.worker_record import ANSWER, WorkerRecord
from knockd.knocks.events import Stage
from knockd.knocks.signed_limits import IN_ALL
from knockd.process.figures import Counted, count_figures
from knockd.process.verbs import HeldBack, Lost, Pong, Signed, When
from knockd.process.view import View
from knockd.token_bucket import BURST, RATE
from knockd.worker.link import MAX_UNSENT_SIGNED
from tests.support.doubles.played import ALICE

STAGE = Stage(0, ALICE, 1)
SIGNED = Signed(ALICE, ALICE, 0, 1, 17 << 16 | 47_811, bytes(124))
MOST_UNREAD = 200
"""Messages that the link holds, at most."""

COUNTED = Counted(0, 1, 9, 0, 40, 12)


def record() -> WorkerRecord:
    """A packet process with two captures."""
    return WorkerRecord(7, ("eth0", "tun0"))


def test_time_to_start() -> None:
    """Who opens many interfaces has more time."""
    for interfaces, seconds in ((1, ANSWER), (40, ANSWER), (402, 100.5)):
        worker = WorkerRecord(7, tuple(f"eth{number}" for number in range(interfaces)))
        assert list(worker.expect_start()) == [Arm(Wait.ANSWER, seconds / 2, 7)]


def test_listening() -> None:
    """Interfaces whose captures have failed are not listened on."""
    worker = record()
    worker.lost.add(0)
    assert worker.listening == ("tun0",)


def test_answers_in_order() -> None:
    """Each answer is due its own time after the one before it."""
    worker = record()
    assert list(worker.send(View())) == [SendView(7, View()), Arm(Wait.ANSWER, ANSWER / 2, 7)]
    assert list(worker.expect(6.0)) == []
    assert worker.answered() == Arm(Wait.ANSWER, 3.0, 7)
    assert worker.answered() == Disarm(Wait.ANSWER, 7)


def test_unsent() -> None:
    """No answer is due to what was not sent, others are."""
    worker = record()
    list(worker.expect(6.0))
    list(worker.expect(8.0))
    assert list(worker.unsent()) == []
    assert list(worker.unsent()) == [Disarm(Wait.ANSWER, 7)]


def test_halves() -> None:
    """The second half is as long as the first one; an answer begins anew."""
    worker = record()
    list(worker.expect(6.0))
    list(worker.expect(8.0))
    assert worker.wait_on() == Arm(Wait.ANSWER, 3.0, 7)
    assert worker.late
    worker.answered()
    assert not worker.late


def test_limit() -> None:
    """What becomes a line of the log is limited, also a count of lines, and comes again with time."""
    worker = record()
    said = [worker.why_malformed(STAGE, When.UP, 1.0) for _ in range(10 * BURST + 1)]
    assert said == [*[""] * (10 * BURST), "more than it may tell"]
    assert worker.why_malformed(HeldBack(1), When.UP, 1.0) == "more than it may tell"
    assert worker.why_malformed(STAGE, When.UP, 1.0 + 2 / (10 * RATE)) == ""


def test_signed_packets_beside_lines() -> None:
    """All that a packet process may cause by its own limits, and keeps for a slow keeper, it may say."""
    worker = record()
    said = [worker.why_malformed(STAGE, When.UP, 1.0) for _ in range(2 * BURST + MOST_UNREAD)]
    said += [worker.why_malformed(SIGNED, When.UP, 1.0) for _ in range(IN_ALL + MAX_UNSENT_SIGNED)]
    for second in range(60):
        for message, times in ((STAGE, 2 * int(RATE)), (SIGNED, IN_ALL)):
            said += [worker.why_malformed(message, When.UP, 2.0 + second) for _ in range(times)]
    assert set(said) == {""}


def test_more_signed_packets_than_there_can_be() -> None:
    """One that goes on for longer with more signed packets than it may let through is ended."""
    worker = record()
    said = [worker.why_malformed(SIGNED, When.UP, 1.0 + n / (6 * IN_ALL)) for n in range(20 * 6 * IN_ALL)]
    assert "more than it may tell" in said
    assert 10 * BURST <= said.index("more than it may tell") <= 40 * BURST


def test_answers_that_are_due() -> None:
    """An answer is in turn when it is due."""
    worker = record()
    assert worker.why_malformed(Pong(), When.UP, 1.0) == "PONG that nobody asked for"
    list(worker.expect())
    assert worker.why_malformed(Pong(), When.UP, 1.0) == ""
    assert worker.why_malformed(Pong(), When.STARTING, 1.0) == "PONG out of turn"


def test_lost_once() -> None:
    """Each capture is lost once, at any time."""
    worker = record()
    worker.lost.add(1)
    assert worker.why_malformed(Lost(0, False, "x"), When.STARTING, 1.0) == ""
    assert worker.why_malformed(Lost(1, False, "x"), When.UP, 1.0) == "LOST twice"


def test_figures_that_are_asked_for() -> None:
    """Figures are said to whoever asks, so many for each question, and none behind the answer."""
    worker = record()
    assert worker.why_malformed(COUNTED, When.UP, 1.0) == "COUNTED that nobody asked for"
    list(worker.send(View(figures=True)))
    worker.answered()
    list(worker.send(View(figures=True)))
    said = [worker.why_malformed(COUNTED, When.UP, 1.0) for _ in range(count_figures(2) + 1)]
    assert said == [*[""] * count_figures(2), "more figures than there are"]
    worker.answered()
    assert worker.why_malformed(COUNTED, When.UP, 1.0) == "COUNTED that nobody asked for"


def test_asked() -> None:
    """It is asked until it has answered; other answers are none to that."""
    worker = record()
    list(worker.send(View()))
    before = worker.is_asked
    list(worker.send(View(figures=True)))
    worker.answered()
    meanwhile = worker.is_asked
    worker.answered()
    assert [before, meanwhile, worker.is_asked] == [False, True, False]
