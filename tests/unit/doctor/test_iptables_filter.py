"""What iptables-save has really printed, as rules for packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockd.doctor.iptables_filter import make_chain, read_iptables_rules
from knockd.doctor.packets import Condition, Kind, Packet, Truth
from knockd.doctor.rulesets import Chain, End, Rule, find_translations, judge_packet
from tests.support.samples.firewalls import load_ruleset, load_text

RICH = load_ruleset("iptables-rich")
STRANGER = Packet(4, "tcp", 22, interfaces=("eth0",), own=frozenset({bytes((10, 7, 0, 1))}))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Truth.NO),
        ({"port": 443}, Truth.YES),
        ({"port": 8005}, Truth.YES),
        ({"port": 8011}, Truth.NO),
        ({"protocol": "udp", "port": 443}, Truth.NO),
        ({"state": "established"}, Truth.YES),
        ({"interfaces": ("lo",)}, Truth.YES),
    ],
)
def test_packets(values: dict[str, object], expected: Truth) -> None:
    """What becomes of packets at a firewall with chains, comments and modules."""
    packet = STRANGER._replace(**values)  # type: ignore[arg-type]
    assert expected == judge_packet(RICH, ("prerouting", "input"), packet).passes


def test_goto() -> None:
    """The rule that decides is named by its line, also behind a goto."""
    outcome = judge_packet(RICH, ("input",), STRANGER)
    assert ("'-A log-drop -j DROP' (iptables)",) == outcome.rules


def test_translation() -> None:
    """The nat table says where a port is led."""
    (fate, *_) = find_translations(RICH, STRANGER._replace(port=2222))
    assert End.DNAT is fate.end
    assert 22 == fate.port


def rule(words: str) -> Rule:
    """The rule of one line, in a table that has it alone."""
    (only,) = (
        read_iptables_rules(f"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT {words}\nCOMMIT", "ip")
        .chains["ip filter INPUT"]
        .rules
    )
    return only


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-p tcp", Condition(Kind.PROTOCOL, ("tcp",))),
        ("! -p tcp", Condition(Kind.PROTOCOL, ("tcp",), True)),
        ("-s 192.0.2.1/32,10.0.0.0/8", Condition(Kind.SOURCE, ("10.0.0.0/8", "192.0.2.1"))),
        ("! -d 224.0.0.0/4", Condition(Kind.DESTINATION, ("224.0.0.0/4",), True)),
        ("-i ppp+", Condition(Kind.IN, ("ppp*",))),
        ("-o eth0", Condition(Kind.OUT, ("eth0",))),
        ("--dport 20:22", Condition(Kind.TO_PORT, ((20, 22),))),
        ("--dport :22", Condition(Kind.TO_PORT, ((0, 22),))),
        ("--sport 1024:", Condition(Kind.FROM_PORT, ((1024, 65535),))),
        ("-m multiport --dports 1,3:4", Condition(Kind.TO_PORT, ((1, 1), (3, 4)))),
        ("-m conntrack --ctstate RELATED,ESTABLISHED", Condition(Kind.STATE, ("established", "related"))),
        ("-m state --state NEW", Condition(Kind.STATE, ("new",))),
        ("-m conntrack --ctstatus DNAT", Condition(Kind.DNAT)),
        ("-m conntrack --ctstatus SNAT", Condition(Kind.UNKNOWN)),
        ("-m set --match-set friends src", Condition(Kind.SOURCE_SET, ("friends",))),
        ("-m set ! --match-set friends src,src", Condition(Kind.SOURCE_SET, ("friends",), True)),
        ("-m set --match-set friends dst", Condition(Kind.UNKNOWN)),
        ("-m tcp --tcp-flags FIN,SYN,RST,ACK SYN", Condition(Kind.SYN)),
        ("-m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN", Condition(Kind.SYN, (), True)),
        ("-m tcp --tcp-flags FIN,SYN FIN,SYN", Condition(Kind.NEVER)),
        ("-m addrtype --dst-type LOCAL", Condition(Kind.LOCAL)),
        ("-m addrtype --dst-type BROADCAST", Condition(Kind.NEVER)),
        ("--icmp-type 8", Condition(Kind.NEVER)),
        ("-m recent --rcheck", Condition(Kind.UNKNOWN)),
        ("--syn", Condition(Kind.SYN)),
    ],
)
def test_conditions(words: str, expected: Condition) -> None:
    """Each option that is known; of a module that is not, it is not known whether it holds."""
    assert (expected,) == rule(f"{words} -j DROP").conditions


@pytest.mark.parametrize(
    ("words", "end", "target"),
    [
        ("-j ACCEPT", End.ACCEPT, ""),
        ("-j REJECT --reject-with tcp-reset", End.DROP, ""),
        ("-j RETURN", End.FALL, ""),
        ("-j NFQUEUE", End.UNSURE, ""),
        ("-j LOG --log-prefix x", End.GO_ON, ""),
        ("-m comment --comment nothing", End.GO_ON, ""),
        ("-j other", End.JUMP, "ip filter other"),
        ("-g other", End.GOTO, "ip filter other"),
        ("-j REDIRECT --to-ports 22", End.DNAT, "22"),
        ("-j DNAT --to-destination 10.0.0.2", End.DNAT, ""),
    ],
)
def test_targets(words: str, end: End, target: str) -> None:
    """What a rule does, and with which chain or port."""
    assert end is rule(words).end
    assert target == rule(words).target


def test_what_a_comment_says() -> None:
    """Words of a comment are no options."""
    assert () == rule('-m comment --comment "-p udp -j DROP" -j ACCEPT').conditions
    assert End.ACCEPT is rule('-m comment --comment "-j DROP" -j ACCEPT').end


def test_chains() -> None:
    """Names, hooks, policies and priorities; a chain of one's own has neither hook nor policy."""
    chains = read_iptables_rules(load_text("legacy", "legacy.txt"), "ip", "legacy ").chains
    assert chains["legacy ip filter INPUT"].drops
    assert "chain INPUT (iptables)" == chains["legacy ip filter INPUT"].name
    assert "" == RICH.chains["ip filter doors"].hook
    nat = make_chain("ip6", "nat PREROUTING")
    assert Chain((), "prerouting", -100, True, False, (6,), "chain PREROUTING (ip6tables -t nat)") == nat


@given(st.text(alphabet=":*-ABIj pst\"'\n10.,! +", max_size=80))
def test_total(text: str) -> None:
    """Whatever the text, there is a ruleset."""
    read_iptables_rules(f"*filter\n:INPUT DROP [0:0]\n{text}\n-A INPUT {text}", "ip")
