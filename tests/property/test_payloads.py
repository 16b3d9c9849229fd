"""Payloads are read from any bytes without error, as impacket reads them, and alone as in a batch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from impacket import ImpactDecoder, ImpactPacket

from knockd.knocks.decode import decode
from knockd.knocks.payloads import find_payload, find_payloads
from knockd.knocks.signed_forms import find_misshape
from knockd_bpf.wire import UDP
from knockd_conf.signed_sizes import SIZE
from tests.property.test_decode import hosts4, hosts6, packets4, packets6, ports
from tests.support.samples.frames import captured
from tests.support.samples.headers import LINKTYPES, framed, ipv4, ipv6, udp

BUDGET = settings(max_examples=100, deadline=None)
every_link = pytest.mark.parametrize("linktype", LINKTYPES.values(), ids=LINKTYPES)
payloads = st.binary(min_size=SIZE - 1, max_size=SIZE + 1) | st.binary(min_size=SIZE, max_size=SIZE)


@st.composite
def datagrams(draw: st.DrawFn) -> bytes:
    """UDP packets of about that length: IPv4 with options, fragments, IPv6."""
    data = udp(draw(ports), draw(payloads), source_port=draw(ports))
    if draw(st.booleans()):
        source, destination = draw(hosts6), draw(st.ip_addresses(v=6))
        return ipv6(data, UDP, source=str(source), destination=str(destination))
    source4 = draw(hosts4.filter(lambda a: str(a) != "255.255.255.255"))
    options = b"\x01" * (4 * draw(st.integers(0, 10)))
    fragment = draw(st.sampled_from([0, 0, 0, 0x4000, 0x2000, 0x6000, 1, 0x8000]))
    return ipv4(data, UDP, source=str(source4), options=options, fragment=fragment)


def by_impacket(packet: bytes) -> bytes | None:
    """The payload of a whole UDP packet of that length in no fragment, read by impacket."""
    if packet[0] >> 4 == 4:
        ip: Any = ImpactDecoder.IPDecoder().decode(packet)
        if ip.get_ip_off() & 0x3FFF:
            return None
    else:
        ip = ImpactDecoder.IP6Decoder().decode(packet)
    layer = ip.child()
    if not isinstance(layer, ImpactPacket.UDP):
        return None
    data = bytes(layer.get_data_as_string())[: layer.get_uh_ulen() - 8]
    return data if len(data) == SIZE else None


@every_link
@BUDGET
@given(packet=st.one_of(datagrams(), packets4(), packets6()))
def test_equal_to_impacket(linktype: int, packet: bytes) -> None:
    """Of any well-formed packet, in any link type's frame, the payload is what impacket reads."""
    frame = framed(linktype, packet)
    assert find_payload(linktype, frame, 0, len(frame)) == by_impacket(packet)


@every_link
@BUDGET
@given(data=st.data(), packets=st.lists(st.one_of(datagrams(), packets4(), packets6()), max_size=4))
def test_damaged_batches(linktype: int, data: st.DataObject, packets: list[bytes]) -> None:
    """Whatever was damaged, a batch has the payloads of its frames one by one, each of a UDP packet."""
    frames = []
    for packet in packets:
        frame = bytearray(framed(linktype, packet))
        for _ in range(data.draw(st.integers(0, 3))):
            frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
        frames.append(bytes(frame[: data.draw(st.sampled_from([len(frame), len(frame) - 1, 40, 9]))]))
    frames.append(data.draw(st.binary(max_size=250)))
    found = dict(find_payloads(linktype, *captured(frames), range(len(frames))))
    for place, one in enumerate(frames):
        payload = find_payload(linktype, one, 0, len(one))
        assert payload == found.get(place)
        if payload is not None and (decoded := decode(linktype, one)) is not None:
            assert (decoded.protocol, len(payload)) == (UDP, SIZE)
            assert payload in one


@every_link
@BUDGET
@given(
    packet=st.one_of(datagrams(), packets4(), packets6()),
    cut=st.integers(0, 60),
    total=st.sampled_from([None, None, 60, 151, 152]),
)
def test_a_reason_for_each_that_is_none(linktype: int, packet: bytes, cut: int, total: int | None) -> None:
    """A UDP packet has a payload of that length exactly when nobody finds a reason why not."""
    if total is not None and packet[0] >> 4 == 4:
        packet = packet[:2] + total.to_bytes(2, "big") + packet[4:]
    frame = framed(linktype, packet)
    frame = frame[: len(frame) - cut]
    found = decode(linktype, frame)
    if found is None or found.protocol != UDP:
        return
    assert (find_payload(linktype, frame, 0, len(frame)) is None) == (
        find_misshape(linktype, frame) is not None
    )
