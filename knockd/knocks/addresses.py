"""Which destinations count at an interface, and which sources no packet off the wire can have.

The kernel takes a packet for any of its addresses by any interface (RFC 1122 calls it the weak model of
a host), but for addresses that mean something on one link only. It drops sources that are its own.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from knockd.knocks.batch import Batch
from knockd_conf.text import is_link_local

_LOOPBACK_4 = b"\x7f"
_LOOPBACK_6 = bytes(15) + b"\1"
_MAPPED = bytes(10) + b"\xff\xff"
"""What an IPv4 address begins with when it is written as IPv6 (RFC 4291, section 2.5.5.2)."""


def spread_addresses(own: Mapping[str, frozenset[bytes]]) -> dict[str, frozenset[bytes]]:
    """The destinations that count at each interface: its own addresses, and the others' that count anywhere.

    ``own`` are the packed addresses of all interfaces that are listened on.
    """
    everywhere = frozenset(address for its in own.values() for address in its if not _of_one_link(address))
    return {name: its | everywhere for name, its in own.items()}


def _of_one_link(address: bytes) -> bool:
    """Whether the kernel takes it on one link alone: 127.0.0.0/8, ::1 and fe80::/10 (link-local)."""
    return _is_loopback(address) or is_link_local(address)


def find_impossible(batch: Batch, own: frozenset[bytes]) -> Iterator[int]:
    """The places of packets whose source no packet off the wire can have.

    These are loopback, IPv4 addresses in IPv6 form, and this host's ``own`` addresses: the kernel drops
    most of them as martians.
    """
    for group in batch.groups:
        sources = group.sources
        four = len(group.head[0]) == 4
        # Only an address that begins so can be one of the first two kinds.
        suspect = (_LOOPBACK_4 if four else b"\0") in b"".join(sources)[:: 4 if four else 16]
        if suspect or not own.isdisjoint(sources):
            for place, source in zip(group.places, sources, strict=True):
                if source in own or (suspect and (_is_loopback(source) or source.startswith(_MAPPED))):
                    yield place


def _is_loopback(address: bytes) -> bool:
    return address.startswith(_LOOPBACK_4) if len(address) == 4 else address == _LOOPBACK_6
