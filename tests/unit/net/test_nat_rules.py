"""Rules of address translation, walked as a packet from outside would."""

from __future__ import annotations

import pytest

from knockd.net import nat_rules
from knockd.net.nat_rules import (
    Forwards,
    Jump,
    Rule,
    merge_forwards,
    protocols_of,
    ranges_of,
    walk_chains,
)
from knockd_conf.protocol import Protocol

TCP = 6 << 16
WEB = ((TCP | 80, TCP | 80),)
SSH = ((TCP | 22, TCP | 22),)


def test_rule_that_changes() -> None:
    """The ports of a rule that changes the destination are forwarded; those of others are not."""
    chains = {"pre": [Rule(WEB, changes=True), Rule(SSH)]}
    assert Forwards(WEB) == walk_chains(chains, ["pre"])


def test_chain_that_nothing_leads_to() -> None:
    """What no packet from outside comes to forwards nothing."""
    chains = {"pre": [Rule(SSH)], "output": [Rule(WEB, changes=True)]}
    assert Forwards() == walk_chains(chains, ["pre"])


def test_ports_of_the_jump() -> None:
    """A rule without ports is about those that the jump to its chain was about, or its map's key."""
    chains = {
        "pre": [Rule(WEB, jumps=(Jump("svc"),)), Rule(None, jumps=(Jump("svc", SSH),))],
        "svc": [Rule(None, changes=True)],
    }
    assert Forwards((*SSH, *WEB)) == walk_chains(chains, ["pre"])


def test_any_port() -> None:
    """A rule that changes every packet's destination is told apart."""
    chains = {"pre": [Rule(None, jumps=(Jump("all"),))], "all": [Rule(None, changes=True)]}
    assert Forwards(any_port=True) == walk_chains(chains, ["pre"])


def test_chains_in_a_circle() -> None:
    """Chains that jump to each other, or to one that is not there, come to an end."""
    chains = {
        "pre": [Rule(None, jumps=(Jump("a"), Jump("missing")))],
        "a": [Rule(None, jumps=(Jump("pre"), Jump("a")))],
    }
    assert Forwards() == walk_chains(chains, ["pre"])


def test_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many rules the rest is taken for one that forwards any port."""
    monkeypatch.setattr(nat_rules, "MOST_RULES", 3)
    chains = {
        "pre": [Rule(None, jumps=(Jump("a"), Jump("b"))), Rule(None)],
        "a": [Rule(None)],
        "b": [Rule(WEB)],
    }
    assert walk_chains(chains, ["pre"]).any_port


def test_merge() -> None:
    """Ranges come in order, and those that meet or overlap are one."""
    ranges = [(5, 9), (1, 2), (3, 3), (20, 30), (22, 25)]
    several = [Forwards((one,)) for one in ranges]
    assert Forwards(((1, 3), (5, 9), (20, 30))) == merge_forwards(several)
    assert merge_forwards([*several, Forwards(any_port=True)]).any_port


def test_ranges() -> None:
    """A port of several protocols is a range of each."""
    expected = ((TCP | 1, TCP | 2), (17 << 16 | 1, 17 << 16 | 2))
    assert expected == ranges_of((Protocol.TCP, Protocol.UDP), [(1, 2)])


@pytest.mark.parametrize(
    ("name", "expected"), [("tcp", (Protocol.TCP,)), ("udp", (Protocol.UDP,)), ("sctp", ())]
)
def test_protocols(name: str, expected: tuple[Protocol, ...]) -> None:
    """Knocks are of two protocols."""
    assert expected == protocols_of(name)
