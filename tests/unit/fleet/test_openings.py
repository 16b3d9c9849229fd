"""What is open in the fleet: the greater version holds, in whatever order the changes come."""

from __future__ import annotations

from itertools import permutations

import pytest

from knockd.fleet.openings import MOST, REMEMBERED, Openings, Place
from knockd.fleet.records import MOST_ROWS, OLDEST, Row, Version, Want

A, B, C = "a" * 16, "b" * 16, "c" * 16
SSH: Place = ("ssh", "192.0.2.1")
WEB: Place = ("web", "192.0.2.1")
ALL = Want(own=False, after=0.0)
OWN = Want(own=True, after=0.0)


def make(run: str = A, ahead: float = 1_000_000.0) -> Openings:
    """Openings of one gateway."""
    return Openings(run, ahead)


def find_open(openings: Openings, now: float) -> dict[Place, float]:
    """What is open, and for how many seconds."""
    return {place: left for place, left, _ in openings.list_open(now)}


def test_open_until_its_time() -> None:
    """What was opened here is open until its seconds are over."""
    openings = make()
    openings.note_open(SSH, 60.0, 100.0)
    assert {SSH: 60.0} == find_open(openings, 100.0)
    assert {SSH: 1.0} == find_open(openings, 159.0)
    assert {} == find_open(openings, 160.0)


def test_a_later_change_is_greater() -> None:
    """A change made when another one was known holds, whatever wall clocks say."""
    one, other = make(A), make(B, ahead=-50.0)
    other.take(one.note_open(SSH, 60.0, 100.0), 5.0)
    row = other.note_closed(SSH, 6.0)
    assert one.take(row, 101.0)
    assert {} == find_open(one, 101.0) == find_open(other, 6.0)


def test_a_gateway_that_starts_anew_is_not_behind() -> None:
    """A change of a run that knows nothing yet is greater than what was changed before by the wall clock."""
    one, anew = make(A, ahead=1000.0), make(B, ahead=1100.0)
    for second in range(50):
        closed = one.note_closed(SSH, 10.0 + second)
    opened = anew.note_open(SSH, 60.0, 5.0)
    assert opened.version > closed.version
    assert one.take(opened, 60.0)


def test_a_wall_clock_that_is_wrong() -> None:
    """A clock that stands before 1970 or far ahead stops nobody: what was heard last counts at least."""
    behind, ahead = make(A, ahead=-1e9), make(B, ahead=1e9)
    row = behind.note_open(SSH, 60.0, 10.0)
    assert row.version.clock > 0
    ahead.take(row, 10.0)
    assert behind.take(ahead.note_closed(SSH, 11.0), 11.0)
    assert ahead.take(behind.note_open(SSH, 60.0, 12.0), 12.0)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_any_order(order: tuple[int, ...]) -> None:
    """Changes that were made apart lead to the same in whatever order they come."""
    rows = [
        Row(*SSH, 50.0, Version(5, A)),
        Row(*SSH, 0.0, Version(6, B)),
        Row(*SSH, 70.0, Version(6, C)),
        Row(*SSH, 0.0, Version(4, C)),
    ]
    openings = make()
    for number in order:
        openings.take(rows[number], 100.0)
        openings.take(rows[number], 100.0)
    assert {SSH: 70.0} == find_open(openings, 100.0)


@pytest.mark.parametrize(
    ("row", "news"),
    [
        (Row(*SSH, 60.0, Version(9, B)), True),
        (Row(*SSH, 60.0, Version(7, B)), False),
        (Row(*SSH, 60.0, Version(6, C)), False),
        (Row(*SSH, 0.0, Version(9, B)), True),
        (Row(*SSH, None, Version(9, B)), True),
        (Row(*WEB, 0.0, Version(9, B)), False),
        (Row(*WEB, 60.0, Version(1, B)), True),
        (Row(*WEB, None, Version(1, B)), True),
    ],
)
def test_news(row: Row, *, news: bool) -> None:
    """News is what is newer, but no close of what is not open."""
    openings = make()
    openings.take(Row(*SSH, 30.0, Version(7, B)), 100.0)
    assert openings.take(row, 110.0) is news
    assert openings.take(row, 110.0) is False


