"""How far a source is in a sequence: one rule, held to the matcher."""

from __future__ import annotations

import random

import pytest

from knockd.checks.stages import advance
from tests.support.doubles.played import door as a_door
from tests.support.doubles.played import matching, play


def test_stages() -> None:
    """A port advances the attempts that wait for it, leaves those beyond it, and ends the others."""
    order = (1, 2, 1, 3)
    stages: frozenset[int] = frozenset()
    told = []
    for port in (2, 1, 1, 2, 1, 2, 1, 3):
        stages = advance(order, stages, port)
        told.append(set(stages))
    assert told == [set(), {1}, {1}, {2}, {3, 1}, {3, 2}, {3, 1}, {4}]


@pytest.mark.parametrize("sequence", ["1 2 3", "1 1 2", "1 2 1 3", "2 1 2 2", "1"])
def test_as_the_matcher(sequence: str) -> None:
    """Whatever comes, the door opens at the packet at which the matcher opens it."""
    choose, order = random.Random(41), sequence.split()
    for _ in range(300):
        sent = [choose.choice("123") for _ in range(8)]
        matcher, stages = matching(a_door(sequence)), frozenset[int]()
        for port in sent:
            told = play(matcher, port)
            stages = advance(order, stages, port) if port in order else stages
            assert (len(order) in stages) is any(one.startswith("opened") for one in told)
            if len(order) in stages:  # an opening ends all attempts
                stages = frozenset()
