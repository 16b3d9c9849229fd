"""The program's shape: what is tested, what is not, and that every jump reaches."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from knockd_bpf import instruction as op
from knockd_bpf.build import WatchedPorts, build_term
from knockd_bpf.layout import COOKED, ETHERNET, RAW, Layout
from knockd_bpf.payload import PayloadRule
from knockd_bpf.program import Program, assemble_term
from knockd_bpf.terms import Group, Term
from knockd_bpf.vm import run_program
from knockd_bpf.wire import EXTENSION_HEADERS, TCP, UDP
from knockd_conf.model import FlagRule
from tests.support.oracles.kernel import loads
from tests.support.samples.headers import ipv4, ipv6, tcp, udp

OURS4, OURS6 = bytes([10, 0, 0, 1]), bytes.fromhex("fd000000000000000000000000000001")
OURS = frozenset({OURS4, OURS6})
SYN, FIN = FlagRule(2, 0), FlagRule(1, 0)
LAYOUTS = pytest.mark.parametrize("layout", [ETHERNET, RAW, COOKED], ids=lambda one: one.name)
PORTS = ((7000, 7000), (8000, 8002))


def term(protocol: int = TCP, flags: FlagRule | None = SYN, *, ipv6: bool = True) -> Term:
    """A term of one group for our addresses."""
    return Term((Group(protocol, flags, PORTS, OURS if ipv6 else frozenset({OURS4})),), ipv6)


def passes(program: Program, layout: Layout, packet: bytes) -> bool:
    """Whether a packet passes on a link of ``layout``."""
    return run_program(program.instructions, *layout.wrap(packet)).verdict > 0


@LAYOUTS
@pytest.mark.parametrize("build_packet", [ipv4, ipv6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize(
    ("transport", "protocol", "verdict"),
    [
        (tcp(7000), TCP, True),
        (tcp(8001), TCP, True),
        (tcp(8003), TCP, False),
        (tcp(7000, 0x10), TCP, False),
        (udp(7000), UDP, False),
    ],
    ids=["port", "port in range", "other port", "other flags", "other protocol"],
)
def test_verdicts(layout: Layout, build_packet, transport: bytes, protocol: int, verdict: bool) -> None:  # type: ignore[no-untyped-def]
    """On every link and in both versions the wanted ports pass, and nothing else."""
    assert verdict is passes(assemble_term(term(), layout), layout, build_packet(transport, protocol))


@LAYOUTS
def test_snaplen(layout: Layout) -> None:
    """The verdict on an accepted packet is how much of it to keep."""
    program = assemble_term(term(), layout, snaplen=96)
    assert run_program(program.instructions, *layout.wrap(ipv4(tcp(7000)))).verdict == 96


@LAYOUTS
def test_nothing_is_wanted(layout: Layout) -> None:
    """An empty term rejects in one instruction."""
    assert run_program(
        assemble_term(Term((), ipv6=True), layout).instructions, *layout.wrap(ipv4(tcp(7000)))
    ) == (0, 1)


@LAYOUTS
@pytest.mark.parametrize("header", sorted(EXTENSION_HEADERS))
def test_extension_headers(layout: Layout, header: int) -> None:
    """Every extension header lets a packet to us pass."""
    assert passes(assemble_term(term(), layout), layout, ipv6(tcp(1), header))


@LAYOUTS
def test_no_other_next_header_passes(layout: Layout) -> None:
    """Of 256 next headers only those of extensions and the wanted protocol pass."""
    program = assemble_term(term(), layout)
    passing = {number for number in range(256) if passes(program, layout, ipv6(tcp(7000), number))}
    assert EXTENSION_HEADERS | {TCP} == passing


@LAYOUTS
def test_ipv4_only_knows_no_ipv6(layout: Layout) -> None:
    """Where no IPv6 is wanted its packets leave before their next header is read."""
    program = assemble_term(term(ipv6=False), layout)
    assert run_program(program.instructions, *layout.wrap(ipv6(tcp(7000), 0))).steps <= 4


def test_no_tcp_leaves_at_the_protocol() -> None:
    """Where no TCP is wanted a TCP packet leaves at the protocol field."""
    program = assemble_term(term(UDP, None), ETHERNET)
    assert run_program(program.instructions, *ETHERNET.wrap(ipv4(tcp(7000)))).steps == 5


def test_versions_share_one_tree() -> None:
    """IPv4 and IPv6 each load the port, and ask for it in the same tests but for the first."""
    program = assemble_term(term(), ETHERNET)
    assert program.comments.count("destination port") == 2
    asked = [why for why in program.comments if why.startswith("port ")]
    assert len(asked) == len(set(asked)) + 1


@pytest.mark.parametrize(("flags", "times"), [((SYN,), 0), ((SYN, FIN), 1)], ids=["one rule", "two rules"])
def test_ipv6_sets_the_header_length_only_for_leaves(flags: tuple[FlagRule, ...], times: int) -> None:
    """The length of the IPv6 header is known, so only leaves that read the flags of both versions need it."""
    groups = tuple(Group(TCP, rule, ((at, at),), OURS) for at, rule in enumerate(flags))
    program = assemble_term(Term(groups, ipv6=True), ETHERNET)
    assert times == sum(one.code == op.LDX_IMM for one in program.instructions)


@pytest.mark.parametrize("number", [100, 250, 500, 1000, 2000, 3000])
def test_one_long_jump_at_most(number: int) -> None:
    """However large the tree, one long jump leads to the part of it that has the port."""
    draw = random.Random(number)
    wanted = [3 * one for one in draw.sample(range(21_000), number)]
    watches = [WatchedPorts(frozenset((TCP, one) for one in wanted), SYN, frozenset())]
    program = assemble_term(build_term(watches, OURS), ETHERNET)
    depth = math.ceil(math.log2(2 * number + 1))
    before, long_jump, end = 8, 1, 1
    for build_packet in (ipv4, ipv6):
        frames = (ETHERNET.wrap(build_packet(tcp(one + 1))) for one in wanted)
        found = max(run_program(program.instructions, *frame).steps for frame in frames)
        assert found <= before + depth + long_jump + end


def test_alike_doors_need_no_second_look_at_flags() -> None:
    """With one flag rule the flag byte is read once for each IP version, whatever the number of ports."""
    program = assemble_term(term(), ETHERNET)
    assert sum(why == "TCP flags" for why in program.comments) == 2


def test_no_rule_no_flags() -> None:
    """A door without a flag rule never reads the flag byte."""
    assert "TCP flags" not in assemble_term(term(flags=None), ETHERNET).comments


def test_a_rule_within_a_door_without_one() -> None:
    """Where one door takes any flags on a port, another door's rule there is not asked for."""
    both = Term((Group(TCP, None, PORTS, OURS), Group(TCP, SYN, PORTS, OURS)), ipv6=True)
    assert "TCP flags" not in assemble_term(both, ETHERNET).comments