def test_a_close_of_what_is_over_is_no_news() -> None:
    """What has closed by its own time is not closed again."""
    openings = make()
    openings.take(Row(*SSH, 30.0, Version(7, B)), 100.0)
    assert not openings.take(Row(*SSH, 0.0, Version(8, B)), 130.0)


def test_an_older_opening_does_not_come_back() -> None:
    """A close is remembered until a minute after its opening would have ended, an opening likewise."""
    openings = make()
    row = openings.note_open(SSH, 600.0, 100.0)
    openings.note_closed(SSH, 101.0)
    openings.forget(700.0 + REMEMBERED - 0.1)
    assert not openings.take(row._replace(seconds=0.1), 759.8)
    openings.forget(700.0 + REMEMBERED)
    assert 0 == len(openings)


def test_shortened() -> None:
    """What is opened anew for less time is told as over until the first opening would have ended."""
    one, other = make(A), make(B)
    first = one.note_open(SSH, 600.0, 100.0)
    other.take(first, 100.0)
    one.note_open(SSH, 5.0, 101.0)
    one.forget(300.0)
    (over,) = one.list_changes(OWN, 300.0).rows
    assert 0 == over.seconds
    assert other.take(over, 300.0)
    assert {} == find_open(other, 300.0)
    assert not one.take(first, 300.0)


def test_what_is_forgotten_counts_no_more() -> None:
    """What is remembered for too long by a gateway that was away hinders nothing."""
    openings = make()
    openings.take(Row(*SSH, 0.0, Version(9, B)), 100.0)
    assert openings.take(Row(*SSH, 60.0, Version(5, C)), 100.0 + REMEMBERED)


def test_list_changes() -> None:
    """A gateway is told what is open, for how long still, what is over, and what it may forget no more."""
    openings = make()
    openings.note_open(SSH, 60.0, 100.0)
    openings.take(Row(*WEB, 30.0, Version(9, B)), 101.0)
    openings.note_closed(("ftp", "192.0.2.1"), 102.0)
    openings.note_open(("bell", "192.0.2.1"), None, 103.0)
    state = openings.list_changes(ALL, 110.0)
    assert [("ssh", 50.0), ("web", 21.0), ("ftp", 0.0)] == [(row.door, row.seconds) for row in state.rows]
    assert (ALL, False) == (state.want, state.more)
    assert [("web", 0.0)] == [(row.door, row.seconds) for row in openings.list_changes(ALL, 185.0).rows][1:2]


def test_own_changes() -> None:
    """A gateway that has missed something of us is told what we have changed, not what others have."""
    openings = make()
    openings.note_open(SSH, 60.0, 100.0)
    openings.take(Row(*WEB, 30.0, Version(9, B)), 101.0)
    assert ["ssh"] == [row.door for row in openings.list_changes(OWN, 102.0).rows]


