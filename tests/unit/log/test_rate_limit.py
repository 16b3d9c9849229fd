"""Lines about refused openings: how many a storm may cause, and what becomes of the others."""

from __future__ import annotations

import pytest

from knockd.log.rate_limit import RateLimit
from knockd.token_bucket import BURST
from tests.support.doubles.manual_loop import ManualLoop


class Said:
    """A rate limit on a loop on which time stands still, and what it logged."""

    def __init__(self) -> None:
        self.loop = ManualLoop()
        self.lines: list[str] = []
        self.limit = RateLimit(self.loop.loop, self._note)

    def refuse(self, times: int) -> None:
        """So many openings are refused."""
        for _ in range(times):
            self.limit.log("refused")

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


def test_storm_without_a_pause(said: Said) -> None:
    """While a storm goes on without a pause there is a line with the number of the others each second."""
    held = []
    for hundredth in range(1_000):
        said.refuse(10)
        said.loop.now += 0.01
        if hundredth % 100 == 99:  # the second of the timer is over, and not one token is left
            said.loop.fire()
            held.append(said.lines[-1])
    assert all(line.startswith("held-back ") for line in held)
    assert said.lines.count("refused") <= BURST + 20 * 10 + 1


def test_end_of_a_storm(said: Said) -> None:
    """At the end the count of what was held back is logged at once, and no timer is left."""
    said.refuse(BURST + 5)
    said.limit.stop()
    assert (["held-back 5"], []) == (said.lines[BURST:], said.loop.waiting)


def test_end_without_a_storm(said: Said) -> None:
    """When nothing was held back nothing is logged at the end."""
    said.refuse(1)
    said.limit.stop()
    assert ["refused"] == said.lines


def test_what_strangers_do_not_cause(said: Said) -> None:
    """An event that the catalogue does not limit passes in any number, and takes no token."""
    said.refuse(BURST + 1)
    said.limit.log("open")
    for _ in range(2 * BURST):
        said.limit.log("command")
    said.limit.log("refused")
    assert ["open"] + ["command"] * 2 * BURST == said.lines[BURST:]
    said.limit.stop()
    assert "held-back 2" == said.lines[-1]


def test_each_is_counted_once(said: Said) -> None:
    """A count that one line has reported is not reported again, neither by the next line nor at the end."""
    said.refuse(BURST + 7)
    said.wait()
    said.refuse(20 + 3)
    said.wait()
    said.limit.stop()
    said.limit.stop()
    assert ["held-back 7", "held-back 3"] == [line for line in said.lines if line != "refused"]
    assert BURST + 20 == said.lines.count("refused")


def test_no_line_is_lost_count_of(said: Said) -> None:
    """However storms come and go, logged and held back are as many as were refused."""
    for times in (BURST * 3, 5, 50, 0, 21, 1000):
        said.refuse(times)
        if said.loop.waiting:
            said.wait()
    said.limit.stop()
    held = sum(int(line.split()[1]) for line in said.lines if line != "refused")
    assert BURST * 3 + 5 + 50 + 21 + 1000 == said.lines.count("refused") + held
    assert [] == said.loop.waiting
