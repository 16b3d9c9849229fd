"""Which way a hit gets out."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from knockd.client import network, raw_socket
from knockd.client.hits import Hit
from knockd.client.knock import Send
from knockd.client.network import Destination
from knockd.client.senders import failure, sender
from knockd_conf.protocol import Protocol

FOUR = Destination(4, "192.0.2.1", 0, "192.0.2.1")
TCP, UDP = Hit("1", 1, Protocol.TCP), Hit("2", 2, Protocol.UDP)

UNREACHABLE = os.strerror(errno.ENETUNREACH)
"""Each C library has words of its own."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been sent, and how."""
    trace: list[str] = []

    @contextmanager
    def raw(_destination: Destination, flags: int) -> Iterator[Send]:
        yield lambda hit: trace.append(f"raw {flags} {hit.port}")

    monkeypatch.setattr(network, "send_hit", lambda _, hit: trace.append(f"plain {hit.port}"))
    monkeypatch.setattr(raw_socket, "raw_sender", raw)
    return trace


def test_without_flags(sent: list[str]) -> None:
    """Every hit is an ordinary packet."""
    with sender(FOUR, None) as send:
        send(TCP)
        send(UDP)
    assert ["plain 1", "plain 2"] == sent


def test_with_flags(sent: list[str]) -> None:
    """TCP hits go through a raw socket, UDP hits as ever."""
    with sender(FOUR, 0x02) as send:
        send(TCP)
        send(UDP)
    assert ["raw 2 1", "plain 2"] == sent


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            OSError(errno.ENETUNREACH, "any"),
            f"hit 1: not sent: {UNREACHABLE}; there is no route to it, see: ip route get 192.0.2.1",
        ),
        (OSError(errno.EINVAL, "any"), "hit 1: not sent: Invalid argument"),
        (OSError("no number"), "hit 1: not sent: no number"),
    ],
)
def test_failures(error: OSError, text: str) -> None:
    """The message says what was tried, why it failed and, where that is known, what to do."""
    assert text == failure("hit 1", error, FOUR)
