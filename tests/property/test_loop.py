"""The event loop runs everything in the order of a slow obvious model, whatever callbacks do to it."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from hypothesis import given
from hypothesis import strategies as st

from knockd.process.loop import FEW, EventLoop

PIPES = 3
STEPS = 300
"""Callbacks after which a run ends."""

Deed = tuple[str, int]
Plan = list[list[Deed]]
"""What the callback of each number does; the numbers go round."""

DEEDS = st.one_of(
    st.tuples(st.just("soon"), st.integers(0, 20)),
    st.tuples(st.just("later"), st.integers(0, 5)),  # seconds
    st.tuples(st.just("crowd"), st.integers(FEW - 4, 3 * FEW)),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("watch"), st.integers(0, PIPES - 1)),
    st.tuples(st.just("leave"), st.integers(0, PIPES - 1)),
    st.tuples(st.just("write"), st.integers(0, PIPES - 1)),
    st.tuples(st.just("read"), st.integers(0, PIPES - 1)),
    st.tuples(st.just("raise"), st.just(0)),
    st.tuples(st.just("stop"), st.just(0)),
)


class World(Protocol):
    """What a callback may ask of the loop or of its model."""

    def soon(self, number: int) -> None: ...
    def later(self, seconds: int, number: int) -> None: ...
    def cancel(self, which: int) -> None: ...
    def watch(self, pipe: int, number: int) -> None: ...
    def leave(self, pipe: int) -> None: ...
    def write(self, pipe: int) -> None: ...
    def read(self, pipe: int) -> None: ...
    def stop(self) -> None: ...


@dataclass
class Player:
    """Does what the plan says; ``ran`` has the number of each callback and the second it ran in."""

    plan: Plan
    world: World
    ran: list[tuple[int, int]] = field(default_factory=list)
    made: int = 0

    def begin(self) -> None:
        """What is there before the first turn."""
        self._act(0)

    def play(self, number: int, now: int) -> None:
        """The callback of a number runs."""
        self.ran.append((number, now))
        if len(self.ran) >= STEPS:
            self.world.stop()
        else:
            self._act(number)

    def _act(self, number: int) -> None:
        world = self.world
        for deed, value in self.plan[number % len(self.plan)]:
            match deed:
                case "soon":
                    world.soon(self._next())
                case "later":
                    world.later(value, self._next())
                case "crowd":
                    for _ in range(value):
                        world.later(1_000, self._next())
                        world.cancel(0)  # the latest
                case "cancel":
                    world.cancel(value)
                case "watch":
                    world.watch(value, self._next())
                case "leave":
                    world.leave(value)
                case "write":
                    world.write(value)
                case "read":
                    world.read(value)
                case "stop":
                    world.stop()
                case _:
                    raise ValueError(number)

    def _next(self) -> int:
        self.made += 1
        return self.made


class Model:
    """The rules of a turn, as the loop's docstring has them, on lists that are searched anew each time."""

    def __init__(self, plan: Plan) -> None:
        self.player = Player(plan, self)
        self.now = 0
        self.handles: list[list[Any]] = []  # [number, due or None, live]; each once, in the order made
        self.waiting_soon: list[list[Any]] = []
        self.timers: list[list[Any]] = []
        self.watched: dict[int, list[Any]] = {}
        self.full = [0] * PIPES
        self.stopping = False

    def run(self) -> None:
        """Turns until it is stopped, or waits for ever."""
        with suppress(ValueError):
            self.player.begin()
        while True:
            ready = list(self.waiting_soon)
            live = [one for one in self.timers if one[2]]
            readable = [self.watched[pipe] for pipe in self.watched if self.full[pipe]]
            if not ready and not readable and not self.stopping:
                if not live:
                    return
                self.now = max(self.now, min(one[1] for one in live))
            self.waiting_soon = []
            due = sorted((one for one in live if one[1] <= self.now), key=lambda one: one[1])
            self.timers = [one for one in live if one[1] > self.now]
            for one in (*ready, *readable, *due):
                if one[2]:
                    with suppress(ValueError):
                        self.player.play(one[0], self.now)
            if self.stopping:
                return

    def soon(self, number: int) -> None:
        self.waiting_soon.append([number, None, True])
        self.handles.append(self.waiting_soon[-1])

    def later(self, seconds: int, number: int) -> None:
        self.timers.append([number, self.now + seconds, True])
        self.handles.append(self.timers[-1])

    def cancel(self, which: int) -> None:
        if self.handles:
            self.handles[-1 - which % len(self.handles)][2] = False

    def watch(self, pipe: int, number: int) -> None:
        if pipe in self.watched:
            self.watched[pipe][2] = False
        self.watched[pipe] = [number, None, True]  # a replaced one keeps its place

    def leave(self, pipe: int) -> None:
        if pipe in self.watched:
            self.watched.pop(pipe)[2] = False

    def write(self, pipe: int) -> None:
        self.full[pipe] += 1

    def read(self, pipe: int) -> None:
        self.full[pipe] = max(0, self.full[pipe] - 1)

    def stop(self) -> None:
        self.stopping = True


