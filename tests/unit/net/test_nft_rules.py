"""What ``nft -j list ruleset`` prints (as version 1.0.6 did), and which ports it says are forwarded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knockd.net.nat_rules import Forwards
from knockd.net.nft_rules import has_iptables_rules, read_nft

PORT = {"payload": {"protocol": "tcp", "field": "dport"}}
UDP = {"payload": {"protocol": "udp", "field": "dport"}}
EITHER = {"payload": {"protocol": "th", "field": "dport"}}
ADDRESS = {"payload": {"protocol": "ip", "field": "daddr"}}
TO = {"dnat": {"family": "ip", "addr": "10.0.0.2"}}
COUNTER = {"counter": {"packets": 0, "bytes": 0}}
KEY = {"concat": [ADDRESS, {"meta": {"key": "l4proto"}}, EITHER]}


def match(right: Any, left: Any = PORT, op: str = "==") -> dict[str, Any]:
    """A comparison."""
    return {"match": {"op": op, "left": left, "right": right}}


def jump(chain: str) -> dict[str, Any]:
    """A jump to a chain."""
    return {"jump": {"target": chain}}


def by_map(data: Any, key: Any = PORT) -> dict[str, Any]:
    """A change of the destination by a map."""
    return {"dnat": {"family": "ip", "addr": {"map": {"key": key, "data": data}}}}


RULES = {
    "one port": ([match(80), COUNTER, TO], ["6 80-80"]),
    "udp": ([match(53, UDP), {"redirect": None}], ["17 53-53"]),
    "either protocol": ([match(53, EITHER), {"redirect": {"port": 5353}}], ["6 53-53", "17 53-53"]),
    "another protocol": ([match(80, {"payload": {"protocol": "sctp", "field": "dport"}}), TO], []),
    "range": ([match({"range": [1000, 1010]}), TO], ["6 1000-1010"]),
    "set": ([match({"set": [80, 443, {"range": [90, 95]}]}), TO], ["6 80-80", "6 90-95", "6 443-443"]),
    "elements with comments": ([match({"set": [{"elem": {"val": 80, "comment": "web"}}]}), TO], ["6 80-80"]),
    "named set": ([match("@web"), TO], ["6 8000-8010", "6 9090-9090"]),
    "above": ([match(60000, op=">"), TO], ["6 60001-65535"]),
    "up to": ([match(10, op="<="), TO], ["6 0-10"]),
    "map": (
        [by_map({"set": [[7003, "10.0.0.2"], [{"range": [7005, 7006]}, "10.0.0.3"]]})],
        ["6 7003-7003", "6 7005-7006"],
    ),
    "named map": ([by_map("@ports")], ["6 7001-7002"]),
    "jump": ([match(30080), jump("svc")], ["6 30080-30080"]),
    "goto": ([match(30080), {"goto": {"target": "svc"}}], ["6 30080-30080"]),
    "verdict map": (
        [{"vmap": {"key": PORT, "data": {"set": [[4000, jump("svc")], [4001, {"accept": None}]]}}}],
        ["6 4000-4000"],
    ),
    "named verdict map of several fields": (
        [{"vmap": {"key": KEY, "data": "@services"}}],
        ["6 5555-5555", "17 5555-5555"],
    ),
    "let through": ([match(3128), {"accept": None}], []),
    "named by its service": ([match("ssh"), TO], []),
}  # fmt: skip
ANY = {
    "no port": [match("192.0.2.9", ADDRESS), TO],
    "all but one": [match(22, op="!="), TO],
    "map by address": [by_map({"set": [["192.0.2.9", "10.0.0.2"]]}, ADDRESS)],
    "verdict map by address": [{"vmap": {"key": ADDRESS, "data": {"set": [["192.0.2.9", jump("svc")]]}}}],
}


def ruleset(expr: list[Any], *, table: str = "fw", hook: str = "prerouting", kind: str = "nat") -> str:
    """A table with one base chain of one rule, and what rules may name."""
    in_table = {"family": "inet", "table": table}
    return json.dumps({"nftables": [
        {"metainfo": {"version": "1.0.6"}},
        {"table": {"family": "inet", "name": table}},
        {"set": {**in_table, "name": "web", "type": "inet_service", "elem": [{"range": [8000, 8010]}, 9090]}},
        {"set": {**in_table, "name": "empty", "type": "inet_service"}},
        {"map": {**in_table, "name": "ports", "map": "ipv4_addr",
                 "elem": [[7001, "10.0.0.2"], [7002, "10.0.0.3"]]}},
        {"map": {**in_table, "name": "services", "map": "verdict",
                 "elem": [[{"concat": ["10.1.1.1", "tcp", 5555]}, jump("svc")]]}},
        {"chain": {**in_table, "name": "svc"}},
        {"chain": {**in_table, "name": "pre", "type": kind, "hook": hook, "prio": -100, "policy": "accept"}},
        {"rule": {**in_table, "chain": "svc", "handle": 7, "expr": [TO]}},
        {"rule": {**in_table, "chain": "pre", "handle": 8, "expr": expr}},
    ]})  # fmt: skip


def shown(forwards: Forwards) -> list[str]:
    """The ranges as people write them."""
    return [f"{low >> 16} {low & 0xFFFF}-{high & 0xFFFF}" for low, high in forwards.ranges]


@pytest.mark.parametrize("kind", RULES)
def test_rule(kind: str) -> None:
    """The ports that one rule forwards."""
    expr, expected = RULES[kind]
    assert expected == shown(read_nft(ruleset(expr)))
    assert not read_nft(ruleset(expr)).any_port


@pytest.mark.parametrize("kind", ANY)
def test_any_port(kind: str) -> None:
    """A rule that names no ports, or all but some, forwards any."""
    assert Forwards(any_port=True) == read_nft(ruleset(ANY[kind]))


@pytest.mark.parametrize("place", [{"hook": "output"}, {"kind": "filter"}], ids=["goes out", "filters"])
def test_other_chains(place: dict[str, str]) -> None:
    """Only what comes in is forwarded, and only chains of address translation do it."""
    assert Forwards() == read_nft(ruleset([match(80), TO], **place))


def test_rules_of_iptables() -> None:
    """nft does not print all that iptables' rules say: iptables is to be asked for them."""
    expr = [match(80), {"xt": {"type": "target", "name": "DNAT"}}]
    assert Forwards() == read_nft(ruleset(expr))
    assert has_iptables_rules(ruleset(expr))
    assert not has_iptables_rules(ruleset([match(80), TO]))


def test_nothing_there() -> None:
    """A kernel without rules has none that forward."""
    assert Forwards() == read_nft('{"nftables": [{"metainfo": {"version": "1.0.6"}}]}')


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[" * 100_000, '{"nftables": [{"rule": {}}]}', ruleset([match("@missing"), TO])]
)
def test_what_nft_does_not_print(text: str) -> None:
    """Anything else is an error that can be told."""
    with pytest.raises(ValueError, match=r"what nft prints|Expecting value"):
        read_nft(text)
