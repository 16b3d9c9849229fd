"""The socket pair: messages keep their bounds, and neither end waits."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from knockd.process import link
from knockd.process.link import MAX_MESSAGE, pair
from tests.support.lab.tools import lacking

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


def granted() -> int:
    """The most that the kernel grants whoever asks, in bytes."""
    return int(Path("/proc/sys/net/core/wmem_max").read_text())


def test_room_beyond_the_kernel_s_bound() -> None:
    """With the right to it an end has the room that it asks for, whatever net.core.wmem_max is."""
    ours, theirs = pair()
    with ours, theirs:
        link._give_room(ours, granted() + 4_096)
        room = ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    if room == 2 * granted():
        lacking("more room than net.core.wmem_max needs CAP_NET_ADMIN")
    assert room == 2 * (granted() + 4_096)


def test_room_without_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not ask for more gets what the kernel grants."""
    monkeypatch.setattr(link, "_SO_SNDBUFFORCE", 9_999)
    ours, theirs = pair()
    with ours, theirs:
        link._give_room(ours, granted() + 4_096)
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * granted()
