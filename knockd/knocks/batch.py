"""Captured frames to groups of packets: packets of one group differ in their sources only.

Most floods are a few such groups, and the matcher judges a group once. Ethernet frames of plain
form (untagged, no IP options, no extension header) are grouped by fields at fixed offsets, all others
are decoded one by one.

Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, compress
from struct import Struct, iter_unpack
from typing import Any

from knockd.knocks.decode import Decoder, decode_ethernet
from knockd_bpf.wire import TCP, UDP, PacketFields
from knockd_conf.classes import NamedTuple

RECORD = Struct("=IIII")
"""What a capture says of a frame: seconds, microseconds, offset in the batch, captured bytes.

Frames follow each other in the order of their records, without gaps.
"""

LEAST = 16
"""Frames from which on a search for groups costs less than it saves."""

Head = tuple[bytes, int, int, int]
"""A packet without its source: destination, protocol, port, flags."""


class Group(NamedTuple):
    """Packets that differ in their sources only; ``places`` of their records, ascending."""

    head: Head
    sources: Sequence[bytes]
    places: Sequence[int]

    def at(self, place: int) -> Sequence[PacketFields]:
        """The packet at a place, if it is one of these."""
        found = bisect_left(self.places, place)
        here = found < len(self.places) and self.places[found] == place
        return [(self.sources[found], *self.head)] if here else []

    def packets(self) -> dict[int, PacketFields]:
        """Every packet by its place."""
        made = zip(self.places, self.sources, strict=True)
        return {place: (source, *self.head) for place, source in made}


class Batch(NamedTuple):
    """All packets of ``size`` frames, in groups."""

    size: int
    groups: Sequence[Group]

    def without(self, places: Collection[int]) -> Batch:
        """The batch without the packets at some places."""
        if not places:
            return self
        kept = ((place, packet) for place, packet in self.packets().items() if place not in places)
        return Batch(self.size, grouped(sorted(kept)))

    def packets(self) -> dict[int, PacketFields]:
        """Every packet by its place."""
        return {place: packet for group in self.groups for place, packet in group.packets().items()}


class _Offsets(NamedTuple):
    """Where things are in a frame of plain form, in bytes."""

    source: int
    length: int
    """Bytes of an address."""
    hosts: bytes
    """What a host's address may begin with."""
    protocol: int
    flags: int
    judged: tuple[int, ...]
    """What decides over a packet, but for its source and the TCP flags."""


_IPV4 = _Offsets(
    26, 4, bytes(range(1, 224)), 23, 47, (12, 13, 14, 16, 17, 20, 21, 23, *range(30, 34), 36, 37)
)
_IPV6 = _Offsets(22, 16, bytes(range(1, 255)), 20, 67, (12, 13, 14, 18, 19, 20, *range(38, 54), 56, 57))
_BY_ETHERTYPE_AND_VERSION = {b"\x08\x00\x45": _IPV4, b"\x86\xdd\x60": _IPV6}

_FORM4, _FORM4_UDP = Struct(">12xIHxxHxB6xIxxH9xB"), Struct(">12xIHxxHxB6xIxxH")
_FORM6, _FORM6_UDP = Struct(">12xHB3xHBx16x16sxxH9xB"), Struct(">12xHB3xHBx16x16sxxH")
"""What decides over a frame of plain form, but for its source: the second of each lacks TCP's flags."""

_FRAGMENT_OFFSET = 0x1FFF
_PAD = bytes(13)
"""What lies behind the last frame, which may be too short to have an EtherType."""


def packets(
    decoder: Decoder, data: bytes, records: bytes, *, ipv6: bool
) -> Iterator[tuple[int, PacketFields]]:
    """The packets of all frames, each with the place of its record; no IPv6 where it is not wanted."""
    frames = ((at, offset, length) for at, (_, _, offset, length) in enumerate(RECORD.iter_unpack(records)))
    return _decoded(decoder, data, frames, ipv6=ipv6)


def _decoded(
    decoder: Decoder, data: bytes, frames: Iterable[tuple[int, int, int]], *, ipv6: bool
) -> Iterator[tuple[int, PacketFields]]:
    """The packets of ``frames``: place, offset and captured length of each."""
    for place, offset, length in frames:
        packet = decoder(data, offset, offset + length)
        if packet is not None and (ipv6 or len(packet[0]) == 4):
            yield place, packet


