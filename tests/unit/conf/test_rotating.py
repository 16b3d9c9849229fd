"""A door's rule for its sequences, and on which days a key opens."""

from __future__ import annotations

import pytest

from knockd_conf.key_file import NamedKey
from knockd_conf.model import Door
from knockd_conf.rotating import opens_on, rule_of
from knockd_conf.timed import Rule


def test_defaults() -> None:
    """A door that says nothing has the defaults of the specification."""
    assert Rule() == rule_of(Door("ssh", "k", 1, (), sequence_key="/k"))


def test_every_value() -> None:
    """What a door says is in its rule."""
    door = Door(
        *("ssh", "k", 1, ()),
        sequence_steps=5,
        sequence_period=60,
        sequence_ports=(1, 2_000),
        sequence_protocol="mixed",
    )
    assert Rule(5, 60, 1, 2_000, "mixed") == rule_of(door)


@pytest.mark.parametrize(
    ("day", "expected"), [("2026-11-30", True), ("2026-12-31", True), ("2027-01-01", False)]
)
def test_last_day(day: str, expected: bool) -> None:
    """A key opens on its last day and before it; one without opens for ever."""
    assert opens_on(NamedKey("ann", bytes(32), "2026-12-31"), day) is expected
    assert opens_on(NamedKey("ann", bytes(32)), day)
