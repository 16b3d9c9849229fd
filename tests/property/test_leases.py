"""Leases: whatever comes in whatever order, what was started is stopped, and every knock has its answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from knockd.leases.journal import Record, State
from knockd.leases.table import RETRIES, Leases
from knockd.leases.values import (
    Close,
    Command,
    Ended,
    Event,
    Extend,
    Forget,
    GiveUp,
    Granted,
    Knocked,
    Lease,
    Looked,
    Note,
    NotStarted,
    Recovered,
    Refuse,
    Start,
    Stop,
    Tick,
)
from knockd_conf.model import Reknock
from knockd_conf.services import parse_services
from tests.support.doubles.playbook import DOOR, knock, without_stop

DOORS = [
    DOOR,
    replace(DOOR, name="more time", reknock=Reknock.EXTEND),
    replace(DOOR, name="each", reknock=Reknock.REPEAT),
    replace(DOOR, name="bare", start_command=None),
    without_stop(replace(DOOR, name="for ever")),
    replace(DOOR, name="idle", close_when_idle=3.0, service=parse_services("22/tcp"), open_max=400.0),
]


class World:
    """A table, what it has noted, and the commands that run; what was run and answered in all lives."""

    def __init__(self) -> None:
        self.life, self.now, self.knocks = 1, 1_000.0, 0
        self.leases = Leases(run="life1")
        self.journal: dict[str, Record] = {}
        self.running: list[Start | Stop] = []
        self.owed: set[str] = set()
        self.unstopped = Counter[str]()
        """Leases with start commands that no stop command has followed yet."""

    def handle(self, event: Event) -> None:
        """An event, and what it asks for."""
        for command in self.leases.handle(event, self.now):
            self._do(command, event)
        assert {lease.id for lease in self.leases.ask.all()} == set(self.journal)

    def _do(self, command: Command, event: Event) -> None:
        match command:
            case Note(record):
                self.journal[record.id] = record
            case Forget(lease):
                assert not self.unstopped[lease], event
                del self.journal[lease]
            case Start() | Stop():
                busy = [one for one in self.running if one.lease == command.lease is not None]
                assert not busy, event
                self.running.append(command)
                if isinstance(command, Stop):
                    self.unstopped[command.lease] = 0
                else:
                    self._answer(command.knock.by)
                    if command.lease is not None:
                        assert command.lease in self.journal
                        self.unstopped[command.lease] += 1
            case Granted(asked) | Refuse(asked):
                self._answer(asked.by)

    def _answer(self, by: str) -> None:
        self.owed.remove(by)

    # What happens.

    def knock(self, number: int) -> None:
        """Somebody knocks somewhere."""
        self.knocks += 1
        self.owed.add(f"knock {self.knocks}")
        one = knock(DOORS[number % len(DOORS)], f"192.0.2.{1 + number % 4 // 2}").knock
        self.handle(Knocked(one._replace(by=f"knock {self.knocks}")))

    def end(self, number: int, *, worked: bool | None) -> None:
        """A command ends; None: a start command was not run after all."""
        if not self.running:
            return
        ended = self.running.pop(number % len(self.running))
        if ended.lease is None:
            return
        if isinstance(ended, Start) and worked is None:
            self.unstopped[ended.lease] -= 1
            self.handle(NotStarted(ended.lease))
        else:
            verb = "start" if isinstance(ended, Start) else "stop"
            self.handle(Ended(ended.lease, verb, worked))  # type: ignore[arg-type]

    def lease(self, number: int) -> Lease | None:
        """One of the leases."""
        leases = list(self.leases.ask.all())
        return leases[number % len(leases)] if leases else None

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.handle(Tick())

    def extend(self, number: int) -> None:
        """Somebody gives a lease more time: never one whose stop command has begun."""
        lease = self.lease(number)
        if lease is not None:
            was_open, until = lease.find_why_not_open() is None, lease.deadline
            self.handle(Extend(lease.id, 5.0))
            assert (lease.deadline > until) is was_open
            stops = [one for one in self.running if isinstance(one, Stop) and one.lease == lease.id]
            assert not (was_open and stops)

    def give_up(self, number: int) -> None:
        """Somebody gives a lease up: only what has failed goes."""
        lease = self.lease(number)
        if lease is not None:
            has_failed = lease.state in {State.RETRYING, State.FAILED}
            self.handle(GiveUp(lease.id))
            assert (lease.id not in self.journal) is has_failed

    def close(self, number: int) -> None:
        """Somebody closes a lease."""
        lease = self.lease(number)
        if lease is not None:
            self.handle(Close((lease.id,)))

    def look(self, number: int) -> None:
        """Somebody looks for connections: half of those who are looked for have one, or it fails."""
        asked = tuple(one.id for one in self.leases.take_looks(self.now))
        in_use = frozenset(one for at, one in enumerate(asked) if (at + number) % 2)
        self.handle(Looked(asked, frozenset() if number == 9 else in_use, failed=number == 9))

    def die(self, *, same_boot: bool) -> None:
        """The daemon is killed with all commands, and another one begins."""
        self.life += 1
        self.leases = Leases(run=f"life{self.life}")
        self.running.clear()
        self.owed.clear()
        self.handle(Recovered(tuple(self.journal.values()), same_boot, {}))

    def come_to_rest(self) -> None:
        """All commands work from now on, and all times come."""
        for _ in range(200):
            while self.running:
                self.end(0, worked=True)
            self.wait(max(RETRIES))
            if not self.running and self.leases.next_deadline() is None:
                return
        raise AssertionError("it never comes to rest")


_NUMBERS = st.integers(0, 9)
_WORKED = st.sampled_from([True, False, None])
_HAPPENS = st.one_of(
    st.tuples(st.just("knock"), _NUMBERS),
    st.tuples(st.just("end"), _NUMBERS, _WORKED),
    st.tuples(st.sampled_from(["close", "extend", "give_up", "look"]), _NUMBERS),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 4.0, 10.0, 300.0])),
    st.tuples(st.just("die"), st.booleans()),
)


@given(st.lists(_HAPPENS, max_size=40))
def test_what_is_started_is_stopped(happens: list[tuple[Any, ...]]) -> None:
    """What was started is stopped at least once before it is forgotten, whatever is done by hand between.

    Every knock is granted, refused, or has its start command run, and once.
    """
    world = World()
    for what, *values in happens:
        if what == "end":
            number, worked = values
            is_start = world.running and isinstance(world.running[number % len(world.running)], Start)
            world.end(number, worked=worked if worked is not None or is_start else False)
        elif what == "die":
            world.die(same_boot=values[0])
        else:
            getattr(world, what)(*values)
    world.come_to_rest()
    assert not world.owed
    failed = {lease.id for lease in world.leases.ask.all() if lease.state is State.FAILED}
    assert set(world.journal) == failed
    for lease in failed:
        world.handle(Close((lease,)))
    world.come_to_rest()
    assert not world.journal
    assert not +world.unstopped
