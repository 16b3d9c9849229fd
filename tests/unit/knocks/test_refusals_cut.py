"""Packets of which too little was captured."""

from __future__ import annotations

import pytest

from knockd.knocks.refusals import Cause, find_refusal
from knockd_bpf.wire import DLT_EN10MB
from tests.support.samples.frames import TCP, UDP, ethernet, packet


def is_cut(frame: bytes) -> bool:
    """Whether that is why an Ethernet frame cannot count."""
    refusal = find_refusal(DLT_EN10MB, frame)
    return refusal is not None and refusal.cause is Cause.CUT


FOUR, SIX = ("192.0.2.1", "10.0.0.1"), ("2001:db8::1", "fd00::1")


@pytest.mark.parametrize(
    ("addresses", "protocol", "needed"),
    [(FOUR, TCP, 34 + 14), (FOUR, UDP, 34 + 8), (SIX, TCP, 54 + 14), (SIX, UDP, 54 + 8)],
)
def test_from_where_on(addresses: tuple[str, str], protocol: int, needed: int) -> None:
    """A packet is cut until the byte that decode needs last is there."""
    frame = ethernet(bytes(6), bytes(6), packet(*addresses, 7000, protocol))
    assert is_cut(frame[: needed - 1])
    assert not is_cut(frame[:needed])


def test_extension_headers() -> None:
    """Behind an extension header nothing is known: a packet that was longer is cut."""
    frame = ethernet(bytes(6), bytes(6), packet(*SIX, 7000, hop_by_hop=True))
    assert is_cut(frame[:70])
    assert not is_cut(frame)


def test_extension_headers_that_end_too_early() -> None:
    """Where the header itself promises too little, nothing was cut."""
    frame = bytearray(ethernet(bytes(6), bytes(6), packet(*SIX, 7000, hop_by_hop=True)))
    frame[18:20] = b"\0\4"
    assert not is_cut(bytes(frame))


@pytest.mark.parametrize(
    "inner",
    [
        b"\x45\0\0\x1e" + bytes(5) + b"\6" + bytes(10),
        b"\x45\0\x05\0\0\0\0\1\0\6" + bytes(10),
        b"\x45\0\x05\0\0\0\0\0\0\1" + bytes(10),
    ],
    ids=["too short on the wire", "a later fragment", "ICMP"],
)
def test_whole_or_of_no_interest(inner: bytes) -> None:
    """What the sender made short, and what holds no port, was not cut."""
    assert not is_cut(bytes(12) + b"\x08\0" + inner)


@pytest.mark.parametrize("ethertype", [b"\x08\0", b"\x86\xdd"])
def test_no_ip_header(ethertype: bytes) -> None:
    """Without a whole IP header it is cut."""
    assert is_cut(bytes(12) + ethertype + bytes(19))
    assert is_cut(bytes(13))


def test_other_protocols() -> None:
    """ARP is whole, however short."""
    assert not is_cut(bytes(12) + b"\x08\x06")
