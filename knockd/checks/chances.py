"""How likely a scan is to open a door, and how many packets guessing takes.

docs/security.md derives each formula. What is a ratio of whole numbers is returned as one.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache, lru_cache
from math import comb, factorial, inf, log, perm

from knockd.checks.stages import advance
from knockd_conf.classes import NamedTuple

MOST_ARRANGED = 4_096
"""Combinations of packets that are gone through for a door that asks for a port more than once."""

INTERVALS = 600
"""Of Simpson's rule: the first four digits hold."""

SPACED = 5
"""A scan of every fifth port touches no guard of a step that it touches: those are at most 4 ports away."""

_LEAST_SHARE = 1e-4


class Guess(NamedTuple):
    """The cheapest way to guess that we know: packets it takes on average, and packets from each address."""

    packets: float
    each: int


def scan_chance(steps: int, guards: int) -> Fraction:
    """The chance that steps come in order and before all guards when each port is sent once: G!/(G+k)!."""
    return Fraction(1, perm(guards + steps, steps))


def live_chance(steps: int, guards: int, live: int) -> Fraction:
    """The chance that one of ``live`` sequences opens, each with as many ports that are guards of the others.

    One sequence at most opens: its steps are the first of all these ports to come.
    """
    return min(Fraction(1), live * scan_chance(steps, live * (steps + guards) - steps))


def count_sequences(steps: int, ports: int, *, apart: bool = False) -> int:
    """How many sequences of so many steps there are; ``apart``: no two ports are equal or neighbours."""
    return factorial(steps) * comb(ports - steps + 1, steps) if apart else ports**steps


@lru_cache(maxsize=256)
def arranged_chance(order: tuple[int, ...], guards: int, copies: int) -> Fraction | None:
    """The chance of a scan that sends each port ``copies`` times, all in random order.

    ``order`` has the port of each step. By the rules of the matcher, every order of the packets that
    concern the door is gone through; None: there are too many.
    """
    ports = tuple(dict.fromkeys(order))
    if (copies + 1) ** len(ports) > MOST_ARRANGED:
        return None
    last = len(order)

    @cache
    def chance(stages: frozenset[int], left: tuple[int, ...]) -> Fraction:
        total = sum(left) + guards * copies
        found = Fraction(0)
        for place, (port, count) in enumerate(zip(ports, left, strict=True)):
            if count:
                after = advance(order, stages, port)
                rest = (*left[:place], count - 1, *left[place + 1 :])
                found += Fraction(count, total) * (1 if last in after else chance(after, rest))
        return found

    return chance(frozenset(), (copies,) * len(ports))


def timed_chance(steps: int, guards: int, *, share: float = 1.0, window: float, ignored: float) -> float:
    """The chance of a scan of a ``share`` of all ports in random order that takes its time.

    ``window`` (Seq_Timeout) and ``ignored`` (for how long a guard makes a door ignore the scanner) are in
    units of the scan's length. Without end both, and a share of 1, it is ``scan_chance``.
    """
    if steps == 1:
        return share * _quiet(guards, share, 0.0, ignored)
    scale = share**steps / factorial(steps - 2)
    end = min(1.0, window)
    bend = min(end, max(0.0, 1.0 - ignored))

    def density(span: float) -> float:
        return float(span ** (steps - 2)) * _quiet(guards, share, span, ignored)

    return scale * (_integrate(density, 0.0, bend) + _integrate(density, bend, end))


def _quiet(guards: int, share: float, span: float, ignored: float) -> float:
    """The chance that no guard is in the way of steps so far apart, over all places where they may begin."""
    reach = min(ignored, 1.0 - span)
    base, more = 1.0 - share * span, guards + 1
    near: float = (base**more - (base - share * reach) ** more) / (share * more)
    return float(near + (1.0 - span - reach) * (base - share * reach) ** guards)


def _integrate(curve: Callable[[float], float], low: float, high: float) -> float:
    """Simpson's rule."""
    if high <= low:
        return 0.0
    width = (high - low) / INTERVALS
    inner = sum((4 if at % 2 else 2) * curve(low + at * width) for at in range(1, INTERVALS))
    return width / 3 * (curve(low) + inner + curve(high))


@lru_cache(maxsize=256)
def slowed_scan(steps: int, guards: int) -> tuple[float, float]:
    """The best that a scan of all ports reaches when it takes its time: (chance, Seq_Timeout in its length).

    Until then a guard that was touched is forgotten before the last step comes.
    """

    def cost(window: float) -> float:
        chance = timed_chance(steps, guards, window=window, ignored=window)
        return 1.0 / chance if chance else inf

    window = _find_least(cost, 1.0)
    return 1.0 / cost(window), window


@lru_cache(maxsize=1_024)
def guess(
    steps: int,
    guards: int,
    ports: int,
    *,
    at_once: float,
    most: float = 1.0,
    forgives: bool = True,
    live: int = 1,
) -> Guess | None:
    """The packets that guessing takes on average: scans of some of all ``ports``, each from its own address.

    ``at_once``: packets sent within Seq_Timeout. ``most``: the largest share of the ports that a scan has.
    ``forgives``: whether a guard is forgotten after Seq_Timeout. ``live``: as many sequences would do.
    None: more than a number can hold.
    """

    def cost(share: float) -> float:
        packets = share * ports
        window = at_once / packets
        chance = live * timed_chance(
            steps, guards, share=share, window=window, ignored=window if forgives else inf
        )
        return packets * (1.0 / chance - 1.0 + steps / (steps + 1.0)) if chance else inf

    share = _find_least(cost, most)
    found = cost(share)
    return None if found == inf else Guess(found, max(steps, round(share * ports)))


def _find_least(cost: Callable[[float], float], most: float) -> float:
    """Where a cost is least between a ten-thousandth of ``most`` and it, to a percent."""
    steps = 48
    places = [float(most * _LEAST_SHARE ** (at / steps)) for at in range(steps + 1)]
    best = min(range(steps + 1), key=lambda at: cost(places[at]))
    low, high = places[min(best + 1, steps)], places[max(best - 1, 0)]
    while log(high / low) > 0.01:
        third = float((high / low) ** (1 / 3))
        first, second = low * third, low * third * third
        low, high = (low, second) if cost(first) < cost(second) else (first, high)
    return min((low, high, places[best]), key=cost)
