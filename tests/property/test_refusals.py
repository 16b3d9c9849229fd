"""A frame is refused with a reason exactly when decode takes it for no packet, whatever its bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.knocks.decode import decode
from knockd.knocks.refusals import find_refusal
from knockd_bpf.wire import EXTENSION_HEADERS
from tests.support.samples.headers import LINKTYPES, extension, framed, ipv4, ipv6, tcp, udp

BUDGET = settings(max_examples=200, deadline=None)
every_link = pytest.mark.parametrize("linktype", LINKTYPES.values(), ids=LINKTYPES)

segments = st.one_of(
    st.tuples(st.sampled_from([6, 6, 17]), st.builds(tcp, st.integers(0, 65_535))),
    st.tuples(st.sampled_from([17, 17, 6, 1, 50]), st.builds(udp, st.integers(0, 65_535))),
)
sources4 = st.sampled_from(["192.0.2.1", "192.0.2.1", "0.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"])
sources6 = st.sampled_from(["2001:db8::1", "2001:db8::1", "::", "ff02::1", "::ffff:192.0.2.1"])
chains = st.lists(
    st.builds(extension, st.sampled_from(sorted(EXTENSION_HEADERS)), st.sampled_from([8, 16, 24])),
    max_size=10,
).map(tuple)


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """IPv4 and IPv6 packets with all that may be wrong with their headers, one now and then."""
    protocol, segment = draw(segments)
    if draw(st.booleans()):
        return ipv4(
            segment,
            protocol,
            source=draw(sources4),
            options=draw(st.sampled_from([b"", b"", b"\1" * 8])),
            fragment=draw(st.sampled_from([0, 0, 0, 0x2000, 0x2001, 185])),
            total=draw(st.sampled_from([None, None, None, 20, 39, 40])),
            header_words=draw(st.sampled_from([None, None, None, 4, 7, 15])),
            version=draw(st.sampled_from([4, 4, 4, 6])),
        )
    return ipv6(
        segment,
        protocol,
        source=draw(sources6),
        extensions=draw(chains),
        payload=draw(st.sampled_from([None, None, None, 0, 8, 19])),
        version=draw(st.sampled_from([6, 6, 6, 4])),
    )


def agree(linktype: int, frame: bytes) -> bool:
    """Whether decode and the reasons say the same of a frame."""
    refusal = find_refusal(linktype, frame)
    assert refusal is None or refusal.reason.isprintable()
    return (decode(linktype, frame) is None) == (refusal is not None)


@every_link
@BUDGET
@given(frame=st.binary(max_size=120))
def test_arbitrary_bytes(linktype: int, frame: bytes) -> None:
    """Of any bytes there is a reason exactly when decode says None."""
    assert agree(linktype, frame)


@every_link
@BUDGET
@given(packet=packets(), data=st.data())
def test_frames_with_a_fault(linktype: int, packet: bytes, data: st.DataObject) -> None:
    """So it is of packets with something wrong, with bytes changed and cut off anywhere."""
    frame = bytearray(framed(linktype, packet))
    for _ in range(data.draw(st.sampled_from([0, 0, 1, 3]))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.one_of(st.just(len(frame)), st.just(len(frame)), st.integers(0, len(frame))))
    assert agree(linktype, bytes(frame[:end]))


@pytest.mark.parametrize("linktype", [LINKTYPES["ethernet"], LINKTYPES["sll"]])
@BUDGET
@given(
    packet=packets(),
    tags=st.lists(
        st.tuples(st.sampled_from([0x8100, 0x8100, 0x88A8]), st.sampled_from([0, 0, 0x2000, 100])), max_size=3
    ),
)
def test_tags(linktype: int, packet: bytes, tags: list[tuple[int, int]]) -> None:
    """So it is of frames with VLAN tags of any kind and number."""
    frame = framed(linktype, packet)
    at = 12 if linktype == LINKTYPES["ethernet"] else 14
    inserted = b"".join(struct.pack("!HH", kind, tag) for kind, tag in tags)
    assert agree(linktype, frame[:at] + inserted + frame[at:])


@given(linktype=st.integers(0, 300), frame=st.binary(max_size=80))
def test_every_link_type(linktype: int, frame: bytes) -> None:
    """So it is of link types that nobody can read."""
    assert agree(linktype, frame)
