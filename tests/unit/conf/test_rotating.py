"""A door's rule for its sequences."""

from __future__ import annotations

from knockd_conf.model import Door
from knockd_conf.rotating import rule_of
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
