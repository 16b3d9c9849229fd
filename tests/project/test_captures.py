"""Recorded captures opened doors of a daemon: a replay opens the same ones at the same packets."""

from __future__ import annotations

import pytest

from tests.support.daemons.recorded_knocks import ADDRESSES, CONFIG, LINKS, SAMPLES
from tests.support.daemons.recording import read_verdict, replay


@pytest.mark.parametrize("link", LINKS)
def test_a_replay_opens_what_the_daemon_opened(link: str) -> None:
    """Over each link type: same doors, sources, packets, and the commands that the daemon ran."""
    expected = read_verdict(SAMPLES / f"{link}.json")
    found = replay(SAMPLES / f"{link}.pcap", CONFIG, ADDRESSES)
    assert expected.openings == found.openings
    assert sorted(expected.commands) == sorted(found.commands)
