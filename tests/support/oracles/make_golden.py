"""Writes the golden cases anew from their configs (make golden).

The diff of bpf/golden is then for a reviewer: every changed instruction and verdict shows there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from knockd_bpf.sources import EVERYBODY
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, TCP, UDP
from knockd_conf.model import Step
from knockd_conf.text import address_text
from tests.support.oracles import golden
from tests.support.oracles.golden import Case
from tests.support.oracles.signed_frames import signed_frames
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
    tcp,
    udp,
)

SYN, ACK, SYN_ACK, FIN, NULL, XMAS = 0x02, 0x10, 0x12, 0x01, 0x00, 0x29
FLAGS = {"SYN": SYN, "ACK": ACK, "SYN-ACK": SYN_ACK, "FIN": FIN, "no flag": NULL, "FIN-PSH-URG": XMAS}
VLAN = struct.pack("!HH", 0x8100, 100)
STRANGERS = {4: "203.0.113.9", 6: "2001:db8:ffff::9"}
EXTENSIONS = {
    "hop-by-hop": HOP_BY_HOP,
    "routing": ROUTING,
    "fragment": FRAGMENT,
    "authentication": AUTHENTICATION,
    "destination options": DESTINATION,
}


def main() -> None:
    """Write every case."""
    for name in golden.names():
        case = golden.read(name)
        named = list(frames(case))
        (case.folder / "filter.txt").write_text(case.text)
        (case.folder / "program.txt").write_text(case.listing)
        golden.write_pcap(case.folder / "frames.pcap", case.linktype, [frame for _, frame in named])
        verdicts = [f"{'pass' if case.verdict(frame) else 'drop'}  {what}\n" for what, frame in named]
        (case.folder / "verdicts.txt").write_text("".join(verdicts))


def frames(case: Case) -> Iterator[tuple[str, bytes]]:
    """Every kind of frame that a filter must tell apart, around the ports and addresses of the case."""
    for what, packet in packets(case):
        yield what, framed(case.linktype, packet)
    knock = ipv4(tcp(_port(case, TCP)), destination=_ours(case, 4))
    if case.linktype == DLT_EN10MB:
        yield "SYN in an 802.1Q tag", framed(DLT_EN10MB, knock, tag=VLAN)
        yield "ARP", bytes(12) + struct.pack("!H", 0x0806) + bytes(28)
        yield "nothing but an Ethernet header", framed(DLT_EN10MB, knock)[:14]
    if case.linktype == DLT_LINUX_SLL:
        yield "SYN in an 802.1Q tag", framed(DLT_LINUX_SLL, knock, tag=VLAN)
    yield from signed_frames(case)


def packets(case: Case) -> Iterator[tuple[str, bytes]]:
    """The IP packets: knocks first, then whatever resembles one."""
    for address in case.addresses[:6] or (_ours(case, 4), _ours(case, 6)):
        for step in _some(case.steps):
            transport = tcp(step.port) if step.protocol == TCP else udp(step.port)
            yield f"knock {step} at {address}", _to(address, transport, step.protocol)
    for version in (4, 6):
        ours = _ours(case, version)
        port, other = _port(case, TCP), _other_port(case)
        kind = f"IPv{version}"
        for name, flags in FLAGS.items():
            yield f"{kind} {name} to {port}", _to(ours, tcp(port, flags), TCP)
        yield f"{kind} SYN to port {other} of no door", _to(ours, tcp(other), TCP)
        yield f"{kind} ACK to port {other} of no door", _to(ours, tcp(other, ACK), TCP)
        yield f"{kind} SYN to {port} of a stranger", _to(STRANGERS[version], tcp(port), TCP)
        yield f"{kind} UDP to {port}", _to(ours, udp(port), UDP)
        yield f"{kind} UDP to port {other} of no door", _to(ours, udp(other), UDP)
        for size, cut in (("without ports", 1), ("without flags", 13), ("without the last bytes", 19)):
            yield f"{kind} SYN to {port} {size}", _to(ours, tcp(port)[:cut], TCP)
        yield f"{kind} ICMP", _to(ours, bytes(8), 1 if version == 4 else 58)
    yield from _only_ipv4(case)
    yield from _only_ipv6(case)
    yield from _from_edges(case)


def _only_ipv4(case: Case) -> Iterator[tuple[str, bytes]]:
    ours, port = _ours(case, 4), _port(case, TCP)
    yield "first fragment", ipv4(tcp(port), destination=ours, fragment=0x2000)
    yield "later fragment that looks like a knock", ipv4(tcp(port), destination=ours, fragment=0x2001)
    yield "may not be fragmented", ipv4(tcp(port), destination=ours, fragment=0x4000)
    yield "IPv4 options", ipv4(tcp(port), destination=ours, options=b"\1" * 12)
    yield "40 bytes of IPv4 options", ipv4(tcp(port), destination=ours, options=b"\1" * 40)


def _only_ipv6(case: Case) -> Iterator[tuple[str, bytes]]:
    ours, port = _ours(case, 6), _port(case, TCP)
    for name, number in EXTENSIONS.items():
        yield f"{name} header", ipv6(tcp(port), destination=ours, extensions=(extension(number),))
    both = (extension(HOP_BY_HOP), extension(DESTINATION, 16))
    yield "two extension headers", ipv6(tcp(port), destination=ours, extensions=both)
    yield (
        "hop-by-hop header, port of no door",
        ipv6(tcp(_other_port(case)), destination=ours, extensions=(extension(HOP_BY_HOP),)),
    )
    yield (
        "hop-by-hop header, to a stranger",
        ipv6(tcp(port), destination=STRANGERS[6], extensions=(extension(HOP_BY_HOP),)),
    )
    yield "ESP", ipv6(tcp(port), 50, destination=ours)


def _from_edges(case: Case) -> Iterator[tuple[str, bytes]]:
    """SYNs from the first and the last address of networks that may knock, and from those beside them."""
    port = _port(case, TCP)
    for version, sources in case.fitted.term.versions().items():
        size, build = (16, ipv6) if version == 6 else (4, ipv4)
        last = (1 << 8 * size) - 1
        spans = sources.spans(size)[:3] if sources != EVERYBODY else ()
        near = sorted({end + step for span in spans for end in span for step in (-1, 0, 1)})
        for number in (one for one in near if 0 <= one <= last):
            source = address_text(number.to_bytes(size, "big"))
            made = build(tcp(port), source=source, destination=_ours(case, version))
            yield f"SYN to {port} from {source}", made
            if version == 6:
                header = (extension(HOP_BY_HOP),)
                made = ipv6(tcp(port), source=source, destination=_ours(case, 6), extensions=header)
                yield f"hop-by-hop header, from {source}", made


def _to(address: str, transport: bytes, protocol: int) -> bytes:
    build = ipv6 if ":" in address else ipv4
    return build(transport, protocol, destination=address)


def _ours(case: Case, version: int) -> str:
    fitting = [one for one in case.addresses if (":" in one) == (version == 6)]
    return fitting[0] if fitting else golden.OURS.split()[version == 6]


def _port(case: Case, protocol: int) -> int:
    return next((step.port for step in case.steps if step.protocol == protocol), 7000)


def _some(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The first three steps and the last two, each once."""
    return tuple(dict.fromkeys((*steps[:3], *steps[-2:])))


def _other_port(case: Case) -> int:
    """A port that no group of either protocol covers; 7999 when there is none."""
    groups = case.fitted.term.groups
    return next((port for port in range(7999, 65_536) if not any(one.covers(port) for one in groups)), 7999)


if __name__ == "__main__":
    main()
