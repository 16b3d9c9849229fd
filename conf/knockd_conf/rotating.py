"""How a door's sequences are made of a key, and on which days.

Pure.
"""

from __future__ import annotations

from knockd_conf.key_file import NamedKey
from knockd_conf.model import Door
from knockd_conf.timed import Rule


def rule_of(door: Door) -> Rule:
    """The rule of a door that has a key."""
    low, high = door.sequence_ports
    return Rule(door.sequence_steps, door.sequence_period, low, high, door.sequence_protocol)


def opens_on(key: NamedKey, day: str) -> bool:
    """Whether a key opens on a day (YYYY-MM-DD): until its last one."""
    return not key.expires or day <= key.expires
