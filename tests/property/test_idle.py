"""Doors that close when they are idle: whoever comes and goes when, they close in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from knockd.leases.idle import IdleWatch
from knockd.leases.looks import period_of
from knockd.leases.table import Leases
from knockd.leases.values import Command, Ended, Event, Start, Stop, Tick
from knockd.net.conntrack import Wanted
from knockd.process.loop import Loop
from knockd_conf.services import parse_services
from tests.support.doubles.playbook import DOOR, knock

SLOW = 4.0
"""Seconds that a look may come late, with all that comes before it, and take."""


@dataclass
class Timer:
    """A callback that is still to run."""

    callback: Callable[[], object] | None

    def cancel(self) -> None:
        """It is not to run."""
        self.callback = None


class World:
    """A clock that goes from timer to timer, a door, and the connections of the one who knocked."""

    def __init__(self, idle: float, cmd_timeout: float, open_max: float, took: float) -> None:
        self.now, self.took = 1_000.0, took
        self.connections: list[tuple[float, float]] = []
        self.closed: float | None = None
        self._queue: list[tuple[float, int, Timer]] = []
        self._numbers = count()
        services = parse_services("22/tcp")
        self.door = replace(
            DOOR, close_when_idle=idle, cmd_timeout=cmd_timeout, open_max=open_max, service=services
        )
        self.leases = Leases()
        self._tick: Timer | None = None
        self._watch = IdleWatch(
            cast(Loop, self),
            lambda: self.now,
            lambda *_, **__: None,
            self.leases,
            self.handle,
            begin=lambda wanted: SlowLook(self, wanted),
            check=lambda: None,
        )
        self.handle(knock(self.door))

    def handle(self, event: Event) -> None:
        """An event, what it asks for, and the timers that follow of it."""
        for command in self.leases.handle(event, self.now):
            self._do(command)
        if self._tick is not None:
            self._tick.cancel()
        due = self.leases.next_deadline()
        self._tick = None if due is None else self.call_later(max(0.0, due - self.now), self.handle, Tick())
        self._watch.arm()

    def _do(self, command: Command) -> None:
        if isinstance(command, Start):
            self.call_soon(self.handle, Ended("run.1", "start", worked=True))
        elif isinstance(command, Stop):
            self.closed = self.now

    def call_later(self, seconds: float, callback: Callable[..., object], *given: Any) -> Timer:
        """Runs the callback after so many seconds."""
        timer = Timer(lambda: callback(*given))
        heappush(self._queue, (self.now + seconds, next(self._numbers), timer))
        return timer

    def call_soon(self, callback: Callable[..., object], *given: Any) -> Timer:
        """Runs the callback at once."""
        return self.call_later(0.0, callback, *given)

    def run(self) -> float:
        """Runs until the door is closed; when that was."""
        while self.closed is None:
            when, _, timer = heappop(self._queue)
            self.now = max(self.now, when)
            if timer.callback is not None:
                timer.callback()
        return self.closed

    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return any(begin <= self.now < end for begin, end in self.connections)


class SlowLook:
    """A look that takes its time in two steps, and sees who is there at the end of it."""

    def __init__(self, world: World, wanted: Mapping[str, Wanted]) -> None:
        self.found: dict[str, bytes] = {}
        self._world, self._wanted, self._steps = world, wanted, 2

    def step(self) -> bool:
        """Looks a little further."""
        self._world.now += self._world.took / 2
        self._steps -= 1
        if not self._steps and self._world.is_connected():
            self.found = dict.fromkeys(self._wanted, b"key")
        return not self._steps

    def close(self) -> None:
        """It has ended."""


_TIMES = st.floats(0.0, 400.0)


@given(
    st.sampled_from([1.0, 2.0, 10.0, 30.0, 120.0]),
    st.sampled_from([0.0, 1.0, 10.0, 200.0]),
    st.sampled_from([5.0, 100.0, 86_400.0]),
    st.sampled_from([0.0, 0.02, 0.4]),
    st.lists(st.tuples(_TIMES, _TIMES), max_size=4),
)
def test_it_closes_in_time(
    idle: float, cmd_timeout: float, open_max: float, took: float, visits: list[tuple[float, float]]
) -> None:
    """A door never closes before Cmd_Timeout, nor after Open_Max, and soon after its knocker has left.

    It does not close while he is connected, nor within Close_When_Idle of that; a connection that comes and
    goes between two looks may be missed.
    """
    world = World(idle, cmd_timeout, open_max, took)
    begin = world.now
    world.connections = [(begin + at, begin + at + lasts) for at, lasts in visits]
    closed = world.run()
    earliest, limit = begin + cmd_timeout, begin + max(open_max, cmd_timeout)
    assert earliest <= closed
    assert closed <= limit + took
    last = max((end for at, end in world.connections if at <= closed), default=begin)
    assert closed <= max(earliest, last + idle + period_of(idle)) + SLOW
    for at, end in world.connections:
        if end - at >= period_of(idle) + SLOW and at + SLOW < closed < limit:
            assert closed >= end + idle - SLOW
