"""What becomes of packets, as values."""

from __future__ import annotations

from knockd.signed.values import Reason


def test_reasons_differ() -> None:
    """The log tells all reasons apart."""
    assert len({reason.value for reason in Reason}) == len(Reason)
