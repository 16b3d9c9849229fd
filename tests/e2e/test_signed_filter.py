"""The kernel's filter at a port of signed knocks on real links: what a capture reads of all that is sent."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple

import pytest

from knockd.knocks.prefilter import prefilter
from knockd.knocks.signed_watch import SignedMinute, SignedPort, SignedWatch
from knockd.worker.capture import Capture, open_capture
from knockd_conf.signed_sizes import SIZE
from tests.e2e.conftest import Pair
from tests.support.lab.hosts import Host, Lab
from tests.support.lab.tools import lacking, need_tun
from tests.support.lab.tun import ARPHRD_PPP
from tests.support.lab.waiting import wait_until
from tests.support.samples.headers import DESTINATION, FRAGMENT, HOP_BY_HOP, UDP, extension, ipv4, ipv6, udp

PORT = 47_811
TAGS = (b"\x01\x02\x03\x04", b"\x81\x82\x83\x84", b"\xf1\xf2\xf3\xf4")
SIGNED = SignedWatch((SignedPort(PORT),), tuple(SignedMinute(at, b"", tag) for at, tag in enumerate(TAGS)))
NEXT = SIGNED._replace(minutes=(*SIGNED.minutes[1:], SignedMinute(3, b"", b"\x55\x66\x77\x88")))
"""A minute later."""

SERVER = {4: "10.9.0.1", 6: "fd00:9::1"}
CLIENT = {4: "10.9.0.2", 6: "fd00:9::2"}
LENGTHS = {4: "24", 6: "64"}
FOUR = partial(ipv4, protocol=UDP, source=CLIENT[4], destination=SERVER[4])
SIX = partial(ipv6, protocol=UDP, source=CLIENT[6], destination=SERVER[6])


class Sent(NamedTuple):
    """A packet, and whether it may be read."""

    what: str
    packet: bytes
    passes: bool


@pytest.fixture(params=["ethernet", "raw", "cooked"])
def link(request: pytest.FixtureRequest, lab: Lab) -> tuple[str, Pair, str]:
    """Two hosts joined by a link of this kind, and the interface's name."""
    server, client = lab.host("server"), lab.host("client")
    ours, theirs = ([f"{at[version]}/{LENGTHS[version]}" for version in at] for at in (SERVER, CLIENT))
    if request.param == "ethernet":
        lab.link(server, "eth0", client, "eth0", ours, theirs)
        return "ethernet", Pair(lab, server, client), "eth0"
    need_tun()
    try:
        kind = ARPHRD_PPP if request.param == "cooked" else None
        lab.tun(server, "tun0", client, "tun0", ours, theirs, link_type=kind)
    except OSError as error:
        lacking(f"the kernel does not make such a tun device: {error}")
    return request.param, Pair(lab, server, client), "tun0"


def attach(capture: Capture, signed: SignedWatch) -> None:
    """Lets the kernel run the filter of these minutes."""
    local = frozenset(ip_address(one).packed for one in SERVER.values())
    made = prefilter([], local, capture.linktype, signed=signed)
    assert capture.attach(made.fitted.program.pack(), made.text)


def numbered(count: Iterator[int], tag: bytes, size: int = SIZE) -> bytes:
    """A payload of a size, with a number of its own at its end."""
    return tag + bytes(size - len(tag) - 8) + struct.pack("!Q", 0x6B6E6F636B000000 | next(count))


def everything(count: Iterator[int]) -> Iterator[Sent]:
    """What passes, and what differs in one thing."""
    for name, build in (("IPv4", FOUR), ("IPv6", SIX)):
        for tag in TAGS:
            yield Sent(f"{name} {tag.hex()}", build(udp(PORT, numbered(count, tag))), True)
            other = bytes([tag[0] ^ 1]) + tag[1:]
            yield Sent(f"{name} {other.hex()}", build(udp(PORT, numbered(count, other))), False)
        for size in (SIZE - 1, SIZE + 1, 400):
            yield Sent(f"{name} {size} bytes", build(udp(PORT, numbered(count, TAGS[0], size))), False)
        yield Sent(f"{name} other port", build(udp(PORT + 1, numbered(count, TAGS[0]))), False)
    for field, passes in ((0x4000, True), (0x2000, False), (0x2001, False), (0x0010, False)):
        packet = FOUR(udp(PORT, numbered(count, TAGS[1])), fragment=field)
        yield Sent(f"fragment field {field:#06x}", packet, passes)
    for size in (4, 40):
        packet = FOUR(udp(PORT, numbered(count, TAGS[1])), options=b"\1" * size)
        yield Sent(f"{size} bytes of options", packet, True)
    for number in (HOP_BY_HOP, DESTINATION, FRAGMENT):
        packet = SIX(udp(PORT, numbered(count, TAGS[1])), extensions=(extension(number),))
        yield Sent(f"behind header {number}", packet, False)
    packet = FOUR(udp(PORT, numbered(count, TAGS[0])), destination="10.9.0.77")
    yield Sent("to another host", packet, False)


def framed(pair: Pair, kind: str, packet: bytes) -> bytes:
    """A packet as the client's side of the link takes it."""
    if kind != "ethernet":
        return packet
    ethertype = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return pair.server.mac("eth0") + pair.client.mac("eth0") + ethertype + packet


def read_until(capture: Capture, last: bytes) -> bytes:
    """All bytes of frames that the capture reads until one of them has the end of a packet."""
    found = bytearray()

    def more() -> bool:
        found.extend(capture.read(1_024)[0])
        return last[-8:] in found

    wait_until(more, 10, "the last packet is read")
    return bytes(found)


def listen_at(host: Host, interface: str) -> Capture:
    """A capture on a host."""
    with host.entered():
        return open_capture(interface, latency=10, buffer=1 << 20)


def test_what_the_kernel_lets_pass(link: tuple[str, Pair, str]) -> None:
    """Of all that is sent just what a signed knock may look like is read, on each kind of link."""
    kind, pair, interface = link
    count = iter(range(1_000))
    sent = [*everything(count), Sent("end", FOUR(udp(PORT, numbered(count, TAGS[2]))), True)]
    capture = listen_at(pair.server, interface)
    try:
        attach(capture, SIGNED)
        pair.client.send_frames(interface, [framed(pair, kind, one.packet) for one in sent])
        read = read_until(capture, sent[-1].packet)
    finally:
        capture.close()
    assert [one.what for one in sent if one.passes] == [one.what for one in sent if one.packet[-8:] in read]


def test_a_minute_later(link: tuple[str, Pair, str]) -> None:
    """Another minute's filter takes the place of the one before: what both want passes before and after."""
    kind, pair, interface = link
    count = iter(range(1_000))
    capture = listen_at(pair.server, interface)
    tags = (TAGS[0], NEXT.minutes[2].tag, TAGS[1])
    read = []
    try:
        for signed in (SIGNED, NEXT):
            attach(capture, signed)
            packets = [FOUR(udp(PORT, numbered(count, tag))) for tag in tags]
            pair.client.send_frames(interface, [framed(pair, kind, packet) for packet in packets])
            found = read_until(capture, packets[-1])
            read.append([packet[-8:] in found for packet in packets])
    finally:
        capture.close()
    assert [[True, False, True], [False, True, True]] == read
