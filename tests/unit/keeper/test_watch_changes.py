"""Guards that are in use: looked for when packets come to a door, and taken away by a view."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from knockd.knocks.events import Expired, Guarded, Spoiled, Stage
from knockd.process.verbs import HeldBack, Message
from tests.support.doubles.linked_workers import PONG, LinkedWorkers, captured
from tests.support.doubles.played import ALICE, steps

GUARD = 6 << 16 | 3
TOUCH = Guarded(0, ALICE, 1, GUARD)


@pytest.fixture
def up() -> Iterator[LinkedWorkers]:
    """The first packet process captures; what was said until then is forgotten."""
    with captured() as made:
        yield made


def test_touch_of_a_port_in_use(up: LinkedWorkers) -> None:
    """It is no line; the packet process gets its watches without that guard, which is logged."""
    up.sockets = frozenset(steps("3"))
    up.say(0, TOUCH)
    assert ["guards-in-use"] == up.said
    (view,) = up.views(0)
    (watch,) = view.watches or ()
    assert not {*steps("3")} & {*watch.guards}
    up.say(0, PONG)


def test_touch_of_another_guard(up: LinkedWorkers) -> None:
    """Nothing is sent, and the touch is a line."""
    up.sockets = frozenset(steps("4000"))
    up.say(0, TOUCH)
    assert ["guarded 25.0"] == up.said
    assert [] == up.views(0)


@pytest.mark.parametrize(
    "message", [Stage(0, ALICE, 1), Spoiled(0, ALICE, 1), Expired(0, ALICE, 1), HeldBack(7)]
)
def test_guard_that_is_free_again(up: LinkedWorkers, message: Message) -> None:
    """Whatever packets have come to a door, a guard whose socket is gone is one again; that is no line."""
    up.sockets = frozenset(steps("3"))
    up.say(0, TOUCH)
    up.say(0, PONG)
    up.views(0)
    up.said.clear()
    up.sockets = frozenset()
    up.say(0, message)
    (view,) = up.views(0)
    (watch,) = view.watches or ()
    assert {*steps("3")} <= {*watch.guards}
    assert not [line for line in up.said if line.startswith("guards")]
    up.say(0, PONG)


def test_both_packet_processes(up: LinkedWorkers) -> None:
    """While another one takes over both get the watches."""
    up.change_captures()
    up.sockets = frozenset(steps("3"))
    up.say(0, TOUCH)
    for index in (0, 1):
        (view,) = up.views(index)
        (watch,) = view.watches or ()
        assert not {*steps("3")} & {*watch.guards}
    assert 1 == up.said.count("guards-in-use")


def test_next_packet_process(up: LinkedWorkers) -> None:
    """One that is forked is given the guards of then."""
    up.sockets = frozenset(steps("3"))
    up.change_captures()
    (watch,) = up.started[1]["view"].watches
    assert not {*steps("3")} & {*watch.guards}


def test_guards_that_a_fork_finds_in_use(up: LinkedWorkers) -> None:
    """They are logged, and the packet process that goes on until then gets its watches, too."""
    up.sockets = frozenset(steps("3"))
    up.change_captures()
    (view,) = up.views(0)
    (watch,) = view.watches or ()
    assert not {*steps("3")} & {*watch.guards}
    assert 1 == up.said.count("guards-in-use")


def test_fork_that_fails(up: LinkedWorkers) -> None:
    """The packet process that goes on guards no port that was found in use then."""
    up.sockets = frozenset(steps("3"))
    up.error = OSError(11, "Resource temporarily unavailable")
    up.change_captures()
    (view,) = up.views(0)
    (watch,) = view.watches or ()
    assert not {*steps("3")} & {*watch.guards}
    assert 1 == up.said.count("guards-in-use")


def test_fork_that_follows_a_crash(up: LinkedWorkers) -> None:
    """Guards that were lost meanwhile are logged, though nobody is sent them."""
    up.sockets = frozenset(steps("3"))
    up.end(0)
    up.loop.fire()
    (watch,) = up.started[1]["view"].watches
    assert not {*steps("3")} & {*watch.guards}
    assert 1 == up.said.count("guards-in-use")
