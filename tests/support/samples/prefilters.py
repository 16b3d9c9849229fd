"""The small world that property tests of the prefilter draw from: ports, rules, addresses, frames."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from hypothesis import strategies as st

from knockd_bpf.build import WatchedPorts
from knockd_bpf.payload import PayloadRule
from knockd_bpf.wire import EXTENSION_HEADERS, TCP, UDP, Packet
from knockd_conf.access import Access, collapse_networks, make_networks
from knockd_conf.model import FlagRule
from tests.support.samples.headers import KNOCKER4, KNOCKER6, framed, ipv4, ipv6, tcp, udp

ADDRESSES = tuple(
    ip_address(one).packed
    for one in (
        *("192.0.2.1", "192.0.2.2", "198.51.100.7"),
        *("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "fe80::1"),
    )
)
SOURCES = {4: ip_address(KNOCKER4).packed, 16: ip_address(KNOCKER6).packed}
"""The knocker, by the length of its packed address."""

PORTS = (0, 1, 2, 3, 7000, 7001, 7002, 7004, 65_534, 65_535)
FLAG_BYTES = (0x02, 0x12, 0x10, 0x18, 0x11, 0x01, 0x04, 0x00, 0x29, 0xC2, 0xFF)
RULES = (
    *(FlagRule(0x02, 0), FlagRule(0x02, 0x10), FlagRule(0, 0x10), FlagRule(0x01, 0), FlagRule(0x12, 0)),
    *(FlagRule(0, 0x02), FlagRule(0x29, 0x16), FlagRule(0x01, 0x3E)),
)
NUMBERS = (TCP, TCP, TCP, UDP, UDP, 1, 58, 50, 0, 43, 44, 51, 60, 135, 139, 140, 255)

NETWORKS = make_networks(
    map(
        ip_network,
        (
            *(
                "192.0.2.0/24",
                "198.51.100.7/32",
                "203.0.113.0/25",
                "203.0.113.0/24",
                "0.0.0.0/0",
                "128.0.0.0/1",
            ),
            *(
                "203.0.113.9/32",
                "203.0.113.8/30",
                "2001:db8::/32",
                "2001:db8::/127",
                "2001:db8::99/128",
                "::/0",
            ),
            *("2001:db8:0:0:8000::/65", "2001:db8:0:1::/64", "fe80::/10", "8000::/1", "2001:db8::/40"),
        ),
    )
)
KNOCKERS = tuple(
    ip_address(one).packed
    for one in (
        *(KNOCKER4, "203.0.113.8", "203.0.113.200", "198.51.100.7", "198.51.100.8", "10.0.0.1", "192.0.2.77"),
        *(
            KNOCKER6,
            "2001:db8::1",
            "2001:db8::8000:0:0:1",
            "2001:db8:0:1::5",
            "2001:db9::1",
            "fe80::9",
            "::1",
        ),
    )
)
"""Who knocks, also from outside of all networks and from their edges."""

accesses = st.none() | st.builds(
    Access, *(st.lists(st.sampled_from(NETWORKS), max_size=4, unique=True).map(collapse_networks),) * 2
)
"""Who may knock at one door."""

WORDS = (0, 1, 0x11223344, 0x80000000, 0xFFFFFFFF)
SIZES = (4, 5, 124, 300)

payload_rules = st.builds(
    PayloadRule,
    st.sampled_from(SIZES),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True).map(lambda some: (*sorted(some),)),
)
"""What the payload of a UDP packet may have to be."""

payloads = st.just(b"\0") | st.builds(
    lambda word, size, change: bytes.fromhex(f"{word:08x}") + bytes(max(size - 4 + change, 0)),
    st.sampled_from(WORDS) | st.integers(0, 2**32 - 1),
    st.sampled_from(SIZES),
    st.sampled_from((0, 0, 0, -1, 1)),
)
"""What a UDP packet may hold: most are of a size and with a word that rules ask for."""

watches = st.builds(
    WatchedPorts,
    st.frozensets(
        st.tuples(st.sampled_from((TCP, TCP, UDP)), st.sampled_from(PORTS)), min_size=1, max_size=5
    ),
    st.none() | st.sampled_from(RULES),
    st.just(frozenset()) | st.frozensets(st.sampled_from(ADDRESSES), min_size=1, max_size=3),
    accesses,
    st.none() | st.none() | payload_rules,
)
"""What one door may want."""


def keep_rule(rule: PayloadRule) -> bytes:
    """A payload that satisfies a rule."""
    return rule.words[-1].to_bytes(4, "big") + bytes(range(256))[: rule.size - 4].ljust(rule.size - 4, b"\1")


@dataclass(frozen=True)
class Wire:
    """An IP packet, whole or cut, that can be put on any link.

    ``number`` is its protocol or next header; ``ethertype`` replaces the right one where the link has one.
    ``payload`` is what a UDP packet holds that is no fragment, comes right behind the IP header and has its
    own length in its header; else None.
    """

    packet: bytes
    number: int
    whole: bool = True
    ethertype: int | None = None
    payload: bytes | None = None

    @classmethod
    def of(cls, packet: Packet, payload: bytes = b"\0") -> Wire:
        """The plainest frame of a packet; ``payload`` is for UDP alone."""
        transport = tcp(packet.port, packet.flags) if packet.protocol == TCP else udp(packet.port, payload)
        build = ipv6 if len(packet.destination) == 16 else ipv4
        source, destination = str(ip_address(packet.source)), str(ip_address(packet.destination))
        made = build(transport, packet.protocol, source=source, destination=destination)
        return cls(made, packet.protocol, payload=payload if packet.protocol == UDP else None)

    def framed(self, linktype: int) -> bytes:
        """The frame on a link."""
        frame = framed(linktype, self.packet)
        header = len(frame) - len(self.packet)
        if self.ethertype is None or not header:
            return frame
        return frame[: header - 2] + self.ethertype.to_bytes(2, "big") + self.packet


@st.composite
def _wires(draw: st.DrawFn) -> Wire:
    destination = draw(st.sampled_from((*ADDRESSES, bytes(4), bytes(16))))
    number = draw(st.sampled_from(NUMBERS))
    port = draw(st.sampled_from(PORTS) | st.integers(0, 65_535))
    flags = draw(st.sampled_from(FLAG_BYTES) | st.integers(0, 255))
    payload: bytes | None = None
    if number == UDP:
        payload = draw(payloads)
        transport = udp(port, payload)
        if draw(st.integers(0, 7)) == 0:
            claimed = draw(st.sampled_from([*(8 + size for size in SIZES), 0, 7, 8, 65_535]))
            payload = payload if claimed == len(transport) else None
            transport = transport[:4] + claimed.to_bytes(2, "big") + transport[6:]
    elif number in EXTENSION_HEADERS and draw(st.booleans()):
        transport = bytes([UDP, 0]) + bytes(6) + udp(port, draw(payloads))
    else:
        transport = tcp(port, flags)
    lies = number == UDP and payload is None
    name = str(ip_address(destination))
    sources = [one for one in KNOCKERS if len(one) == len(destination)]
    source = str(ip_address(draw(st.sampled_from(sources))))
    whole = True
    if len(destination) == 16:
        packet = ipv6(transport, number, source=source, destination=name)
    else:
        words = draw(st.none() | st.integers(0, 15))
        options = b"\1" * 4 * draw(st.sampled_from((0, 0, 0, 1, 3, 10)))
        fragment = draw(st.sampled_from((0, 0, 0, 0x4000, 0x2000, 1, 0x1000, 0x1FFF)))
        packet = ipv4(
            transport,
            number,
            source=source,
            destination=name,
            options=options,
            header_words=words,
            fragment=fragment,
        )
        whole = words is None and fragment != 0x2000
        if words is not None or fragment & 0x3FFF:
            payload = None
    ethertype = draw(
        st.none() | st.none() | st.none() | st.sampled_from((0x0800, 0x86DD, 0x8100, 0x0806, 60))
    )
    if draw(st.integers(0, 4)) == 0:
        packet = packet[: draw(st.integers(1, len(packet) - 1))]
        whole, payload = False, None
    return Wire(packet, number, whole and not lies and ethertype is None, ethertype, payload)


wires = _wires()
"""Any frame of this world: most are whole, some cut short, fragmented, or of another EtherType."""
