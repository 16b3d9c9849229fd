"""The checker of a fleet finds what it is there to find."""

from __future__ import annotations

import pytest

from tests.support.oracles.fleet_checker import Down, Run, find_problems

SECONDS = 6.0


def runs(*text: str) -> list[Run]:
    """Commands in a few words: gateway, verb, when."""
    found = []
    for line in text:
        gateway, verb, at = line.split()
        found.append(Run(gateway, verb, "ssh", "10.0.0.1", float(at)))
    return found


def test_all_is_well() -> None:
    """A knock that opened at two gateways, which closed in time, one of them late for it was down."""
    noted = runs("g1 start 0", "g2 start 0.1", "g1 stop 6", "g2 stop 30")
    assert find_problems(noted, [Down("g2", 3, 29)], SECONDS, [("ssh", "10.0.0.1")]) == []


@pytest.mark.parametrize(
    ("noted", "problem"),
    [
        (("g1 start 0", "g1 stop 30"), "closed 24.0 s too late"),
        (("g1 start 0",), "is open"),
        (("g1 start 0", "g1 stop 6", "g2 start 20", "g2 stop 21"), "opened 20.0 s after its knock"),
    ],
)
def test_open_too_long(noted: tuple[str, ...], problem: str) -> None:
    """What is open beyond its time is found, at whichever gateway."""
    found = find_problems(runs(*noted), [], SECONDS, [])
    assert [one for one in found if problem in one]


def test_opened_twice() -> None:
    """Two openings of one knock are found, also at two gateways."""
    (found,) = find_problems([], [], SECONDS, [("ssh", "10.0.0.1"), ("ssh", "10.0.0.1")])
    assert "opened 2 times" in found
