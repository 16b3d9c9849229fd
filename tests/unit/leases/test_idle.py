"""Looks for connections: when there is one, for whom, what it tells the table, and what the log hears."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace

import pytest

from knockd.leases.idle import CHECK, LONGEST, MOST, PAUSE, IdleWatch
from knockd.leases.table import Leases
from knockd.leases.values import Ended, Event, Looked
from knockd_conf.model import Door
from knockd_conf.services import parse_services
from tests.support.doubles.looks import FakeConntrack
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.doubles.playbook import DOOR, knock

IDLE = replace(DOOR, close_when_idle=30.0, service=parse_services("22/tcp"))
SOURCE = "192.0.2.1"
NO_RIGHT = "the kernel's table of connections cannot be read without CAP_NET_ADMIN"


class Played:
    """A watch on a loop on which time stands still, and what it told the table."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.now = 1_000.0
        self.leases = Leases()
        self.world = FakeConntrack()
        self.told: list[Event] = []
        self.log: list[str] = []
        self.watch = IdleWatch(
            self.loop.loop,
            lambda: self.now,
            lambda event, **fields: self.log.append(f"{event}: {fields['reason']}"),
            self.leases,
            self._handle,
            begin=self.world.begin,
            check=self.world.check,
        )

    def _handle(self, event: Event) -> None:
        self.told.append(event)
        self.leases.handle(event, self.now)
        self.watch.arm()

    def open(self, source: str = SOURCE, at: Door = IDLE) -> str:
        """A door opens; the id of its lease."""
        self.leases.handle(knock(at, source), self.now)
        id_ = f"run.{len(self.leases)}"
        self.leases.handle(Ended(id_, "start", worked=True), self.now)
        self.watch.arm()
        return id_

    def fire(self, seconds: float = 0.0) -> None:
        """So much time passes, and the timer fires."""
        self.now += seconds
        self.loop.fire()


@pytest.fixture
def played() -> Iterator[Played]:
    """Nobody has knocked; at the end no look is left open."""
    made = Played()
    yield made
    made.watch.stop()
    assert made.world.under_way == 0


def test_no_timer(played: Played) -> None:
    """Nothing runs while no door is open that closes when it is idle."""
    played.open(at=DOOR)
    assert [] == played.loop.waiting
    assert not played.loop.soon


def test_a_look(played: Played) -> None:
    """At its time a look is made for the knocker's address and the door's ports; the table hears of it."""
    id_ = played.open()
    assert [0.0] == played.loop.waiting
    played.world.connected.add(SOURCE)
    played.fire()
    [wanted] = played.world.wanted
    assert [id_] == list(wanted)
    assert bytes([192, 0, 2, 1]) == wanted[id_].address
    assert IDLE.service == wanted[id_].services
    assert [Looked((id_,), frozenset({id_}))] == played.told
    assert [10.0] == played.loop.waiting


def test_a_known_connection(played: Played) -> None:
    """What a look has found the next one asks for first; when it is gone nothing is known."""
    id_ = played.open()
    played.world.connected.add(SOURCE)
    played.fire()
    played.world.connected.clear()
    played.fire(10.0)
    played.fire(10.0)
    assert [b"", b"key", b""] == [wanted[id_].known for wanted in played.world.wanted]


def test_what_is_known_of_others(played: Played) -> None:
    """A look for others leaves what is known of a lease, as long as there is one."""
    first = played.open()
    played.world.connected.add(SOURCE)
    played.fire()
    played.now += 5.0
    second = played.open("2001:db8::7")
    played.loop.fire()
    assert [second] == list(played.world.wanted[-1])
    played.fire(5.0)
    assert b"key" == played.world.wanted[-1][first].known


def test_one_look_for_all(played: Played) -> None:
    """Leases that are nearly due are looked for with those that are."""
    played.open()
    played.now += 0.4
    played.open("192.0.2.2")
    played.fire()
    assert 2 == len(played.world.wanted[0])
    assert 1 == len(played.told)


