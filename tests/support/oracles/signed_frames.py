"""Frames around the ports of signed knocks of a golden case: what passes, and what differs in one thing."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from knockd.knocks.signed_watch import SignedMinute, SignedPort
from knockd_bpf.sources import EVERYBODY
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, TCP, UDP
from knockd_conf.signed_packet import UNBOUND, MinuteKeys, Request, Verb, select_door
from knockd_conf.signed_sizes import SIZE
from knockd_conf.text import address_text
from tests.support.oracles.golden import Case
from tests.support.samples.headers import (
    AUTHENTICATION,
    DESTINATION,
    FRAGMENT,
    HOP_BY_HOP,
    ROUTING,
    extension,
    framed,
    ipv4,
    ipv6,
    udp,
)

TAGS = {"VLAN 0": struct.pack("!HH", 0x8100, 0xE000), "VLAN 100": struct.pack("!HH", 0x8100, 100)}
STRANGERS = {4: "203.0.113.9", 6: "2001:db8:ffff::9"}
FRAGMENTS = {
    "first fragment": 0x2000,
    "later fragment": 0x2001,
    "last fragment": 0x0010,
    "last fragment from the farthest offset": 0x1FFF,
    "may not be fragmented": 0x4000,
    "reserved flag": 0x8000,
}
HEADERS = {
    "hop-by-hop": HOP_BY_HOP,
    "routing": ROUTING,
    "fragment": FRAGMENT,
    "authentication": AUTHENTICATION,
    "destination options": DESTINATION,
}


def signed_frames(case: Case) -> Iterator[tuple[str, bytes]]:
    """Every kind of frame that a filter must tell apart at the first two ports of signed knocks."""
    for port in case.signed.ports[:2]:
        for what, packet in _packets(case, port):
            yield what, framed(case.linktype, packet)
        for version, ours in _ours(case, port):
            packet = _to(ours, udp(port.port, seal(case.signed.minutes[1])))
            yield from _tagged(case, f"IPv{version} signed knock to {port.port}", packet)
            yield from _cut(case, f"IPv{version} signed knock to {port.port}", packet)


def seal(minute: SignedMinute) -> bytes:
    """A signed knock of a minute, of a key that nobody has."""
    request = Request(Verb.OPEN, 0, select_door("ssh"), 0, 0, 0, UNBOUND, bytes(64))
    return MinuteKeys(minute.minute, minute.key).seal(bytes(32), bytes(range(16)), request)


def _packets(case: Case, signed: SignedPort) -> Iterator[tuple[str, bytes]]:
    port, minutes = signed.port, case.signed.minutes
    good = seal(minutes[1])
    for version, ours in _ours(case, signed):
        kind = f"IPv{version} signed knock to {port}"
        for when, minute in zip(("the last minute", "this minute", "the next minute"), minutes, strict=True):
            yield f"{kind} of {when}", _to(ours, udp(port, seal(minute)))
        yield f"{kind} and a stranger's address", _to(STRANGERS[version], udp(port, good))
        yield f"{kind}, only the length and the tag are right", _to(ours, udp(port, good[:4] + bytes(120)))
        for bit in (0, 7, 16, 31):
            changed = (int.from_bytes(good, "big") ^ 1 << 8 * SIZE - 1 - bit).to_bytes(SIZE, "big")
            yield f"{kind}, bit {bit} of its tag changed", _to(ours, udp(port, changed))
        yield f"{kind}, its tag behind four bytes", _to(ours, udp(port, bytes(4) + good[:-4]))
        for size in (0, 3, 4, SIZE - 1, SIZE + 1, SIZE + 256):
            data = (good + bytes(256))[:size]
            yield f"{kind}, {size} bytes", _to(ours, udp(port, data))
        for claimed in (0, SIZE, SIZE + 7, SIZE + 9):
            wrong = struct.pack("!HHHH", 40_000, port, claimed, 0) + good
            yield f"{kind}, {claimed} in its length field", _to(ours, wrong)
        longer = struct.pack("!HHHH", 40_000, port, 8 + SIZE, 0) + good + bytes(9)
        yield f"{kind}, more bytes than its length field has", _to(ours, longer)
        for other in sorted({port - 1, port + 1} - {one.port for one in case.signed.ports}):
            yield f"{kind} but at port {other}", _to(ours, udp(other, good))
        yield f"{kind}, but TCP", _to(ours, udp(port, good), TCP)
    yield from _only_ipv4(case, signed, good)
    yield from _only_ipv6(case, signed, good)
    yield from _from_edges(case, signed, good)


def _only_ipv4(case: Case, signed: SignedPort, good: bytes) -> Iterator[tuple[str, bytes]]:
    for version, ours in _ours(case, signed):
        if version == 4:
            sent = udp(signed.port, good)
            for what, field in FRAGMENTS.items():
                yield f"signed knock, {what}", ipv4(sent, UDP, destination=ours, fragment=field)
            for size in (4, 40):
                made = ipv4(sent, UDP, destination=ours, options=b"\1" * size)
                yield f"signed knock, {size} bytes of IPv4 options", made
            behind = udp(signed.port, bytes(4) + good[:-4])
            made = ipv4(behind, UDP, destination=ours, options=b"\1" * 4)
            yield "signed knock, its tag where it is without IPv4 options", made
            for words in (0, 4):
                made = ipv4(sent, UDP, destination=ours, header_words=words)
                yield f"signed knock, {words} words of IPv4 header claimed", made


def _only_ipv6(case: Case, signed: SignedPort, good: bytes) -> Iterator[tuple[str, bytes]]:
    for version, ours in _ours(case, signed):
        if version == 6:
            sent = udp(signed.port, good)
            for what, number in HEADERS.items():
                made = ipv6(sent, UDP, destination=ours, extensions=(extension(number),))
                yield f"signed knock behind a header: {what}", made


def _from_edges(case: Case, signed: SignedPort, good: bytes) -> Iterator[tuple[str, bytes]]:
    """From the first and the last address of networks that may knock, and from those beside them."""
    for version, ours in _ours(case, signed):
        sources = case.fitted.term.versions().get(version, EVERYBODY)
        size, build = (16, ipv6) if version == 6 else (4, ipv4)
        spans = sources.spans(size)[:3] if sources != EVERYBODY else ()
        near = sorted({end + step for span in spans for end in span for step in (-1, 0, 1)})
        for number in (one for one in near if 0 <= one < 1 << 8 * size):
            source = address_text(number.to_bytes(size, "big"))
            made = build(udp(signed.port, good), UDP, source=source, destination=ours)
            yield f"signed knock from {source}", made


def _tagged(case: Case, what: str, packet: bytes) -> Iterator[tuple[str, bytes]]:
    if case.linktype in {DLT_EN10MB, DLT_LINUX_SLL}:
        for name, tag in TAGS.items():
            yield f"{what} in a tag of {name}", framed(case.linktype, packet, tag=tag)


def _cut(case: Case, what: str, packet: bytes) -> Iterator[tuple[str, bytes]]:
    """The frame cut off in each header, and in and around the first word of the payload."""
    frame = framed(case.linktype, packet)
    start = len(frame) - len(packet)
    udp_at = len(frame) - SIZE - 8
    ends = (start, start + 10, start + 17, udp_at, udp_at + 3, udp_at + 4, udp_at + 6, udp_at + 8)
    for end in (*ends, udp_at + 11, udp_at + 12, len(frame) - 1):
        yield f"{what}, cut off after {end} bytes", frame[:end]


def _ours(case: Case, signed: SignedPort) -> Iterator[tuple[int, str]]:
    """An address of either IP version that the port is for; one of ours where it is for none."""
    names = [address_text(one) for one in sorted(signed.target)] or [*case.addresses]
    for version, default in ((4, "192.0.2.1"), (6, "2001:db8::1")):
        yield version, next((one for one in names if (":" in one) == (version == 6)), default)


def _to(address: str, transport: bytes, protocol: int = UDP) -> bytes:
    build = ipv6 if ":" in address else ipv4
    return build(transport, protocol, destination=address)
