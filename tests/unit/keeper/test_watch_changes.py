"""Other watches for packet processes: guards that are in use, and sequences of keys that rotate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from knockd.keeper.settings import Loaded
from knockd.knocks.events import Expired, Guarded, Spoiled, Stage
from knockd.process.verbs import HeldBack, Message
from knockd.process.view import View
from knockd.sequences.live_periods import find_period
from tests.support.doubles.keyed import NOON, KeyedHost
from tests.support.doubles.linked_workers import CONFIG, PONG, READY, LinkedWorkers, captured
from tests.support.doubles.played import ALICE, steps
from tests.support.doubles.signed import NO_WATCH, ToldDoors, signed_door, watch_of

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


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[tuple[LinkedWorkers, KeyedHost]]:
    """The first packet process captures; its door has keys, whose file is read."""
    host = KeyedHost(tmp_path)
    made = LinkedWorkers(host.config, host)
    made.supervisor.begin()
    made.say(0, READY)
    made.say(0, PONG)
    made.views(0)
    made.said.clear()
    yield made, host
    made.close()


def serials(view: View) -> set[int]:
    """The sequences that open."""
    return {watch.serial for watch in view.watches or () if watch.opens and watch.steps}


def test_first_sequences(tmp_path: Path) -> None:
    """The child that reads key files is started before the packet process, which gets them by a view."""
    host = KeyedHost(tmp_path)
    made = LinkedWorkers(host.config, host)
    made.supervisor.begin()
    assert (len(host.children), len(made.started)) == (1, 1)
    assert serials(made.started[0]["view"]) == set()
    made.loop.deliver()
    (view,) = made.views(0)
    assert len(serials(view)) == 6
    made.close()


def test_boundary(keyed: tuple[LinkedWorkers, KeyedHost]) -> None:
    """At the boundary of a period the packet process gets the sequences of now."""
    made, host = keyed
    changes = made.changes
    host.look_after(30)
    (view,) = made.views(0)
    periods = {host.doors._serials.find(serial) for serial in serials(view)}
    assert {one.period - find_period(NOON, 30) for one in periods if one is not None} == {0, 1, 2}
    assert made.changes > changes


def test_boundary_with_two_packet_processes(keyed: tuple[LinkedWorkers, KeyedHost]) -> None:
    """Both get them, whatever doors they were forked for; one that begins then begins with them."""
    made, host = keyed
    made.change_captures()
    for index in (0, 1):
        made.views(index)
    host.look_after(30)
    first, second = ([serials(view) for view in made.views(index)] for index in (0, 1))
    assert first[-1] == second[-1] == serials(View(watches=made.supervisor._messages.doors.watches()))
    made.say(1, READY)
    host.look_after(30)
    assert made.views(1) == []
    made.end(0)
    (begin,) = made.views(1)
    assert begin.begin
    assert serials(begin) == serials(View(watches=made.supervisor._messages.doors.watches()))


def test_doors_without_keys(tmp_path: Path) -> None:
    """A packet process that was forked when no door had a key is not told of them."""
    host = KeyedHost(tmp_path)
    made = LinkedWorkers(CONFIG, host)
    made.supervisor.begin()
    made.say(0, READY)
    made.supervisor.adopt(Loaded(replace(host.config, options=replace(host.config.options, latency=7)), None))
    made.loop.deliver()
    assert made.views(0) == []
    assert len(serials(made.views(1)[-1])) == 6
    made.close()


SIGNED = replace(CONFIG, doors=(*CONFIG.doors, signed_door()))


@pytest.fixture
def signed() -> Iterator[tuple[LinkedWorkers, ToldDoors]]:
    """The first packet process captures; one of its doors is opened by signed knocks."""
    doors = ToldDoors()
    doors.live = watch_of(7)
    made = LinkedWorkers(SIGNED, signed=doors)
    made.supervisor.begin()
    made.say(0, READY)
    made.said.clear()
    yield made, doors
    made.close()


def test_first_minute(signed: tuple[LinkedWorkers, ToldDoors]) -> None:
    """A packet process is forked with what is live then."""
    made, doors = signed
    assert doors.adopted == [SIGNED]
    assert made.started[0]["setup"].signed
    assert made.started[0]["view"].signed == watch_of(7)


def test_next_minute(signed: tuple[LinkedWorkers, ToldDoors]) -> None:
    """It gets each other minute; a status may show something else."""
    made, doors = signed
    changes = made.changes
    doors.live = watch_of(8)
    doors.changed()
    assert made.views(0) == [View(signed=watch_of(8))]
    assert made.changes > changes


def test_next_minute_with_two_packet_processes(signed: tuple[LinkedWorkers, ToldDoors]) -> None:
    """Both get it while one is starting, and the next one also while the other one hands over."""
    made, doors = signed
    made.change_captures()
    doors.live = watch_of(8)
    doors.changed()
    assert made.views(0)[-1].signed == made.views(1)[-1].signed == watch_of(8)
    made.say(1, READY)
    doors.live = watch_of(9)
    doors.changed()
    assert made.views(1) == [View(signed=watch_of(9))]
    made.end(0)
    (begin,) = made.views(1)
    assert begin.begin
    assert begin.signed is None


def test_reload_of_signed_doors(signed: tuple[LinkedWorkers, ToldDoors]) -> None:
    """A reload that changes doors alone sends ports and minutes of now with the watches."""
    made, doors = signed
    doors.live = watch_of(7, 47811, 47812)
    made.adopt(signed_door(), signed_door("web", signed_port=47812))
    (view,) = made.views(0)
    assert view.signed == doors.live
    assert view.watches is not None
    assert len(made.started) == 1


def test_first_signed_door() -> None:
    """A packet process without the code of signed knocks is replaced, and is never told of them."""
    with captured() as made:
        doors = made._signed
        assert not made.started[0]["setup"].signed
        assert made.started[0]["view"].signed is None
        doors.live = watch_of(7)
        made.adopt(signed_door())
        assert made.started[1]["setup"].signed
        assert made.started[1]["view"].signed == watch_of(7)
        doors.live = watch_of(8)
        doors.changed()
        assert made.views(0) == []
        assert made.views(1) == [View(signed=watch_of(8))]


def test_last_signed_door(signed: tuple[LinkedWorkers, ToldDoors]) -> None:
    """Without such doors a packet process is forked that has nothing of them in its memory."""
    made, doors = signed
    doors.live = NO_WATCH
    made.adopt(*CONFIG.doors)
    assert not made.started[1]["setup"].signed
    assert made.started[1]["view"].signed is None
    doors.changed()
    assert made.views(0)[-1] == View(signed=NO_WATCH)
    assert made.views(1) == []


def test_end_of_signed_doors() -> None:
    """They hear of children that have ended, and of the end."""
    doors = ToldDoors()
    made = LinkedWorkers(SIGNED, signed=doors)
    made.supervisor.begin()
    made.supervisor.reap()
    made.close()
    assert (doors.reaped, doors.stopped) == (1, 1)
