"""The watches of doors with a key: which sequences open now, which are only recognised, and their guards.

The daemon and what judges captures (``--replay``, ``--explain``) make them here, so both open for the same.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from knockd.knocks.guards import guards_of, with_guards
from knockd.knocks.taken import Taken, number_of
from knockd.knocks.watch import Watch
from knockd_conf.classes import NamedTuple
from knockd_conf.model import GuardPorts, Step
from knockd_conf.timed import Port, Ports

LIVE: Final = 1
"""Periods before and after the one that is now whose sequences open."""

RECOGNISED: Final = 3
"""Periods before and after it whose sequences are told from a scan, so that the log can say why."""

LIFE: Final = 2 * LIVE + 2
"""Periods for which a touch of a guard is remembered: longer than a sequence is live."""


class KeySequences(NamedTuple):
    """The sequences of one key at a door around the period that is now.

    ``door`` is the door's number, ``ports`` those of each period by its number. ``burnt``: the sequences of
    this period and of all before have been used; None: of no period.
    """

    door: int
    key: str
    length: int
    """Seconds of a period."""
    now: int
    """The number of the period that is now."""
    ports: Mapping[int, Ports]
    burnt: int | None = None

    def opens(self, period: int) -> bool:
        """Whether the sequence of a period opens now."""
        return abs(period - self.now) <= LIVE and (self.burnt is None or period > self.burnt)


SerialOf = Callable[[int, str, int], int]
"""Door number, name of the key and number of the period to the serial of that sequence."""


def make_watches(
    plain: Sequence[Watch],
    rules: Sequence[GuardPorts],
    taken: Taken,
    keyed: Sequence[KeySequences],
    serial_of: SerialOf,
) -> tuple[Watch, ...]:
    """All watches with their guards: those of ``plain``, and behind them those that are made of keys.

    ``plain`` has a watch for each door by its number, without steps where the door has a key; ``rules`` the
    Guard_Ports of every door.
    """
    rotating = make_rotating(plain, taken, keyed, serial_of)
    live = [step for watch in rotating if watch.opens for step in watch.steps]
    return (*with_guards(plain, guards_of(plain, rules, taken, live)), *rotating)


def make_rotating(
    plain: Sequence[Watch], taken: Taken, keyed: Sequence[KeySequences], serial_of: SerialOf
) -> tuple[Watch, ...]:
    """The watches that are made of keys, those that open in front."""
    knocks = Counter({step for watch in plain for step in watch.steps})
    for one in keyed:
        knocks.update(_live_steps(one))
    bases = zip(keyed, _number_keys(keyed), strict=True)
    found = [
        watch
        for one, key in bases
        for watch in _watches_of(one, replace(plain[one.door], key=key), taken, knocks, serial_of)
    ]
    return tuple(sorted(found, key=lambda watch: not watch.opens))


def _number_keys(keyed: Iterable[KeySequences]) -> Iterator[int]:
    """Yields the number of each key at its door, from 1."""
    seen: Counter[int] = Counter()
    for one in keyed:
        seen[one.door] += 1
        yield seen[one.door]


def _watches_of(
    keyed: KeySequences, base: Watch, taken: Taken, knocks: Counter[Step], serial_of: SerialOf
) -> Iterator[Watch]:
    """Yields the watches of a key; ``knocks`` has for how many keys or doors a port is a live step."""
    for period, ports in sorted(keyed.ports.items()):
        if abs(period - keyed.now) > RECOGNISED:
            continue
        opens = keyed.opens(period)
        watch = replace(
            base,
            steps=_steps(ports.steps),
            serial=serial_of(keyed.door, keyed.key, period),
            opens=opens,
            ignore_time=float(LIFE * keyed.length),
        )
        yield replace(watch, guards=_guards_of(keyed, period, watch, taken, knocks)) if opens else watch


def _guards_of(
    keyed: KeySequences, period: int, watch: Watch, taken: Taken, knocks: Counter[Step]
) -> tuple[Step, ...]:
    """The guards of a live sequence: its own, and all ports of the other live periods of its key.

    Who scans in random order has to meet the steps before any of them.
    """
    found = set(_steps(keyed.ports[period].guards))
    for other in range(keyed.now - LIVE, keyed.now + LIVE + 1):
        if other != period and other in keyed.ports:
            found.update(_steps((*keyed.ports[other].steps, *keyed.ports[other].guards)))
    own, routed = _live_steps(keyed), bool(watch.target)
    kept = (
        step
        for step in found.difference(watch.steps)
        if knocks[step] == (step in own) and taken.why(number_of(step), routed=routed) is None
    )
    return tuple(sorted(kept, key=number_of))


def _live_steps(keyed: KeySequences) -> set[Step]:
    return {
        step for period, ports in keyed.ports.items() if keyed.opens(period) for step in _steps(ports.steps)
    }


def _steps(ports: Iterable[Port]) -> tuple[Step, ...]:
    return tuple(Step(port.port, port.protocol) for port in ports)
