"""The program for one source: what passes it, on each kind of link."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from knockd_bpf.layout import COOKED, ETHERNET, RAW, Layout
from knockd_bpf.source import source_program
from knockd_bpf.vm import run_program

SNAPLEN = 256
LINKS = [ETHERNET, RAW, COOKED]
ONE = {4: "192.0.2.7", 6: "2001:db8::7"}
OTHERS = {
    4: ["192.0.2.6", "193.0.2.7", "7.2.0.192"],
    6: ["2001:db8::6", "2001:db8:0:1::7", "2001:db9::7", "2001:db8::1:0:7"],
}


def packed(address: str) -> bytes:
    """An address in network order."""
    return ip_address(address).packed


def ip_packet(source: str, destination: str) -> bytes:
    """The head of an IP packet, and some bytes behind it."""
    addresses = packed(source) + packed(destination)
    head = b"\x45" + bytes(11) if len(addresses) == 8 else b"\x60" + bytes(7)
    return head + addresses + bytes(20)


def verdict(layout: Layout, source: str, frame: bytes, ethertype: int = 0) -> int:
    """Bytes of the frame that the program keeps."""
    program = source_program(packed(source), layout, SNAPLEN)
    return run_program(program, frame, ethertype).verdict


@pytest.mark.parametrize("layout", LINKS, ids=lambda one: one.name)
@pytest.mark.parametrize("version", [4, 6])
def test_source(layout: Layout, version: int) -> None:
    """What comes from the address passes, at whatever it is sent."""
    one, other = ONE[version], OTHERS[version][0]
    assert verdict(layout, one, *layout.wrap(ip_packet(one, other))) == SNAPLEN


@pytest.mark.parametrize("layout", LINKS, ids=lambda one: one.name)
@pytest.mark.parametrize("version", [4, 6])
def test_others(layout: Layout, version: int) -> None:
    """What comes from elsewhere does not, also when it is sent to the address."""
    one = ONE[version]
    for other in OTHERS[version]:
        assert verdict(layout, one, *layout.wrap(ip_packet(other, one))) == 0


@pytest.mark.parametrize("layout", LINKS, ids=lambda one: one.name)
@pytest.mark.parametrize("version", [4, 6])
def test_other_version(layout: Layout, version: int) -> None:
    """A packet of the other IP version does not, whatever its bytes."""
    one = ONE[version]
    frame, ethertype = layout.wrap(bytes([0x60 if version == 4 else 0x40]) + ip_packet(one, one)[1:])
    assert verdict(layout, one, frame, ethertype) == 0


@pytest.mark.parametrize("layout", LINKS, ids=lambda one: one.name)
def test_cut(layout: Layout) -> None:
    """A frame that ends before its source does not pass."""
    frame, ethertype = layout.wrap(ip_packet(ONE[4], ONE[4]))
    for length in range(layout.network + 16):
        assert verdict(layout, ONE[4], frame[:length], ethertype) == 0


@pytest.mark.parametrize("version", [4, 6])
def test_tag_that_is_left(version: int) -> None:
    """Behind a VLAN tag that the kernel has left on, the source is found too; not behind two."""
    one = ONE[version]
    frame, _ = ETHERNET.wrap(ip_packet(one, one))
    tagged = frame[:12] + b"\x81\x00\x00\x05" + frame[12:]
    assert verdict(ETHERNET, one, tagged) == SNAPLEN
    assert verdict(ETHERNET, one, tagged[:12] + b"\x81\x00\x00\x06" + tagged[12:]) == 0
    assert verdict(ETHERNET, OTHERS[version][0], tagged) == 0
