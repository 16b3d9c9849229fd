"""The life of the packet process: ends, pauses and giving up."""

from __future__ import annotations

import pytest

from knockd.keeper.worker_events import (
    Alive,
    Arm,
    Asked,
    Begin,
    ConfigChanged,
    Disarm,
    DoorsChanged,
    Drained,
    Ended,
    Event,
    Fork,
    GiveUp,
    Kill,
    Log,
    Look,
    Looked,
    Malformed,
    Said,
    SceneChanged,
    SendView,
    SequencesChanged,
    SignedChanged,
    StartFailed,
    State,
    Stop,
    TimerFired,
    TookOver,
    TooLong,
    Up,
    Wait,
)
from knockd.keeper.worker_life import BACK_OFF
from knockd.process.verbs import Failed
from knockd.process.view import View
from tests.support.doubles.signed import watch_of
from tests.support.doubles.worker_lives import (
    BOTH,
    LISTENING,
    PAUSE,
    READY,
    SCENE,
    STAGE,
    done,
    due,
    ended,
    lost,
    moved,
    none,
    play,
    replacing,
    starting,
    up,
    waiting,
)


def test_back_off() -> None:
    """Each end makes the pause longer, up to the last one; the same reason is logged once."""
    life = up()
    pauses = []
    for number in range(1, 8):
        commands = life.handle(Ended(number), 100.0)
        pauses += [command.seconds for command in commands if isinstance(command, Arm)]
        life.tell(TimerFired(Wait.BACK_OFF), Looked(SCENE))
    assert pauses == [BACK_OFF[0], *BACK_OFF[1:], BACK_OFF[-1], BACK_OFF[-1]]


def test_the_same_reason_is_logged_once() -> None:
    """A reason is logged again after a packet process has captured."""
    assert (
        play(waiting())
        >> TimerFired(Wait.BACK_OFF)
        << moved(State.WAITING, State.NONE)
        << Look()
        >> Looked(SCENE)
        << moved(State.NONE, State.STARTING)
        << due(2)
        << Fork(2, SCENE)
        >> Ended(2)
        << moved(State.STARTING, State.WAITING)
        << Kill(2)
        << Up()
        << Arm(Wait.BACK_OFF, BACK_OFF[1])
    )


@pytest.mark.parametrize(("seconds", "pause"), [(60.0, BACK_OFF[1]), (60.5, BACK_OFF[0])])
def test_steady(seconds: float, pause: float) -> None:
    """After more than a minute of health the pause is short again."""
    life = waiting().tell(TimerFired(Wait.BACK_OFF), Looked(SCENE), Said(2, READY))
    assert Arm(Wait.BACK_OFF, pause) in life.handle(Ended(2), 100.0 + seconds)


def test_old_one_ends_while_the_next_one_starts() -> None:
    """The next one is enough: it ends the pause."""
    assert (
        play(replacing())
        >> Ended(1)
        << moved(State.REPLACING, State.STARTING)
        << Kill(1)
        << lost()
        << Up()
        << PAUSE
        >> Said(2, READY)
        << moved(State.STARTING, State.UP)
        << done(2)
        << Disarm(Wait.BACK_OFF)
        << TookOver()
        << SendView(2, View(begin=True))
        << due(2)
        << LISTENING
        << Up()
        << Alive()
    )


def test_the_pause_of_an_old_one_ends_while_the_next_one_starts() -> None:
    """The one that is starting takes over, however long its captures take."""
    life = replacing().tell(Ended(1))
    assert life.handle(TimerFired(Wait.BACK_OFF), 110.0) == []
    assert life.state is State.STARTING


def test_next_one_ends() -> None:
    """The old one goes on, and another one is forked after a pause; a second end begins no second pause."""
    assert (
        play(replacing())
        >> Ended(2, "does not read its link")
        << moved(State.REPLACING, State.UP)
        << Kill(2)
        << lost("does not read its link")
        << Up()
        << PAUSE
        >> Ended(1)
        << moved(State.UP, State.WAITING)
        << Kill(1)
    )


def test_another_configuration_while_waiting() -> None:
    """The pause is over at once."""
    assert (
        play(waiting())
        >> ConfigChanged()
        << moved(State.WAITING, State.NONE)
        << Disarm(Wait.BACK_OFF)
        << Look()
    )


BEFORE_READY = "the packet process ended before it could listen (it was killed)"
NO_START = "the packet process ended before it could listen (no packet process can be started: no memory)"


@pytest.mark.parametrize(
    ("event", "status", "reason", "killed"),
    [
        (Said(1, Failed(77, "no permission")), 77, "no permission", True),
        (Ended(1), None, BEFORE_READY, True),
        (StartFailed("no memory"), None, NO_START, False),
    ],
    ids=["Failed", "Ended", "StartFailed"],
)
def test_give_up(event: Event, status: int | None, reason: str, *, killed: bool) -> None:
    """The daemon ends when its first packet process cannot capture."""
    life = starting()
    commands = life.handle(event, 100.0)
    assert commands[0] == moved(State.STARTING, State.ENDED)
    assert [one for one in commands if isinstance(one, Log | GiveUp)][1:] == [
        Log("worker-failed", {"reason": reason}),
        GiveUp(status, reason),
    ]
    assert (Kill(1) in [one for one in commands if isinstance(one, Kill)]) == killed
    assert life.state is State.ENDED


def test_later_starts_may_fail() -> None:
    """Once the start is over, as there was nothing to listen on, a failure is no reason to end."""
    life = none().tell(SceneChanged(SCENE), Looked(SCENE))
    assert GiveUp(77, "x") not in life.handle(Said(1, Failed(77, "x")), 100.0)
    assert life.state is State.STARTING


def test_stop() -> None:
    """Every packet process is killed, and no timer is left."""
    assert play(replacing()) >> Stop() << moved(State.REPLACING, State.ENDED) << Kill(1) << Kill(2)
    assert play(waiting()) >> Stop() << moved(State.WAITING, State.ENDED) << Disarm(Wait.BACK_OFF)


EVENTS = (
    *(Begin(), Stop(), ConfigChanged(), SceneChanged(BOTH), Looked(BOTH), StartFailed("x"), Said(1, STAGE)),
    *(
        Malformed(1, "x"),
        Ended(1),
        TooLong(1),
        Drained(),
        SequencesChanged(1, (), ()),
        Asked(1.0),
        DoorsChanged(()),
        SignedChanged(watch_of(7), frozenset({1})),
    ),
    *(TimerFired(wait, 1) for wait in Wait),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_ended(event: Event) -> None:
    """Once it has ended nothing more is done."""
    assert play(ended()) >> event
