"""What a packet process is started with."""

from __future__ import annotations

from knockd.worker.setup import Setup


def test_slack() -> None:
    """Two packets may wait up to two timer periods in the ring."""
    assert Setup(latency=10, buffer=64, max_attempts=9).slack == 0.02
