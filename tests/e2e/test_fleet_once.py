"""One knock that is sent at two gateways at the same instant opens once: signed, rotating and one-time."""

from __future__ import annotations

import pytest

from tests.support.daemons.fleet import FleetLab
from tests.support.daemons.fleet_races import RACES

KNOCKS = 20


@pytest.mark.parametrize("kind", RACES)
def test_opens_once(fleet: FleetLab, kind: str) -> None:
    """Of both gateways one opens; neither does, and says so, where the store's answer came too late."""
    race = RACES[kind](fleet, KNOCKS)
    assert race.twice == 0
    assert race.lost == 0
    assert race.opened + race.unanswered == KNOCKS
    assert race.opened >= KNOCKS / 2
