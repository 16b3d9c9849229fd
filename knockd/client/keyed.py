"""Rotating sequences as the client knocks them: which key, which period, which hits.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd.client.hits import Hit
from knockd_conf.key_file import KeyFile, NamedKey
from knockd_conf.timed import Rule, derive_ports

TRIES_OF_A_PERIOD = 2
"""The second is for packets that were lost (docs/spec/rotating-sequence.md, section 7)."""

LATER = 1.0
"""Seconds after its beginning at which a period that was waited for is knocked in: the daemon's filter
changes a moment after the boundary, and clocks differ."""


def choose_key(found: KeyFile, name: str | None) -> NamedKey:
    """The key of a name, or the only one. Raises ValueError, which shows names and no key."""
    names = ", ".join(key.name for key in found.keys)
    if name is None and len(found.keys) > 1:
        raise ValueError(f"expected --name with a file of several keys, got none; it has {names}")
    for key in found.keys:
        if name in (None, key.name):
            return key
    raise ValueError(f"expected the name of a key in it, got {name!r}; it has {names}")


def choose_period(rule: Rule, used: Sequence[int], now: float, *, fresh: bool = False) -> tuple[int, float]:
    """The period to knock in, and the seconds until it begins (0: at once).

    ``used`` are the periods of the tries before, ``now`` seconds since the epoch. After two tries in a
    period there is the next one to come, when it is ``LATER`` old; ``fresh``: also after one.
    """
    chosen = rule.period_at(now)
    if used and (fresh or used.count(used[-1]) >= TRIES_OF_A_PERIOD):
        chosen = max(chosen, used[-1] + 1)
    begins = rule.begin_of(chosen)
    return chosen, begins + LATER - now if begins > now else 0.0


def keyed_hits(key: bytes, door: str, period: int, rule: Rule) -> tuple[Hit, ...]:
    """The hits of a period."""
    return tuple(
        Hit(str(port), port, protocol) for port, protocol in derive_ports(key, door, period, rule).steps
    )
