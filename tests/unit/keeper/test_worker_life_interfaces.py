"""The life of the packet process: interfaces, addresses and captures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knockd.keeper.capture_record import MOST_DEFERRED, REOPEN
from knockd.keeper.worker_events import (
    Alive,
    Arm,
    ConfigChanged,
    Disarm,
    Drained,
    Ended,
    Fork,
    HandOver,
    Kill,
    Log,
    Look,
    Looked,
    LookSoon,
    Said,
    SceneChanged,
    SendView,
    State,
    TimerFired,
    TookOver,
    Up,
    Wait,
)
from knockd.process.verbs import Lost
from knockd.process.view import View
from tests.support.doubles.conversation import Pause
from tests.support.doubles.worker_lives import (
    BOTH,
    ETH0,
    HOME,
    MOVED,
    PAUSE,
    READY,
    SCENE,
    done,
    due,
    lost,
    moved,
    play,
    replacing,
    starting,
    up,
)


def test_captures_to_open() -> None:
    """Another interface means another packet process; the log calls that listening."""
    assert (
        play(up())
        >> SceneChanged(BOTH)
        << Look()
        >> Looked(BOTH)
        << moved(State.UP, State.REPLACING)
        << due(2)
        << Fork(2, BOTH, beside=1)
        >> Said(2, READY)
        << moved(State.REPLACING, State.TAKING_OVER)
        << done(2)
        << HandOver(1)
        << due(1, 2.5)
        >> Ended(1)
        << moved(State.TAKING_OVER, State.UP)
        << Kill(1)
        << TookOver()
        << SendView(2, View(begin=True))
        << due(2)
        << Log("listening", {"interface": "eth0, tun0"})
        << Up()
        << Alive()
    )


def test_nothing_new() -> None:
    """The scene as before calls for nothing."""
    assert play(up()) >> SceneChanged(SCENE)


def test_a_stream_of_news() -> None:
    """A packet process that is starting gets time to start, but not for ever."""
    book = play(replacing())
    for _ in range(MOST_DEFERRED):
        book = book >> SceneChanged(BOTH) << LookSoon()
    assert (
        book
        >> SceneChanged(BOTH)
        << moved(State.REPLACING, State.UP)
        << Kill(2)
        << Look()
        >> Looked(BOTH)
        << moved(State.UP, State.REPLACING)
        << due(3)
        << Fork(3, BOTH, beside=1)
        >> SceneChanged(replace(SCENE, up=BOTH.up))
        << LookSoon()
    )


def test_addresses() -> None:
    """Other addresses are sent to both packet processes."""
    view = View({"eth0": MOVED}, own=frozenset())
    assert (
        play(replacing())
        >> SceneChanged(replace(SCENE, addresses={"eth0": MOVED}))
        << SendView(1, view)
        << due(1)
        << SendView(2, view)
    )


def test_one_of_two_goes() -> None:
    """A packet process that loses one of two captures goes on with the other."""
    assert (
        play(up(BOTH))
        >> Said(1, Lost(1, False, "tun0: The interface went down"))
        << LookSoon()
        >> SceneChanged(SCENE, frozenset({3}))
        << SendView(1, View({"eth0": HOME}, own=frozenset()))
        << due(1)
        << Log("listening", {"interface": "eth0"})
    )


def test_down_and_up_before_the_look() -> None:
    """An interface that was down has a dead capture: it is opened anew at once."""
    assert play(up()) >> SceneChanged(SCENE, frozenset({2})) << Look()


def test_a_capture_that_fails_for_no_reason() -> None:
    """A capture that fails though its interface looks well is opened again after a pause, once."""
    assert (
        play(up())
        >> Said(1, Lost(0, False, "eth0: no buffer"))
        << LookSoon()
        >> SceneChanged(SCENE)
        << Log("capture-lost", {"interface": "eth0", "reason": "eth0: no buffer", "seconds": REOPEN[0]})
        << Arm(Wait.REOPEN, REOPEN[0])
        >> SceneChanged(SCENE)
        >> TimerFired(Wait.REOPEN)
        << Look()
        >> Looked(SCENE)
        << moved(State.UP, State.REPLACING)
        << due(2)
        << Fork(2, SCENE, beside=1)
        >> SceneChanged(SCENE)
    )


def test_restart_before_captures_are_opened_again() -> None:
    """Another packet process opens them anyway."""
    life = up().tell(Said(1, Lost(0, False, "x")), SceneChanged(SCENE))
    assert play(life) >> ConfigChanged() << Disarm(Wait.REOPEN) << Look()


def test_lost_before_ready() -> None:
    """A packet process whose captures have all failed is not said to listen."""
    assert (
        play(starting())
        >> Said(1, Lost(0, False, "eth0: The interface went down"))
        << LookSoon()
        >> Said(1, READY)
        << moved(State.STARTING, State.UP)
        << done(1)
        << TookOver()
        << Alive()
    )


def test_lost_twice() -> None:
    """An interface cannot be lost twice: who says so is not to be trusted."""
    gone = Lost(0, False, "eth0: The interface went down")
    assert (
        play(up())
        >> Said(1, gone)
        << LookSoon()
        >> Said(1, gone)
        << moved(State.UP, State.WAITING)
        << Log("worker-malformed", {"reason": "LOST twice"})
        << Kill(1)
        << lost("malformed message")
        << Up()
        << PAUSE
    )


def test_old_one_loses_a_capture() -> None:
    """What the packet process before the latest one loses calls for nothing."""
    assert play(replacing()) >> Said(1, Lost(0, False, "eth0: The interface went down"))


def test_a_capture_that_can_never_be_opened() -> None:
    """Such an interface is logged once and left alone until it is another one."""
    hopeless = Lost(1, True, "tun0: link type 1 is none that knockd can read")
    other = replace(BOTH, captures={"eth0": ETH0, "tun0": (3, 1)})
    assert (
        play(up(BOTH))
        >> Said(1, hopeless)
        << Log("capture-failed", {"interface": "tun0", "reason": hopeless.reason})
        >> SceneChanged(BOTH)
        >> SceneChanged(other)
        << Look()
    )


def test_another_configuration_forgives() -> None:
    """With another configuration an interface that could not be opened is tried once more."""
    life = up(BOTH).tell(Said(1, Lost(1, True, "tun0: no")))
    assert (
        play(life)
        >> ConfigChanged()
        << Look()
        >> Looked(BOTH)
        << moved(State.UP, State.REPLACING)
        << due(2)
        << Fork(2, BOTH, beside=1)
    )


@pytest.mark.parametrize(("seconds", "pause"), [(60.0, REOPEN[1]), (60.5, REOPEN[0])])
def test_captures_were_well_for_a_while(seconds: float, pause: float) -> None:
    """After more than a minute a failure counts as the first one again."""
    gone = Lost(0, False, "x")
    life = up().tell(Said(1, gone), SceneChanged(SCENE), TimerFired(Wait.REOPEN), Looked(SCENE))
    life.tell(Said(2, READY), Drained(), Said(2, gone))
    assert Arm(Wait.REOPEN, pause) in life.handle(SceneChanged(SCENE), 100.0 + seconds)


def test_pause_is_no_event() -> None:
    """Time that passes changes nothing by itself."""
    assert play(up()) >> Pause(3_600.0) >> SceneChanged(SCENE)
