"""Decode answers any bytes, heeds nothing beside the frame, and takes only what a door's own filter passes.

The first byte of the input chooses the link type; the rest is the frame.
"""

from __future__ import annotations

from ipaddress import ip_address

from knockd.knocks.decode import decode, decoder_for
from knockd_bpf.build import WatchedPorts, build_term
from knockd_bpf.layout import layout_for
from knockd_bpf.program import assemble_term
from knockd_bpf.vm import run_program
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, TCP, UDP, Packet
from tests.support.samples.headers import LINKTYPES

BEFORE, BEHIND = b"\x86\xdd\x60\xff\x45", b"\x06\x45\x11\xff" * 16
"""What lies around the frame in the capture's buffer: bytes that mean something where they do not belong."""


def check(data: bytes) -> None:
    """Decode one frame, alone and in a buffer, and send it through the filter that its packet needs."""
    linktype = list(LINKTYPES.values())[data[0] % len(LINKTYPES)] if data else LINKTYPES["raw"]
    frame = data[1:]
    packet = decode(linktype, frame)
    decoder = decoder_for(linktype)
    assert decoder is not None
    fields = decoder(BEFORE + frame + BEHIND, len(BEFORE), len(BEFORE) + len(frame))
    assert packet == (Packet(*fields) if fields else None)
    if packet is not None:
        _check(packet)
        assert passes(linktype, untagged(linktype, frame), packet)


def passes(linktype: int, frame: bytes, packet: Packet) -> bool:
    """Whether a frame passes the filter of a door that asks for just that packet."""
    port, layout = (packet.protocol, packet.port), layout_for(linktype)
    term = build_term([WatchedPorts(frozenset({port}), None, frozenset({packet.destination}))], None)
    return run_program(assemble_term(term, layout).instructions, *layout.view(frame)).verdict > 0


def untagged(linktype: int, frame: bytes) -> bytes:
    """The frame as the kernel's filter sees it: without the tag that libpcap puts back afterwards."""
    at = {DLT_EN10MB: 12, DLT_LINUX_SLL: 14}.get(linktype)
    if at is None or frame[at : at + 2] != b"\x81\x00":
        return frame
    return frame[:at] + frame[at + 4 :]


def _check(packet: Packet) -> None:
    source = ip_address(packet.source)
    assert len(packet.source) == len(packet.destination)
    assert packet.protocol in (TCP, UDP)
    assert 0 <= packet.port <= 65_535
    assert 0 <= packet.flags <= (255 if packet.protocol == TCP else 0)
    assert not source.is_multicast
    assert not source.is_unspecified
    assert packet.source != b"\xff\xff\xff\xff"
    assert source.version == 6 or packet.source[0] != 0
