"""Frames of files as an interface shows them: to the kernel's filter, and to who reads them."""

from __future__ import annotations

import pytest

from knockd.knocks.decode import decode
from knockd.knocks.file_links import DLT_PPP
from knockd.knocks.kernel_view import Shown, is_outgoing, show_frame, show_in_vlan, shown_linktype
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, LINKTYPE_RAW
from tests.support.samples.frames import ethernet, packet

INNER, INNER6 = packet("192.0.2.1", "10.0.0.1", 7000), packet("2001:db8::1", "fd00::1", 7000)
PLAIN = bytes(12) + b"\x08\x00" + INNER
SLL = b"\0\0\0\1\0\6" + bytes(8)
SLL2 = bytes(18)


@pytest.mark.parametrize(
    ("linktype", "frame"),
    [
        (DLT_EN10MB, PLAIN),
        (DLT_RAW, INNER),
        (LINKTYPE_RAW, INNER),
        (DLT_LINUX_SLL, SLL + b"\x08\x00" + INNER),
        (DLT_LINUX_SLL2, b"\x08\x00" + SLL2 + INNER),
        (DLT_PPP, b"\xff\3\0\x21" + INNER),
    ],
)
def test_what_the_filter_sees(linktype: int, frame: bytes) -> None:
    """The filter sees the same packet on every link."""
    assert PLAIN == show_frame(linktype, frame).filtered


def test_ipv6_without_a_link_header() -> None:
    """The version is told from the packet where no link header has it."""
    assert bytes(12) + b"\x86\xdd" + INNER6 == show_frame(DLT_RAW, INNER6).filtered


def test_no_ip_without_a_link_header() -> None:
    """What is of no version of IP is shown as nothing that the filter wants."""
    assert bytes(14) + b"\xff" == show_frame(DLT_RAW, b"\xff").filtered


def test_what_is_read() -> None:
    """What is read is the file's frame; of link types that only files have, the packet."""
    assert Shown(PLAIN, DLT_EN10MB, PLAIN) == show_frame(DLT_EN10MB, PLAIN)
    assert (LINKTYPE_RAW, INNER) == show_frame(DLT_PPP, b"\0\x21" + INNER)[1:3]


@pytest.mark.parametrize("tag", [b"\x81\x00", b"\x88\xa8"])
def test_first_tag(tag: bytes) -> None:
    """The kernel takes the first tag off before the filter runs, and libpcap puts it back."""
    tagged = bytes(12) + tag + b"\0\x64" + PLAIN[12:]
    assert Shown(PLAIN, DLT_EN10MB, tagged, 100) == show_frame(DLT_EN10MB, tagged)


def test_priority_tag() -> None:
    """A tag of VLAN 0 carries a priority only: the packet is read on this interface."""
    shown = show_frame(DLT_EN10MB, ethernet(bytes(6), bytes(6), INNER, vlan=0))
    assert shown.vlan == 0
    assert decode(shown.linktype, shown.frame) is not None


def test_second_tag() -> None:
    """The second tag stays: the filter has no use for such a frame."""
    twice = bytes(12) + b"\x88\xa8\0\x64\x81\0\0\7" + PLAIN[12:]
    assert bytes(12) + b"\x81\0\0\7" + PLAIN[12:] == show_frame(DLT_EN10MB, twice).filtered


def test_tag_in_a_cooked_frame() -> None:
    """The tag is taken off behind a cooked header, too."""
    shown = show_frame(DLT_LINUX_SLL, SLL + b"\x81\0\0\x64\x08\0" + INNER)
    assert (PLAIN, 100) == (shown.filtered, shown.vlan)


def test_in_its_vlan() -> None:
    """The interface of a VLAN shows the frame without its tag."""
    tagged = show_frame(DLT_EN10MB, bytes(12) + b"\x81\0\0\x64" + PLAIN[12:])
    assert Shown(PLAIN, DLT_EN10MB, PLAIN) == show_in_vlan(tagged)


@pytest.mark.parametrize("frame", [b"", bytes(13), bytes(12) + b"\x81\0\0"])
@pytest.mark.parametrize("linktype", [DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_PPP])
def test_too_short(linktype: int, frame: bytes) -> None:
    """What ends too early is shown and is in no VLAN."""
    assert 0 == show_frame(linktype, frame).vlan


def test_link_types() -> None:
    """Frames of a link type that only files have are read as raw IP; nobody reads the others."""
    assert [DLT_EN10MB, LINKTYPE_RAW, None] == [shown_linktype(one) for one in (DLT_EN10MB, DLT_PPP, 9_999)]


def test_outgoing() -> None:
    """A cooked header says what the host itself sent."""
    assert is_outgoing(DLT_LINUX_SLL, b"\0\4" + bytes(14))
    assert is_outgoing(DLT_LINUX_SLL2, bytes(10) + b"\4" + bytes(9))
    assert not is_outgoing(DLT_LINUX_SLL, bytes(16))
    assert not is_outgoing(DLT_EN10MB, b"\0\4" + bytes(14))
