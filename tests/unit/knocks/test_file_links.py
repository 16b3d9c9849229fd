"""Link types that only files have: the IP packet in each frame."""

from __future__ import annotations

import pytest

from knockd.knocks import file_links as links
from knockd.knocks.file_links import unwrapper_for
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, LINKTYPE_RAW
from tests.support.samples.frames import packet

FOUR = packet("192.0.2.1", "10.0.0.1", 7000)
SIX = packet("2001:db8::1", "fd00::1", 7000)
PPPOE = b"\x11\x00\x00\x07\x00\x40"


def unwrap(linktype: int, frame: bytes) -> bytes:
    """The packet in a frame."""
    unwrapper = unwrapper_for(linktype)
    assert unwrapper is not None
    return unwrapper(frame)


@pytest.mark.parametrize(
    ("linktype", "head4", "head6"),
    [
        (links.DLT_NULL, b"\2\0\0\0", b"\x1e\0\0\0"),
        (links.DLT_NULL, b"\0\0\0\2", b"\0\0\0\x1c"),
        (links.DLT_NULL, b"\2\0\0\0", b"\x0a\0\0\0"),
        (links.DLT_LOOP, b"\0\0\0\2", b"\0\0\0\x18"),
        (links.DLT_PPP, b"\xff\3\0\x21", b"\xff\3\0\x57"),
        (links.DLT_PPP, b"\0\x21", b"\0\x57"),
        (links.DLT_PPP, b"\x21", b"\x57"),
        (links.DLT_PPP_SERIAL, b"\xff\3\0\x21", b"\xff\3\0\x57"),
        (links.DLT_PPP_ETHER, PPPOE + b"\0\x21", PPPOE + b"\0\x57"),
        (links.DLT_RAW_BSD, b"", b""),
        (links.LINKTYPE_IPV4, b"", b""),
        (links.LINKTYPE_IPV6, b"", b""),
    ],
)
def test_the_packet_in_it(linktype: int, head4: bytes, head6: bytes) -> None:
    """The link's header is taken off, for both versions of IP."""
    assert FOUR == unwrap(linktype, head4 + FOUR)
    assert SIX == unwrap(linktype, head6 + SIX)


@pytest.mark.parametrize(
    ("linktype", "frame"),
    [
        (links.DLT_NULL, b"\7\0\0\0" + FOUR),
        (links.DLT_NULL, b""),
        (links.DLT_PPP, b"\xff\3\xc0\x21\1\1\0\4"),
        (links.DLT_PPP, b"\xff\3"),
        (links.DLT_PPP, b""),
        (links.DLT_PPP_ETHER, b"\x11\x09" + PPPOE[2:] + b"\0\x21" + FOUR),
        (links.DLT_PPP_ETHER, PPPOE),
    ],
)
def test_no_packet(linktype: int, frame: bytes) -> None:
    """What is no IP, and what is cut off before it, holds no packet."""
    assert b"" == unwrap(linktype, frame)


@pytest.mark.parametrize(
    "linktype", [DLT_EN10MB, DLT_RAW, LINKTYPE_RAW, DLT_LINUX_SLL, DLT_LINUX_SLL2, 9_999]
)
def test_link_types_of_interfaces(linktype: int) -> None:
    """What an interface can have is not unwrapped, nor what nobody knows."""
    assert unwrapper_for(linktype) is None
