"""Guard ports: neighbours of a door's ports that only a scanner touches.

An ascending or descending scan, also one of every second, third or fourth port, touches a guard
before the port beside it. A random-order scan of all ports passes k steps and G guards with
probability G!/(G+k)!. Guards beside each other and beside their step cost the filter no more than one.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import gcd, isqrt

from knockd.knocks.taken import LAST_PORT, Taken, number_of
from knockd.knocks.watch import Watch, watches_of
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config, Door, GuardPorts, Step
from knockd_conf.protocol import Protocol

_PROTOCOLS = {int(protocol): protocol for protocol in Protocol}
"""A look into it is faster than the enum's own: a thousand doors have thousands of guards."""

BESIDE = 4
"""Guards on each side of a step at most."""

REACH = 8
"""How far from a step a guard may be where nearer ports cannot be one: an interleaved door has them."""

FAR = 64
"""How far away one may be that a scan of every second to fourth port touches, where none nearer can."""


class Guards(NamedTuple):
    """The guards of one watch, and the neighbours left out with the reason."""

    ports: tuple[Step, ...] = ()
    left_out: Mapping[Step, str] | None = None


def watches_with_guards(
    config: Config, sequences: Sequence[tuple[Step, ...]], taken: Taken
) -> tuple[Watch, ...]:
    """A watch for each door of a configuration; ``sequences`` are the live ones."""
    watches = watches_of(config.doors, sequences)
    rules = guard_rules(config.doors, config.options.guard_ports)
    return with_guards(watches, guards_of(watches, rules, taken))


def with_guards(watches: Iterable[Watch], guards: Iterable[Guards]) -> tuple[Watch, ...]:
    """The watches, each with its guards."""
    return tuple(replace(watch, guards=one.ports) for watch, one in zip(watches, guards, strict=True))


def guard_rules(doors: Iterable[Door], default: GuardPorts) -> tuple[GuardPorts, ...]:
    """The Guard_Ports of every door; ``default`` is what ``[options]`` says."""
    return tuple(door.guard_ports or default for door in doors)


def guards_of(
    watches: Sequence[Watch], rules: Sequence[GuardPorts], taken: Taken, others: Iterable[Step] = ()
) -> tuple[Guards, ...]:
    """The guards of every watch; ``rules`` has the Guard_Ports of every door, by its number.

    ``others`` are steps of watches that are not among these: no guards either.
    """
    knocks = {number_of(step) for watch in watches for step in watch.steps}
    knocks.update(map(number_of, others))
    return tuple(
        _guards(watch, rules[watch.door], knocks, taken) if watch.steps else Guards() for watch in watches
    )


def _guards(watch: Watch, wanted: GuardPorts, knocks: set[int], taken: Taken) -> Guards:
    ports: dict[int, None] = {}
    left_out: dict[int, str] = {}
    for nearest_first in (
        _beside(watch.steps) if wanted.auto else ([number_of(port)] for port in wanted.ports)
    ):
        chosen, passing = 0, {3, 4}  # strides of scans that touch none of those chosen; 4 is for 2 as well
        for far, port in enumerate(nearest_first, 1):
            near = chosen < BESIDE and far <= REACH
            met = {stride for stride in passing if far % stride == 0}
            if wanted.auto and not (near or met):
                continue
            if port in knocks:
                why: str | None = "is a knock port"
            else:
                why = taken.why(port, routed=bool(watch.target)) if wanted.auto else None
            if why is None:
                ports[port] = None
                chosen += 1
                passing -= met
            elif near or not wanted.auto:
                left_out[port] = why
            if wanted.auto and not passing and (chosen >= BESIDE or far >= REACH):
                break
    return Guards(
        tuple(_step(number) for number in sorted(ports)),
        {_step(number): why for number, why in left_out.items()},
    )


def _beside(steps: Iterable[Step]) -> Iterator[range]:
    """The ports below and those above every step, the nearest first, as numbers."""
    for step in dict.fromkeys(steps):
        at = number_of(step)
        yield range(at - 1, at - 1 - min(FAR, max(step.port - 1, 0)), -1)  # nobody scans port 0
        yield range(at + 1, at + 1 + min(FAR, LAST_PORT - step.port))


def _step(number: int) -> Step:
    return Step(number & LAST_PORT, _PROTOCOLS[number >> 16])


def opened_by_scan(steps: Sequence[Step], guards: Sequence[Step]) -> dict[str, tuple[int, ...]]:
    """Which ordered scans would open a door: ``ascending``, ``descending``, each with its strides.

    A stride of n stands for a scan of every n-th port that begins where it meets the steps, 1 for one of
    all ports. A scan of one protocol cannot open a door that asks for both. A guard far before the first
    step does not count: when a slow scan comes from there to the step, its Seq_Timeout is over.
    """
    if len({step.protocol for step in steps}) != 1:
        return {}
    found = {}
    for name, order in (("ascending", 1), ("descending", -1)):
        ports = [order * step.port for step in steps]
        nearest = ports[0] - max(REACH, ports[-1] - ports[0])
        if not all(low < high for low, high in pairwise(ports)):
            continue
        touched = [
            order * guard.port - ports[0]
            for guard in guards
            if nearest <= order * guard.port < ports[-1] and guard.protocol == steps[0].protocol
        ]
        strides = _divisors(gcd(*(port - ports[0] for port in ports)))
        opening = tuple(stride for stride in strides if all(far % stride for far in touched))
        if opening:
            found[name] = opening
    return found


def _divisors(number: int) -> list[int]:
    """What divides a number, the least first; of 0 (a door with one step) 1 alone."""
    small = [one for one in range(1, isqrt(number) + 1) if number % one == 0] or [1]
    return sorted({*small, *(number // one for one in small)} - {0})
