"""What signed knocks are worth against scanners, guessers and listeners: docs/security.md.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from knockd.checks.strength import format_count
from knockd_conf.signed_sizes import TAG

SECURITY_BITS: Final = 128
"""Forging a signature of Ed25519 takes about two to this power operations (RFC 8032, section 8.5)."""

LIVE_MINUTES: Final = 3
"""Minutes whose tags the kernel lets through: this one, and those before and after it."""


def wake_chance() -> Fraction:
    """The chance that a packet of the right length without the knock secret gets through the filter."""
    return Fraction(LIVE_MINUTES, 2 ** (8 * TAG))


def describe_signed() -> Iterator[str]:
    """Yields what -t says of it, a line each for scans, for forgers and for listeners."""
    random = format_count(float(1 / wake_chance()))
    yield f"signed knocks: a scan opens nothing, and one random packet in {random} wakes the daemon"
    yield f"forging one: 2^{SECURITY_BITS} operations (Ed25519)"
    yield (
        "sending one again: opens nothing; who can drop packets on the way can send one first, unless it is"
        " bound to its sender's address"
    )


def signed_values() -> dict[str, object]:
    """The same for programs."""
    return {
        "security_bits": SECURITY_BITS,
        "wakes_one_in": round(float(1 / wake_chance())),
        "replay": "never",
    }
