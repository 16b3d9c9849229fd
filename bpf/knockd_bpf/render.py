"""A term as pcap-filter(7) text, for people, tcpdump and libpcap as referee.

Numbers and keywords only: libpcap takes a misspelt word for a host name and asks the resolver.
The text holds for every link type.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from knockd_bpf.payload import PayloadRule
from knockd_bpf.payload_tests import UDP_HEADER
from knockd_bpf.sources import EVERYBODY
from knockd_bpf.terms import Destinations, Group, Term, of_version
from knockd_bpf.wire import EXTENSION_HEADERS, TCP
from knockd_conf.access import Network
from knockd_conf.model import FlagRule
from knockd_conf.text import address_text

REJECT_ALL: Final = "ip[0] & 1 = 2"
"""Never true; libpcap refuses shorter ways to say so ("expression rejects all packets")."""

_WIDTH: Final = 100


def render_term(term: Term) -> str:
    """The filter text: one paragraph for each group and IP version, joined by ``or``, lines of about 100."""
    terms = [
        _group(group, version)
        for group in term.groups
        for version in term.versions()
        if of_version(group.destinations, version) != frozenset()
    ]
    extended = term.extended()
    if extended != frozenset():
        headers = _any(f"ip6[6] = {header}" for header in sorted(EXTENSION_HEADERS))
        terms.append(_all([headers, *_addresses(extended, 6)]))
    if not terms:
        return REJECT_ALL
    groups = "\nor ".join(map(_wrap, terms))
    sources = _sources(term)
    if not sources:
        return groups
    return f"{_wrap(sources)}\nand {groups if len(terms) == 1 else f'({groups})'}"


def _sources(term: Term) -> str:
    """Whose packets pass at all, in front of all that they may be; empty for everybody."""
    versions = term.versions()
    if all(sources == EVERYBODY for sources in versions.values()):
        return ""
    parts = []
    for version, (allow, deny) in versions.items():
        name = "ip" if version == 4 else "ip6"
        allowed = name if allow is None else _any(_source(name, one) for one in allow)
        parts.append(
            _all([allowed, "not " + _all([_any(_source(name, one) for one in deny)])]) if deny else allowed
        )
    return _any(parts)


def _source(name: str, network: Network) -> str:
    return f"{name} src {'host' if network.prefix == 8 * network.size else 'net'} {network}"


def _wrap(text: str) -> str:
    """Lines that begin with ``and`` or ``or`` and break nowhere else."""
    first, *words = re.split(" (?=and |or )", text)
    lines = [first]
    for word in words:
        if len(lines[-1]) + 1 + len(word) <= _WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(f"    {word}")
    return "\n".join(lines)


def _group(group: Group, version: int) -> str:
    name = "tcp" if group.protocol == TCP else "udp"
    parts = ["ip" if version == 4 else f"ip6[6] = {group.protocol}"]
    if group.flags is not None and group.flags.mask:
        parts.append(_flags(group.flags, version))
    parts.append(_any(_ports(name, low, high) for low, high in group.ranges))
    if group.payload is not None:
        parts += _payload(group.payload, version)
    parts += _addresses(group.destinations, version)
    return _all(parts)


def _payload(rule: PayloadRule, version: int) -> list[str]:
    """``udp[4:2]`` never matches IPv6, where the length in a UDP header that comes first is ``ip6[44:2]``."""
    length, word = ("udp[4:2]", "udp[8:4]") if version == 4 else ("ip6[44:2]", "ip6[48:4]")
    words = _any(f"{word} = {value:#010x}" for value in rule.words)
    whole = ["ip[6:2] & 0x3fff = 0"] if version == 4 else []
    return [f"{length} = {UDP_HEADER + rule.size}", words, *whole]


def _flags(rule: FlagRule, version: int) -> str:
    """``tcp[13]`` never matches IPv6, where the flag byte of a TCP header that comes first is ``ip6[53]``."""
    return f"{'tcp[13]' if version == 4 else 'ip6[53]'} & {rule.mask} = {rule.must_set}"


def _ports(name: str, low: int, high: int) -> str:
    return f"{name} dst port {low}" if low == high else f"{name} dst portrange {low}-{high}"


def _addresses(destinations: Destinations, version: int) -> list[str]:
    """The address part: a list of one, or empty where every address will do."""
    ours = of_version(destinations, version)
    if ours is None:
        return []
    name = "ip" if version == 4 else "ip6"
    return [_any(f"{name} dst host {address_text(address)}" for address in sorted(ours))]


def _any(parts: Iterable[str]) -> str:
    chosen = list(parts)
    return chosen[0] if len(chosen) == 1 else f"({' or '.join(chosen)})"


def _all(parts: list[str]) -> str:
    """In parentheses always: ``and`` and ``or`` have the same precedence in pcap-filter."""
    return f"({' and '.join(parts)})"
