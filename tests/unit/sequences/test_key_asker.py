"""Children that read key files: one at a time, within a deadline, and again after a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.sequences.derived_keys import Answer
from knockd.sequences.key_asker import RETRY, KeyAsker
from knockd.sequences.key_child import DEADLINE
from knockd.sequences.live_keys import KeyedDoor
from tests.support.doubles.keyed import NOON, PATH, AnsweringChild, KeyedHost, keyed_door


class Asking:
    """An asker of a host, and what came of it."""

    def __init__(self, host: KeyedHost) -> None:
        self.host, self.loop = host, host.loop
        self.door = KeyedDoor(keyed_door())
        self.taken: list[tuple[str, float]] = []
        self.done = 0
        self.asker = KeyAsker(host.loop.loop, host.log, host.start, self.take, self.end)  # type: ignore[arg-type]

    def take(self, door: KeyedDoor, answer: Answer, asked: float) -> None:
        """An answer."""
        assert door is self.door
        self.taken.append((answer.problem or ",".join(key.name for key in answer.keys), asked))

    def end(self) -> None:
        """All answers have come, or none will."""
        self.done += 1

    def ask(self) -> None:
        """Asks, and hears what there is to hear."""
        self.asker.ask([self.door], NOON)
        self.loop.deliver()


@pytest.fixture
def asking(tmp_path: Path) -> Asking:
    """An asker that has not been asked."""
    return Asking(KeyedHost(tmp_path))


def test_answer(asking: Asking) -> None:
    """It is passed on with its time; nothing is left behind."""
    asking.ask()
    assert (asking.taken, asking.done) == ([("anne,bob", NOON)], 1)
    assert (asking.asker.failure, asking.asker.is_busy, asking.asker.pause) == ("", False, 0.0)
    (child,) = asking.host.children
    assert (child.killed, child.collected) == (True, True)
    assert (asking.loop.waiting, asking.loop.readers) == ([], {})


def test_nothing_to_ask(asking: Asking) -> None:
    """Without a door there is no child."""
    asking.asker.ask([], NOON)
    assert asking.host.children == []


def test_one_at_a_time(asking: Asking) -> None:
    """While one is on its way no other is started."""
    asking.host.fault = lambda: AnsweringChild(None)
    asking.ask()
    asking.ask()
    assert (asking.asker.is_busy, len(asking.host.children)) == (True, 1)
    asking.asker.stop()
    assert (asking.loop.waiting, asking.loop.readers) == ([], {})


def test_deadline(asking: Asking) -> None:
    """One that hangs is killed, which is said, and another one is started after a pause."""
    asking.host.fault = lambda: AnsweringChild(None)
    asking.ask()
    assert asking.loop.waiting == [DEADLINE]
    asking.loop.fire()
    assert asking.host.said == ["keys-problem no answer within 10 s"]
    assert (asking.host.children[0].killed, asking.done) == (True, 1)
    assert asking.asker.pause == RETRY[0]
    asking.host.fault = None
    asking.ask()
    assert asking.taken == []
    asking.loop.now += RETRY[0]
    asking.ask()
    assert len(asking.taken) == 1


def test_crashes(asking: Asking) -> None:
    """The same reason is said once; pauses grow, and are short again after an answer."""
    asking.host.fault = lambda: AnsweringChild(ValueError("no answer: it ended early"))
    pauses = []
    for _ in range(6):
        asking.ask()
        pauses.append(asking.asker.pause)
        asking.loop.now += asking.asker.pause
    assert pauses == [*RETRY, RETRY[-1]]
    assert asking.host.said == ["keys-problem no answer: it ended early"]
    assert asking.asker.failure == "no answer: it ended early"
    asking.host.fault = None
    asking.ask()
    assert asking.asker.failure == ""
    asking.host.fault = lambda: AnsweringChild(ValueError("no answer: it ended early"))
    asking.ask()
    assert (asking.asker.pause, len(asking.host.said)) == (RETRY[0], 2)


def test_no_process(asking: Asking) -> None:
    """Where none can be started it is as if it had failed."""

    def fail() -> AnsweringChild:
        raise OSError(11, "Resource temporarily unavailable")

    asking.host.fault = fail
    asking.ask()
    assert asking.host.said == ["keys-problem Resource temporarily unavailable"]
    assert (asking.asker.is_busy, asking.asker.pause) == (False, RETRY[0])


def test_bad_file(asking: Asking) -> None:
    """What is wrong with it is passed on; it is read again after a pause, for it may be half written."""
    asking.host.files[PATH] = "No such file or directory"
    asking.ask()
    assert (asking.taken, asking.host.said) == ([("No such file or directory", NOON)], [])
    assert asking.asker.pause == RETRY[0]


def test_forgiven(asking: Asking) -> None:
    """After a reload there is no pause, and what was on its way is of no use."""
    asking.host.fault = lambda: AnsweringChild(None)
    asking.ask()
    asking.asker.forgive()
    assert asking.host.children[0].killed
    asking.host.fault = None
    asking.ask()
    assert len(asking.taken) == 1


def test_child_that_has_not_ended(asking: Asking) -> None:
    """It is collected on SIGCHLD."""
    asking.ask()
    (child,) = asking.host.children
    asking.asker._ended.append(child)  # type: ignore[arg-type]
    child.collected = False
    asking.asker.reap()
    assert (child.collected, asking.asker._ended) == (True, [])
