"""Frames to packets: link types, tags, and what is cut off or lies about its length."""

from __future__ import annotations

import random
import struct
from ipaddress import ip_address

import pytest

from knockd.knocks.decode import decode, decoder_for
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, TCP, UDP, Packet
from tests.support.samples.headers import (
    KNOCKER4,
    KNOCKER6,
    LINKTYPES,
    OURS4,
    OURS6,
    framed,
    ipv4,
    ipv6,
    tcp,
    udp,
)

SYN = 0x02
FROM4, TO4 = ip_address(KNOCKER4).packed, ip_address(OURS4).packed
FROM6, TO6 = ip_address(KNOCKER6).packed, ip_address(OURS6).packed

SAMPLES = {
    "ipv4-tcp": (ipv4(tcp(7000)), Packet(FROM4, TO4, TCP, 7000, SYN)),
    "ipv4-udp": (ipv4(udp(8000), UDP), Packet(FROM4, TO4, UDP, 8000, 0)),
    "ipv6-tcp": (ipv6(tcp(7000)), Packet(FROM6, TO6, TCP, 7000, SYN)),
    "ipv6-udp": (ipv6(udp(8000), UDP), Packet(FROM6, TO6, UDP, 8000, 0)),
}
ENOUGH = {"ipv4-tcp": 34, "ipv4-udp": 28, "ipv6-tcp": 54, "ipv6-udp": 48}
"""Bytes of the IP packet up to the last field that decode looks at (TCP) or the header's end (UDP)."""

every_link = pytest.mark.parametrize("linktype", LINKTYPES.values(), ids=LINKTYPES)
every_sample = pytest.mark.parametrize("sample", SAMPLES)
tagged = pytest.mark.parametrize("linktype", [DLT_EN10MB, DLT_LINUX_SLL], ids=["ethernet", "sll"])


@every_link
@every_sample
def test_reads_every_link_type(linktype: int, sample: str) -> None:
    """Source, destination, protocol, port and flags come out of every link type's frames."""
    packet, expected = SAMPLES[sample]
    assert expected == decode(linktype, framed(linktype, packet))


@every_link
@every_sample
def test_frame_in_the_middle_of_a_batch(linktype: int, sample: str) -> None:
    """A frame is read where it lies in a batch, whatever lies around it."""
    packet, expected = SAMPLES[sample]
    frame = framed(linktype, packet)
    decoder = decoder_for(linktype)
    assert decoder is not None
    assert expected == decoder(b"\x45" * 7 + frame + b"\x60" * 90, 7, 7 + len(frame))


@every_link
@every_sample
def test_cut_off_at_every_byte(linktype: int, sample: str) -> None:
    """A frame cut off before the last field that counts is no packet; after it, it is the same packet."""
    packet, expected = SAMPLES[sample]
    frame = framed(linktype, packet)
    needed = len(frame) - len(packet) + ENOUGH[sample]
    seen = [decode(linktype, frame[:length]) for length in range(len(frame) + 1)]
    assert [None] * needed + [expected] * (len(frame) + 1 - needed) == seen


@every_link
@every_sample
def test_cut_off_in_a_batch(linktype: int, sample: str) -> None:
    """What follows a short frame in the batch is never read as part of it."""
    packet, expected = SAMPLES[sample]
    frame = framed(linktype, packet)
    needed = len(frame) - len(packet) + ENOUGH[sample]
    decoder = decoder_for(linktype)
    assert decoder is not None
    seen = [decoder(frame, 0, length) for length in range(len(frame) + 1)]
    assert [None] * needed + [expected] * (len(frame) + 1 - needed) == seen


@every_link
def test_random_bytes(linktype: int) -> None:
    """Random bytes never raise (how many happen to be a packet does not matter)."""
    chance = random.Random(linktype)
    kinds = {type(decode(linktype, chance.randbytes(chance.randrange(120)))) for _ in range(3_000)}
    assert kinds <= {type(None), Packet}


@every_link
@every_sample
def test_one_damaged_byte(linktype: int, sample: str) -> None:
    """A frame with any one byte changed never raises."""
    frame = framed(linktype, SAMPLES[sample][0])
    damaged = [
        frame[:at] + bytes([value]) + frame[at + 1 :]
        for at in range(len(frame))
        for value in (0, 1, 4, 0x0F, 0x7F, 0x80, 0xFF)
    ]
    assert {type(decode(linktype, each)) for each in damaged} <= {type(None), Packet}


def test_unknown_link_type() -> None:
    """A link type that is not listed has no decoder, and its frames are nothing."""
    assert (decoder_for(127), decode(127, ipv4(tcp(7000)))) == (None, None)


@tagged
@pytest.mark.parametrize("priority", [0x0000, 0x2000, 0xE000, 0x1000])
@every_sample
def test_priority_tag(linktype: int, priority: int, sample: str) -> None:
    """A tag of VLAN 0 carries only a priority: the frame counts as untagged."""
    packet, expected = SAMPLES[sample]
    frame = framed(linktype, packet, tag=struct.pack("!HH", 0x8100, priority))
    assert expected == decode(linktype, frame)


