"""What is wanted passes the term, libpcap's compile of its text and our program; the last two never part."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from knockd.knocks.decode import decode
from knockd_bpf.build import WatchedPorts, build_term
from knockd_bpf.fit import SMALLEST_LIMIT, fit_term
from knockd_bpf.layout import ETHERNET, layout_for
from knockd_bpf.program import Program, assemble_term
from knockd_bpf.render import render_term
from knockd_bpf.terms import Term
from knockd_bpf.vm import run_program
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_RAW, EXTENSION_HEADERS, TCP, UDP, Packet
from tests.support.oracles.golden import Referee
from tests.support.samples.prefilters import (
    ADDRESSES,
    FLAG_BYTES,
    KNOCKERS,
    PORTS,
    RULES,
    SOURCES,
    Wire,
    accesses,
    keep_rule,
    payload_rules,
    payloads,
    watches,
    wires,
)

BUDGET = settings(max_examples=150, deadline=None)
LINKTYPES = (DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL)

locals_ = st.none() | st.frozensets(st.sampled_from(ADDRESSES), max_size=5)
terms = st.builds(
    lambda wanted, local, ipv6: build_term(wanted, local, ipv6=ipv6),
    st.lists(watches, max_size=5),
    locals_,
    st.booleans(),
)


def passes(program: Program, linktype: int, frame: bytes) -> bool:
    """Our program's verdict on a captured frame."""
    return run_program(program.instructions, *layout_for(linktype).view(frame)).verdict > 0


@st.composite
def wanted_packets(draw: st.DrawFn) -> tuple[Term, Packet, bytes]:
    """A term, a packet that one of its doors wants, and what it holds if it is of UDP."""
    doors = draw(st.lists(watches, min_size=1, max_size=4))
    local = draw(st.frozensets(st.sampled_from(ADDRESSES), min_size=1, max_size=4))
    door = draw(st.sampled_from(doors))
    destination = draw(st.sampled_from(sorted(door.target or local)))
    protocol, port = draw(st.sampled_from(sorted(door.ports)))
    flags = draw(st.sampled_from(FLAG_BYTES)) if protocol == TCP else 0
    if door.flags is not None and protocol == TCP:
        flags = (flags | door.flags.must_set) & ~(door.flags.must_clear & ~door.flags.must_set)
        assume(door.flags.accepts(flags))
    sources = [one for one in KNOCKERS if len(one) == len(destination)]
    source = draw(st.sampled_from(sources))
    assume(door.access is None or door.access.admits(source))
    payload = draw(payloads) if door.payload is None else keep_rule(door.payload)
    return build_term(doors, local), Packet(source, destination, protocol, port, flags), payload


@BUDGET
@given(wanted_packets(), st.sampled_from(LINKTYPES))
def test_what_a_door_wants_passes(wanted: tuple[Term, Packet, bytes], linktype: int) -> None:
    """A packet that a door wants is accepted by the term, by libpcap and by our program."""
    term, packet, payload = wanted
    wire = Wire.of(packet, payload)
    frame = wire.framed(linktype)
    assert decode(linktype, frame) == packet
    assert term.accepts(packet, payload=wire.payload)
    assert Referee(render_term(term), linktype).passes(frame)
    assert passes(assemble_term(term, layout_for(linktype)), linktype, frame)


@BUDGET
@given(terms, st.lists(wires, min_size=1, max_size=40))
def test_our_program_is_libpcaps(term: Term, frames: list[Wire]) -> None:
    """On every frame, whole or cut anywhere, and every link, our program and libpcap's give one verdict."""
    text = render_term(term)
    for linktype in LINKTYPES:
        referee, program = Referee(text, linktype), assemble_term(term, layout_for(linktype))
        for wire in frames:
            frame = wire.framed(linktype)
            verdict = passes(program, linktype, frame)
            assert referee.passes(frame) == verdict


@BUDGET
@given(terms, st.lists(wires, min_size=1, max_size=30))
def test_nothing_strange_passes(term: Term, frames: list[Wire]) -> None:
    """What passes and is whole, decode takes and the term accepts; extension headers alone are let by."""
    for linktype in LINKTYPES:
        program = assemble_term(term, layout_for(linktype))
        for wire in frames:
            frame = wire.framed(linktype)
            if not wire.whole or wire.number in EXTENSION_HEADERS or not passes(program, linktype, frame):
                continue
            packet = decode(linktype, frame)
            assert packet is not None
            assert term.accepts(packet, payload=wire.payload)


