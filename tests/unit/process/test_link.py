"""The socket pair: messages keep their bounds, and neither end waits."""

from __future__ import annotations

import pytest

from knockd.process.link import MAX_MESSAGE, pair

MESSAGES = [b"x", b"y" * 4_000, b"z"]


def test_bounds_are_kept() -> None:
    """Messages arrive one by one, as they were sent."""
    ours, theirs = pair()
    with ours, theirs:
        for message in MESSAGES:
            theirs.send(message)
        assert [ours.recv(MAX_MESSAGE) for _ in MESSAGES] == MESSAGES


def test_both_ends_never_wait() -> None:
    """Reading from an end with nothing to read does not wait."""
    ours, theirs = pair()
    with ours, theirs:
        for end in (ours, theirs):
            with pytest.raises(BlockingIOError):
                end.recv(1)
