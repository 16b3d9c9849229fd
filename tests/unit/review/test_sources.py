"""Addresses that knocked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC

import pytest

from knockd.review import sources as module
from knockd.review.clock import Clock
from knockd.review.doors import Doors
from knockd.review.entries import Entry
from knockd.review.sources import Sources
from knockd.review.timeline import Counts
from tests.support.samples.entries import NOON, entry, stages

ANN, EVE = "192.0.2.7", "198.51.100.9"


class World:
    """Sources with their doors and counts, fed with entries."""

    def __init__(self, *entries: Entry) -> None:
        self.doors, self.counts = Doors(), Counts(Clock(UTC))
        self.sources = Sources(self.doors, self.counts)
        self.read(entries)

    def read(self, entries: Iterable[Entry]) -> None:
        """Reads more entries."""
        for one in entries:
            match one.event:
                case "stage":
                    self.sources.add_stage(one)
                case "open":
                    self.sources.open(one, True)
                case "signed-refused" | "signed-unread":
                    self.sources.add_refusal(one)
                case "flags-unfit":
                    self.sources.add_reason(one)
                case _:
                    self.sources.add_failure(one)

    def sums(self) -> tuple[int, int, int]:
        """Failed attempts of all, by doors, by time: the same number thrice."""
        line = self.counts.timeline(NOON - 60, NOON + 86_400)
        at_doors = sum(door.failed for door in self.doors.values())
        return self.sources.failed, at_doors, sum(line.attempts) + sum(line.scans)


def test_an_attempt_that_opens_is_no_failure() -> None:
    """Its stages are taken back when the door opens."""
    world = World(*stages(0, ANN, 1, 2, 3), entry(3, "open", ANN))
    assert world.sums() == (0, 0, 0)
    assert world.sources.owners() == []
    assert world.sources.scanners() == []


def test_refused_signed_knocks() -> None:
    """Each is a failure; one that could not be read is at no door. Whether its address has opened is told."""
    world = World(entry(0, "signed-refused", EVE), entry(1, "signed-unread", EVE, door=""))
    assert world.sources.failed == 2
    assert [(door.door, door.failed) for door in world.doors.values()] == [("ssh", 1)]
    (scanner,) = world.sources.scanners()
    assert (scanner.attempts, scanner.doors) == (2, ("ssh",))
    assert not world.sources.add_refusal(entry(2, "signed-refused", EVE))
    world.read([entry(3, "open", EVE)])
    assert world.sources.add_refusal(entry(4, "signed-refused", EVE))


def test_an_attempt_is_counted_once() -> None:
    """Its first stage and its end are one failure; an end whose stage was held back is one too."""
    world = World(
        *stages(0, EVE, 1, 2), entry(3, "spoiled", EVE, stage=2), entry(4, "guarded", EVE, seconds=10.0)
    )
    assert world.sums() == (2, 2, 2)
    (scanner,) = world.sources.scanners()
    assert (scanner.source, scanner.attempts, scanner.guards, scanner.doors) == (EVE, 2, 1, ("ssh",))
    assert (scanner.first, scanner.last) == (NOON, NOON + 4)


def test_an_owner_says_why() -> None:
    """Failures of an address that opens later are an owner's, the last first."""
    world = World(
        *stages(0, ANN, 1),
        entry(25, "expired", ANN, stage=1, host="ann.example"),
        *stages(30, ANN, 1, 2, 3),
        entry(33, "open", ANN),
        *stages(40, ANN, 1),
        entry(41, "spoiled", ANN, stage=1, steps=3),
    )
    (owner,) = world.sources.owners()
    assert (owner.ip, owner.host, owner.openings, owner.failed) == (ANN, "ann.example", 1, 2)
    assert [one.why for one in owner.failures] == [
        "wrong order after step 1 of 3",
        "too slow: only step 1 in 25 s",
    ]
    line = world.counts.timeline(NOON, NOON + 60)
    assert (sum(line.attempts), sum(line.scans)) == (2, 0)
    assert world.sources.scanners() == []


