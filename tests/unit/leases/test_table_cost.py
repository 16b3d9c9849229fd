"""What the table does for an opening does not grow with the leases that it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from knockd.leases.table import Leases
from knockd.leases.values import CloseAll, Ended, Event, Tick
from knockd_conf.model import Reknock
from tests.support.doubles.playbook import DOOR, knock
from tests.support.measures.operations import count_operations

LONG = replace(DOOR, cmd_timeout=1_000.0, steps=DOOR.steps[:1])
EXTENDED = replace(LONG, reknock=Reknock.EXTEND)


def filled(count: int) -> Leases:
    """A table with so many open leases, of doors that a single packet opens."""
    leases = Leases(bound=200_000)
    for number in range(1, count + 1):
        leases.handle(
            knock(LONG, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"), float(number) / count
        )
        leases.handle(Ended(f"run.{number}", "start", worked=True), float(number) / count)
    return leases


def look(leases: Leases) -> None:
    """What the manager asks after each event."""
    leases.next_deadline()
    leases.is_settled()
    leases.ask.count_failed()
    leases.ask.count_opened()


def opening(leases: Leases) -> None:
    """A lease from its knock to its end, with a second knock between."""
    number = leases._last + 1
    events: tuple[tuple[Event, float], ...] = (
        (knock(EXTENDED), 2.0),
        (Ended(f"run.{number}", "start", worked=True), 3.0),
        (knock(EXTENDED), 4.0),
        (Tick(), 4.0),
    )
    for event, now in events:
        leases.handle(event, now)
        look(leases)


def end(leases: Leases) -> None:
    """The end of a stop command when the daemon ends."""
    leases.handle(Ended("run.1", "stop", worked=True), 6.0)
    look(leases)


@pytest.mark.parametrize(("act", "first"), [(opening, None), (end, CloseAll())], ids=["opening", "end"])
def test_cost(act: Callable[[Leases], None], first: Event | None) -> None:
    """With 4,000 leases it takes as many operations as with 40, but for the logarithm of a heap."""
    operations = []
    for count in (40, 4_000):
        leases = filled(count)
        if first is not None:
            leases.handle(first, 5.0)
            look(leases)
        operations.append(count_operations(lambda leases=leases: act(leases)))  # type: ignore[misc]
    assert operations[0] > 100
    assert operations[1] <= operations[0] * 1.1
