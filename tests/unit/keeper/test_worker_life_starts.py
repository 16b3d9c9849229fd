"""The life of the packet process: starts and take-overs."""

from __future__ import annotations

import pytest

from knockd.keeper.worker_events import (
    Alive,
    Asked,
    Begin,
    ConfigChanged,
    DoorsChanged,
    Drain,
    Drained,
    Ended,
    Event,
    Fork,
    HandOver,
    Hear,
    Kill,
    Log,
    Look,
    Looked,
    Said,
    SceneChanged,
    SendView,
    SequencesChanged,
    StartFailed,
    State,
    TimerFired,
    TookOver,
    Up,
    Wait,
)
from knockd.process.verbs import Ready
from knockd.process.view import View
from tests.support.doubles.played import door, watched
from tests.support.doubles.worker_lives import (
    BOTH,
    LISTENING,
    LIVES,
    NOTHING,
    PAUSE,
    READY,
    SCENE,
    STAGE,
    STARTING,
    done,
    due,
    lost,
    moved,
    new,
    none,
    play,
    replacing,
    starting,
    taking_over,
    up,
)


@pytest.mark.parametrize("state", LIVES, ids=lambda state: state.value)
def test_states(state: State) -> None:
    """Each state is reached by the events of the table."""
    assert LIVES[state]().state is state


def test_begin() -> None:
    """At the start it is looked what there is to listen on, and a packet process is forked for that."""
    assert (
        play(new())
        >> Begin()
        << Look()
        >> Looked(SCENE)
        << moved(State.NONE, State.STARTING)
        << due(1)
        << Fork(1, SCENE)
    )


def test_ready() -> None:
    """The first packet process captures: the start is over."""
    assert (
        play(starting())
        >> Said(1, READY)
        << moved(State.STARTING, State.UP)
        << done(1)
        << TookOver()
        << STARTING
        << Up()
        << Alive()
    )


def test_another_configuration() -> None:
    """Another packet process is forked beside the one that captures."""
    assert (
        play(up())
        >> ConfigChanged()
        << Look()
        >> Looked(SCENE)
        << moved(State.UP, State.REPLACING)
        << due(2)
        << Fork(2, SCENE, beside=1)
    )


def test_another_configuration_while_starting() -> None:
    """A packet process that is starting gives way to one with the newest configuration."""
    assert (
        play(replacing())
        >> ConfigChanged()
        << moved(State.REPLACING, State.UP)
        << Kill(2)
        << Look()
        >> Looked(SCENE)
        << moved(State.UP, State.REPLACING)
        << due(3)
        << Fork(3, SCENE, beside=1)
    )


def test_take_over() -> None:
    """The old packet process hands over what it knows and ends before the new one counts."""
    assert (
        play(replacing())
        >> Said(2, READY)
        << moved(State.REPLACING, State.TAKING_OVER)
        << done(2)
        << HandOver(1)
        << due(1, 2.5)
        >> Said(1, STAGE)
        << Hear(1, STAGE, changing=True)
        >> Ended(1)
        << moved(State.TAKING_OVER, State.UP)
        << Kill(1)
        << TookOver()
        << SendView(2, View(begin=True))
        << due(2)
        << LISTENING
        << Up()
        << Alive()
    )


def test_old_one_hangs_while_taking_over() -> None:
    """It is killed, and the new one goes on without what it knows."""
    assert (
        play(taking_over())
        >> TimerFired(Wait.ANSWER, 1)
        << due(1, 2.5)
        >> TimerFired(Wait.ANSWER, 1)
        << moved(State.TAKING_OVER, State.UP)
        << Log("worker-silent", {"seconds": 5.0})
        << Kill(1)
        << TookOver()
        << SendView(2, View(begin=True))
        << due(2)
        << LISTENING
        << Up()
        << Alive()
    )


def test_sequences_change_while_taking_over() -> None:
    """The new one begins with the sequences that are live then; the old one reads nothing any more."""
    old, latest = watched(door("7 8")), watched(door("9 8"))
    assert (
        play(taking_over())
        >> SequencesChanged(1, old, latest)
        >> Asked(5.0)
        >> Ended(1)
        << moved(State.TAKING_OVER, State.UP)
        << Kill(1)
        << TookOver()
        << SendView(2, View(watches=latest, begin=True))
        << due(2)
        << LISTENING
        << Up()
        << Alive()
    )


