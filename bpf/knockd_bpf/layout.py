"""How the kernel's filter sees a frame: where its IP header starts and how it says which IP it is.

This is not always what a capture returns: on a cooked handle the kernel's view starts at the
network header (linux/filter.h, SKF_AD_PROTOCOL), while libpcap hands out frames with an SLL header.

Pure.
"""

from __future__ import annotations

from typing import Final

from knockd_bpf import instruction as op
from knockd_bpf.wire import (
    DLT_EN10MB,
    DLT_LINUX_SLL,
    DLT_LINUX_SLL2,
    DLT_RAW,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    LINKTYPE_RAW,
)
from knockd_conf.classes import NamedTuple


class Layout(NamedTuple):
    """Where the kernel's filter finds things on one kind of link.

    ``network`` is the offset of the IP header in bytes. The IP version is found by the load
    instruction ``load`` at ``offset``, cut down with ``mask`` unless that is 0, and then equals
    ``ipv4`` or ``ipv6``. ``header`` is the length of the link header that a captured frame has
    before what the kernel's filter sees, and ``protocol_at`` where in it the EtherType stands
    (None where there is none). With ``this_host_only`` a frame for another host's link address is no
    knock: IP drops it too.
    """

    name: str
    network: int
    load: int
    offset: int
    mask: int
    ipv4: int
    ipv6: int
    header: int = 0
    protocol_at: int | None = None
    this_host_only: bool = False

    def view(self, frame: bytes) -> tuple[bytes, int]:
        """A captured frame as the kernel's filter sees it: (bytes, EtherType the kernel keeps aside)."""
        if self.protocol_at is None:
            return frame, 0
        return frame[self.header :], int.from_bytes(frame[self.protocol_at : self.protocol_at + 2], "big")

    def wrap(self, packet: bytes) -> tuple[bytes, int]:
        """An IP packet as the kernel's filter would see it on this link, with zero link addresses."""
        ethertype = ETHERTYPE_IPV6 if packet[0] >> 4 == 6 else ETHERTYPE_IPV4
        if self.load == op.LD_H_ABS and self.offset < self.network:
            return bytes(self.offset) + ethertype.to_bytes(2, "big") + packet, ethertype
        return packet, ethertype


ETHERNET: Final = Layout("ethernet", 14, op.LD_H_ABS, 12, 0, ETHERTYPE_IPV4, ETHERTYPE_IPV6)
RAW: Final = Layout("raw", 0, op.LD_B_ABS, 0, 0xF0, 0x40, 0x60)
COOKED: Final = Layout(
    "cooked",
    0,
    op.LD_H_ABS,
    op.ANCILLARY_PROTOCOL,
    0,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    header=16,
    protocol_at=14,
)
COOKED2: Final = Layout(
    "cooked2",
    0,
    op.LD_H_ABS,
    op.ANCILLARY_PROTOCOL,
    0,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    header=20,
    protocol_at=0,
)

_LAYOUTS: Final = {
    DLT_EN10MB: ETHERNET,
    DLT_RAW: RAW,
    LINKTYPE_RAW: RAW,
    DLT_LINUX_SLL: COOKED,
    DLT_LINUX_SLL2: COOKED2,
}


def layout_for(linktype: int) -> Layout:
    """The layout of a pcap link type. Raises ValueError for one that we cannot read."""
    try:
        return _LAYOUTS[linktype]
    except KeyError:
        known = ", ".join(f"{number} ({layout.name})" for number, layout in sorted(_LAYOUTS.items()))
        raise ValueError(f"link type: expected one of {known}, got {linktype}") from None
