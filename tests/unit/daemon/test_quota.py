"""Lines about refused openings: how many a storm may cause, and what becomes of the others."""

from __future__ import annotations

import pytest

from knockd.engine.limits import BURST
from knockd.keeper.quota import Quota
from tests.support.still_loop import StillLoop


class Said:
    """A quota on a loop on which time stands still, and what came through."""

    def __init__(self) -> None:
        self.loop = StillLoop()
        self.lines: list[str] = []
        self.quota = Quota(self.loop.loop, self._note)

    def refuse(self, times: int) -> None:
        """So many openings are refused."""
        for _ in range(times):
            self.quota.say("refused", level="warning")

    def wait(self) -> None:
        """A second passes, and the timer runs."""
        self.loop.now += 1.0
        self.loop.fire()

    def _note(self, event: str, **fields: object) -> None:
        self.lines.append(f"{event} {fields.get('count', '')}".strip())


@pytest.fixture
def said() -> Said:
    """Nothing was refused yet."""
    return Said()


def test_few(said: Said) -> None:
    """A burst is logged line by line, and no timer runs."""
    said.refuse(BURST)
    assert (["refused"] * BURST, []) == (said.lines, said.loop.waiting)


def test_storm(said: Said) -> None:
    """Of 10,000 at once a burst is logged, and a second later one line with the number of the others."""
    said.refuse(10_000)
    said.wait()
    assert ["refused"] * BURST + [f"held-back {10_000 - BURST}"] == said.lines
    assert [] == said.loop.waiting


def test_storm_without_end(said: Said) -> None:
    """A second of an endless storm is 21 lines at most: twenty, and how many are missing."""
    said.refuse(1_000)
    for _ in range(10):
        said.wait()
        said.refuse(1_000)
    assert len(said.lines) <= BURST + 10 * 21


def test_end_of_a_storm(said: Said) -> None:
    """At the end what was held back is told at once, and no timer is left."""
    said.refuse(BURST + 5)
    said.quota.stop()
    assert (["held-back 5"], []) == (said.lines[BURST:], said.loop.waiting)


def test_end_without_a_storm(said: Said) -> None:
    """When nothing was held back nothing is told at the end."""
    said.refuse(1)
    said.quota.stop()
    assert ["refused"] == said.lines
