"""What signed knocks are worth."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from knockd.checks.signed_strength import SECURITY_BITS, describe_signed, signed_values, wake_chance

PAGE = (Path(__file__).parents[3] / "docs" / "security.md").read_text()


def test_packets_that_wake_the_daemon() -> None:
    """Three tags of 32 bits."""
    assert Fraction(3, 2**32) == wake_chance()


def test_for_people() -> None:
    """A line each for scans, forgers and listeners."""
    assert [
        "signed knocks: a scan opens nothing, and one random packet in 1,430,000,000 wakes the daemon",
        "forging one: 2^128 operations (Ed25519)",
        "sending one again: opens nothing; who can drop packets on the way can send one first, unless it is"
        " bound to its sender's address",
    ] == list(describe_signed())


def test_for_programs() -> None:
    """The same as numbers."""
    values = {"security_bits": 128, "wakes_one_in": 1_431_655_765, "replay": "never"}
    assert values == signed_values()


def test_figures_of_the_page() -> None:
    """The page about security says them too."""
    words = " ".join(PAGE.split())
    assert f"3 / 2^32 = 1 in {float(1 / wake_chance()):,.0f}" in words
    assert f"2^{SECURITY_BITS} operations" in words
