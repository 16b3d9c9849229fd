"""How the kernel's filter sees frames of each link type."""

from __future__ import annotations

import pytest

from knockd_bpf.layout import COOKED, COOKED2, ETHERNET, RAW, Layout, layout_for
from tests.support.samples.headers import LINKTYPES, framed, ipv4, ipv6, tcp

PACKETS = [ipv4(tcp(7000)), ipv6(tcp(7000))]


@pytest.mark.parametrize(
    ("name", "layout"),
    [("ethernet", ETHERNET), ("raw", RAW), ("raw-101", RAW), ("sll", COOKED), ("sll2", COOKED2)],
)
def test_link_types(name: str, layout: Layout) -> None:
    """Every link type that decode reads has a layout."""
    assert layout == layout_for(LINKTYPES[name])


def test_unknown_link_type() -> None:
    """A link type that we cannot read is refused with those that we can."""
    with pytest.raises(ValueError, match=r"expected one of 1 \(ethernet\), .*, got 105"):
        layout_for(105)


@pytest.mark.parametrize("packet", PACKETS, ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("name", ["sll", "sll2"])
def test_cooked_view(name: str, packet: bytes) -> None:
    """On a cooked handle the kernel sees the packet alone and keeps the EtherType aside."""
    linktype = LINKTYPES[name]
    ethertype = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    assert (packet, ethertype) == layout_for(linktype).view(framed(linktype, packet))


@pytest.mark.parametrize("name", ["ethernet", "raw"])
def test_plain_view(name: str) -> None:
    """On every other link the kernel sees the frame as it was captured."""
    linktype = LINKTYPES[name]
    frame = framed(linktype, PACKETS[0])
    assert frame == layout_for(linktype).view(frame)[0]


@pytest.mark.parametrize("packet", PACKETS, ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("layout", [ETHERNET, RAW, COOKED, COOKED2], ids=lambda one: one.name)
def test_wrapped_packets_lie_where_the_layout_says(layout: Layout, packet: bytes) -> None:
    """A wrapped packet begins at the network offset of its layout."""
    assert packet == layout.wrap(packet)[0][layout.network :]


@pytest.mark.parametrize("name", ["ethernet", "raw", "sll", "sll2"])
def test_wrap_is_what_a_frame_shows(name: str) -> None:
    """Wrapping a packet shows the filter what a captured frame of that link does, but for addresses."""
    linktype = LINKTYPES[name]
    layout = layout_for(linktype)
    seen, protocol = layout.view(framed(linktype, PACKETS[1]))
    wrapped, given = layout.wrap(PACKETS[1])
    assert (seen[layout.network - 2 if layout.network else 0 :], len(seen)) == (
        wrapped[layout.network - 2 if layout.network else 0 :],
        len(wrapped),
    )
    assert protocol in {0, given}
