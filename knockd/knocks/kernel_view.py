"""A frame of a capture file as the daemon would have met it: what the kernel's filter sees, and what is read.

The kernel takes the first VLAN tag off before the filter runs, and libpcap puts it back into what is read.
An interface of a VLAN sees the frames of that VLAN without their tag.

Pure.
"""

from __future__ import annotations

from knockd.knocks.decode import decoder_for
from knockd.knocks.file_links import unwrapper_for
from knockd_bpf.wire import (
    DLT_EN10MB,
    DLT_LINUX_SLL,
    DLT_LINUX_SLL2,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_VLAN,
    LINKTYPE_RAW,
)
from knockd_conf.classes import NamedTuple

ETHERTYPE_QINQ = 0x88A8
"""IEEE 802.1ad, the outer of two tags."""

OUTGOING = 4
"""The packet type of cooked frames that the host itself sent: no capture of the daemon has them."""

_TAGS = (ETHERTYPE_VLAN.to_bytes(2, "big"), ETHERTYPE_QINQ.to_bytes(2, "big"))
_ETHERTYPES = {4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}
_MACS = bytes(12)


class Shown(NamedTuple):
    """A frame as an interface shows it.

    ``filtered`` is what the kernel's filter sees, written as Ethernet whatever the link is. ``linktype`` and
    ``frame`` are what the daemon would read. ``vlan`` is the first tag's VLAN, 0 for none.
    """

    filtered: bytes
    linktype: int
    frame: bytes
    vlan: int = 0


def shown_linktype(linktype: int) -> int | None:
    """The link type that frames of a file are read as; None: it is none that we can read."""
    if decoder_for(linktype) is not None:
        return linktype
    return None if unwrapper_for(linktype) is None else LINKTYPE_RAW


def show_frame(linktype: int, frame: bytes) -> Shown:
    """A frame of a file whose link type ``shown_linktype`` knows, as its interface shows it."""
    if linktype == DLT_EN10MB:
        vlan, filtered = _untag(frame)
        return Shown(filtered, linktype, frame, vlan)
    if linktype == DLT_LINUX_SLL:
        vlan, filtered = _untag(_MACS + frame[14:])
        return Shown(filtered, linktype, frame, vlan)
    if linktype == DLT_LINUX_SLL2:
        vlan, filtered = _untag(_MACS + frame[:2] + frame[20:])
        return Shown(filtered, linktype, frame, vlan)
    unwrap = unwrapper_for(linktype)
    packet = frame if unwrap is None else unwrap(frame)
    ethertype = _ETHERTYPES.get(packet[0] >> 4, 0) if packet else 0
    return Shown(_MACS + ethertype.to_bytes(2, "big") + packet, LINKTYPE_RAW, packet)


def show_in_vlan(shown: Shown) -> Shown:
    """A tagged frame as the interface of its VLAN shows it."""
    return Shown(shown.filtered, DLT_EN10MB, shown.filtered)


def is_outgoing(linktype: int, frame: bytes) -> bool:
    """Whether a cooked frame says that the host itself sent it."""
    if linktype == DLT_LINUX_SLL:
        return frame[:2] == OUTGOING.to_bytes(2, "big")
    return linktype == DLT_LINUX_SLL2 and frame[10:11] == bytes([OUTGOING])


def _untag(frame: bytes) -> tuple[int, bytes]:
    """The first tag's VLAN, and the frame without that tag."""
    if frame[12:14] not in _TAGS:
        return 0, frame
    return int.from_bytes(frame[14:16], "big") & 0x0FFF, frame[:12] + frame[16:]
