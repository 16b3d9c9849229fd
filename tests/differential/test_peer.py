"""Debian's knockd 0.8 and ours listen side by side: for each opening of 0.8 there is one of ours.

KNOCKD_TRACES says how many random traces are played (100 by default) without guard ports; half
as many are played with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.differential.compare import Tally, Wire, compare, wire, worlds
from tests.support.daemons.daemon import PEER
from tests.support.lab.tools import need, need_lab
from tests.support.samples.traces import World

TRACES = int(os.environ.get("KNOCKD_TRACES", "100"))

pytestmark = pytest.mark.differential


@pytest.fixture(scope="module")
def joined() -> Iterator[Wire]:
    """Two joined hosts for all worlds."""
    need_lab()
    need(PEER[0])
    need("stdbuf", "coreutils")
    with wire() as hosts:
        yield hosts


@pytest.fixture(scope="module")
def total() -> Iterator[Tally]:
    """The findings of all worlds without guards together, printed at the end."""
    tally = Tally()
    yield tally
    print(f"\n{tally}")


@pytest.fixture(scope="module")
def guarded_total() -> Iterator[Tally]:
    """The findings of all worlds with guards together, printed at the end."""
    tally = Tally()
    yield tally
    print(f"\nwith guards: {tally}")


@pytest.mark.parametrize("world", list(worlds(TRACES)), ids=lambda world: f"seed{world.seed}")
def test_openings_of_peer_are_ours_and_ours_are_the_rules(
    world: World, joined: Wire, total: Tally, tmp_path: Path
) -> None:
    """For each opening of 0.8 there is one of ours at a packet of its attempt; ours follow the rules."""
    tally = compare(joined, world, tmp_path)
    total.add(tally)
    assert tally.exceptions == []
    assert tally.mismatches == []
    assert tally.unseen == []


def test_traces_make_doors_open(total: Tally) -> None:
    """The comparison is not empty: both daemons opened doors, and few traces were too close to call."""
    if total.traces == 0:
        pytest.skip("no world was played")
    assert total.peer_openings > total.traces / 4
    assert total.openings >= total.peer_openings
    assert total.ended_another <= total.peer_openings / 50
    assert total.close <= total.traces / 20


@pytest.mark.parametrize(
    "world", list(worlds(TRACES // 2, guarded=True)), ids=lambda world: f"guarded-seed{world.seed}"
)
def test_guards_change_nothing_for_who_touches_none(
    world: World, joined: Wire, guarded_total: Tally, tmp_path: Path
) -> None:
    """With guards each opening of 0.8 is still ours unless its source touched one; ours are the rules."""
    tally = compare(joined, world, tmp_path)
    guarded_total.add(tally)
    assert tally.exceptions == []
    assert tally.mismatches == []
    assert tally.unseen == []


def test_traces_touch_guards(guarded_total: Tally) -> None:
    """The comparison with guards is not empty: some touched one, most did not and opened doors."""
    if guarded_total.traces == 0:
        pytest.skip("no world was played")
    assert guarded_total.guard_hits > guarded_total.traces / 10
    assert guarded_total.openings > guarded_total.traces / 4
    assert guarded_total.close <= guarded_total.traces / 20
