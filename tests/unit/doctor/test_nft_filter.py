"""What nft has really printed, as rules for packets."""

from __future__ import annotations

import json

import pytest

from knockd.doctor.nft_filter import read_nft_rules, read_rule_texts
from knockd.doctor.packets import Packet, Truth
from knockd.doctor.rulesets import Chain, End, Ruleset, judge_packet
from tests.support.samples.firewalls import load_ruleset, load_text

RICH = load_ruleset("nft-rich")
STRANGER = Packet(4, "tcp", 22, interfaces=("eth0",), own=frozenset({bytes((10, 7, 0, 1))}))


def passes(**values: object) -> Truth:
    """Whether a packet passes the rich firewall."""
    return judge_packet(RICH, ("prerouting", "input"), STRANGER._replace(**values)).passes  # type: ignore[arg-type]


def test_base_chain() -> None:
    """Hook, priority, policy and IP versions of a base chain, and its name for people."""
    chain = RICH.chains["inet filter input"]
    assert ("input", 0, True, (4, 6)) == (chain.hook, chain.priority, chain.drops, chain.versions)
    assert "inet filter input" == chain.name
    assert frozenset({"inet filter ports", "inet filter friends", "inet filter knocked"}) == RICH.sets


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Truth.NO),
        ({"port": 80}, Truth.YES),
        ({"port": 81}, Truth.NO),
        ({"port": 9005}, Truth.NO),
        ({"port": 8080}, Truth.YES),
        ({"port": 61000, "protocol": "udp"}, Truth.YES),
        ({"port": 59000, "protocol": "udp"}, Truth.NO),
        ({"state": "established"}, Truth.YES),
        ({"interfaces": ("lo",)}, Truth.YES),
        ({"dnat": True}, Truth.YES),
        ({"members": frozenset({"inet filter knocked"})}, Truth.YES),
        ({"members": frozenset({"inet filter friends"})}, Truth.YES),
        ({"members": frozenset({"inet filter friends"}), "port": 8023}, Truth.NO),
        ({"version": 6, "port": 80}, Truth.YES),
        ({"version": 6, "port": 8080}, Truth.YES),
    ],
)
def test_packets(values: dict[str, object], expected: Truth) -> None:
    """What becomes of packets; a rule for packets with a mark is for none of ours that is known."""
    known = {Truth.NO: (Truth.NO, Truth.MAYBE)}.get(expected, (expected,))
    assert passes(**values) in known


def test_texts() -> None:
    """A rule is named by its own words and its chain, else by its number."""
    rules = RICH.chains["inet filter input"].rules
    texts = {rule.text for rule in rules}
    assert "'ip protocol icmp accept' in inet filter input" in texts
    bare = read_nft_rules(load_text("nft-rich", "nft.json"), {})
    assert all(rule.text.startswith("rule ") for rule in bare.chains["inet filter input"].rules)


def test_texts_of_sets_are_no_rules() -> None:
    """Lines that begin tables, sets and chains are none."""
    texts = read_rule_texts(load_text("nft-rich", "nft.txt"))
    assert texts
    assert not any(text.endswith("{") for text in texts.values())


def of(*rules: dict[str, object]) -> Ruleset:
    """A chain with rules of these expressions."""
    entries: list[object] = [
        {
            "chain": {
                "family": "ip",
                "table": "t",
                "name": "c",
                "type": "nat",
                "hook": "prerouting",
                "prio": -100,
            }
        },
        *(
            {"rule": {"family": "ip", "table": "t", "chain": "c", "handle": number, "expr": [rule]}}
            for number, rule in enumerate(rules)
        ),
    ]
    return read_nft_rules(json.dumps({"nftables": entries}), {})


@pytest.mark.parametrize(
    ("expression", "end", "target"),
    [
        ({"reject": None}, End.DROP, ""),
        ({"return": None}, End.FALL, ""),
        ({"queue": None}, End.UNSURE, ""),
        ({"jump": {"target": "d"}}, End.JUMP, "ip t d"),
        ({"goto": {"target": "d"}}, End.GOTO, "ip t d"),
        ({"dnat": {"addr": "10.0.0.2", "port": 22}}, End.DNAT, "22"),
        ({"redirect": None}, End.DNAT, ""),
        ({"xt": {"type": "target", "name": "REJECT"}}, End.UNSURE, ""),
        ({"xt": None}, End.UNSURE, ""),
    ],
)
def test_verdicts(expression: dict[str, object], end: End, target: str) -> None:
    """What a rule does, and to which chain or port; that of a target of iptables is not known."""
    (rule,) = of(expression).chains["ip t c"].rules
    assert end is rule.end
    assert target == rule.target


def test_what_says_nothing() -> None:
    """A rule that only counts or logs does nothing to a packet; families of other layers are left out."""
    assert () == of({"counter": {"packets": 0, "bytes": 0}}, {"log": None}).chains["ip t c"].rules
    assert (
        Chain(hook="prerouting", priority=-100, nat=True, versions=(4,), name="ip t c")
        == of().chains["ip t c"]
    )
    bridge = {"chain": {"family": "bridge", "table": "t", "name": "c", "hook": "input", "policy": "drop"}}
    assert Ruleset() == read_nft_rules(json.dumps({"nftables": [bridge]}), {})


def test_a_verdict_by_source() -> None:
    """Who is added to a map of verdicts by address is let in."""
    key = {"payload": {"protocol": "ip", "field": "saddr"}}
    entries = [
        {"chain": {"family": "ip", "table": "t", "name": "c", "hook": "input", "policy": "drop"}},
        {"map": {"family": "ip", "table": "t", "name": "m", "elem": [["203.0.113.7", {"accept": None}]]}},
        {"rule": {"family": "ip", "table": "t", "chain": "c", "handle": 1, "expr": [
            {"vmap": {"key": key, "data": "@m"}}]}},
    ]  # fmt: skip
    rules = read_nft_rules(json.dumps({"nftables": entries}), {})
    assert frozenset({"ip t m"}) == rules.sets == rules.mentioned
    knocker = STRANGER._replace(members=frozenset({"ip t m"}))
    assert Truth.YES == judge_packet(rules, ("input",), knocker).passes
    assert Truth.NO == judge_packet(rules, ("input",), STRANGER).passes


@pytest.mark.parametrize("text", ["", "nftables", "[]", '{"nftables": [{"chain": {}}]}', '{"nftables": 1}'])
def test_something_else(text: str) -> None:
    """What nft does not print is a ValueError."""
    with pytest.raises(ValueError, match=r".*"):
        read_nft_rules(text, {})
