"""Which verdicts are told, and which watches they are about."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from knockd.explanation.verdicts import KnownWatches, choose_verdicts
from knockd.knocks.verdicts import Kind, Verdict
from knockd.knocks.watch import Watch
from tests.support.doubles.played import steps

PLAIN = Watch(0, steps("1 2"))
OLD, NOW, NEXT, OTHER = (
    Watch(1, steps("7 8"), serial=serial, key=key) for serial, key in ((1, 1), (2, 1), (3, 1), (2, 2))
)
WATCHES = (PLAIN, OLD, NOW, NEXT, OTHER)


def verdict(watch: int, kind: Kind, *, stage: int = 0, silent: bool = False) -> Verdict:
    """A verdict about one of the watches."""
    return Verdict(watch, WATCHES[watch].door, kind, stage=stage, silent=silent)


def chosen(*verdicts: Verdict) -> Sequence[int]:
    """The watches of the verdicts that are told."""
    return [one.watch for one in choose_verdicts(verdicts, WATCHES)]


def test_doors_without_a_key() -> None:
    """Every verdict of a door without a key is told."""
    assert chosen(verdict(0, Kind.GUARD), verdict(0, Kind.NEXT), verdict(2, Kind.NEXT)) == [0, 0, 2]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([verdict(1, Kind.GUARD), verdict(2, Kind.BEGINS, stage=1)], [2]),
        ([verdict(2, Kind.GUARD), verdict(3, Kind.OPENS, stage=2)], [3]),
        ([verdict(2, Kind.BEGINS, stage=1), verdict(4, Kind.NEXT, stage=2)], [4]),
        ([verdict(2, Kind.NEXT, stage=2), verdict(4, Kind.NEXT, stage=3)], [4]),
        ([verdict(2, Kind.GUARD), verdict(1, Kind.BEGINS, stage=1, silent=True)], [1]),
        ([verdict(1, Kind.NEXT, stage=2, silent=True), verdict(2, Kind.BEGINS, stage=1)], [2]),
        ([verdict(2, Kind.BEGINS, stage=1), verdict(1, Kind.STALE, stage=2, silent=True)], [1]),
        ([verdict(2, Kind.GUARD), verdict(3, Kind.IGNORED)], [2]),
        ([verdict(1, Kind.WRONG, silent=True), verdict(1, Kind.UNBEGUN, silent=True)], []),
        ([verdict(1, Kind.UNBEGUN, silent=True), verdict(2, Kind.UNBEGUN)], [2]),
    ],
    ids=[
        "step and guard",
        "opening",
        "the step that goes on",
        "the foremost",
        "silent step and guard",
        "the step that may open",
        "whole",
        "guard and ignored",
        "nothing of silent ones",
        "wrong step",
    ],
)
def test_doors_with_keys(verdicts: Sequence[Verdict], expected: list[int]) -> None:
    """Of a door with keys one verdict is told, that of the knock that the packet fits."""
    assert chosen(*verdicts) == expected


def test_every_kind_has_a_rank() -> None:
    """Whatever a packet is at two watches of a door, one of them is told."""
    for kind in Kind:
        assert len(chosen(verdict(2, kind), verdict(3, Kind.GUARD))) == 1


def test_places() -> None:
    """Doors without a key have their places; each sequence of a key has one that stays, whatever comes."""
    known = KnownWatches(WATCHES)
    assert known.list == [PLAIN]
    assert [known.place_of(watch, at) for at, watch in enumerate(WATCHES)] == [0, 1, 2, 3, 4]
    burnt = Watch(1, NOW.steps, serial=2, key=1, opens=False)
    assert [known.place_of(OTHER, 1), known.place_of(burnt, 2)] == [4, 2]
    assert known.list == [PLAIN, OLD, burnt, NEXT, OTHER]
    guarded = Watch(0, PLAIN.steps, guards=steps("3"))
    assert known.place_of(guarded, 0) == 0
    assert known.list[0] == guarded
