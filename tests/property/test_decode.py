"""Decode is total on arbitrary bytes, and on well-formed frames it says what impacket says."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from impacket import ImpactDecoder, ImpactPacket

from knockd.knocks.decode import decode
from knockd.worker.packet_printer import packet_printer
from knockd_bpf.wire import MAX_EXTENSION_HEADERS, TCP, UDP, Packet
from tests.support.samples.headers import (
    DESTINATION,
    HOP_BY_HOP,
    LINKTYPES,
    ROUTING,
    extension,
    framed,
    ipv4,
    ipv6,
    tcp,
    udp,
)

BUDGET = settings(max_examples=100, deadline=None)
every_link = pytest.mark.parametrize("linktype", LINKTYPES.values(), ids=LINKTYPES)

hosts4 = st.ip_addresses(v=4).filter(lambda a: int(a) >> 24 not in range(224, 240) and int(a) >> 24 != 0)
hosts6 = st.ip_addresses(v=6).filter(lambda a: not a.is_multicast and not a.is_unspecified)
ports = st.integers(0, 65_535)
segments = st.one_of(
    st.tuples(
        st.just(TCP),
        st.builds(
            tcp,
            ports,
            st.integers(0, 255),
            source_port=ports,
            options=st.integers(0, 10).map(lambda n: b"\x01" * (4 * n)),
        ),
    ),
    st.tuples(st.just(UDP), st.builds(udp, ports, st.binary(max_size=30), source_port=ports)),
)
chains = st.lists(
    # The kinds that impacket walks; unit tests have the others.
    st.builds(extension, st.sampled_from([HOP_BY_HOP, ROUTING, DESTINATION]), st.sampled_from([8, 16, 24])),
    max_size=MAX_EXTENSION_HEADERS,
).map(tuple)
packet_line = packet_printer()


@st.composite
def packets4(draw: st.DrawFn) -> bytes:
    """Whole IPv4 packets, with options of any length, from hosts."""
    protocol, segment = draw(segments)
    source, destination = (
        draw(hosts4.filter(lambda a: str(a) != "255.255.255.255")),
        draw(st.ip_addresses(v=4)),
    )
    options = b"\x01" * (4 * draw(st.integers(0, 10)))
    return ipv4(segment, protocol, source=str(source), destination=str(destination), options=options)


@st.composite
def packets6(draw: st.DrawFn) -> bytes:
    """Whole IPv6 packets, with extension headers, from hosts."""
    protocol, segment = draw(segments)
    source, destination = draw(hosts6), draw(st.ip_addresses(v=6))
    return ipv6(segment, protocol, source=str(source), destination=str(destination), extensions=draw(chains))


def by_impacket(packet: bytes) -> Packet | None:
    """The same five facts, read by impacket."""
    if packet[0] >> 4 == 4:
        ip: Any = ImpactDecoder.IPDecoder().decode(packet)
        source, destination = (ip_address(text).packed for text in (ip.get_ip_src(), ip.get_ip_dst()))
    else:
        ip = ImpactDecoder.IP6Decoder().decode(packet)
        source, destination = (bytes(a.as_bytes()) for a in (ip.get_ip_src(), ip.get_ip_dst()))
    layer = ip.child()
    while layer is not None and not isinstance(layer, ImpactPacket.TCP | ImpactPacket.UDP):
        layer = layer.child()
    if isinstance(layer, ImpactPacket.TCP):
        return Packet(source, destination, TCP, layer.get_th_dport(), layer.get_th_flags() & 0xFF)
    if isinstance(layer, ImpactPacket.UDP):
        return Packet(source, destination, UDP, layer.get_uh_dport(), 0)
    return None


@every_link
@BUDGET
@given(packet=st.one_of(packets4(), packets6()))
def test_equal_to_impacket(linktype: int, packet: bytes) -> None:
    """Any well-formed TCP or UDP packet, in any link type's frame, is what impacket reads in it."""
    expected = by_impacket(packet)
    assert expected is not None
    assert expected == decode(linktype, framed(linktype, packet))


@every_link
@BUDGET
@given(frame=st.binary(max_size=120))
def test_total_on_arbitrary_bytes(linktype: int, frame: bytes) -> None:
    """Whatever the bytes, decode answers; and what it takes for a packet comes from a possible host."""
    packet = decode(linktype, frame)
    assert packet is None or _plausible(packet)


@every_link
@BUDGET
@given(data=st.data(), packet=st.one_of(packets4(), packets6()))
def test_total_on_damaged_frames(linktype: int, data: st.DataObject, packet: bytes) -> None:
    """A good frame with bytes changed and its end cut off never raises, nor does its line for -D."""
    frame = bytearray(framed(linktype, packet))
    for _ in range(data.draw(st.integers(0, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(frame[: data.draw(st.integers(0, len(frame)))])
    found = decode(linktype, damaged)
    assert found is None or (_plausible(found) and packet_line(linktype, damaged, 0).isprintable())


def _plausible(packet: Packet) -> bool:
    source = ip_address(packet.source)
    return (
        len(packet.source) == len(packet.destination)
        and packet.protocol in (TCP, UDP)
        and 0 <= packet.port <= 65_535
        and not (source.is_multicast or source.is_unspecified or str(source) == "255.255.255.255")
        and not (source.version == 4 and packet.source[0] == 0)
        and (packet.protocol == TCP or packet.flags == 0)
    )
