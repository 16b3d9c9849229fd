"""Doors that signed knocks open."""

from __future__ import annotations

from knockd.signed.signed_doors import SignedDoors


def test_has_its_parts() -> None:
    """The keeper asks it for watches and verdicts."""
    assert callable(SignedDoors.watch)
    assert callable(SignedDoors.judge)