def test_changes_of_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes of the same moment are told apart: one after the other, and each of them once."""
    monkeypatch.setattr("knockd.fleet.openings.MOST_ROWS", 1)
    openings = make()
    for number in range(4):
        openings.note_open((f"door{number}", "192.0.2.1"), 60.0, 100.0)
    state = openings.list_changes(OWN, 101.0)
    told = [state.rows[0].door]
    while state.more:
        state = openings.list_changes(Want(own=True, after=state.last), 101.0)
        told += [row.door for row in state.rows]
    assert ["door0", "door1", "door2", "door3"] == told


def test_pages() -> None:
    """Many changes are told in parts; what changes meanwhile is in a later part, and nothing is left out."""
    openings = make()
    places = [("ssh", f"192.0.2.{number % 250}.{number}") for number in range(3 * MOST_ROWS)]
    for place in places:
        openings.note_open(place, 600.0, 100.0)
    first = openings.list_changes(ALL, 101.0)
    assert (MOST_ROWS, True) == (len(first.rows), first.more)
    openings.note_closed(places[0], 102.0)
    openings.note_closed(places[-1], 102.0)
    found, state = list(first.rows), first
    while state.more:
        state = openings.list_changes(Want(own=False, after=state.last), 103.0)
        found += state.rows
    assert {(row.door, row.address): row.seconds == 0 for row in found} == {
        place: place in {places[0], places[-1]} for place in places
    }


def test_said_again() -> None:
    """What was changed here while the others did not hear is told once more, and is a change of now."""
    openings = make()
    openings.note_open(SSH, 60.0, 100.0)
    missed = openings.note_open(WEB, 60.0, 200.0)
    openings.take(Row("ftp", "192.0.2.1", 60.0, Version(9, B)), 201.0)
    openings.note_open(("bell", "192.0.2.1"), None, 202.0)
    assert [missed._replace(seconds=50.0)] == openings.say_again(150.0, 210.0)
    assert ["web"] == [row.door for row in openings.list_changes(Want(own=True, after=205.0), 211.0).rows]


def test_not_said_again() -> None:
    """A close that the others can have forgotten is not told, and hinders nothing here."""
    openings = make()
    openings.note_closed(SSH, 100.0)
    now = 100.0 + REMEMBERED
    assert [] == openings.say_again(0.0, now)
    assert openings.take(Row(*SSH, 60.0, Version(5, B)), now)


def test_held() -> None:
    """What was open before this run is told to nobody who knows more of it, and to all where nobody does."""
    openings = make()
    openings.hold(SSH, 60.0, 100.0)
    openings.hold(WEB, 60.0, 100.0)
    openings.hold(("ftp", "192.0.2.1"), 60.0, 100.0)
    assert not openings.take(Row(*SSH, 59.0, Version(5, B)), 100.0)
    assert openings.take(Row(*WEB, 600.0, Version(5, B)), 100.0)
    assert [(("ftp", "192.0.2.1"), 50.0)] == openings.list_held(110.0)
    assert [] == openings.list_held(160.0)


@pytest.mark.parametrize(
    ("seconds", "news", "told"), [(60.0, False, False), (500.0, True, False), (20.0, False, True)]
)
def test_held_by_two(seconds: float, *, news: bool, told: bool) -> None:
    """Where two have held something since before their runs, the longer time holds."""
    openings = make()
    openings.hold(SSH, 60.0, 100.0)
    assert openings.take(Row(*SSH, seconds, OLDEST), 100.0) is news
    assert bool(openings.list_held(100.0)) is told


def test_held_and_closed_elsewhere() -> None:
    """What was closed while a gateway was not there is closed."""
    openings = make()
    openings.hold(SSH, 60.0, 100.0)
    assert openings.take(Row(*SSH, 0.0, Version(5, B)), 100.0)
    assert [] == openings.list_held(100.0)


def test_held_again() -> None:
    """What is known already is not held, and what is opened anew is held no longer."""
    openings = make()
    openings.note_open(SSH, 600.0, 100.0)
    openings.hold(SSH, 60.0, 100.0)
    openings.hold(WEB, 60.0, 100.0)
    openings.note_open(WEB, 600.0, 100.0)
    assert {SSH: 600.0, WEB: 600.0} == find_open(openings, 100.0)
    assert [] == openings.list_held(100.0)


def test_bound() -> None:
    """No more is remembered than a gateway can have leases; what was changed longest ago goes first."""
    openings = make()
    openings.hold(("held", "192.0.2.1"), 600.0, 100.0)
    openings.note_open(SSH, 600.0, 100.0)
    for number in range(MOST):
        openings.take(Row("web", f"{number}", 600.0, Version(5, B)), 100.0)
        if number == 10:
            openings.note_open(SSH, 700.0, 100.0)
    assert MOST == len(openings)
    assert SSH in find_open(openings, 100.0)
    assert ("web", "0") not in find_open(openings, 100.0)
    assert [] == openings.list_held(100.0)
