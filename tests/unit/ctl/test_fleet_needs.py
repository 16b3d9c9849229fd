"""What is not well with a fleet."""

from __future__ import annotations

from typing import Any

import pytest

from knockd.ctl.fleet_needs import list_fleet_needs
from knockd.ctl.fleet_reply import read_fleet
from tests.support.samples.fleets import fleet, gateway, store


def needs(**fields: Any) -> list[str]:
    """What is not well with a fleet of which some fields are known; each need says what to do."""
    found = list_fleet_needs(read_fleet(fleet(**fields)))
    assert all(one.todo for one in found)
    return [one.text for one in found]


def test_all_is_well() -> None:
    """Two gateways, a store, a few messages that came late."""
    assert needs() == []


def test_store() -> None:
    """It is not reached, or does not do what it is asked for; where it is not reached nobody is missed."""
    closed = "Doors with Fleet_Required stay closed."
    assert needs(store=store(problem="Connection refused", seconds=180.0), gateways=[]) == [
        f"The store has not been reached for 3 min: Connection refused. {closed}"
    ]
    assert needs(refusal="OOM command not allowed") == [
        f"The store has not done what it was asked for last: OOM command not allowed. {closed}"
    ]
    assert needs(run=None, gateways=[]) == ["The process that speaks with the fleet does not answer."]


@pytest.mark.parametrize(
    ("gateways", "expected"),
    [
        ([], ["No other gateway is there."]),
        ([gateway("gw1"), gateway("gw1", run="ff")], []),
        (
            [gateway("gw2", skew=41.0), gateway("gw3", skew=-5.2, trip=0.1)],
            [
                "The clock of gw2 is 41 s ahead of ours: one of us may refuse rotating and signed knocks.",
                "The clock of gw3 is 5 s behind ours: one of us may refuse rotating and signed knocks.",
            ],
        ),
        ([gateway("gw2", skew=-5.05, trip=0.1)], []),
    ],
)
def test_gateways(gateways: list[dict[str, Any]], expected: list[str]) -> None:
    """None is not well, nor are clocks that surely differ by more than 5 seconds; one name for all is."""
    assert needs(gateways=gateways) == expected


def test_messages() -> None:
    """Somebody writes who has not the key; messages that came late are no reason to look."""
    assert needs(forged=1, dropped=9) == ["1 message had not the fleet's code."]


def test_the_worst_first() -> None:
    """The store comes first."""
    first, second = needs(store=store(problem="no route"), forged=2)
    assert first.startswith("The store ")
    assert second.startswith("2 messages ")
