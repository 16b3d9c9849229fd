"""The life of the packet process: what the log calls a take-over, and when a reason is logged again."""

from __future__ import annotations

from knockd.keeper.worker_events import (
    ConfigChanged,
    Ended,
    Kill,
    Log,
    Looked,
    Said,
    SceneChanged,
    State,
    TimerFired,
    Up,
    Wait,
)
from knockd.keeper.worker_life import BACK_OFF
from knockd.process.verbs import Failed
from tests.support.doubles.worker_lives import (
    BOTH,
    LISTENING,
    PAUSE,
    READY,
    SCENE,
    STARTING,
    Life,
    lost,
    moved,
    none,
    play,
    taking_over,
    up,
    waiting,
)

LISTENING_BOTH = Log("listening", {"interface": "eth0, tun0"})


def logged(life: Life, *events: object) -> list[Log]:
    """What the last one of these events logs."""
    *before, last = events
    life.tell(*before)  # type: ignore[arg-type]
    return [command for command in life.handle(last, 100.0) if isinstance(command, Log)]  # type: ignore[arg-type]


def test_listening_again() -> None:
    """Only the first packet process of a daemon's life makes it start up, as in 0.8: not that of a HUP."""
    adopted = ConfigChanged(), Looked(BOTH), Said(2, READY), Ended(1)
    assert LISTENING_BOTH in logged(up(), *adopted)


def test_listening_late() -> None:
    """Where there was nothing to listen on, it starts up when there is."""
    assert LISTENING not in logged(none(), SceneChanged(SCENE), Looked(SCENE), Said(1, READY))
    assert STARTING in logged(none(), SceneChanged(SCENE), Looked(SCENE), Said(1, READY))


def test_a_reason_is_logged_again() -> None:
    """The same reason is news after a packet process has captured."""
    again = TimerFired(Wait.BACK_OFF), Looked(SCENE), Said(2, READY), Ended(2)
    assert lost(seconds=BACK_OFF[1]) in logged(waiting(), *again)


def test_a_reason_belongs_to_one_end() -> None:
    """Who just ends after another one has said why did so for a reason of its own."""
    failed = Said(1, Failed(70, "no such interface")), Ended(1), TimerFired(Wait.BACK_OFF), Looked(SCENE)
    assert lost(seconds=BACK_OFF[1]) in logged(up(), *failed, Ended(2))


def test_next_one_ends_while_taking_over() -> None:
    """The old one has been told to end; another one follows after the pause."""
    assert (
        play(taking_over())
        >> Ended(2)
        << moved(State.TAKING_OVER, State.UP)
        << Kill(2)
        << lost()
        << Up()
        << PAUSE
        >> Ended(1)
        << moved(State.UP, State.WAITING)
        << Kill(1)
    )