@LAYOUTS
@pytest.mark.parametrize("bit", range(13))
def test_later_fragments(layout: Layout, bit: int) -> None:
    """A fragment that does not begin its packet is no knock, whatever its offset."""
    assert not passes(assemble_term(term(), layout), layout, ipv4(tcp(7000), fragment=1 << bit))


@pytest.mark.parametrize("fragment", [0, 0x2000, 0x4000])
def test_first_fragments(fragment: int) -> None:
    """A packet that may not be fragmented passes, and so does the first of its fragments."""
    assert passes(assemble_term(term(), ETHERNET), ETHERNET, ipv4(tcp(7000), fragment=fragment))


def test_two_rules() -> None:
    """A port of one rule does not pass with the flags of another."""
    two = Term((Group(TCP, FIN, ((1, 1),), OURS), Group(TCP, SYN, ((2, 2),), OURS)), ipv6=True)
    program = assemble_term(two, ETHERNET)
    verdicts = [passes(program, ETHERNET, ipv4(tcp(port, flags))) for port in (1, 2) for flags in (1, 2, 16)]
    assert verdicts == [True, False, False, False, True, False]


def test_two_destinations() -> None:
    """A port of one destination does not pass for another."""
    routed = frozenset({bytes([10, 0, 0, 2])})
    two = Term((Group(TCP, SYN, ((1, 1),), OURS), Group(TCP, SYN, ((1, 2),), routed)), ipv6=True)
    program = assemble_term(two, ETHERNET)
    addresses = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    verdicts = [
        passes(program, ETHERNET, ipv4(tcp(port), destination=one)) for port in (1, 2) for one in addresses
    ]
    assert verdicts == [True, True, False, False, True, False]


