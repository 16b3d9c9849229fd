"""Which clocks are believed, whatever was done to them between two looks."""

from __future__ import annotations

import pytest

from knockd.sequences.trusted_clock import Doubt, Reading, TrustedClock

NOW = 1_790_000_000.0
LOOSE = "the kernel says STA_UNSYNC"


class Clock:
    """A wall clock that a test sets, and a trusted one that looks at it."""

    def __init__(self, newest: float = 0.0, *, always: bool = False) -> None:
        self.trusted = TrustedClock(newest, "/var/lib/knockd/used", always=always)
        self.wall, self.steady, self.loose = NOW, 50.0, ""

    def look(self, *, after: float = 0.0, moved: float = 0.0, loose: str = "") -> Doubt | None:
        """Time passes, the clock is moved; why it is not trusted."""
        self.steady += after
        self.wall += after + moved
        found = self.trusted.look(Reading(self.wall, self.steady, loose))
        return None if found is None else found.doubt


def test_good_clock() -> None:
    """A synchronised clock that is later than the record is trusted, and its time is the newest one."""
    clock = Clock(NOW - 5)
    assert clock.look() is None
    assert clock.trusted.newest == NOW


def test_not_synchronised() -> None:
    """It waits until the kernel says otherwise; what it says until then is no newest time."""
    clock = Clock(NOW - 5)
    assert Doubt.LOOSE is clock.look(loose=LOOSE)
    assert Doubt.LOOSE is clock.look(after=5, loose=LOOSE)
    assert NOW - 5 == clock.trusted.newest
    assert clock.look(after=5) is None


def test_trusted_always() -> None:
    """With Clock = trust nobody asks the kernel."""
    assert Clock(always=True).look(loose=LOOSE) is None


@pytest.mark.parametrize("always", [True, False])
def test_earlier_than_the_record(*, always: bool) -> None:
    """A clock that is set back to before the record waits until it is past it."""
    clock = Clock(NOW + 100, always=always)
    assert Doubt.EARLIER is clock.look()
    assert Doubt.EARLIER is clock.look(after=98)
    assert clock.look(after=2) is None


def test_message() -> None:
    """It says how much is missing, what to do, and which files to remove."""
    found = TrustedClock(NOW + 7_200, "/a and /b", always=True).look(Reading(NOW, 1.0))
    assert found is not None
    assert found.text == (
        "the clock is 2 h earlier than it has been: set it; if it is right now, stop knockd, remove /a and /b"
        " and start it"
    )


def test_set_back_between_two_looks() -> None:
    """The steady clock says what time it was just before: nothing from then becomes good again."""
    clock = Clock()
    clock.look()
    assert Doubt.EARLIER is clock.look(after=25, moved=-20)
    assert clock.trusted.newest == NOW + 24
    assert clock.look(after=20) is None


def test_set_back_again_and_again_by_little() -> None:
    """Steps that are small enough to pass do not add up."""
    clock = Clock()
    clock.look()
    found = [clock.look(after=0.1, moved=-0.9) for _ in range(5)]
    assert [None, Doubt.EARLIER, Doubt.EARLIER, Doubt.EARLIER, Doubt.EARLIER] == found


def test_adjusted_by_little() -> None:
    """NTP moves clocks by fractions of a second all day."""
    clock = Clock()
    clock.look()
    assert [None, None] == [clock.look(after=30, moved=-0.4), clock.look(after=30, moved=0.4)]


def test_set_forward() -> None:
    """What NTP sets after the boot is trusted at once; what somebody else sets when it is synchronised."""
    clock = Clock()
    clock.look()
    assert clock.look(after=1, moved=86_400) is None
    assert Doubt.LOOSE is clock.look(after=1, moved=86_400, loose=LOOSE)
    assert clock.look(after=1) is None


def test_forward_by_mistake_and_back() -> None:
    """A time that was never trusted keeps nobody out when the clock is set right."""
    clock = Clock()
    clock.look()
    assert Doubt.LOOSE is clock.look(after=1, moved=86_400, loose=LOOSE)
    assert clock.look(after=1, moved=-86_400) is None


def test_servers_that_are_lost() -> None:
    """A clock that was synchronised stays good when the kernel gives up hope, until somebody sets it."""
    clock = Clock()
    clock.look()
    assert clock.look(after=40_000, loose=LOOSE) is None
    assert Doubt.LOOSE is clock.look(after=5, moved=3, loose=LOOSE)


def test_suspend() -> None:
    """Sleep is counted by both clocks: it is no jump."""
    clock = Clock()
    clock.look()
    assert clock.look(after=9 * 3_600, loose=LOOSE) is None
