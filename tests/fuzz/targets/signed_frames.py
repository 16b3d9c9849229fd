"""Damaged or whole, a frame is told as a signed packet only if the filter passes it, and in a batch as alone.

The input is three bytes for link type, form and payload of the frames, then pairs of a place and what is
changed there; the highest bit of a change begins another frame.
"""

from __future__ import annotations

from ipaddress import ip_address

from knockd.knocks.events import Discarded, SignedPacket
from knockd.knocks.prefilter import prefilter
from knockd.knocks.session import Frames, Origin, Session
from knockd_bpf.layout import layout_for
from knockd_bpf.vm import run_program
from knockd_conf.signed_sizes import SIZE, TAG
from tests.fuzz.targets.frames import untagged
from tests.support.samples.frames import captured
from tests.support.samples.headers import (
    DESTINATION,
    LINKTYPES,
    OURS4,
    OURS6,
    UDP,
    extension,
    framed,
    ipv4,
    ipv6,
    udp,
)
from tests.support.samples.signed_packets import MINUTE, PORT, keys_of, sealed, watching

WATCH = watching(1, 2)
LOCAL = frozenset(ip_address(one).packed for one in (OURS4, OURS6))
PAYLOADS = (
    sealed(1),
    sealed(2, key=2, minute=MINUTE + 1),
    keys_of(MINUTE).tag + bytes(SIZE - TAG),
    bytes(SIZE),
)
MAX_FRAMES = 20
FILTERS = {link: prefilter((), LOCAL, link, signed=WATCH).fitted.program for link in LINKTYPES.values()}


def make(linktype: int, form: int, payload: bytes) -> bytes:
    """A frame of one of the forms."""
    data = udp(PORT, payload)
    if form == 5:
        return framed(linktype, ipv4(data, UDP), tag=b"\x81\x00\x00\x00")
    packets = (
        ipv4(data, UDP),
        ipv6(data, UDP),
        ipv4(data, UDP, options=bytes(8)),
        ipv4(data, UDP, fragment=0x2000),
        ipv6(data, UDP, extensions=(extension(DESTINATION),)),
    )
    return framed(linktype, packets[form])


def batch(data: bytes) -> tuple[int, list[bytes]]:
    """The link type and the frames that the input asks for."""
    link, form, payload = data[:3].ljust(3, b"\0")
    linktype = list(LINKTYPES.values())[link % len(LINKTYPES)]
    whole = make(linktype, form % 6, PAYLOADS[payload % len(PAYLOADS)])
    frames = [bytearray(whole)]
    for at, change in zip(data[3::2], data[4::2], strict=False):
        if change & 0x80 and len(frames) < MAX_FRAMES:
            frames.append(bytearray(whole))
        frames[-1][at % len(whole)] ^= change & 0x7F
    return linktype, [bytes(frame) for frame in frames]


def tell(linktype: int, frames: list[bytes]) -> dict[int, bytes]:
    """The packets of a batch that are told, or would be were they not too many: by the frames' places."""
    session = Session((), limited=False)
    session.set_signed(WATCH)
    read = Frames(*captured(frames, list(range(len(frames)))), linktype)
    found = {}
    for event, stamp in session.judge(read, Origin(0, LOCAL), 5.0, 0.0):
        assert isinstance(event, SignedPacket | Discarded)
        found[stamp] = event.source
    return found


def check(data: bytes) -> None:
    """Judge the frames together and alone, and run the filter on each that is told."""
    linktype, frames = batch(data)
    together = tell(linktype, frames)
    for place, frame in enumerate(frames):
        alone = tell(linktype, [frame])
        assert alone.get(0) == together.get(place)
        if place in together:
            shown = layout_for(linktype).view(untagged(linktype, frame))
            assert run_program(FILTERS[linktype].instructions, *shown).verdict > 0
