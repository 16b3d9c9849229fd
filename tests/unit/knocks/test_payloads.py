"""What UDP packets as long as a signed knock hold, one by one and in batches."""

from __future__ import annotations

import pytest

from knockd.knocks.payloads import find_payload, find_payloads
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL
from knockd_conf.signed_sizes import SIZE
from tests.support.samples.frames import captured
from tests.support.samples.headers import (
    DESTINATION,
    FRAGMENT,
    LINKTYPES,
    TCP,
    UDP,
    extension,
    framed,
    ipv4,
    ipv6,
    udp,
)

PAYLOAD = bytes(range(SIZE))
KNOCK = udp(47_811, PAYLOAD)
WHOLE4, WHOLE6 = ipv4(KNOCK, UDP), ipv6(KNOCK, UDP)
every_link = pytest.mark.parametrize("linktype", LINKTYPES.values(), ids=LINKTYPES)


def alone(linktype: int, frame: bytes) -> bytes | None:
    """The payload of one frame, which lies between other bytes."""
    before, behind = b"\x86\xdd\x60\x08\x00\x45", WHOLE4
    return find_payload(linktype, before + frame + behind, len(before), len(before) + len(frame))


def together(linktype: int, *frames: bytes) -> dict[int, bytes]:
    """Those of all frames of a batch, by their places."""
    return dict(find_payloads(linktype, *captured(frames), range(len(frames))))


@every_link
@pytest.mark.parametrize("packet", [WHOLE4, WHOLE6], ids=["IPv4", "IPv6"])
def test_whole(linktype: int, packet: bytes) -> None:
    """A datagram of that length in a frame of any kind has its payload, also where the frame is padded."""
    for frame in (framed(linktype, packet), framed(linktype, packet + b"padding")):
        assert alone(linktype, frame) == PAYLOAD
        assert together(linktype, frame, frame) == {0: PAYLOAD, 1: PAYLOAD}


@pytest.mark.parametrize("linktype", [DLT_EN10MB, DLT_LINUX_SLL])
def test_priority_tag(linktype: int) -> None:
    """A priority tag is stepped over."""
    frame = framed(linktype, WHOLE4, tag=b"\x81\x00\xe0\x00")
    assert alone(linktype, frame) == PAYLOAD
    assert together(linktype, framed(linktype, WHOLE4), frame) == {0: PAYLOAD, 1: PAYLOAD}


@every_link
@pytest.mark.parametrize("words", range(1, 11))
def test_options(linktype: int, words: int) -> None:
    """IPv4 options are stepped over."""
    frame = framed(linktype, ipv4(KNOCK, UDP, options=b"\1\1\1\1" * words))
    assert alone(linktype, frame) == PAYLOAD
    assert together(linktype, frame) == {0: PAYLOAD}


@every_link
def test_flags_of_ipv4(linktype: int) -> None:
    """A packet that must not be fragmented is no fragment."""
    assert together(linktype, framed(linktype, ipv4(KNOCK, UDP, fragment=0x4000))) == {0: PAYLOAD}


WRONG = {
    "one byte short": ipv4(udp(47_811, PAYLOAD[1:]), UDP),
    "one byte long": ipv4(udp(47_811, PAYLOAD + b"x"), UDP),
    "short over IPv6": ipv6(udp(47_811, PAYLOAD[1:]), UDP),
    "long over IPv6": ipv6(udp(47_811, PAYLOAD + b"x"), UDP),
    "first fragment": ipv4(KNOCK, UDP, fragment=0x2000),
    "later fragment": ipv4(KNOCK, UDP, fragment=1),
    "total length of less": ipv4(KNOCK, UDP, total=len(WHOLE4) - 1),
    "payload length of less": ipv6(KNOCK, UDP, payload=len(KNOCK) - 1),
    "TCP": ipv4(KNOCK, TCP),
    "TCP over IPv6": ipv6(KNOCK, TCP),
    "destination options": ipv6(KNOCK, UDP, extensions=(extension(DESTINATION),)),
    "fragment header": ipv6(KNOCK, UDP, extensions=(extension(FRAGMENT),)),
    "header of four words": ipv4(KNOCK, UDP, header_words=4),
    "IPv5": ipv4(KNOCK, UDP, version=5),
    "IPv6 of version 5": ipv6(KNOCK, UDP, version=5),
    "IPv6 of version 7": ipv6(KNOCK, UDP, version=7),
    "cut short": WHOLE4[:-1],
    "cut short over IPv6": WHOLE6[:-1],
    "IPv6 as long as IPv4": WHOLE6[: len(WHOLE4)],
    "nothing": b"",
}


@every_link
@pytest.mark.parametrize("packet", WRONG.values(), ids=WRONG)
def test_no_knock(linktype: int, packet: bytes) -> None:
    """Any other length, a fragment, an extension header or a cut frame has no payload."""
    frame = framed(linktype, packet)
    assert alone(linktype, frame) is None
    assert together(linktype, frame, framed(linktype, WHOLE4)) == {1: PAYLOAD}


def test_places() -> None:
    """Only the frames that are asked for are looked at."""
    frames = [framed(DLT_EN10MB, ipv4(udp(1, bytes([n]) * SIZE), UDP)) for n in range(5)]
    found = find_payloads(DLT_EN10MB, *captured(frames), (1, 4))
    assert dict(found) == {1: b"\1" * SIZE, 4: b"\4" * SIZE}