@BUDGET
@given(terms, st.lists(wires, min_size=1, max_size=30))
def test_what_the_term_accepts_passes(term: Term, frames: list[Wire]) -> None:
    """Whatever decode makes of a frame, when the term accepts it the frame passes: never narrower."""
    program = assemble_term(term, ETHERNET)
    for wire in frames:
        frame = wire.framed(DLT_EN10MB)
        packet = decode(DLT_EN10MB, frame)
        extended = wire.number in EXTENSION_HEADERS
        if packet is not None and term.accepts(packet, extended=extended, payload=wire.payload):
            assert passes(program, DLT_EN10MB, frame)


@settings(BUDGET, max_examples=40)
@given(
    st.lists(
        st.builds(
            WatchedPorts,
            st.frozensets(
                st.tuples(st.sampled_from((TCP, UDP)), st.integers(0, 65_535)), min_size=10, max_size=40
            ),
            st.none() | st.sampled_from(RULES),
            st.frozensets(st.sampled_from(ADDRESSES), max_size=2),
            accesses,
            st.none() | payload_rules,
        ),
        min_size=2,
        max_size=5,
    ),
    st.lists(wires, max_size=20),
)
def test_fitting_never_narrows(doors: list[WatchedPorts], frames: list[Wire]) -> None:
    """A program made to fit passes all that the exact one passes, and is libpcap's of its own text."""
    term = build_term(doors, frozenset(ADDRESSES))
    exact, fitted = assemble_term(term, ETHERNET), fit_term(term, ETHERNET, SMALLEST_LIMIT)
    referee = Referee(render_term(fitted.term), DLT_EN10MB)
    knocks = [
        Wire.of(
            Packet(source, address, protocol, port, flags),
            b"\0" if door.payload is None else keep_rule(door.payload),
        )
        for door in doors
        for protocol, port in sorted(door.ports)[:5]
        for address in sorted(door.target)[:1] or ADDRESSES[:1]
        for flags in FLAG_BYTES[:2]
        for source in KNOCKERS
        if len(source) == len(address)
    ]
    for wire in (*knocks, *frames):
        frame = wire.framed(DLT_EN10MB)
        verdict = passes(fitted.program, DLT_EN10MB, frame)
        assert verdict or not passes(exact, DLT_EN10MB, frame)
        assert referee.passes(frame) == verdict


PRIMITIVES = st.sampled_from(
    [
        *("ip", "ip6", "tcp", "udp", "icmp", "arp", "less 60", "greater 70", "vlan 100"),
        *(
            "tcp dst port 7000",
            "udp src port 53",
            "port 7001",
            "portrange 100-7000",
            "ip6 dst host 2001:db8::1",
        ),
        *(
            "dst host 192.0.2.1",
            "net 192.0.2.0/24",
            "tcp[13] & 18 = 2",
            "ip6[53] & 2 != 0",
            "ip[6:2] & 0x1fff = 0",
        ),
        *("ip[0] << 2 > len - 40", "ip[2:2] / 4 - 3 >= ip[8] * 2", "ip6 proto 17", "tcp[0:4] | 1 = 7"),
    ]
)


@BUDGET
@given(
    st.lists(st.tuples(st.sampled_from(("and", "or")), st.booleans(), PRIMITIVES), min_size=1, max_size=6),
    st.booleans(),
    st.lists(wires, min_size=1, max_size=20),
)
def test_our_machine_is_libpcaps(
    words: list[tuple[str, bool, str]], optimise: bool, frames: list[Wire]
) -> None:
    """Our machine runs any program of libpcap's compiler as libpcap's own interpreter does."""
    text = " ".join(f"{joint} {'not ' * negated}({one})" for joint, negated, one in words)
    referee = Referee.of(text.partition(" ")[2], DLT_EN10MB, optimise=optimise)
    assume(referee is not None)
    assert referee is not None
    for wire in frames:
        frame = wire.framed(DLT_EN10MB)
        assert referee.passes(frame) == (run_program(referee.rows, frame).verdict > 0)


@BUDGET
@given(
    terms,
    st.lists(
        st.tuples(
            st.builds(
                Packet,
                st.sampled_from(KNOCKERS),
                st.sampled_from(ADDRESSES),
                st.sampled_from((TCP, UDP)),
                st.sampled_from(PORTS),
                st.sampled_from(FLAG_BYTES),
            ),
            payloads,
        ),
        max_size=20,
    ),
)
def test_term_and_program_agree_on_packets(term: Term, packets: list[tuple[Packet, bytes]]) -> None:
    """Without extension headers the program passes exactly what the term accepts."""
    program = assemble_term(term, ETHERNET)
    for packet, payload in packets:
        plain = packet._replace(
            source=packet.source
            if len(packet.source) == len(packet.destination)
            else SOURCES[len(packet.destination)],
            flags=packet.flags * (packet.protocol == TCP),
        )
        wire = Wire.of(plain, payload)
        accepted = term.accepts(plain, payload=wire.payload)
        assert accepted == passes(program, DLT_EN10MB, wire.framed(DLT_EN10MB))
