"""Whether the kernel's filter lets a packet of our own through."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from knockd.doctor import kernel_filter as module
from knockd.doctor.findings import Finding, Looked
from knockd.doctor.kernel_filter import judge_seen, look_at_filter
from knockd.doctor.own_packet import Seen
from knockd.knocks.watch import Watch
from knockd_conf.model import Config, Options
from tests.support.doubles.played import door, steps, watched

CONFIG = Config("/etc/knockd.conf", Options(), (door("7 8"),), "host", ("/etc/knockd.conf",))


def look() -> Looked:
    """What is found for a door with a guard port."""
    return look_at_filter(CONFIG, watched(*CONFIG.doors, guards=["9"]), ipv6=True)


def test_root_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root sends a packet through the filter of all doors with their guards."""
    asked: list[Watch] = []

    def see(_config: Config, watches: Sequence[Watch], *, ipv6: bool) -> Seen:
        assert ipv6
        asked.extend(watches)
        return Seen(True)

    monkeypatch.setattr(module, "see_own_packet", see)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert Looked("filter") == look()
    assert [(steps("7 8"), steps("9"))] == [(watch.steps, watch.guards) for watch in asked]


def test_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else may make a network."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert ("whether it sees a packet of our own: run it as root",) == look().unlooked


def test_outcomes() -> None:
    """A packet that was not seen is a finding, one that could not be sent is not."""
    assert Looked("filter") == judge_seen(Seen(True))
    assert ("whether it sees a packet of our own: no lab",) == judge_seen(Seen(None, "no lab")).unlooked
    (finding,) = judge_seen(Seen(False, "no capture")).findings
    assert isinstance(finding, Finding)
    assert "filter-broken" == finding.name
    assert "a packet of our own for a door was not seen: no capture" == finding.text