def test_failures_of_owners_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of those who opened a door at any time, also of those for whom there is no room."""
    fails = [entry(at, "expired", ANN, stage=1) for at in range(9)]
    world = World(*fails, entry(20, "open", ANN), entry(30, "expired", EVE, stage=1))
    assert world.sources.failed_of_owners == 9
    monkeypatch.setattr(module, "MOST_SOURCES", 4)
    world = World(
        *(
            one
            for at in range(9)
            for one in (entry(at, "expired", f"192.0.2.{at}", stage=1), entry(at, "open", f"192.0.2.{at}"))
        )
    )
    assert world.sources.failed_of_owners == 9


def test_an_attempt_whose_end_never_came() -> None:
    """0.8 does not log an attempt that a wrong packet spoiled: the next first stage tells."""
    world = World(*stages(0, ANN, 1, 2), *stages(60, ANN, 1, 2, 3), entry(63, "open", ANN))
    assert world.sums() == (1, 1, 1)
    (owner,) = world.sources.owners()
    assert owner.failures[0].why == "stopped after step 2, no reason logged"


def test_the_reason_behind_a_failure() -> None:
    """The line about flags says more of the failure before it, and is no other one."""
    world = World(
        entry(0, "open", ANN),
        entry(5, "expired", ANN, stage=1),
        entry(5, "flags-unfit", ANN, flags="syn,ack"),
    )
    (owner,) = world.sources.owners()
    assert owner.failed == 1
    assert "syn,ack" in owner.failures[0].why
    world.read([entry(6, "flags-unfit", EVE, flags="syn,ack")])
    assert world.sums() == (2, 2, 2)


def test_an_opening_that_was_none() -> None:
    """It is a failure of somebody who knows the sequence."""
    world = World(entry(0, "open", ANN))
    world.sources.fail_opening(entry(1, "refused", ANN, reason="too many"), NOON)
    (owner,) = world.sources.owners()
    assert (owner.openings, owner.failed) == (0, 1)


def test_many_of_a_network_are_one_line() -> None:
    """Four strangers of one network are shown as the network; three are not."""
    world = World(*(entry(0, "expired", f"198.51.100.{number}", stage=1) for number in range(3)))
    assert len(world.sources.scanners()) == 3
    world.read([entry(0, "expired", "198.51.100.77", stage=1)])
    (only,) = world.sources.scanners()
    assert (only.source, only.addresses, only.attempts) == ("198.51.100.0/24", 4, 4)
    assert world.sources.count_scanners() == (4, True)


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes, few are kept; nothing is lost in the counts; owners and the busiest stay."""
    monkeypatch.setattr(module, "MOST_SOURCES", 64)
    world = World(*stages(0, ANN, 1), entry(1, "spoiled", ANN, stage=1), entry(2, "open", ANN))
    for number in range(5_000):
        ip = f"10.{number % 3}.{number // 256}.{number % 256}"
        world.read([entry(number, "expired", ip, stage=1), entry(number, "expired", EVE, stage=1)])
    assert len(world.sources._sources) <= 64
    assert world.sums() == (10_001, 10_001, 10_001)
    scanners = world.sources.scanners()
    assert sum(one.attempts for one in scanners) == 10_000
    assert scanners[0].source == EVE
    assert [one.ip for one in world.sources.owners()] == [ANN]
    estimate, exact = world.sources.count_scanners()
    assert not exact
    assert abs(estimate - 5_001) < 50


def test_owners_beyond_all_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A door that everybody opens: even owners are cut, and that is said."""
    monkeypatch.setattr(module, "MOST_SOURCES", 16)
    world = World(*(entry(number, "open", f"10.0.0.{number}") for number in range(200)))
    assert len(world.sources._sources) <= 16
    assert world.sources.cut_owners > 100


def test_failures_and_doors_of_an_address_are_bounded() -> None:
    """An address that fails at ever new doors keeps some."""
    lines = [entry(number, "stage", EVE, f"door {number}", stage=1) for number in range(99)]
    lines += [entry(number, "spoiled", EVE, f"door {number}", stage=1) for number in range(99)]
    world = World(*lines)
    source = world.sources._sources[EVE]
    assert len(source.failures) <= module.KEPT
    assert len(source.pending) <= module.MOST_PENDING
    assert len(source.doors) <= 8
