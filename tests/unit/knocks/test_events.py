"""What an event says."""

from __future__ import annotations

import pytest

from knockd.knocks.events import Expired, Guarded, Ignored, Opened, Spoiled, Stage
from tests.support.doubles.played import ALICE, OURS

EVENTS = [kind(3, ALICE, 2) for kind in (Stage, Spoiled, Expired)]


@pytest.mark.parametrize(
    "event",
    [*EVENTS, Opened(3, ALICE, OURS, 2), Guarded(3, ALICE, 2, 6 << 16 | 7)],
    ids=lambda event: type(event).__name__,
)
def test_about_an_attempt(event: Stage | Spoiled | Expired | Opened | Guarded) -> None:
    """Every event about an attempt names the door, the source and the stage."""
    assert (event.door, event.source, event.stage) == (3, ALICE, 2)


def test_ignored() -> None:
    """What is said of an ignored knock names the door, the source, the reason and the seconds left."""
    event = Ignored(3, ALICE, opened=True, left=7)
    assert (event.door, event.source, event.opened, event.left) == (3, ALICE, True, 7)


def test_opened() -> None:
    """An opening names the address that was knocked at, too."""
    assert Opened(3, ALICE, OURS, 2).destination == OURS
