"""Children that answer: one at a time, within a deadline, and again after a failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from knockd.process.answer_child import AnswerChild
from knockd.sequences.child_asker import DEADLINE, RETRY, ChildAsker
from tests.support.doubles.keyed import AnsweringChild
from tests.support.doubles.manual_loop import ManualLoop

GOOD, BAD = b"good", b"bad"


class Asking:
    """An asker, and what came of it. ``answer``: of the next children; None: they hang."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.said: list[str] = []
        self.taken: list[bytes] = []
        self.children: list[AnsweringChild] = []
        self.answer: bytes | ValueError | OSError | None = GOOD
        self.done = 0
        self.asker = ChildAsker(self.loop.loop, self.log, self.end)

    def log(self, event: str, **fields: object) -> None:
        """A line of the log."""
        self.said.append(" ".join((event, *map(str, fields.values()))))

    def start(self) -> AnsweringChild:
        """Starts a child."""
        if isinstance(self.answer, OSError):
            raise self.answer
        self.children.append(AnsweringChild(self.answer))
        return self.children[-1]

    def take(self, data: bytes) -> bool:
        """An answer."""
        if data == b"":
            raise ValueError("none")
        self.taken.append(data)
        return data == GOOD

    def end(self) -> None:
        """An answer has come, or none will."""
        self.done += 1

    def ask(self) -> None:
        """Asks, and hears what there is to hear."""
        self.asker.ask(cast(Callable[[], AnswerChild], self.start), self.take)
        self.loop.deliver()


@pytest.fixture
def asking() -> Asking:
    """An asker that has not been asked."""
    return Asking()


def test_answer(asking: Asking) -> None:
    """It is passed on; nothing is left behind."""
    asking.ask()
    assert (asking.taken, asking.done) == ([GOOD], 1)
    assert (asking.asker.failure, asking.asker.is_busy, asking.asker.pause) == ("", False, 0.0)
    (child,) = asking.children
    assert (child.killed, child.collected) == (True, True)
    assert (asking.loop.waiting, asking.loop.readers) == ([], {})


def test_one_at_a_time(asking: Asking) -> None:
    """While one is on its way no other is started."""
    asking.answer = None
    asking.ask()
    asking.ask()
    assert (asking.asker.is_busy, len(asking.children)) == (True, 1)
    asking.asker.stop()
    assert (asking.loop.waiting, asking.loop.readers) == ([], {})


def test_deadline(asking: Asking) -> None:
    """One that hangs is killed, which is said, and another one is started after a pause."""
    asking.answer = None
    asking.ask()
    assert asking.loop.waiting == [DEADLINE]
    asking.loop.fire()
    assert asking.said == ["keys-problem no answer within 10 s"]
    assert (asking.children[0].killed, asking.done) == (True, 1)
    assert asking.asker.pause == RETRY[0]
    asking.answer = GOOD
    asking.ask()
    assert asking.taken == []
    asking.loop.now += RETRY[0]
    asking.ask()
    assert len(asking.taken) == 1


def test_crashes(asking: Asking) -> None:
    """The same reason is said once; pauses grow, and are short again after an answer."""
    asking.answer = ValueError("no answer: it ended early")
    pauses = []
    for _ in range(6):
        asking.ask()
        pauses.append(asking.asker.pause)
        asking.loop.now += asking.asker.pause
    assert pauses == [*RETRY, RETRY[-1]]
    assert asking.said == ["keys-problem no answer: it ended early"]
    assert asking.asker.failure == "no answer: it ended early"
    asking.answer = GOOD
    asking.ask()
    assert asking.asker.failure == ""
    asking.answer = ValueError("no answer: it ended early")
    asking.ask()
    assert (asking.asker.pause, len(asking.said)) == (RETRY[0], 2)


def test_no_process(asking: Asking) -> None:
    """Where none can be started it is as if it had failed."""
    asking.answer = OSError(11, "Resource temporarily unavailable")
    asking.ask()
    assert asking.said == ["keys-problem Resource temporarily unavailable"]
    assert (asking.asker.is_busy, asking.asker.pause) == (False, RETRY[0])


def test_bad_file(asking: Asking) -> None:
    """What is wrong with it is passed on; it is read again after a pause, for it may be half written."""
    asking.answer = BAD
    asking.ask()
    assert (asking.taken, asking.said, asking.done) == ([BAD], [], 1)
    assert asking.asker.pause == RETRY[0]


def test_answer_that_is_none(asking: Asking) -> None:
    """It is as if the child had failed."""
    asking.answer = b""
    asking.ask()
    assert (asking.said, asking.done, asking.asker.pause) == (["keys-problem none"], 1, RETRY[0])


def test_forgiven(asking: Asking) -> None:
    """After a reload there is no pause, and what was on its way is of no use."""
    asking.answer = None
    asking.ask()
    asking.asker.forgive()
    assert asking.children[0].killed
    asking.answer = GOOD
    asking.ask()
    assert len(asking.taken) == 1


def test_child_that_has_not_ended(asking: Asking) -> None:
    """It is collected on SIGCHLD."""
    asking.ask()
    (child,) = asking.children
    asking.asker._ended.append(child)  # type: ignore[arg-type]
    child.collected = False
    asking.asker.reap()
    assert (child.collected, asking.asker._ended) == (True, [])