@tagged
@pytest.mark.parametrize("tag", [0x0064, 0xE064, 0x0001, 0x0FFF])
@every_sample
def test_vlan_tag(linktype: int, tag: int, sample: str) -> None:
    """A frame of a VLAN is judged on the VLAN's own interface, never on its parent."""
    frame = framed(linktype, SAMPLES[sample][0], tag=struct.pack("!HH", 0x8100, tag))
    assert None is decode(linktype, frame)


@tagged
@pytest.mark.parametrize("outer", [0x8100, 0x88A8])
def test_two_tags(linktype: int, outer: int) -> None:
    """Doubly tagged frames are nothing, even when both tags are of VLAN 0."""
    frame = framed(linktype, ipv4(tcp(7000)), tag=struct.pack("!HHHH", outer, 0, 0x8100, 0))
    assert None is decode(linktype, frame)


@tagged
def test_tag_cut_off(linktype: int) -> None:
    """A priority-tagged frame that ends inside its tag is nothing."""
    frame = framed(linktype, ipv4(tcp(7000)), tag=b"\x81\0\0\0")
    start = frame.index(b"\x81\0\0\0")
    assert [decode(linktype, frame[: start + length]) for length in range(7)] == [None] * 7


@pytest.mark.parametrize("linktype", [DLT_LINUX_SLL, DLT_LINUX_SLL2], ids=["sll", "sll2"])
@pytest.mark.parametrize(("packet_type", "counts"), [(0, True), (1, True), (2, True), (3, True), (4, False)])
def test_cooked_packet_type(linktype: int, packet_type: int, counts: bool) -> None:
    """What we sent ourselves (packet type 4) is no knock on a cooked link; every other type may be."""
    frame = framed(linktype, ipv4(tcp(7000)), packet_type=packet_type)
    assert counts == (decode(linktype, frame) is not None)


@pytest.mark.parametrize("ethertype", [0x0806, 0x8864, 0x0801, 0x86DC, 0x05DC])
def test_other_ethertypes(ethertype: int) -> None:
    """ARP, PPPoE, 802.3 lengths and neighbours of the IP EtherTypes are nothing."""
    frame = bytes(12) + struct.pack("!H", ethertype) + ipv4(tcp(7000))
    assert None is decode(DLT_EN10MB, frame)


@pytest.mark.parametrize("sample", ["ipv4-tcp", "ipv4-udp"])
@pytest.mark.parametrize("version", [0, 5, 6, 15])
def test_ipv4_ethertype_wants_version_4(sample: str, version: int) -> None:
    """A packet announced as IPv4 with another version in its header is nothing."""
    packet = SAMPLES[sample][0]
    frame = bytes(12) + b"\x08\0" + bytes([version << 4 | 5]) + packet[1:]
    assert None is decode(DLT_EN10MB, frame)


@pytest.mark.parametrize("version", [0, 4, 5, 7, 15])
def test_ipv6_ethertype_wants_version_6(version: int) -> None:
    """A packet announced as IPv6 with another version in its header is nothing."""
    frame = bytes(12) + b"\x86\xdd" + ipv6(tcp(7000), version=version)
    assert None is decode(DLT_EN10MB, frame)


@pytest.mark.parametrize("version", [0, 1, 3, 5, 7, 15])
def test_raw_wants_a_known_version(version: int) -> None:
    """On a raw IP link the version nibble decides, and only 4 and 6 are IP."""
    assert None is decode(DLT_RAW, ipv4(tcp(7000), version=version))


@pytest.mark.parametrize("protocol", [0, 1, 2, 47, 50, 58, 132, 255])
def test_other_transports(protocol: int) -> None:
    """Only TCP and UDP are knocks."""
    packets = [ipv4(tcp(7000), protocol), ipv6(tcp(7000), protocol)]
    assert [decode(DLT_RAW, packet) for packet in packets] == [None, None]


@pytest.mark.parametrize("flags", [0x00, 0x01, 0x12, 0x3F, 0xC2, 0xFF])
def test_flag_byte(flags: int) -> None:
    """The TCP flag byte comes out whole, the two bits of ECN too."""
    packets = [ipv4(tcp(7000, flags)), ipv6(tcp(7000, flags))]
    assert [flags, flags] == [getattr(decode(DLT_RAW, packet), "flags", None) for packet in packets]


@pytest.mark.parametrize("port", [0, 1, 255, 256, 65_535])
def test_ports(port: int) -> None:
    """Every port from 0 to 65535 is a destination port."""
    packets = [ipv4(tcp(port)), ipv4(udp(port), UDP), ipv6(tcp(port)), ipv6(udp(port), UDP)]
    assert [port] * 4 == [getattr(decode(DLT_RAW, packet), "port", None) for packet in packets]
