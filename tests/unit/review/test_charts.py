"""Geometry of the charts: what is where, in percent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd.review import charts
from knockd.review.summary import End, Opening, Scanner

HOURS = st.lists(st.lists(st.integers(0, 10**6), max_size=4), max_size=3)


def opening(time: float, end: End = End.TIMEOUT, closed: float | None = None, who: str = "a") -> Opening:
    """An opening of the door ssh."""
    return Opening(time, "ssh", who, "", end, closed, "", 1)


def scanner(source: str, attempts: int, guards: int, addresses: int = 1) -> Scanner:
    """A scanner."""
    return Scanner(source, addresses, attempts, guards, ("ssh",), 0, 1)


@pytest.mark.parametrize(("time", "x"), [(10, 0), (15, 50), (20, 100), (5, 0), (99, 100)])
def test_places(time: float, x: float) -> None:
    """A time is at its part of the axis; what is outside is at its edge."""
    assert charts.place(time, 10, 20) == x


def test_an_axis_without_length() -> None:
    """Where all happened at once everything is at the start."""
    assert charts.place(10, 10, 10) == 0


def test_bars_leave_out_what_is_empty() -> None:
    """A bar for each count, in its part, as high as its share of the highest."""
    assert charts.find_bars((0, 1, 0, 4), 100, 10) == (
        charts.Bar(25, 25, 0.25, 110, 1),
        charts.Bar(75, 25, 1, 130, 4),
    )


def test_no_bars_of_nothing() -> None:
    """A timeline without parts, or with empty ones, has no bars."""
    assert charts.find_bars((), 0, 0) == ()
    assert charts.find_bars((0, 0), 0, 1) == ()


def test_a_lane_for_each_door_and_address() -> None:
    """Openings of one address at one door share a lane, oldest first."""
    shown = [opening(50, closed=75), opening(0, closed=10, who="b"), opening(25, closed=26)]
    (first, second), left_out = charts.find_lanes(shown, 0, 100)
    assert (first.door, first.ip) == ("ssh", "a")
    assert [(mark.x, mark.width) for mark in first.marks] == [(25, 1), (50, 25)]
    assert (second.ip, left_out) == ("b", 0)


def test_lanes_of_doors_where_addresses_are_many() -> None:
    """With more addresses than lanes a lane is a door's."""
    shown = [opening(at, closed=at + 1, who=f"{at}") for at in range(charts.MOST_LANES + 1)]
    (lane,), left_out = charts.find_lanes(shown, 0, 100)
    assert (lane.door, lane.ip, len(lane.marks), left_out) == ("ssh", "", charts.MOST_LANES + 1, 0)


def test_lanes_that_have_no_room_are_counted() -> None:
    """With more doors than lanes those with most openings are shown."""
    shown = [Opening(at, f"{at:02}", "a", "", End.TIMEOUT, at, "", 1) for at in range(charts.MOST_LANES + 2)]
    shown.append(shown[-1])
    lanes, left_out = charts.find_lanes(shown, 0, 100)
    assert (len(lanes), left_out) == (charts.MOST_LANES, 2)
    assert lanes[-1].door == f"{charts.MOST_LANES + 1:02}"


def test_what_was_not_closed_is_open_until_the_next() -> None:
    """A door that was not closed may be open until it is opened again, or to the end."""
    shown = [opening(0, End.NOT_CLOSED), opening(40, End.NOT_CLOSED)]
    (lane,), _ = charts.find_lanes(shown, 0, 100)
    assert [(mark.x, mark.width) for mark in lane.marks] == [(0, 40), (40, 60)]


def test_what_did_not_open_has_no_length() -> None:
    """Neither has an opening of which the log does not tell the end."""
    shown = [opening(0, End.NOT_OPENED, closed=50), opening(40, End.UNKNOWN)]
    (lane,), _ = charts.find_lanes(shown, 0, 100)
    assert [mark.width for mark in lane.marks] == [0, 0]


def test_openers_are_those_that_opened() -> None:
    """Addresses by openings; one at which the command failed is none."""
    shown = [
        opening(0, who="a"),
        opening(1, who="b"),
        opening(2, who="b"),
        opening(3, End.NOT_OPENED, who="c"),
    ]
    assert [(one.name, one.count, one.parts) for one in charts.find_openers(shown)] == [
        ("b", 2, ((100, 2),)),
        ("a", 1, ((50, 1),)),
    ]


def test_scanners_by_what_they_sent() -> None:
    """The parts of a bar are knocks and guard ports, measured by the scanner that sent most."""
    first, second = charts.find_scanners([scanner("a", 1, 4), scanner("b/24", 5, 15, addresses=1200)])
    assert (first.name, first.note, first.parts, first.count) == (
        "b/24",
        "1,200 addresses",
        ((25, 5), (75, 15)),
        20,
    )
    assert (second.name, second.note, second.parts, second.count) == ("a", "", ((5, 1), (20, 4)), 5)


def test_scanners_that_sent_nothing_have_no_bar() -> None:
    """There is nothing to measure them by."""
    assert charts.find_scanners([scanner("a", 0, 0)]) == ()


@given(HOURS)
def test_the_legend_says_what_the_shades_are(hours: list[list[int]]) -> None:
    """Every tile with a count has a shade whose range in the legend holds it; others have none."""
    ranges = {level: range(low, high + 1) for level, low, high in charts.find_ranges(hours)}
    tiles = charts.find_tiles(hours)
    assert [tile.count for tile in tiles] == [count for row in hours for count in row]
    assert all(tile.count in ranges[tile.level] if tile.count else tile.level == 0 for tile in tiles)
