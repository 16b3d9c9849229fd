"""The line that -D prints for a packet."""

from __future__ import annotations

import struct
import time

import pytest

from knockd.worker.packet_printer import packet_printer
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_RAW, UDP
from tests.support.samples.headers import HOP_BY_HOP, LINKTYPES, extension, framed, ipv4, ipv6, tcp, udp

NOVEMBER = 1_795_378_393
"""2026-11-22 20:13:13 UTC."""

LINK_HEADER = {"ethernet": 14, "raw": 0, "raw-101": 0, "sll": 16, "sll2": 20}


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local time is UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def line(linktype: int, frame: bytes) -> str:
    """The line for a frame of that November evening."""
    return packet_printer()(linktype, frame, NOVEMBER)


def test_line_of_08() -> None:
    """A TCP packet is shown as 0.8 shows it, with the month that 0.8 gets wrong."""
    frame = framed(DLT_EN10MB, ipv4(tcp(7000, options=b"\x01" * 20, source_port=52_522)))
    expected = "2026-11-22 20:13:13: tcp: 192.0.2.1:52522 -> 10.0.0.1:7000 74 bytes"
    assert expected == line(DLT_EN10MB, frame)


def test_stamp_is_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is that of the machine's zone."""
    monkeypatch.setenv("TZ", "UTC-5:30")
    time.tzset()
    assert line(DLT_RAW, ipv4(tcp(7000)))[:19] == "2026-11-23 01:43:13"


def test_udp() -> None:
    """A UDP packet is named so."""
    expected = "2026-11-22 20:13:13: udp: 192.0.2.1:40000 -> 10.0.0.1:8000 29 bytes"
    assert expected == line(DLT_RAW, ipv4(udp(8000), UDP))


@pytest.mark.parametrize("extensions", [(), (extension(HOP_BY_HOP),)], ids=["plain", "hop-by-hop"])
def test_ipv6(extensions: tuple[tuple[int, bytes], ...]) -> None:
    """An IPv6 packet is shown with its addresses in their short form, behind extension headers too."""
    size = 60 + 8 * len(extensions)
    expected = f"2026-11-22 20:13:13: tcp: 2001:db8::1:40000 -> fd00::1:7000 {size} bytes"
    assert expected == line(DLT_RAW, ipv6(tcp(7000), extensions=extensions))


@pytest.mark.parametrize("name", LINKTYPES)
def test_every_link_type(name: str) -> None:
    """The size counts the link's header."""
    expected = f"2026-11-22 20:13:13: tcp: 192.0.2.1:40000 -> 10.0.0.1:7000 {LINK_HEADER[name] + 40} bytes"
    assert expected == line(LINKTYPES[name], framed(LINKTYPES[name], ipv4(tcp(7000))))


@pytest.mark.parametrize(("linktype", "size"), [(DLT_EN10MB, 58), (DLT_LINUX_SLL, 60)])
def test_priority_tag(linktype: int, size: int) -> None:
    """A priority tag is stepped over and counted."""
    frame = framed(linktype, ipv4(tcp(7000)), tag=struct.pack("!HH", 0x8100, 0x2000))
    expected = f"2026-11-22 20:13:13: tcp: 192.0.2.1:40000 -> 10.0.0.1:7000 {size} bytes"
    assert expected == line(linktype, frame)


@pytest.mark.parametrize(
    "options", [b"\x01" * 4, b"\x88\0\0\0", b"\x07\xff\0\0", b"\0\0\0\0"], ids=["nop", "zero", "long", "end"]
)
def test_ipv4_options(options: bytes) -> None:
    """Whatever the IPv4 options say (a length of 0 keeps impacket busy for ever), the packet is shown."""
    expected = "2026-11-22 20:13:13: tcp: 192.0.2.1:40000 -> 10.0.0.1:7000 44 bytes"
    assert expected == line(DLT_RAW, ipv4(tcp(7000), options=options))


def test_unreadable_packet() -> None:
    """A packet that impacket stumbles over gets a line that says so."""
    frame = ipv4(tcp(7000, options=b"\x08\0\0\0"))
    assert line(DLT_RAW, frame) == "44 bytes that impacket cannot read (ImpactPacketException)"