def test_every_instruction_has_a_comment() -> None:
    """Each instruction says what it is for."""
    program = assemble_term(term(), ETHERNET)
    assert len(program) == len(program.comments)
    assert all(program.comments)


@LAYOUTS
@pytest.mark.parametrize("number", [1, 100, 1500])
def test_the_kernel_takes_every_size(layout: Layout, number: int) -> None:
    """Small and large trees pass the kernel's checker."""
    draw = random.Random(number)
    ports = frozenset((draw.choice((TCP, UDP)), draw.randrange(65_536)) for _ in range(number))
    assert loads(assemble_term(build_term([WatchedPorts(ports, SYN, frozenset())], OURS), layout))


def test_long_jumps_lead_where_short_ones_would() -> None:
    """In a tree far beyond 8-bit jumps exactly the wanted ports pass."""
    draw = random.Random(8)
    wanted = frozenset(draw.sample(range(65_536), 1500))
    program = assemble_term(
        build_term([WatchedPorts(frozenset((TCP, one) for one in wanted), SYN, frozenset())], OURS), ETHERNET
    )
    probed = sorted({*wanted, *(one + 1 for one in wanted if one < 65_535), 0, 65_535})
    assert [one in wanted for one in probed] == [passes(program, ETHERNET, ipv4(tcp(one))) for one in probed]


RULE = PayloadRule(124, (0x11223344, 0x55667788, 0x99AABBCC))
GOOD = bytes.fromhex("55667788") + bytes(120)
SIGNED = Group(UDP, None, ((9000, 9000),), OURS, RULE)
PAYLOADS = pytest.mark.parametrize(
    ("transport", "verdict"),
    [
        (udp(9000, GOOD), True),
        (udp(9001, GOOD), False),
        (udp(9000, b"\0" + GOOD[1:]), False),
        (udp(9000, GOOD[:-1]), False),
        (udp(9000, GOOD + b"\0"), False),
        (udp(9000, b""), False),
    ],
    ids=["right", "other port", "other word", "too short", "too long", "empty"],
)