def test_a_look_takes_turns(played: Played) -> None:
    """Between the steps of a look the loop does what else there is, and no second look begins."""
    played.world.steps = 3
    played.open()
    played.fire()
    assert [] == played.told
    played.watch.arm()
    assert [] == played.loop.waiting
    assert 1 == len(played.loop.soon)
    played.loop.turn()
    assert 1 == len(played.told)


@pytest.mark.parametrize(("took", "pause"), [(0.0, PAUSE), (0.5, 2.0), (4.0, MOST)])
def test_a_pause_follows(played: Played, took: float, pause: float) -> None:
    """A look that took long is followed by a longer pause, whoever is waiting."""
    played.world.steps = 2
    played.open()
    played.fire()
    played.now += took
    played.loop.turn()
    played.open("192.0.2.2")
    assert [pytest.approx(pause)] == played.loop.waiting


def test_sleep_of_the_machine(played: Played) -> None:
    """The clock is looked at each minute; when it has not come so far, nothing is looked for."""
    id_ = played.open(at=replace(IDLE, cmd_timeout=3_600.0))
    assert [CHECK] == played.loop.waiting
    played.fire(CHECK)
    assert [] == played.told
    played.fire(8 * 3_600.0)
    assert [Looked((id_,), frozenset())] == played.told


def test_too_many_connections(played: Played) -> None:
    """A look that takes too long is given up."""
    played.world.steps = 9
    id_ = played.open()
    played.fire()
    played.now += LONGEST + 0.1
    played.loop.turn()
    assert [Looked((id_,), frozenset(), failed=True)] == played.told
    assert [
        "conntrack-problem: there are so many connections that a look takes more than 5 seconds"
    ] == played.log
    assert 0 == played.world.under_way


@pytest.mark.parametrize("where", ["refused", "broken"])
def test_a_look_that_fails(played: Played, where: str) -> None:
    """The table hears that nothing is known, and the log why, once; a look that works makes that good."""
    id_ = played.open(at=replace(IDLE, cmd_timeout=200.0))
    setattr(played.world, where, PermissionError(errno.EPERM, "no"))
    played.fire(60.0)
    played.fire(60.0)
    played.fire(50.0)
    played.fire(10.0)
    assert [Looked((id_,), frozenset(), failed=True)] * 2 == played.told
    assert [f"conntrack-problem: {NO_RIGHT}"] == played.log
    setattr(played.world, where, None)
    played.fire(10.0)
    setattr(played.world, where, PermissionError(errno.EPERM, "no"))
    played.fire(10.0)
    assert 2 == len(played.log)


def test_what_is_in_the_way(played: Played) -> None:
    """Where a door closes when it is idle, what is in the way is said at the start, once."""
    played.world.obstacle = "no conntrack"
    played.watch.check_doors([DOOR])
    assert 0 == played.world.checks
    played.watch.check_doors([DOOR, IDLE])
    played.watch.check_doors([DOOR, IDLE])
    assert ["conntrack-problem: no conntrack"] == played.log
    played.world.obstacle = None
    played.watch.check_doors([IDLE])
    assert 1 == len(played.log)


def test_stopped(played: Played) -> None:
    """At the end a look that is under way is given up, and none begins."""
    played.world.steps = 2
    played.open()
    played.fire()
    played.watch.stop()
    assert 0 == played.world.under_way
    played.loop.turn()
    assert [] == played.told


def test_connections_of_the_whole_network_are_looked_for(played: Played) -> None:
    """Of a door that opens for a network its prefix is looked for, too."""
    played.open(SOURCE, replace(IDLE, open_prefix=(24, 56)))
    played.open("2001:db8::1", IDLE)
    played.fire(10.0)
    assert [24, None] == [one.prefix for one in played.world.wanted[0].values()]
