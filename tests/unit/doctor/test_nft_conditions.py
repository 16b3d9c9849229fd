"""What a match of nft asks of a packet."""

from __future__ import annotations

from typing import Any

import pytest

from knockd.doctor.nft_conditions import find_names, read_maps, read_match, read_vmap_key
from knockd.doctor.packets import Condition, Kind

RULE = {"family": "inet", "table": "t"}
SETS = {"inet t ports": [22, {"range": [80, 90]}, {"elem": {"val": 443, "comment": "x"}}]}
TCP = Condition(Kind.PROTOCOL, ("tcp",))
UNKNOWN = Condition(Kind.UNKNOWN)


def payload(protocol: str, field: str) -> dict[str, Any]:
    """The left side of a match of a header's field."""
    return {"payload": {"protocol": protocol, "field": field}}


def read(left: dict[str, Any], right: Any, op: str = "==") -> list[Condition]:
    """The conditions of one match."""
    return list(read_match({"left": left, "right": right, "op": op}, RULE, SETS))


META, FLAGS = {"meta": {"key": "x"}}, payload("tcp", "flags")
FIB = {"fib": {"result": "type", "flags": ["daddr"]}}


@pytest.mark.parametrize(
    ("left", "op", "right", "expected"),
    [
        (payload("tcp", "dport"), "==", 22, [TCP, Condition(Kind.TO_PORT, ((22, 22),))]),
        (payload("tcp", "dport"), "!=", 22, [TCP, Condition(Kind.TO_PORT, ((22, 22),), True)]),
        (payload("tcp", "dport"), ">", 22, [TCP, Condition(Kind.TO_PORT, ((23, 65535),))]),
        (payload("tcp", "dport"), "<=", 22, [TCP, Condition(Kind.TO_PORT, ((0, 22),))]),
        (
            payload("th", "sport"),
            "==",
            "@ports",
            [Condition(Kind.FROM_PORT, ((22, 22), (80, 90), (443, 443)))],
        ),
        (payload("tcp", "sequence"), "==", 1, [TCP, UNKNOWN]),
        (payload("icmp", "type"), "==", "echo-request", [Condition(Kind.PROTOCOL, ("icmp",))]),
        (payload("ether", "saddr"), "==", "02:00:00:00:00:01", [UNKNOWN]),
        (FLAGS, "in", "syn", [TCP, Condition(Kind.SYN)]),
        (FLAGS, "in", "rst", [TCP, UNKNOWN]),
        ({"&": [FLAGS, ["syn", "ack"]]}, "!=", "syn", [TCP, Condition(Kind.SYN, (), True)]),
        ({"&": [FLAGS, ["syn", "ack"]]}, "==", ["syn", "ack"], [TCP, Condition(Kind.NEVER)]),
        ({"&": [{"meta": {"key": "mark"}}, 7]}, "==", 1, [UNKNOWN]),
        (
            {"meta": {"key": "l4proto"}},
            "==",
            {"set": ["tcp", 17]},
            [Condition(Kind.PROTOCOL, ("tcp", "udp"))],
        ),
        ({"meta": {"key": "nfproto"}}, "==", "ipv6", [Condition(Kind.VERSION, (6,))]),
        ({"meta": {"key": "protocol"}}, "==", "ip", [Condition(Kind.VERSION, (4,))]),
        ({"meta": {"key": "iifname"}}, "!=", "eth0", [Condition(Kind.IN, ("eth0",), True)]),
        ({"meta": {"key": "oif"}}, "==", "eth0", [Condition(Kind.OUT, ("eth0",))]),
        ({"meta": {"key": "pkttype"}}, "==", "broadcast", [Condition(Kind.NEVER)]),
        ({"meta": {"key": "pkttype"}}, "==", "host", [Condition(Kind.NEVER, (), True)]),
        ({"meta": {"key": "mark"}}, "==", 1, [UNKNOWN]),
        (
            {"ct": {"key": "state"}},
            "in",
            ["established", "related"],
            [Condition(Kind.STATE, ("established", "related"))],
        ),
        ({"ct": {"key": "status"}}, "in", "dnat", [Condition(Kind.DNAT)]),
        ({"ct": {"key": "status"}}, "in", "snat", [UNKNOWN]),
        ({"ct": {"key": "mark"}}, "==", 1, [UNKNOWN]),
        (FIB, "==", "local", [Condition(Kind.LOCAL)]),
        (FIB, "!=", {"set": ["local", "broadcast"]}, [Condition(Kind.LOCAL, (), True)]),
        (FIB, "==", {"set": ["local", "unicast"]}, [Condition(Kind.NEVER, (), True)]),
        (FIB, "==", "broadcast", [Condition(Kind.NEVER)]),
        ({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, "==", False, [Condition(Kind.NEVER)]),
        ({"fib": {"result": "oif", "flags": ["daddr"]}}, "==", "eth0", [UNKNOWN]),
        ({"rt": {"key": "mtu"}}, "==", 1, [UNKNOWN]),
        (
            {"concat": [payload("ip", "saddr"), payload("tcp", "dport")]},
            "==",
            "@k",
            [Condition(Kind.SOURCE_SET, ("inet t k",))],
        ),
        ({"concat": [payload("ip", "daddr"), payload("tcp", "dport")]}, "==", "@k", [UNKNOWN]),
    ],
)
def test_matches(left: dict[str, Any], op: str, right: Any, expected: list[Condition]) -> None:
    """Each kind of match, with what its right side may be."""
    assert expected == read(left, right, op)


@pytest.mark.parametrize(
    ("field", "right", "expected"),
    [
        ("saddr", "203.0.113.7", Condition(Kind.SOURCE, ("203.0.113.7",))),
        ("daddr", {"prefix": {"addr": "10.0.0.0", "len": 8}}, Condition(Kind.DESTINATION, ("10.0.0.0/8",))),
        (
            "saddr",
            {"set": ["192.0.2.1", {"range": ["192.0.2.3", "192.0.2.9"]}, {"elem": {"val": "192.0.2.20"}}]},
            Condition(Kind.SOURCE, ("192.0.2.1", "range", "192.0.2.20")),
        ),
        ("saddr", "@friends", Condition(Kind.SOURCE_SET, ("inet t friends",))),
        ("daddr", "@friends", UNKNOWN),
        ("protocol", "icmp", Condition(Kind.PROTOCOL, ("icmp",))),
        ("ttl", 1, UNKNOWN),
    ],
)
def test_headers_of_ip(field: str, right: Any, expected: Condition) -> None:
    """A field of IPv4's header is for IPv4 only."""
    assert [Condition(Kind.VERSION, (4,)), expected] == read(payload("ip", field), right)


def test_maps() -> None:
    """A translation by a map is for those that have a value in it."""
    source, port = payload("ip", "saddr"), payload("tcp", "dport")
    by_source = {"addr": {"map": {"key": source, "data": "@m"}}, "port": 22}
    assert [Condition(Kind.SOURCE_SET, ("inet t m",))] == list(read_maps(by_source, RULE))
    assert [UNKNOWN] == list(read_maps({"addr": {"map": {"key": port, "data": {"set": []}}}}, RULE))
    assert [] == list(read_maps({"addr": "10.0.0.2"}, RULE))
    assert [] == list(read_maps(None, RULE))


def test_names() -> None:
    """Sets and maps are found wherever they stand."""
    assert ["a", "b"] == list(find_names([{"x": {"y": "@a"}}, ["z", "@b", 1]]))


def test_keys_of_maps() -> None:
    """A key of a verdict map, alone and put together of several."""
    port, state = payload("tcp", "dport"), {"ct": {"key": "state"}}
    conditions = [TCP, Condition(Kind.TO_PORT, ((22, 22),))]
    assert conditions == list(read_vmap_key(port, 22, RULE, SETS))
    assert conditions == list(read_vmap_key(port, {"elem": {"val": 22}}, RULE, SETS))
    key = {"concat": [22, "new"]}
    expected = [*conditions, Condition(Kind.STATE, ("new",))]
    assert expected == list(read_vmap_key({"concat": [port, state]}, key, RULE, SETS))
