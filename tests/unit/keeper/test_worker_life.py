"""The life of the packet process: messages and answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.keeper.worker_events import (
    Alive,
    Asked,
    Drained,
    Ended,
    Fork,
    Hear,
    Kill,
    Log,
    Look,
    Looked,
    Malformed,
    Said,
    SceneChanged,
    SendView,
    SequencesChanged,
    State,
    TimerFired,
    TooLong,
    Up,
    Wait,
)
from knockd.knocks.events import Stage
from knockd.process.verbs import Failed, HeldBack
from knockd.process.view import View
from tests.support.doubles.played import door, watched
from tests.support.doubles.worker_lives import (
    LIVES,
    MOVED,
    PAUSE,
    PONG,
    READY,
    SCENE,
    STAGE,
    done,
    due,
    lost,
    moved,
    play,
    replacing,
    starting,
    up,
    waiting,
)


@pytest.mark.parametrize("message", [STAGE, HeldBack(1)])
def test_hear(message: Stage | HeldBack) -> None:
    """What a packet process says of knocks is passed on."""
    assert play(up()) >> Said(1, message) << Hear(1, message, changing=False)


def test_hear_while_the_next_one_starts() -> None:
    """The next packet process may see the same packet."""
    assert play(replacing()) >> Said(1, STAGE) << Hear(1, STAGE, changing=True)


def test_one_that_was_let_go() -> None:
    """Nothing that comes of a packet process that was let go matters."""
    assert (
        play(waiting())
        >> Said(1, STAGE)
        >> Ended(1)
        >> Malformed(1, "49 bytes")
        >> TooLong(1)
        >> TimerFired(Wait.ANSWER, 1)
        >> SequencesChanged(1, (), ())
        >> Drained()
    )


OUT_OF_TURN = {
    "READY again": (up, 1, READY, "READY out of turn"),
    "event before READY": (starting, 1, STAGE, "STAGE out of turn"),
    "count before READY": (starting, 1, HeldBack(1), "HELD_BACK out of turn"),
    "answer before READY": (replacing, 2, PONG, "PONG out of turn"),
    "answer to nothing": (up, 1, PONG, "PONG that nobody asked for"),
}


@pytest.mark.parametrize(("life", "number", "message", "reason"), OUT_OF_TURN.values(), ids=OUT_OF_TURN)
def test_out_of_turn(life: object, number: int, message: object, reason: str) -> None:
    """A message at the wrong time ends a packet process as a malformed one does."""
    assert callable(life)
    commands = life().handle(Said(number, message), 100.0)  # type: ignore[arg-type]
    assert commands[1:3] == [Log("worker-malformed", {"reason": reason}), Kill(number)]


def test_malformed() -> None:
    """Who sends what is no message is killed, and another one forked after a pause."""
    assert (
        play(up())
        >> Malformed(1, "49 bytes")
        << moved(State.UP, State.WAITING)
        << Log("worker-malformed", {"reason": "49 bytes"})
        << Kill(1)
        << lost("malformed message")
        << Up()
        << PAUSE
    )


def test_failed() -> None:
    """Why a packet process cannot go on is known when it ends."""
    assert (
        play(up())
        >> Said(1, Failed(70, "no such interface"))
        >> Ended(1)
        << moved(State.UP, State.WAITING)
        << Kill(1)
        << lost("no such interface")
        << Up()
        << PAUSE
    )


def test_asked() -> None:
    """An answer is due within the seconds asked for, first half of them."""
    assert (
        play(up()) >> Asked(5.0) << SendView(1, View()) << due(1, 2.5) >> Said(1, PONG) << done(1) << Alive()
    )


@pytest.mark.parametrize("state", [State.NONE, State.STARTING, State.WAITING, State.ENDED])
def test_nobody_to_ask(state: State) -> None:
    """Only a packet process that captures is asked."""
    assert play(LIVES[state]()) >> Asked(5.0)


def test_one_answer_of_two() -> None:
    """As long as one more answer is due it is waited for."""
    assert (
        play(up())
        >> Asked(5.0)
        << SendView(1, View())
        << due(1, 2.5)
        >> Asked(6.0)
        << SendView(1, View())
        >> Said(1, PONG)
        << due(1, 3.0)
        << Alive()
    )


def test_silent() -> None:
    """A packet process that lets both halves go by is killed."""
    assert (
        play(up())
        >> Asked(5.0)
        << SendView(1, View())
        << due(1, 2.5)
        >> TimerFired(Wait.ANSWER, 1)
        << due(1, 2.5)
        >> TimerFired(Wait.ANSWER, 1)
        << moved(State.UP, State.WAITING)
        << Log("worker-silent", {"seconds": 5.0})
        << Kill(1)
        << lost("does not answer")
        << Up()
        << PAUSE
    )


def test_answer_in_the_second_half() -> None:
    """The next answer has both of its halves again."""
    assert (
        play(up())
        >> Asked(5.0)
        << SendView(1, View())
        << due(1, 2.5)
        >> TimerFired(Wait.ANSWER, 1)
        << due(1, 2.5)
        >> Said(1, PONG)
        << done(1)
        << Alive()
        >> Asked(8.0)
        << SendView(1, View())
        << due(1, 4.0)
        >> TimerFired(Wait.ANSWER, 1)
        << due(1, 4.0)
    )


def test_too_long() -> None:
    """One that knows what the view says is forked; the other owes no answer to what it was not sent."""
    moved_scene = replace(SCENE, addresses={"eth0": MOVED})
    assert (
        play(up())
        >> SceneChanged(moved_scene)
        << SendView(1, View({"eth0": MOVED}, own=frozenset()))
        << due(1)
        >> TooLong(1)
        << done(1)
        << Look()
        >> Looked(moved_scene)
        << moved(State.UP, State.REPLACING)
        << due(2)
        << Fork(2, moved_scene, beside=1)
    )


def test_too_long_while_an_answer_is_due() -> None:
    """The answer that is due already is still waited for."""
    assert (
        play(up())
        >> Asked(5.0)
        << SendView(1, View())
        << due(1, 2.5)
        >> SequencesChanged(1, (), ())
        << SendView(1, View(watches=()))
        >> TooLong(1)
        << Look()
        >> Said(1, PONG)
        << done(1)
        << Alive()
    )


def test_sequences() -> None:
    """The packet process that saw a one-time sequence gets the next one."""
    watches = watched(door("7 8"))
    assert play(up()) >> SequencesChanged(1, watches, ()) << SendView(1, View(watches=watches)) << due(1)
