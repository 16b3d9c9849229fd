"""Doors with one step: how many lines their openings may cause, and what becomes of the others."""

from __future__ import annotations

import pytest

from knockd.log.door_limits import DoorLimits
from knockd.log.rate_limit import REPORT_AFTER
from knockd.token_bucket import BURST
from knockd_conf.model import Door, Step
from tests.support.doubles.manual_loop import ManualLoop

ONE, THREE = (Step(700),), (Step(700), Step(800), Step(900))


class Said:
    """Limits on a loop on which time stands still, and what they logged."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.lines: list[tuple[object, ...]] = []
        self.limits = DoorLimits(self.loop.loop, self._note)

    def ask(self, door: str, times: int) -> int:
        """So many lines of a door are due; how many may be logged."""
        return sum(self.limits.allow(door) for _ in range(times))

    def _note(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields["door"], fields["count"]))


@pytest.fixture
def said() -> Said:
    """Nobody has knocked yet."""
    return Said()


def door(name: str, steps: tuple[Step, ...] = ONE, one_time_file: str | None = None) -> Door:
    """A door in a few words."""
    return Door(name, "knockd.conf", line=1, steps=steps, one_time_file=one_time_file)


def test_flood(said: Said) -> None:
    """Of 10,000 lines of a door with one step a burst is logged, and a second later how many are missing."""
    said.limits.adopt([door("lamp")])
    assert BURST == said.ask("lamp", 10_000)
    said.loop.now += REPORT_AFTER
    said.loop.fire()
    assert [("door-held-back", "lamp", 10_000 - BURST)] == said.lines


@pytest.mark.parametrize(
    "doors",
    {
        "more steps": [door("ssh", THREE)],
        "one of the name has more steps": [door("ssh"), door("ssh", THREE), door("ssh")],
        "one time": [door("ssh", (), "/etc/knockd.sequences")],
        "none": [],
    }.values(),
    ids=["more steps", "one of the name has more steps", "one time", "none"],
)
def test_owners(said: Said, doors: list[Door]) -> None:
    """What only an owner opens is logged line by line."""
    said.limits.adopt(doors)
    assert 10 * BURST == said.ask("ssh", 10 * BURST)
    assert [] == said.loop.waiting


def test_each_for_itself(said: Said) -> None:
    """A flood at one door holds no line of another one back."""
    said.limits.adopt([door("lamp"), door("printer")])
    said.ask("lamp", 10_000)
    assert BURST == said.ask("printer", BURST)


def test_reload(said: Said) -> None:
    """A door that stays goes on with its count; of one that goes, the count is logged at once."""
    said.limits.adopt([door("lamp"), door("printer")])
    said.ask("lamp", BURST + 3)
    said.ask("printer", BURST + 5)
    said.limits.adopt([door("lamp"), door("ssh", THREE)])
    assert [("door-held-back", "printer", 5)] == said.lines
    assert 0 == said.ask("lamp", 1)


def test_end(said: Said) -> None:
    """At the end the counts are logged at once, and no timer is left."""
    said.limits.adopt([door("lamp")])
    said.ask("lamp", BURST + 5)
    said.limits.stop()
    assert [("door-held-back", "lamp", 5)] == said.lines
    assert [] == said.loop.waiting
