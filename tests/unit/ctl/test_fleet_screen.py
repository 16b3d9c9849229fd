"""The screen of a fleet."""

from __future__ import annotations

import re
from typing import Any

import pytest

from knockd.ctl.fleet_reply import read_fleet
from knockd.ctl.fleet_screen import format_fleet, show_brief, show_skew
from knockd.review.cells import width_of
from tests.support.samples.fleets import fleet, gateway, store


def screen(columns: int = 80, colour: bool = False, **fields: Any) -> list[str]:
    """The lines."""
    return format_fleet(read_fleet(fleet(**fields)), columns, colour)


def test_usual() -> None:
    """Who is there, who is in, how the store is."""
    assert screen() == [
        "Fleet edge as gw1 sees it: 1 other gateway",
        "All is well.",
        "",
        "Gateways: 2",
        "  GATEWAY  RUN       HEARD     CLOCK        ROUND TRIP",
        "  gw1      00112233  this one",
        "  gw2      8899aabb  2 s ago   12 ms ahead  0.8 ms",
        "",
        "Open in the fleet: 1",
        "  DOOR  ADDRESS      LEFT    OPENED AT",
        "  ssh   203.0.113.7  50 min  gw2",
        "",
        "Store: store.example:6379, reached for 1 h, answers in 0.4 ms",
        "Servers: valkeys://store.example:6379",
        "Refused knocks: 2 used at another gateway, 0 as the store did not answer",
        "Messages: 0 without the fleet's code, 1 late or repeated",
    ]


def test_not_well() -> None:
    """What is not well comes first, with what to do; what is not known is not said to be nothing."""
    lines = screen(store=store(problem="no route", seconds=5.0), run=None, gateways=[], openings=[], forged=1)
    assert lines[1] == "2 things are not well:"
    assert lines[2] == "  The store has not been reached for 5 s: no route. Doors with Fleet_Required"
    assert any(line.startswith("    -> ") for line in lines)
    assert "  gw1      ?    this one" in lines
    assert "Nobody knows what is open." in lines
    assert "Store: not reached for 5 s" in lines


def test_nothing_is_open() -> None:
    """That is said; so is it of an opening whose gateway has left."""
    assert "Nothing is open in the fleet." in screen(openings=[])
    left = {"door": "ssh", "address": "2001:db8::7", "seconds_left": 5.0, "gateway": None}
    assert "  ssh   2001:db8::7  5 s   one that has left" in screen(openings=[left])


def test_more_than_is_shown() -> None:
    """What the answer had no room for is counted."""
    lines = screen(gateways_total=300, openings_total=9_000)
    assert "Gateways: 301 (2 are shown)" in lines
    assert "Open in the fleet: 9,000 (1 are shown)" in lines


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_narrow(columns: int) -> None:
    """No line is longer, whatever gateways are called, and no text of another gateway is raw."""
    name = "\x1b[2Jgateway-with-a-very-long-name.of-some.example.org"
    long = {"door": "d" * 64, "address": "2001:db8:1111:2222:3333:4444:5555:6666", "seconds_left": 5.0}
    lines = screen(
        columns,
        gateways=[gateway(name), gateway("gw1")],
        openings=[{**long, "gateway": name}],
        servers=["valkeys://store.example:6379"] * 4,
        refusal="x " * 90,
    )
    assert max(map(width_of, lines)) <= columns
    assert not any("\x1b" in line for line in lines)


def test_colour() -> None:
    """Headings are bold, what is not well is red, and nothing else changes."""
    lines = screen(colour=True, forged=1)
    assert "\x1b[1m\x1b[31m1 thing is not well:\x1b[0m" in lines
    assert "\x1b[1mStore\x1b[0m: store.example:6379, reached for 1 h, answers in 0.4 ms" in lines
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in lines] == screen(forged=1)


@pytest.mark.parametrize(
    ("skew", "trip", "expected"),
    [
        (0.0008, 0.001, "as ours"),
        (0.012, 0.001, "12 ms ahead"),
        (-0.0052, 0.001, "5.2 ms behind"),
        (-41.3, 0.001, "41 s behind"),
    ],
)
def test_skew(skew: float, trip: float, expected: str) -> None:
    """A difference that the way there and back explains is none."""
    assert show_skew(skew, trip) == expected


def test_brief() -> None:
    """Milliseconds up to a second, with one digit behind the point up to ten."""
    assert [show_brief(one) for one in (0.0, 0.0004, 0.012, 0.15, 7.0)] == [
        *("0.0 ms", "0.4 ms", "12 ms", "150 ms", "7 s")
    ]