@pytest.mark.parametrize(
    "event", [ConfigChanged(), DoorsChanged(()), SceneChanged(BOTH), TimerFired(Wait.REOPEN)], ids=str
)
def test_replaced_while_taking_over(event: Event) -> None:
    """What calls for yet another packet process waits until the old one has ended; no reload is over then."""
    deferred = 10 * [event] if isinstance(event, SceneChanged) else []
    assert (
        play(taking_over().tell(*deferred))
        >> event
        >> Ended(1)
        << moved(State.TAKING_OVER, State.UP)
        << Kill(1)
        << TookOver()
        << SendView(2, View(begin=True))
        << due(2)
        << Look()
        >> Looked(SCENE)
        << moved(State.UP, State.REPLACING)
        << due(3)
        << Fork(3, SCENE, beside=2)
    )


def test_next_one_ends_and_another_comes_while_taking_over() -> None:
    """Who comes third takes over from the first one, which is told once to end."""
    assert (
        play(taking_over().tell(Ended(2), TimerFired(Wait.BACK_OFF), Looked(SCENE)))
        >> Said(3, READY)
        << moved(State.REPLACING, State.TAKING_OVER)
        << done(3)
        >> Ended(1)
        << moved(State.TAKING_OVER, State.UP)
        << Kill(1)
        << TookOver()
        << SendView(3, View(begin=True))
        << due(3)
        << LISTENING
        << Up()
        << Alive()
    )


def test_nothing_to_listen_on_at_first() -> None:
    """Waiting for an interface is all that can be done: the start is over."""
    assert play(new()) >> Begin() << Look() >> Looked(NOTHING) << Up()


def test_nothing_to_listen_on_any_more() -> None:
    """The packet process is read to its end, then none runs."""
    assert (
        play(up())
        >> ConfigChanged()
        << Look()
        >> Looked(NOTHING)
        << Up()
        << Drain(1)
        >> Drained()
        << moved(State.UP, State.NONE)
        << Kill(1)
    )


def test_interface_comes() -> None:
    """As soon as there is something to listen on a packet process is forked."""
    assert (
        play(none())
        >> SceneChanged(SCENE)
        << Look()
        >> Looked(SCENE)
        << moved(State.NONE, State.STARTING)
        << due(1)
        << Fork(1, SCENE)
    )


@pytest.mark.parametrize("looked", [False, True], ids=["look", "fork"])
def test_start_failed(*, looked: bool) -> None:
    """When neither look nor fork works that is tried again; the packet process that captures goes on."""
    life = up().tell(ConfigChanged(), *((Looked(SCENE),) if looked else ()))
    book = play(life) >> StartFailed("no memory")
    if looked:
        book = book << moved(State.REPLACING, State.UP) << done(2)
    assert (
        book
        << lost("no packet process can be started: no memory")
        << Up()
        << PAUSE
        >> TimerFired(Wait.BACK_OFF)
        << Look()
    )


def test_what_it_keeps() -> None:
    """Rights that a packet process could not give up are logged once for several in a row."""
    kept = Ready("user: not permitted")
    assert (
        play(starting())
        >> Said(1, kept)
        << moved(State.STARTING, State.UP)
        << done(1)
        << TookOver()
        << STARTING
        << Up()
        << Log("privileges", {"reason": "user: not permitted"})
        << Alive()
        >> Ended(1)
        << moved(State.UP, State.WAITING)
        << Kill(1)
        << lost()
        << Up()
        << PAUSE
        >> TimerFired(Wait.BACK_OFF)
        << moved(State.WAITING, State.NONE)
        << Look()
        >> Looked(SCENE)
        << moved(State.NONE, State.STARTING)
        << due(2)
        << Fork(2, SCENE)
        >> Said(2, kept)
        << moved(State.STARTING, State.UP)
        << done(2)
        << TookOver()
        << LISTENING
        << Up()
        << Alive()
    )
