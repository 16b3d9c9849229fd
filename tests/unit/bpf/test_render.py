"""The filter text: what it says, and that libpcap takes it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from knockd_bpf.payload import PayloadRule
from knockd_bpf.render import REJECT_ALL, render_term
from knockd_bpf.sources import EVERYBODY, NOBODY, Sources
from knockd_bpf.terms import Destinations, Group, Term
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_RAW, TCP, UDP
from knockd_conf.access import make_networks
from knockd_conf.model import FlagRule
from tests.support.lab.tools import need_pcapy

OURS4, OURS6 = b"\x0a\0\0\1", b"\xfd" + bytes(14) + b"\1"
HEADERS = (
    "(ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 51 or ip6[6] = 60 or ip6[6] = 135"
    " or ip6[6] = 139 or ip6[6] = 140)"
)


def text(
    flags: FlagRule | None = None,
    destinations: Destinations = frozenset({OURS4}),
    ranges: tuple[tuple[int, int], ...] = ((7000, 7000),),
    protocol: int = TCP,
    *,
    ipv6: bool = True,
) -> str:
    """The text of one group, on one line."""
    return " ".join(render_term(Term((Group(protocol, flags, ranges, destinations),), ipv6)).split())


def test_ipv4() -> None:
    """A group of IPv4 addresses says port and destination."""
    assert text() == "(ip and tcp dst port 7000 and ip dst host 10.0.0.1)"


def test_ranges() -> None:
    """A range of ports is one portrange."""
    wanted = "(ip and (udp dst port 1 or udp dst portrange 5-9) and ip dst host 10.0.0.1)"
    assert wanted == text(ranges=((1, 1), (5, 9)), protocol=UDP)


def test_flags() -> None:
    """A flag rule masks the bits it looks at."""
    assert (
        text(FlagRule(0x02, 0x10))
        == "(ip and tcp[13] & 18 = 2 and tcp dst port 7000 and ip dst host 10.0.0.1)"
    )


def test_ipv6() -> None:
    """IPv6 has its own flag byte, and extension headers are let through."""
    wanted = (
        "(ip6[6] = 6 and ip6[53] & 2 = 2 and tcp dst port 7000 and ip6 dst host fd00::1) or "
        f"({HEADERS} and ip6 dst host fd00::1)"
    )
    assert wanted == text(FlagRule(0x02, 0), frozenset({OURS6}))


def test_no_address_part() -> None:
    """Without addresses both versions are named and nothing else."""
    wanted = f"(ip and tcp dst port 7000) or (ip6[6] = 6 and tcp dst port 7000) or ({HEADERS})"
    assert wanted == text(destinations=None)


def test_no_ipv6() -> None:
    """With IPv6 off it does not appear."""
    assert text(destinations=None, ipv6=False) == "(ip and tcp dst port 7000)"


def test_nothing() -> None:
    """An empty term is a text that is never true."""
    assert render_term(Term((), ipv6=True)) == REJECT_ALL


def test_lines() -> None:
    """Long texts are broken before ``and`` and ``or`` and keep to 100 columns."""
    ranges = tuple((port, port) for port in range(1000, 1200, 2))
    lines = render_term(Term((Group(TCP, None, ranges, None),), ipv6=False)).splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert {"or"} == {line.split()[0] for line in lines[1:]}


@pytest.mark.parametrize("linktype", [DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL])
@pytest.mark.parametrize(
    "term",
    [
        Term((), ipv6=True),
        Term((Group(TCP, FlagRule(1, 2), ((0, 65_535),), None),), ipv6=True),
        Term((Group(UDP, None, ((1, 2), (4, 4)), frozenset({OURS4, OURS6})),), ipv6=True),
    ],
)
def test_libpcap_takes_it(linktype: int, term: Term) -> None:
    """The text compiles for every link type, and its program is not empty."""
    compiled = need_pcapy().compile(linktype, 65_535, render_term(term), 1, 0)
    assert compiled.get_bpf()


def sources(*allow: str, deny: tuple[str, ...] = ()) -> Sources:
    """Sources by networks in text; without any of ``allow`` everybody."""
    return Sources(
        make_networks(map(ip_network, allow)) if allow else None, make_networks(map(ip_network, deny))
    )


@pytest.mark.parametrize(
    ("four", "six", "expected"),
    [
        (EVERYBODY, EVERYBODY, ""),
        (sources("192.0.2.0/24"), NOBODY, "ip src net 192.0.2.0/24 and "),
        (sources("192.0.2.7/32"), NOBODY, "ip src host 192.0.2.7 and "),
        (sources("192.0.2.0/24"), EVERYBODY, "(ip src net 192.0.2.0/24 or ip6) and "),
        (
            sources(deny=("192.0.2.0/24",)),
            sources("fd00::/8", deny=("fd00:1::/32",)),
            "((ip and not (ip src net 192.0.2.0/24))"
            " or (ip6 src net fd00::/8 and not (ip6 src net fd00:1::/32))) and ",
        ),
    ],
)
def test_whose_packets_pass(four: Sources, six: Sources, expected: str) -> None:
    """Who may knock stands once in front of all groups, and not at all where everybody may."""
    group = Group(TCP, None, ((7000, 7000),), frozenset({OURS4}))
    said = " ".join(render_term(Term((group,), ipv6=True, four=four, six=six)).split())
    assert f"{expected}(ip and tcp dst port 7000 and ip dst host 10.0.0.1)" == said
    for linktype in (DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL):
        need_pcapy().compile(linktype, 262_144, said, 1, 0)


def test_groups_behind_sources_are_in_parentheses() -> None:
    """Of several groups each is for those who may knock alone."""
    groups = (
        Group(TCP, None, ((1, 1),), frozenset({OURS4})),
        Group(UDP, None, ((2, 2),), frozenset({OURS4})),
    )
    said = render_term(Term(groups, ipv6=False, four=sources("192.0.2.0/24")))
    assert said.startswith("ip src net 192.0.2.0/24\nand ((ip and tcp")
    assert said.endswith("ip dst host 10.0.0.1))")


def test_nobody_may_knock() -> None:
    """A term for nobody rejects all."""
    group = Group(TCP, None, ((1, 1),), None)
    assert render_term(Term((group,), ipv6=True, four=NOBODY, six=NOBODY)) == REJECT_ALL


@pytest.mark.parametrize(
    ("words", "four", "six"),
    [
        ((0xA1,), "udp[8:4] = 0x000000a1", "ip6[48:4] = 0x000000a1"),
        (
            (1, 0xFFFFFFFF),
            "(udp[8:4] = 0x00000001 or udp[8:4] = 0xffffffff)",
            "(ip6[48:4] = 0x00000001 or ip6[48:4] = 0xffffffff)",
        ),
    ],
)
def test_payload(words: tuple[int, ...], four: str, six: str) -> None:
    """A rule for the payload names the UDP length, the first word and, of IPv4, that it is no fragment.

    A packet with extension headers does not pass for its sake.
    """
    group = Group(UDP, None, ((9, 9),), frozenset({OURS4, OURS6}), PayloadRule(124, words))
    said = " ".join(render_term(Term((group,), ipv6=True)).split())
    assert (
        f"(ip and udp dst port 9 and udp[4:2] = 132 and {four} and ip[6:2] & 0x3fff = 0"
        f" and ip dst host 10.0.0.1) or (ip6[6] = 17 and udp dst port 9 and ip6[44:2] = 132 and {six}"
        " and ip6 dst host fd00::1)"
    ) == said
    for linktype in (DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL):
        need_pcapy().compile(linktype, 262_144, said, 1, 0)
