"""A replay of what was recorded while the daemon listened opens the same doors at the same packets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.daemons.recorded_knocks import ADDRESSES, LINKS, record
from tests.support.daemons.recording import replay
from tests.support.lab.tools import need, need_tun

OPENINGS = 22
"""Of the knocks that are played."""


@pytest.mark.parametrize("link", LINKS)
def test_the_same_doors_at_the_same_packets(tmp_path: Path, link: str) -> None:
    """Knocks by all clients over both IP versions, some of which fail: same openings, same commands."""
    for tool, package in (("/usr/bin/knock", "knockd"), ("tcpdump", None), ("nmap", None), ("hping3", None)):
        need(tool, package)
    need("nc")
    if link == "tun":
        need_tun()
    capture, expected = record(LINKS[link], tmp_path)
    found = replay(capture, tmp_path / "knockd.conf", ADDRESSES)
    assert len(expected.openings) == OPENINGS
    assert expected.openings == found.openings
    assert sorted(expected.commands) == sorted(found.commands)
