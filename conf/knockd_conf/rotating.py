"""How a door's sequences are made of a key.

Pure.
"""

from __future__ import annotations

from knockd_conf.model import Door
from knockd_conf.timed import Rule


def rule_of(door: Door) -> Rule:
    """The rule of a door that has a key."""
    low, high = door.sequence_ports
    return Rule(door.sequence_steps, door.sequence_period, low, high, door.sequence_protocol)