class _WaitsForEver(Exception):
    """Nothing would end the loop's wait."""


class Real:
    """The loop itself with real pipes; its clock moves only while it waits, by whole seconds."""

    def __init__(self, plan: Plan, stack: ExitStack) -> None:
        self.player = Player(plan, self)
        self.now = self.polls = 0
        self.faults: list[Exception] = []
        self.loop = EventLoop(self.faults.append)
        stack.callback(self.loop.close)
        self.loop.time = lambda: float(self.now)  # type: ignore[method-assign]
        self._poll = self.loop._poll
        self.loop._poll = cast(Any, self)
        self.handles: list[Any] = []
        self.ends = [os.pipe() for _ in range(PIPES)]
        for reader, writer in self.ends:
            os.set_blocking(reader, False)
            stack.callback(os.close, reader)
            stack.callback(os.close, writer)
        self.register, self.modify, self.unregister = (
            self._poll.register,
            self._poll.modify,
            self._poll.unregister,
        )

    def run(self) -> None:
        """Turns until it is stopped, or would wait for ever."""
        with suppress(ValueError):
            self.player.begin()
        with suppress(_WaitsForEver):
            self.loop.run()

    def poll(self, wait: float | None) -> list[tuple[int, int]]:
        """What is there now, else the clock goes on by ``wait``."""
        self.polls += 1
        assert self.polls <= 20 * STEPS, "it spins"
        found = self._poll.poll(0)
        if not found:
            if wait is None:
                raise _WaitsForEver
            self.now += int(wait) // 1_000
        return found

    def soon(self, number: int) -> None:
        self.handles.append(self.loop.call_soon(self._play, number))

    def later(self, seconds: int, number: int) -> None:
        self.handles.append(self.loop.call_later(seconds, self._play, number))

    def cancel(self, which: int) -> None:
        if self.handles:
            self.handles[-1 - which % len(self.handles)].cancel()

    def watch(self, pipe: int, number: int) -> None:
        self.loop.add_reader(self.ends[pipe][0], self._play, number)

    def leave(self, pipe: int) -> None:
        self.loop.remove_reader(self.ends[pipe][0])

    def write(self, pipe: int) -> None:
        os.write(self.ends[pipe][1], b"x")

    def read(self, pipe: int) -> None:
        with suppress(BlockingIOError):
            os.read(self.ends[pipe][0], 1)

    def stop(self) -> None:
        self.loop.stop()

    def _play(self, number: int) -> None:
        self.player.play(number, self.now)


@given(st.lists(st.lists(DEEDS, max_size=6), min_size=1, max_size=12))
def test_order(plan: Plan) -> None:
    """Callbacks run in the order and at the times of the model; what they raise is a fault each."""
    model = Model(plan)
    model.run()
    with ExitStack() as stack:
        real = Real(plan, stack)
        real.run()
        assert model.player.ran == real.player.ran
        assert all(isinstance(fault, ValueError) for fault in real.faults)
        assert len(real.loop._timers) <= 2 * FEW + 2 + 2 * sum(one[2] for one in model.timers)
