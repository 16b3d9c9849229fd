"""Dumps over netlink: what a running kernel answers, and what it refuses."""

from __future__ import annotations

import socket
import struct

import pytest

from knockd.net.netlink import read_dump
from knockd.net.rtnetlink import HEADER, IFINFO, NLMSG_DONE, NLMSG_ERROR, RTM_GETLINK, RTM_NEWLINK

DONE, REFUSED = struct.pack("=i", 0), struct.pack("=i", -2)


class FakeSocket:
    """Stands for the kernel: what is sent to it is forgotten, and it sends what a test says."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)

    def __enter__(self) -> FakeSocket:
        return self

    def __exit__(self, *_: object) -> None:
        assert not self._answers, "it was not read to the end"

    def send(self, request: bytes) -> None:
        """Takes a request."""

    def recv(self, _size: int) -> bytes:
        """The next datagram."""
        return self._answers.pop(0)


def message(kind: int, payload: bytes) -> bytes:
    """A message as the kernel sends it."""
    return HEADER.pack(HEADER.size + len(payload), kind, 0, 1, 0) + payload


def answer(monkeypatch: pytest.MonkeyPatch, *datagrams: bytes) -> None:
    """Lets the kernel answer with these datagrams."""
    monkeypatch.setattr(socket, "socket", lambda *_: FakeSocket(*datagrams))


def test_links() -> None:
    """A dump of links has one message a link, the loopback among them."""
    found = list(read_dump(socket.NETLINK_ROUTE, RTM_GETLINK, bytes(IFINFO.size)))
    assert {RTM_NEWLINK} == {kind for kind, _ in found}
    assert any(b"lo\0" in payload for _, payload in found)


def test_several_datagrams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages come in as many datagrams as the kernel likes, up to the end."""
    answer(
        monkeypatch,
        message(16, b"aaaa") + message(16, b"bbbb"),
        message(16, b"cc"),
        message(NLMSG_DONE, DONE),
    )
    assert [b"aaaa", b"bbbb", b"cc"] == [payload for _, payload in read_dump(0, 18, b"")]


@pytest.mark.parametrize("kind", [NLMSG_ERROR, NLMSG_DONE], ids=["error", "end"])
def test_refused(monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    """The kernel says that it cannot at once, or at the end; both are an error with its number."""
    answer(monkeypatch, message(kind, REFUSED))
    with pytest.raises(OSError, match="refused a dump") as raised:
        list(read_dump(0, 18, b""))
    assert 2 == raised.value.errno


def test_end_without_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """An end that says nothing is a good one."""
    answer(monkeypatch, message(NLMSG_DONE, b""))
    assert [] == list(read_dump(0, 18, b""))
