"""Why frames are no knock: the reason of each kind, and what is read of them all the same."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest

from knockd.knocks.refusals import Cause, Refusal, find_refusal
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_RAW
from tests.support.samples.headers import (
    FRAGMENT,
    HOP_BY_HOP,
    KNOCKER4,
    KNOCKER6,
    OURS4,
    OURS6,
    extension,
    framed,
    ipv4,
    ipv6,
    tcp,
    udp,
)

FROM4, TO4 = ip_address(KNOCKER4).packed, ip_address(OURS4).packed
FROM6, TO6 = ip_address(KNOCKER6).packed, ip_address(OURS6).packed
VLAN_100 = struct.pack("!HH", 0x8100, 100)


def refuse(packet: bytes, *, linktype: int = DLT_EN10MB, tag: bytes = b"") -> Refusal:
    """The refusal of a packet in a frame."""
    refusal = find_refusal(linktype, framed(linktype, packet, tag=tag))
    assert refusal is not None
    return refusal


@pytest.mark.parametrize("packet", [ipv4(tcp(7000)), ipv6(udp(7000), 17), ipv4(tcp(7000), options=b"\1" * 8)])
def test_a_knock(packet: bytes) -> None:
    """There is no reason to refuse a TCP or UDP packet, IP options or not."""
    assert None is find_refusal(DLT_EN10MB, framed(DLT_EN10MB, packet))


def test_vlan() -> None:
    """A tagged frame says which VLAN, and what it would have knocked at."""
    expected = Refusal(
        "VLAN tag 100: it counts at the interface of that VLAN only", FROM4, TO4, 6, 7000, Cause.VLAN
    )
    assert expected == refuse(ipv4(tcp(7000)), tag=VLAN_100)


def test_priority_tag() -> None:
    """A tag of VLAN 0 only carries a priority, but two of them are too many."""
    tag = struct.pack("!HH", 0x8100, 0x2000)
    assert None is find_refusal(DLT_EN10MB, framed(DLT_EN10MB, ipv4(tcp(7000)), tag=tag))
    assert "several VLAN tags, or one of another kind than 802.1Q" == refuse(ipv4(tcp(7)), tag=tag * 2).reason


def test_fragments() -> None:
    """A later fragment says where it belongs; its port is not known."""
    refusal = refuse(ipv4(tcp(7000), fragment=3))
    assert "a later fragment (at byte 24): it names no port" == refusal.reason
    assert (FROM4, None, Cause.FRAGMENT) == (refusal.source, refusal.port, refusal.cause)
    header = (FRAGMENT, struct.pack("!BBHI", 0, 0, 2 << 3, 1))
    refusal = refuse(ipv6(tcp(7000), extensions=(header,)))
    assert "a later fragment (at byte 16): it names no port" == refusal.reason
    assert (FROM6, 6) == (refusal.source, refusal.protocol)


def test_extension_headers() -> None:
    """Nine of them are one too many."""
    refusal = refuse(ipv6(tcp(7000), extensions=(extension(HOP_BY_HOP),) * 9))
    assert "more than 8 IPv6 extension headers" == refusal.reason
    assert TO6 == refusal.destination


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (ipv4(b"", 1), "protocol 1 (ICMP), neither TCP nor UDP"),
        (ipv6(b"", 99), "protocol 99 (another one), neither TCP nor UDP"),
        (ipv4(tcp(7), header_words=4), "bad IPv4 header: it says 16 bytes, at least 20 are needed"),
        (ipv4(tcp(7), version=5), "bad IPv4 header: it says version 5"),
        (ipv6(tcp(7), version=5), "bad IPv4 header: it says version 5"),
        (ipv4(tcp(7), total=30), "bad IP header: it leaves 10 bytes for TCP, which needs 20"),
        (ipv6(udp(7), 17, payload=4), "bad IP header: it leaves 4 bytes for UDP, which needs 8"),
        (ipv4(tcp(7))[:30], "cut short in the TCP header"),
        (ipv4(tcp(7))[:12], "cut short in the IPv4 header: 12 of 20 bytes"),
        (ipv6(tcp(7))[:39], "cut short in the IPv6 header: 39 of 40 bytes"),
        (ipv6(tcp(7), extensions=(extension(HOP_BY_HOP),))[:44], "cut short in the IPv6 extension headers"),
        (ipv4(tcp(7), source="224.0.0.1"), "its source is no address of a host"),
        (ipv6(tcp(7), source="::"), "its source is no address of a host"),
    ],
)
def test_bad_headers(packet: bytes, reason: str) -> None:
    """What is wrong with a header is said with its numbers."""
    assert reason == refuse(packet).reason


def test_link_headers() -> None:
    """So is what is wrong with the frame around the packet."""
    assert Refusal("an empty frame") == find_refusal(DLT_RAW, b"")
    assert Refusal("no IP: version 0") == find_refusal(DLT_RAW, bytes(40))
    assert Refusal("no IP: EtherType 0x0806") == find_refusal(DLT_EN10MB, bytes(12) + b"\x08\x06" + bytes(28))
    assert Refusal("cut short in the link header: 3 of 14 bytes", cause=Cause.CUT) == find_refusal(
        DLT_EN10MB, bytes(3)
    )
    assert Refusal("link type 147 is none that knockd can read") == find_refusal(147, bytes(60))
    cut = bytes(12) + VLAN_100
    assert Refusal("cut short in a VLAN tag", cause=Cause.VLAN) == find_refusal(DLT_EN10MB, cut[:15])


def test_outgoing() -> None:
    """A packet that this host has sent is no knock."""
    refusal = find_refusal(DLT_LINUX_SLL, framed(DLT_LINUX_SLL, ipv4(tcp(7)), packet_type=4))
    assert refusal is not None
    assert "sent by this host" == refusal.reason
