"""What is on the wire: link types, header numbers and the packet the matcher sees. Pure."""

from __future__ import annotations

from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.model import FlagRule
from knockd_conf.protocol import FLAG_BITS, Protocol

ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_IPV6: Final = 0x86DD
ETHERTYPE_VLAN: Final = 0x8100
"""IEEE 802.1Q tag protocol identifier."""

TCP: Final = int(Protocol.TCP)
"""A plain int, which every packet is compared with faster than with a Protocol."""

UDP: Final = int(Protocol.UDP)

EXTENSION_HEADERS: Final = frozenset({0, 43, 44, 51, 60, 135, 139, 140})
"""IPv6 next-header values that are followed by another header (RFC 7045 and IANA's list).

Hop-by-hop, routing, fragment, authentication, destination options, mobility, HIP, shim6.
ESP (50) is left out: what follows it is encrypted.
"""

MAX_EXTENSION_HEADERS: Final = 8
"""How many extension headers decode walks before it gives a packet up."""

DLT_EN10MB: Final = 1
DLT_RAW: Final = 12
LINKTYPE_RAW: Final = 101
DLT_LINUX_SLL: Final = 113
DLT_LINUX_SLL2: Final = 276

_ETHERNET: Final = frozenset({1, 772})
"""ARPHRD numbers of Ethernet and loopback (linux/if_arp.h)."""

_RAW_IP: Final = frozenset({519, 768, 769, 776, 778, 823, 65534})
"""Raw IP, IPIP, IPv6 and SIT tunnels, GRE over IPv4 and IPv6, and devices without link header (tun)."""


def find_linktype(arphrd: int) -> int:
    """The DLT of frames of an interface of that ARPHRD (linux/if_arp.h); what is unknown is cooked."""
    if arphrd in _ETHERNET:
        return DLT_EN10MB
    return DLT_RAW if arphrd in _RAW_IP else DLT_LINUX_SLL


def flag_names(rule: FlagRule) -> str:
    """A flag rule as TCPFlags writes it: ``syn,!ack``."""
    must = [name for name, bit in FLAG_BITS.items() if rule.must_set & bit]
    return ",".join(must + [f"!{name}" for name, bit in FLAG_BITS.items() if rule.must_clear & bit])


PacketFields = tuple[bytes, bytes, int, int, int]
"""The fields of a Packet in its order, without its names: a plain tuple is made six times faster."""


class Packet(NamedTuple):
    """The five facts that a door can ask about.

    ``source`` and ``destination`` are packed addresses (4 or 16 bytes, network order),
    ``protocol`` is TCP or UDP, ``port`` the destination port, ``flags`` the TCP flag
    byte (0 for UDP).
    """

    source: bytes
    destination: bytes
    protocol: int
    port: int
    flags: int
