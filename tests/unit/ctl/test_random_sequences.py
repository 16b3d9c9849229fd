"""Random sequences for a one-time door."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import combinations

import pytest

from knockd.ctl.random_sequences import APART, choose_sequences
from knockd_conf.model import Step
from knockd_conf.protocol import Protocol
from knockd_conf.timed import KINDS, MAX_STEPS, Rule

SMALL = Rule(3, low=1_000, high=2_023)


def draw(numbers: Iterable[int], rule: Rule = SMALL) -> list[list[int]]:
    """The ports of two sequences when these numbers are drawn, one after the other."""
    drawn = iter(numbers)
    found = choose_sequences(2, rule, lambda _: next(drawn), lambda _: False)
    return [[step.port for step in steps] for steps in found]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [3, 4, MAX_STEPS])
def test_ports(kind: str, steps: int) -> None:
    """All lie in the range, those of a sequence apart, and have the protocol that was asked for."""
    rule = SMALL._replace(steps=steps, protocol=kind)
    found = choose_sequences(50, rule, random.Random(1).randrange, lambda _: False)
    assert 50 == len(found) == len({tuple(step.port for step in one) for one in found})
    for one in found:
        ports = [step.port for step in one]
        assert steps == len(ports)
        assert 1_000 <= min(ports) <= max(ports) <= 2_023
        assert all(abs(a - b) >= APART for a, b in combinations(ports, 2))
    protocols = {step.protocol for one in found for step in one}
    expected = {"tcp": {Protocol.TCP}, "udp": {Protocol.UDP}, "mixed": set(Protocol)}
    assert expected[kind] == protocols


def test_ends_of_the_range() -> None:
    """The lowest and the highest port may be drawn."""
    ports = {
        step.port
        for one in choose_sequences(2_000, SMALL, random.Random(2).randrange, lambda _: False)
        for step in one
    }
    assert (1_000, 2_023) == (min(ports), max(ports))


def test_ports_that_are_close() -> None:
    """A port that is too close to one before it is drawn again."""
    assert [[1_000, 1_009, 1_100], [1_500, 1_000, 1_600]] == draw([0, 0, 8, 9, 100, 500, 0, 600])


def test_twice_the_same() -> None:
    """A sequence that was drawn before is drawn again."""
    assert [[1_000, 1_100, 1_200], [1_200, 1_100, 1_000]] == draw([0, 100, 200, 0, 100, 200, 200, 100, 0])


@pytest.mark.parametrize("known", [[1_000, 1_100], [1_000, 1_100, 1_200], [1_000, 1_100, 1_200, 1_300]])
def test_known_sequences(known: list[int]) -> None:
    """None is like a known one, begins with it, or is its beginning, whatever the protocols are."""
    drawn = iter([0, 100, 200, 0, 200, 100])
    steps = [Step(port, Protocol.UDP) for port in known]
    ((*found,),) = choose_sequences(1, SMALL, lambda _: next(drawn), lambda _: False, [steps])
    assert [1_000, 1_200, 1_100] == [step.port for step in found]


def test_weak_sequences() -> None:
    """One that is weak is drawn again."""
    drawn = iter([0, 100, 200, 0, 200, 100])
    ((*found,),) = choose_sequences(
        1, SMALL, lambda _: next(drawn), lambda steps: [step.port for step in steps] == [1_000, 1_100, 1_200]
    )
    assert [1_000, 1_200, 1_100] == [step.port for step in found]
