"""Whether the kernel can say who is connected."""

from __future__ import annotations

import pytest

from knockd.doctor import connections as module
from knockd.doctor.connections import look_at_connections
from tests.support.doubles.played import door

IDLE, OTHER = door("1", name="ssh", close_when_idle=10.0), door("2")


def test_an_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doors that need it are named, with the reason."""
    monkeypatch.setattr(module, "find_obstacle", lambda: "nothing tracks connections")
    (finding,) = look_at_connections([OTHER, IDLE]).findings
    assert "no-conntrack" == finding.name
    assert (
        "Close_When_Idle of ssh does nothing, Cmd_Timeout counts: nothing tracks connections" == finding.text
    )


def test_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no obstacle, or no door asks, there is nothing to say."""
    monkeypatch.setattr(module, "find_obstacle", lambda: None)
    assert () == look_at_connections([IDLE]).findings
    monkeypatch.setattr(module, "find_obstacle", lambda: "x")
    assert () == look_at_connections([OTHER]).findings
