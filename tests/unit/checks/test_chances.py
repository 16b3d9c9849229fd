"""The formulas of docs/security.md: against going through every order, and against the real matcher.

Random tests have fixed seeds; their bounds are four standard deviations.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import count, permutations
from math import factorial, inf, isclose, sqrt

import pytest

from knockd.checks.chances import (
    arranged_chance,
    count_sequences,
    guess,
    live_chance,
    scan_chance,
    slowed_scan,
    timed_chance,
)
from knockd.knocks.events import Opened
from knockd.knocks.matcher import Matcher
from knockd_bpf.wire import TCP
from tests.support.doubles.played import LOCAL, OURS, SYN, door, matching

Sent = Sequence[tuple[float, int]]
"""When each packet is sent (seconds), and to which port."""


def opens(matcher: Matcher, number: int, sent: Sent) -> bool:
    """Whether a new source, the one of that number, opens a door by these packets."""
    source = number.to_bytes(4, "big")
    return any(
        isinstance(event, Opened)
        for at, port in sent
        for event in matcher.feed((source, OURS, TCP, port, SYN), LOCAL, at)
    )


def a_matcher(steps: Sequence[int], guards: int, timeout: float = 25.0) -> tuple[Matcher, list[int]]:
    """A matcher with one door, and the ports that are anything to it. The guards are 100 and up."""
    beside = range(100, 100 + guards)
    one = door(" ".join(map(str, steps)), seq_timeout=timeout)
    ports = [*dict.fromkeys(steps), *beside]
    return matching(one, guards=[" ".join(map(str, beside))]), ports


def agrees(found: int, tried: int, chance: float) -> bool:
    """Whether so many of so many is within four standard deviations."""
    return abs(found - tried * chance) <= 4 * sqrt(tried * chance * (1 - chance)) + 1


@pytest.mark.parametrize(
    ("steps", "guards", "times"),
    [(1, 0, 1), (1, 8, 9), (2, 16, 306), (3, 0, 6), (3, 24, 17_550), (4, 32, 1_413_720)],
)
def test_scan(steps: int, guards: int, times: int) -> None:
    """It is G!/(G+k)!: 1 in 17,550 for 3 steps and 24 guards, and so on."""
    assert Fraction(1, times) == scan_chance(steps, guards)
    assert Fraction(factorial(guards), factorial(guards + steps)) == scan_chance(steps, guards)


@pytest.mark.parametrize(("steps", "guards"), [(1, 3), (2, 0), (2, 2), (3, 0), (3, 2), (2, 5)])
def test_every_order(steps: int, guards: int) -> None:
    """Of all orders of a full scan the matcher opens for exactly so many."""
    matcher, ports = a_matcher(range(1, steps + 1), guards)
    orders = list(permutations(ports))
    opened = sum(
        opens(matcher, number, [(1.0, port) for port in order]) for number, order in enumerate(orders)
    )
    assert Fraction(opened, len(orders)) == scan_chance(steps, guards)
    assert scan_chance(steps, guards) == arranged_chance(tuple(range(steps)), guards, 1)


@pytest.mark.parametrize(
    ("order", "guards", "copies"),
    [
        ((1, 1), 1, 2),
        ((1, 1, 1), 1, 3),
        ((1, 2, 1), 1, 2),
        ((1, 1, 2), 2, 2),
        ((2, 1), 1, 2),
        ((1, 2, 2), 0, 3),
    ],
)
def test_every_order_of_repeated_ports(order: tuple[int, ...], guards: int, copies: int) -> None:
    """A door that asks for a port again: each port is sent as often, and every order is tried."""
    matcher, ports = a_matcher(order, guards)
    packets = [port for port in ports for _ in range(copies)]
    orders = sorted(set(permutations(packets)))  # all are as likely
    opened = sum(opens(matcher, number, [(1.0, port) for port in sent]) for number, sent in enumerate(orders))
    assert 0 < opened < len(orders) or not guards
    assert Fraction(opened, len(orders)) == arranged_chance(order, guards, copies)


def test_one_packet_a_port_opens_no_door_with_a_repeated_port() -> None:
    """Whatever the order."""
    matcher, ports = a_matcher((1, 2, 1), 2)
    assert not any(
        opens(matcher, number, [(1.0, port) for port in order])
        for number, order in enumerate(permutations(ports))
    )
    assert 0 == arranged_chance((1, 2, 1), 2, 1)


def test_more_orders_than_can_be_gone_through() -> None:
    """The chance is not computed then."""
    assert arranged_chance((*range(12), 0), 8, 2) is None


SLOW = [(2, 4, 0.2), (2, 4, 0.6), (3, 2, 0.3), (3, 2, 1.5), (1, 5, 0.1)]


def positions(choose: random.Random, ports: Sequence[int]) -> Sent:
    """A scan that takes one second in random order: when it comes to each port that matters."""
    return sorted((100.0 + choose.random(), port) for port in ports)


@pytest.mark.parametrize(("steps", "guards", "window"), SLOW)
def test_slow_scans(steps: int, guards: int, window: float) -> None:
    """A scan that takes longer than Seq_Timeout, against the matcher."""
    choose, tried = random.Random(11), 20_000
    matcher, ports = a_matcher(range(1, steps + 1), guards, window)
    opened = sum(opens(matcher, number, positions(choose, ports)) for number in range(tried))
    assert agrees(opened, tried, timed_chance(steps, guards, window=window, ignored=window))


@pytest.mark.parametrize(("steps", "guards", "share"), [(2, 4, 0.5), (3, 3, 0.7)])
def test_scans_of_a_share(steps: int, guards: int, share: float) -> None:
    """A scan of some of the ports only, against the matcher."""
    choose, tried = random.Random(12), 20_000
    matcher, ports = a_matcher(range(1, steps + 1), guards)
    opened = 0
    for number in range(tried):
        some = [port for port in ports if choose.random() < share]
        opened += opens(matcher, number, positions(choose, some))
    assert agrees(opened, tried, timed_chance(steps, guards, share=share, window=inf, ignored=inf))


@pytest.mark.parametrize(("steps", "guards"), [(1, 8), (2, 0), (3, 24), (4, 32), (8, 64), (32, 256)])
def test_without_haste_or_rest_it_is_the_scan(steps: int, guards: int) -> None:
    """Within Seq_Timeout the formula with times is the one without."""
    timed = timed_chance(steps, guards, window=inf, ignored=inf)
    assert isclose(timed, float(scan_chance(steps, guards)), rel_tol=1e-4)


@pytest.mark.parametrize(("steps", "guards"), [(2, 16), (3, 24), (4, 32)])
def test_the_best_slow_scan(steps: int, guards: int) -> None:
    """No other speed opens more often, and it is better than a fast one."""
    best, window = slowed_scan(steps, guards)
    assert best > scan_chance(steps, guards)
    others = [timed_chance(steps, guards, window=at / 200, ignored=at / 200) for at in range(1, 300)]
    assert best >= max(others) * 0.999
    assert isclose(best, timed_chance(steps, guards, window=window, ignored=window))


def test_live_sequences() -> None:
    """Three periods of 4 steps and 8 guards are 36 ports: 3/(36 * 35 * 34 * 33), 1 in 471,240."""
    assert Fraction(1, 1_413_720) == Fraction(1, 36 * 35 * 34 * 33)
    assert Fraction(1, 471_240) == live_chance(4, 8, 3)
    assert Fraction(1, 1) == live_chance(1, 0, 3)


def test_number_of_sequences() -> None:
    """Any ports, or none that is beside another: counted one by one for a small range."""
    assert 65_535**3 == count_sequences(3, 65_535)
    apart = [
        three
        for three in permutations(range(9), 3)
        if all(abs(a - b) > 1 for a in three for b in three if a != b)
    ]
    assert len(apart) == count_sequences(3, 9, apart=True)


def guesses(steps: int, guards: int, size: int, span: int) -> float:
    """Packets to each of ``size`` of ``span`` ports in random order until a door opens, on average of 300.

    Each scan is from an address of its own.
    """
    choose, sent, opened = random.Random(13), 0, 0
    matcher, ports = a_matcher(range(1, steps + 1), guards)
    others = range(1_000, 1_000 + span - len(ports))
    for number in count():
        for port in choose.sample([*ports, *others], size):
            sent += 1
            if opens(matcher, number, [(1.0, port)]):
                opened += 1
                break
        if opened == 300:
            break
    return sent / opened


@pytest.mark.parametrize(("steps", "guards"), [(2, 0), (2, 6), (3, 0)])
def test_a_guesser(steps: int, guards: int) -> None:
    """Somebody who guesses needs so many packets on average; scans of more or fewer ports need no less."""
    span = 60
    expected = guess(steps, guards, span, at_once=inf)
    assert expected is not None
    best = guesses(steps, guards, expected.each, span)
    assert abs(best / expected.packets - 1) < 4 / sqrt(300)
    for size in {span, span // 4} - {expected.each}:
        assert guesses(steps, guards, size, span) > best


def test_a_guess_beyond_numbers() -> None:
    """What no number holds is none."""
    assert guess(3, 0, 1_000, at_once=1e-300) is None