def read_batch(decoder: Decoder, data: bytes, records: bytes, *, ipv6: bool) -> Batch:
    """The packets of a batch in groups; those of Ethernet are found faster."""
    size = len(records) // RECORD.size
    if decoder is not decode_ethernet or size < LEAST:
        return Batch(size, grouped(packets(decoder, data, records, ipv6=ipv6)))
    group = same_but_source(data, records, ipv6=ipv6)
    return Batch(size, _sorted(data, records, size, ipv6=ipv6) if group is None else [group])


def grouped(packets: Iterable[tuple[int, PacketFields]]) -> list[Group]:
    """Groups of decoded packets."""
    groups: defaultdict[Head, tuple[list[bytes], list[int]]] = defaultdict(lambda: ([], []))
    for place, packet in packets:
        sources, places = groups[packet[1:]]
        sources.append(packet[0])
        places.append(place)
    return [Group(head, *found) for head, found in groups.items()]


def same_but_source(data: bytes, records: bytes, *, ipv6: bool) -> Group | None:
    """All frames as one group; None unless they are of plain form and differ in their sources only."""
    at = _BY_ETHERTYPE_AND_VERSION.get(data[12:15])
    if at is None or (at is _IPV6 and not ipv6):
        return None
    columns = memoryview(records).cast("I")
    size, count = columns[3], len(records) // RECORD.size
    if len(data) != size * count:
        return None
    if any(records[byte::16] != records[byte : byte + 1] * count for byte in range(12, 16)):  # their lengths
        return None
    packet = decode_ethernet(data, 0, size)
    if packet is None or data[at.protocol] != packet[2]:  # nothing we want, or an extension header
        return None
    judged = (*at.judged, at.flags) if packet[2] == TCP else at.judged
    if any(data[place::size] != data[place : place + 1] * count for place in judged):
        return None
    if data[at.source :: size].translate(None, at.hosts):
        return None
    rest = size - at.source - at.length
    sources = chain.from_iterable(iter_unpack(f"{at.source}x{at.length}s{rest}x", data))
    return Group(packet[1:], [*sources], range(count))


def _head(form: tuple[Any, ...]) -> Head | None:
    """What a form says of its packets, None when it is not of plain form or no packet."""
    match form:
        case (kind, size, fragment, protocol, int(number), port, *flags) if kind >> 8 == 0x080045:
            size = 0 if fragment & _FRAGMENT_OFFSET else size - 20
            destination = number.to_bytes(4, "big")
        case (0x86DD, first, size, protocol, destination, port, *flags) if first >> 4 == 6:
            pass
        case _:
            return None
    if protocol == TCP and size >= 20 and flags:
        return destination, protocol, port, flags[0]
    return (destination, protocol, port, 0) if protocol == UDP and size >= 8 else None


def _sorted(data: bytes, records: bytes, size: int, *, ipv6: bool) -> list[Group]:
    """Groups of Ethernet frames: one read and one look-up a frame of plain form."""
    four, four_udp, six, six_udp = (form.unpack_from for form in (_FORM4, _FORM4_UDP, _FORM6, _FORM6_UDP))
    columns = memoryview(records).cast("I")
    offsets, lengths = columns[2::4].tolist(), columns[3::4].tolist()
    padded = data + _PAD
    forms: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, offset, length in zip(range(size), offsets, lengths, strict=True):
        if padded[offset + 12] == 0x86:  # IPv6, else IPv4 or of no plain form
            form = six(data, offset) if length > 67 else six_udp(data, offset) if length > 61 else ()
        else:
            form = four(data, offset) if length > 47 else four_udp(data, offset) if length > 41 else ()
        forms[form].append(place)
    heads: defaultdict[Head | None, list[int]] = defaultdict(list)
    for form, places in forms.items():
        heads[_head(form)] += places
    groups, others = [], heads.pop(None, [])
    for head, unsorted in heads.items():
        if head is None or (len(head[0]) == 16 and not ipv6):
            continue
        at, places = _IPV4 if len(head[0]) == 4 else _IPV6, sorted(unsorted)
        begin, end = at.source, at.source + at.length
        sources = [data[offset + begin : offset + end] for offset in map(offsets.__getitem__, places)]
        if b"".join(sources)[:: at.length].translate(None, at.hosts):
            hosts = [source[0] in at.hosts for source in sources]
            others += [place for place, host in zip(places, hosts, strict=True) if not host]
            sources, places = [*compress(sources, hosts)], [*compress(places, hosts)]
        groups.append(Group(head, sources, places))
    frames = ((place, offsets[place], lengths[place]) for place in sorted(others))
    return groups + grouped(_decoded(decode_ethernet, data, frames, ipv6=ipv6))
