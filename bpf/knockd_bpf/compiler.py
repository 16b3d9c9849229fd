"""From a term to instructions.

The order of tests is: EtherType, protocol, "does any flag rule fit", source, port (one binary tree per
protocol, shared by IPv4 and IPv6) and last, only for ports that match, flags, payload, fragment, addresses
and whom the frame is for.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from knockd_bpf import addresses
from knockd_bpf import instruction as op
from knockd_bpf.emitter import Emitter
from knockd_bpf.flags import Branch, Decision, Outcome, bit_name, decide_flags
from knockd_bpf.instruction import Instruction
from knockd_bpf.layout import Layout
from knockd_bpf.payload_tests import IPV6_HEADER, emit_payload
from knockd_bpf.port_map import NOTHING, Laid, Wants, fill_gaps, wanted
from knockd_bpf.search import emit_search
from knockd_bpf.source_tests import emit_sources
from knockd_bpf.sources import EVERYBODY, Sources
from knockd_bpf.terms import Destinations, of_version, sort_wants, unite_destinations
from knockd_bpf.wire import EXTENSION_HEADERS, TCP, UDP
from knockd_conf.model import FlagRule

_IPV4_PROTOCOL_AT: Final = 9
_IPV6_NEXT_HEADER_AT: Final = 6
_FLAGS_AT: Final = 13
_OTHER_HOST: Final = 3  # PACKET_OTHERHOST, linux/if_packet.h
_PORT_AT: Final = 2
_NOWHERE: Final[Destinations] = frozenset()


def emit_program(
    laid: Laid, layout: Layout, snaplen: int, versions: Mapping[int, Sources]
) -> tuple[tuple[Instruction, ...], tuple[str, ...]]:
    """The instructions for wanted ports on links of ``layout``, and a comment for each (see Program).

    ``versions`` has whose packets pass, of each IP version of which any does.
    """
    return _Compiler(laid, layout, snaplen, versions).compile().finish()


class _Compiler:
    """One assembly, from the end of the program to its start.

    Every method that emits returns the label of its first instruction.
    """

    def __init__(self, laid: Laid, layout: Layout, snaplen: int, sources: Mapping[int, Sources]) -> None:
        self._laid = laid
        self._layout = layout
        self._sources = sources
        self._emit = Emitter()
        self._reject = self._emit.ret(0, "not a knock")
        self._accept = self._emit.ret(snaplen, "may be a knock: hand it up")
        if layout.this_host_only:
            at = self._emit.test(op.JEQ_K, _OTHER_HOST, self._reject, self._accept, "another host?")
            self._accept = self._emit.do(op.LD_W_ABS, op.ANCILLARY_PACKET_TYPE, at, "whom the frame is for")
        self._wants = {protocol: wanted(ranges) for protocol, ranges in laid.items()}
        self._rules = {of: {want.flags for want in wants} for of, wants in self._wants.items()}
        self._flags_in_leaves: set[int] = set()
        self._checks: dict[tuple[Destinations, tuple[int, ...], int], int] = {}

    def compile(self) -> Emitter:
        """Emit everything."""
        trees: dict[int, int] = {}
        starts: dict[tuple[int, int], int] = {}
        for protocol in (UDP, TCP):
            if versions := self._versions(protocol):
                trees[protocol] = self._ports(protocol, versions)
                if 6 in versions:
                    starts[6, protocol] = self._ipv6_transport(protocol, trees[protocol])
        six = self._ipv6(starts)
        for protocol in (UDP, TCP):
            if 4 in self._versions(protocol):
                starts[4, protocol] = self._ipv4_transport(protocol, trees[protocol])
        four = self._ipv4(starts)
        if four == six == self._reject:
            self._emit.ret(0, "nothing is wanted")
        else:
            self._family(four, six, self._reject)
        return self._emit

    def _versions(self, protocol: int) -> tuple[int, ...]:
        """The IP versions in which a protocol is wanted at all."""
        return tuple(one for one in (4, 6) if self._destinations(one, self._wants[protocol]) != _NOWHERE)

    def _destinations(self, version: int, wants: Wants) -> Destinations:
        """The addresses of an IP version that any of ``wants`` takes."""
        if version not in self._sources:
            return _NOWHERE
        return of_version(unite_destinations(want.destinations for want in wants), version)

    def _family(self, four: int, six: int, other: int) -> int:
        """Tests the IP version; with ``other`` equal to ``six``, what is not IPv4 counts as IPv6."""
        layout = self._layout
        at = self._emit.test(op.JEQ_K, layout.ipv6, six, other, "IPv6?")
        at = self._emit.test(op.JEQ_K, layout.ipv4, four, at, "IPv4?")
        if layout.mask:
            at = self._emit.do(op.AND_K, layout.mask, at, "IP version")
        return self._emit.do(layout.load, layout.offset, at, "EtherType" if not layout.mask else "first byte")

    def _ipv4(self, starts: dict[tuple[int, int], int]) -> int:
        at = self._protocols(4, starts, self._reject)
        if at == self._reject:
            return at
        return self._emit.do(op.LD_B_ABS, self._layout.network + _IPV4_PROTOCOL_AT, at, "IPv4: protocol")

    def _ipv6(self, starts: dict[tuple[int, int], int]) -> int:
        """Sends TCP and UDP to their tests; with extension headers only the destination address counts."""
        wants = NOTHING.union(*self._wants.values())
        destinations = self._destinations(6, frozenset(want for want in wants if want.payload is None))
        ours = self._reject
        if destinations != _NOWHERE:
            ours = self._from(6, self._ipv6_addresses(destinations, self._reject))
        segments: list[tuple[int, int]] = []
        for header in range(256):
            label = ours if header in EXTENSION_HEADERS else self._reject
            if not segments or segments[-1][1] != label:
                segments.append((header, label))
        at = emit_search(self._emit, segments, 256, "extension header")
        at = self._protocols(6, starts, at)
        if at == self._reject:
            return at
        return self._emit.do(
            op.LD_B_ABS, self._layout.network + _IPV6_NEXT_HEADER_AT, at, "IPv6: next header"
        )

    def _protocols(self, version: int, starts: dict[tuple[int, int], int], other: int) -> int:
        at = other
        for protocol, question in ((UDP, "UDP?"), (TCP, "TCP?")):
            if start := starts.get((version, protocol)):
                at = self._emit.test(op.JEQ_K, protocol, start, at, question)
        return at

    def _ipv4_transport(self, protocol: int, tree: int) -> int:
        """Sets X to the length of the IP header, rejects where no flag rule or source fits."""
        network = self._layout.network
        ports = self._emit.do(op.LD_H_IND, network + _PORT_AT, tree, "destination port")
        ports = self._from(4, ports)
        at = self._early(protocol, ports)
        if at != ports:
            at = self._emit.do(op.LD_B_IND, network + _FLAGS_AT, at, "TCP flags")
        return self._emit.do(op.LDX_MSH, network, at, "X = length of the IPv4 header")

    def _ipv6_transport(self, protocol: int, tree: int) -> int:
        """Rejects where no flag rule or source fits, goes on to the ports.

        The header before the ports has one length here, so X is set only for leaves that serve IPv4 too.
        """
        transport = self._layout.network + IPV6_HEADER
        ports = self._emit.do(op.LD_H_ABS, transport + _PORT_AT, tree, "destination port")
        if protocol in self._flags_in_leaves:
            ports = self._emit.do(op.LDX_IMM, IPV6_HEADER, ports, "X = length of the IPv6 header")
        ports = self._from(6, ports)
        at = self._early(protocol, ports)
        if at == ports:
            return at
        return self._emit.do(op.LD_B_ABS, transport + _FLAGS_AT, at, "TCP flags")

    def _from(self, version: int, then: int) -> int:
        """Rejects packets of an IP version from whom no door opens for; the others go on."""
        sources = self._sources[version]
        if sources == EVERYBODY:
            return then
        spans = sources.spans(16 if version == 6 else 4)
        return emit_sources(self._emit, self._layout.network, version, spans, then, self._reject)

    def _early(self, protocol: int, then: int) -> int:
        """Rejects when the loaded flags fit none of the protocol's rules: data packets cost little."""
        rules = self._rules[protocol]
        if None in rules:
            return then
        fits = decide_flags((rule, None) for rule in rules)
        return self._flags(fits, lambda outcome: then if outcome else self._reject)

    def _flags(self, decision: Decision, label: Callable[[Outcome], int]) -> int:
        """Tests the loaded flag byte; ``label`` returns the label of each outcome."""
        labels: dict[Decision, int] = {}

        def visit(node: Decision) -> int:
            if node not in labels:
                if isinstance(node, Branch):
                    clear = visit(node.clear)
                    where = visit(node.set)
                    labels[node] = self._emit.test(
                        op.JSET_K, node.bit, where, clear, f"{bit_name(node.bit)} set?"
                    )
                else:
                    labels[node] = label(node)
            return labels[node]

        return visit(decision)

    def _ports(self, protocol: int, versions: tuple[int, ...]) -> int:
        """The tree over all ports, for the destination port just loaded."""
        segments = fill_gaps(self._laid[protocol])
        leaves: dict[Wants, int] = {NOTHING: self._reject}
        for _, wants in segments:
            if wants not in leaves:
                leaves[wants] = self._leaf(protocol, wants, versions)
        return emit_search(self._emit, [(first, leaves[wants]) for first, wants in segments], 65_536, "port")

    def _leaf(self, protocol: int, wants: Wants, versions: tuple[int, ...]) -> int:
        """The tests of a port that fits: flags, unless the early test decided them, payload and addresses."""
        plain = unite_destinations(
            one.destinations for one in wants if one.flags is None and one.payload is None
        )
        flagged: dict[FlagRule, Destinations] = {}
        for rule, destinations, _ in wants:
            if rule is not None and not _within(destinations, plain):
                flagged[rule] = unite_destinations((flagged.get(rule, _NOWHERE), destinations))
        at = self._payloads(wants, plain, versions)
        if len(set(flagged.values())) == 1 and flagged.keys() == self._rules[protocol]:
            at = self._addresses(next(iter(flagged.values())), versions, at)
        elif flagged:
            at = self._flags(
                decide_flags(flagged.items()),
                lambda outcome: self._addresses(unite_destinations(outcome), versions, self._reject),
            )
            at = self._emit.do(op.LD_B_IND, self._layout.network + _FLAGS_AT, at, "TCP flags")
            self._flags_in_leaves.add(protocol)
        return self._addresses(plain, versions, at)

    def _payloads(self, wants: Wants, plain: Destinations, versions: tuple[int, ...]) -> int:
        """Accepts a packet that meets a payload rule, at an address to which not every packet passes."""
        ruled = [one for one in wants if one.payload is not None and not _within(one.destinations, plain)]
        if not ruled:
            return self._reject
        labels = dict.fromkeys(reversed(versions), self._reject)
        for _, destinations, rule in reversed(sort_wants(ruled)):
            assert rule is not None
            for version, fail in labels.items():
                whom = of_version(destinations, version)
                at = self._address(version, whom, fail, addresses.FRAGMENTED)
                if at != fail:
                    labels[version] = emit_payload(self._emit, self._layout.network, version, rule, at, fail)
        return self._either(labels)

    def _addresses(self, destinations: Destinations, versions: tuple[int, ...], fail: int) -> int:
        """Accepts a packet of one of the IP ``versions`` to one of our addresses; equal tests are shared."""
        key = (destinations, versions, fail)
        if key not in self._checks:
            labels = {
                version: self._address(version, of_version(destinations, version), fail)
                for version in reversed(versions)
            }
            self._checks[key] = self._either(labels)
        return self._checks[key]

    def _either(self, labels: Mapping[int, int]) -> int:
        """Goes on at the label of the packet's IP version."""
        first, *others = labels.values()
        return self._family(labels[4], labels[6], labels[6]) if others and others != [first] else first

    def _address(
        self, version: int, destinations: Destinations, fail: int, fragments: int = addresses.FRAGMENT_OFFSET
    ) -> int:
        """Accepts a packet of an IP version to one of its ``destinations``."""
        if version == 6:
            return self._ipv6_addresses(destinations, fail)
        network, accept, reject = self._layout.network, self._accept, self._reject
        return addresses.emit_ipv4(self._emit, network, destinations, accept, reject, fail, fragments)

    def _ipv6_addresses(self, destinations: Destinations, fail: int) -> int:
        key = (destinations, (6,), fail)
        if key not in self._checks:
            network = self._layout.network
            self._checks[key] = addresses.emit_ipv6(self._emit, network, destinations, self._accept, fail)
        return self._checks[key]


def _within(some: Destinations, all_of: Destinations) -> bool:
    """Whether every destination of ``some`` is one of ``all_of``."""
    return all_of is None or (some is not None and some <= all_of)
