"""The packet process's life when doors alone change."""

from __future__ import annotations

import pytest

from knockd.keeper.worker_events import (
    Alive,
    Arm,
    Asked,
    ConfigChanged,
    Disarm,
    DoorsChanged,
    Ended,
    Fork,
    Kill,
    Look,
    Looked,
    Said,
    SceneChanged,
    SendView,
    SignedChanged,
    StartFailed,
    State,
    TimerFired,
    TookOver,
    TooLong,
    Up,
    Wait,
    WatchesChanged,
)
from knockd.keeper.worker_life import BACK_OFF
from knockd.process.verbs import Lost
from knockd.process.view import View
from tests.support.doubles.played import door, watched
from tests.support.doubles.signed import watch_of
from tests.support.doubles.worker_lives import (
    LISTENING,
    LIVES,
    PONG,
    READY,
    SCENE,
    Life,
    done,
    due,
    lost,
    moved,
    play,
    replacing,
    taking_over,
    up,
)

WATCHES = watched(door("7 8"))
VIEW = View(watches=WATCHES)
SIGNED = View(signed=watch_of(7))
BOTH_NUMBERS = SignedChanged(watch_of(7), frozenset({1, 2}))


def test_other_doors() -> None:
    """The packet process that captures gets the watches; when it has them the reload is over."""
    assert (
        play(up())
        >> DoorsChanged(WATCHES)
        << SendView(1, VIEW)
        << due(1)
        >> Said(1, PONG)
        << done(1)
        << LISTENING
        << Up()
        << Alive()
    )


def test_answers_in_order() -> None:
    """An answer to something else is not the end of the reload."""
    assert (
        play(up())
        >> Asked(5.0)
        << SendView(1, View())
        << due(1, 2.5)
        >> DoorsChanged(WATCHES)
        << SendView(1, VIEW)
        >> Said(1, PONG)
        << due(1)
        << Alive()
        >> Said(1, PONG)
        << done(1)
        << LISTENING
        << Up()
        << Alive()
    )


def test_too_long() -> None:
    """Doors that do not fit into a message are for another packet process."""
    assert (
        play(up())
        >> DoorsChanged(WATCHES)
        << SendView(1, VIEW)
        << due(1)
        >> TooLong(1)
        << done(1)
        << Look()
        >> Looked(SCENE)
        << moved(State.UP, State.REPLACING)
        << due(2)
        << Fork(2, SCENE, beside=1)
    )


def test_it_ends_before_it_has_them() -> None:
    """The next packet process says that it listens with the new doors."""
    assert (
        play(up().tell(DoorsChanged(WATCHES)))
        >> Ended(1)
        << moved(State.UP, State.WAITING)
        << Kill(1)
        << lost()
        << Up()
        << Arm(Wait.BACK_OFF, BACK_OFF[0])
        >> TimerFired(Wait.BACK_OFF)
        << moved(State.WAITING, State.NONE)
        << Look()
        >> Looked(SCENE)
        << moved(State.NONE, State.STARTING)
        << due(2)
        << Fork(2, SCENE)
        >> Said(2, READY)
        << moved(State.STARTING, State.UP)
        << done(2)
        << TookOver()
        << LISTENING
        << Up()
        << Alive()
    )


def test_something_has_failed() -> None:
    """A reload is also a wish to try again what has failed, captures or a start: another one is forked."""
    hopeless = up().tell(Said(1, Lost(0, True, "x")))
    failed = up().tell(Said(1, Lost(0, False, "x")), SceneChanged(SCENE))
    unstarted = up().tell(ConfigChanged(), StartFailed("no memory"))
    assert play(hopeless) >> DoorsChanged(WATCHES) << Look()
    assert play(failed) >> DoorsChanged(WATCHES) << Disarm(Wait.REOPEN) << Look()
    assert play(unstarted) >> DoorsChanged(WATCHES) << Disarm(Wait.BACK_OFF) << Look()


@pytest.mark.parametrize(
    "state", [state for state in LIVES if state not in {State.UP, State.TAKING_OVER, State.ENDED}]
)
def test_in_any_other_state(state: State) -> None:
    """Where none captures, or another one is starting, one is forked with the new doors."""
    life: Life = LIVES[state]()
    commands = life.handle(DoorsChanged(WATCHES), 100.0)
    assert commands[-1] == Look()
    assert [one for one in commands if isinstance(one, SendView)] == []


def test_other_guards() -> None:
    """Each packet process gets the watches that are for it; a reload is not over by that."""
    other = watched(door("7 8"), guards=["9"])
    life = up().tell(ConfigChanged(), Looked(SCENE))
    assert (
        play(life)
        >> WatchesChanged({1: WATCHES, 2: other})
        << SendView(1, VIEW)
        << due(1)
        << SendView(2, View(watches=other))
        >> Said(1, PONG)
        << done(1)
        << Alive()
    )


def test_other_guards_of_a_packet_process_that_is_gone() -> None:
    """Nothing is sent to one that does not count any more, nor where nothing has changed for it."""
    assert play(up()) >> WatchesChanged({7: WATCHES})
    assert play(up()) >> WatchesChanged({})


def test_other_minute() -> None:
    """Each packet process that knows of signed knocks gets the minutes of now."""
    assert play(up()) >> BOTH_NUMBERS << SendView(1, SIGNED) << due(1) >> Said(1, PONG) << done(1) << Alive()
    assert play(replacing()) >> BOTH_NUMBERS << SendView(1, SIGNED) << due(1) << SendView(2, SIGNED)
    assert play(replacing()) >> SignedChanged(watch_of(7), frozenset({2})) << SendView(2, SIGNED)
    assert play(up()) >> SignedChanged(watch_of(7), frozenset())


def test_other_minute_during_a_take_over() -> None:
    """The one that takes over gets it at once: its filter drops what is of no live minute."""
    assert (
        play(taking_over())
        >> BOTH_NUMBERS
        << SendView(2, SIGNED)
        << due(2)
        >> Ended(1)
        << moved(State.TAKING_OVER, State.UP)
        << Kill(1)
        << TookOver()
        << SendView(2, View(begin=True))
        << LISTENING
        << Up()
        << Alive()
        >> Said(2, PONG)
        << due(2)
        << Alive()
        >> Said(2, PONG)
        << done(2)
        << Alive()
    )


def test_doors_with_signed_knocks() -> None:
    """Another configuration's ports of signed knocks go with its watches."""
    both = View(watches=WATCHES, signed=watch_of(7))
    assert play(up()) >> DoorsChanged(WATCHES, watch_of(7)) << SendView(1, both) << due(1)