@LAYOUTS
@pytest.mark.parametrize("build_packet", [ipv4, ipv6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("beside", [(), term().groups], ids=["alone", "beside a door"])
@PAYLOADS
def test_payload(
    layout: Layout,
    build_packet: Callable[[bytes, int], bytes],
    beside: tuple[Group, ...],
    transport: bytes,
    verdict: bool,
) -> None:
    """On every link and in both versions a packet with the wanted payload passes, and no other."""
    program = assemble_term(Term((*beside, SIGNED), ipv6=True), layout)
    assert verdict is passes(program, layout, build_packet(transport, UDP))
    assert not passes(program, layout, build_packet(transport, TCP))


@LAYOUTS
@pytest.mark.parametrize("bit", range(16))
def test_no_fragment_has_the_payload(layout: Layout, bit: int) -> None:
    """No fragment passes, not even the first; a packet that may not be fragmented does."""
    program = assemble_term(Term((SIGNED,), ipv6=True), layout)
    assert (bit > 13) is passes(program, layout, ipv4(udp(9000, GOOD), UDP, fragment=1 << bit))


@LAYOUTS
@pytest.mark.parametrize("size", [4, 20, 40])
def test_payload_behind_ipv4_options(layout: Layout, size: int) -> None:
    """IPv4 options change nothing."""
    program = assemble_term(Term((SIGNED,), ipv6=True), layout)
    assert passes(program, layout, ipv4(udp(9000, GOOD), UDP, options=b"\1" * size))
    assert not passes(program, layout, ipv4(udp(9000, bytes(124)), UDP, options=b"\1" * size))


@LAYOUTS
@pytest.mark.parametrize("header", sorted(EXTENSION_HEADERS))
def test_extension_headers_before_a_payload(layout: Layout, header: int) -> None:
    """With an extension header no packet passes for the payload's sake, only for a door's at its address."""
    alone = assemble_term(Term((SIGNED,), ipv6=True), layout)
    assert not passes(alone, layout, ipv6(udp(9000, GOOD), header))
    routed = bytes.fromhex("fd000000000000000000000000000002")
    door = Group(TCP, SYN, PORTS, frozenset({routed}))
    beside = assemble_term(Term((door, SIGNED), ipv6=True), layout)
    assert not passes(beside, layout, ipv6(udp(9000, GOOD), header))
    assert passes(beside, layout, ipv6(udp(9000, GOOD), header, destination="fd00::2"))


def test_payload_for_one_version() -> None:
    """Where the port is for one IP version, the version is asked for once."""
    for ours, other, build_packet in ((OURS4, ipv6, ipv4), (OURS6, ipv4, ipv6)):
        only = SIGNED._replace(destinations=frozenset({ours}))
        program = assemble_term(Term((only,), ipv6=True), ETHERNET)
        assert program.comments.count("EtherType") == 1
        assert passes(program, ETHERNET, build_packet(udp(9000, GOOD), UDP))
        assert not passes(program, ETHERNET, other(udp(9000, GOOD), UDP))


def test_a_port_that_is_a_step_as_well() -> None:
    """A port of a door's step passes whatever the payload is; elsewhere its payload is asked for."""
    door = Group(UDP, None, ((9000, 9000),), OURS)
    both = assemble_term(Term((door, SIGNED), ipv6=True), ETHERNET)
    assert both == assemble_term(Term((door,), ipv6=True), ETHERNET)
    only = door._replace(destinations=frozenset({OURS4}))
    program = assemble_term(Term((only, SIGNED), ipv6=True), ETHERNET)
    other = bytes(124)
    assert passes(program, ETHERNET, ipv4(udp(9000, other), UDP))
    assert not passes(program, ETHERNET, ipv6(udp(9000, other), UDP))
    assert passes(program, ETHERNET, ipv6(udp(9000, GOOD), UDP))


def test_several_payload_rules() -> None:
    """Each rule counts at its own addresses, also where their ports are the same."""
    other = Group(UDP, None, ((9000, 9000),), frozenset({OURS6}), PayloadRule(8, (1,)))
    mine = SIGNED._replace(destinations=frozenset({OURS4}))
    program = assemble_term(Term((mine, other), ipv6=True), ETHERNET)
    short = (1).to_bytes(4, "big") + bytes(4)
    sent = [build(udp(9000, data), UDP) for build in (ipv4, ipv6) for data in (GOOD, short)]
    assert [True, False, False, True] == [passes(program, ETHERNET, one) for one in sent]
    alike = assemble_term(Term((SIGNED, other), ipv6=True), ETHERNET)
    assert [True, False, True, True] == [passes(alike, ETHERNET, one) for one in sent]


@LAYOUTS
def test_what_a_payload_rule_costs_others(layout: Layout) -> None:
    """A packet that is not to the port costs what it costs where the port is a step; IPv6 has no other X."""
    plain = assemble_term(Term((*term().groups, SIGNED._replace(payload=None)), ipv6=True), layout)
    ruled = assemble_term(Term((*term().groups, SIGNED), ipv6=True), layout)
    for build_packet in (ipv4, ipv6):
        for transport, protocol in ((udp(9001), UDP), (tcp(9000), TCP), (tcp(7000, 16), TCP), (b"", 1)):
            frame = layout.wrap(build_packet(transport, protocol))
            runs = [run_program(one.instructions, *frame) for one in (plain, ruled)]
            assert runs[0] == runs[1]


@LAYOUTS
@pytest.mark.parametrize("number", [1, 60, 255])
def test_the_kernel_takes_many_words(layout: Layout, number: int) -> None:
    """Also far more words than a jump reaches over pass the kernel's checker, and each of them counts."""
    words = tuple(range(0, 7 * number, 7))
    group = SIGNED._replace(payload=PayloadRule(124, words))
    program = assemble_term(Term((*term().groups, group), ipv6=True), layout)
    assert loads(program)
    for build_packet in (ipv4, ipv6):
        found = [
            word
            for word in range(7 * number)
            if passes(program, layout, build_packet(udp(9000, word.to_bytes(4, "big") + bytes(120)), UDP))
        ]
        assert [*words] == found
