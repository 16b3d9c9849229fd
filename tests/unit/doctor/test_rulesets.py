"""What becomes of a packet at the rules of a firewall."""

from __future__ import annotations

import pytest

from knockd.doctor.packets import KNOCKER, Condition, Kind, Packet, Truth
from knockd.doctor.rulesets import (
    Chain,
    End,
    Fate,
    Outcome,
    Rule,
    Ruleset,
    find_translations,
    judge_packet,
    merge_rulesets,
)

PACKET = Packet(4, "tcp", 22)
ALL, NONE, SOME = (), (Condition(Kind.NEVER),), (Condition(Kind.UNKNOWN),)
FRIENDS = (Condition(Kind.SOURCE_SET, ("friends",)),)


def judged(*rules: Rule, packet: Packet = PACKET, **others: Chain) -> Outcome:
    """The outcome at a chain whose policy drops, with other chains to jump to."""
    chain = Chain(rules, "input", drops=True, name="input")
    return judge_packet(Ruleset({"input": chain, **others}), ("input",), packet)


def rule(end: End, conditions: tuple[Condition, ...] = ALL, target: str = "") -> Rule:
    """A rule that is named like what it does."""
    return Rule(conditions, end, end.value, target)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((), Outcome(Truth.NO, ("policy drop of input",))),
        ((rule(End.ACCEPT),), Outcome(Truth.YES, ("accept",))),
        ((rule(End.ACCEPT, NONE),), Outcome(Truth.NO, ("policy drop of input",))),
        ((rule(End.ACCEPT, SOME),), Outcome(Truth.MAYBE, ("accept",))),
        ((rule(End.DROP, SOME), rule(End.ACCEPT)), Outcome(Truth.MAYBE, ("accept",))),
        ((rule(End.DROP, SOME),), Outcome(Truth.NO, ("drop", "policy drop of input"))),
        ((rule(End.GO_ON), rule(End.ACCEPT)), Outcome(Truth.YES, ("accept",))),
        ((rule(End.UNSURE),), Outcome(Truth.MAYBE, ("unsure",))),
        ((rule(End.FALL), rule(End.ACCEPT)), Outcome(Truth.NO, ("policy drop of input",))),
    ],
)
def test_rules(rules: tuple[Rule, ...], expected: Outcome) -> None:
    """The first rule that matches decides, else the policy; of one that may match both ways are followed."""
    assert expected == judged(*rules)


def test_jumps() -> None:
    """From the end of another chain the packet comes back, after a goto it does not."""
    accepts, falls = Chain((rule(End.ACCEPT),)), Chain((rule(End.FALL),))
    jump, goto = rule(End.JUMP, target="other"), rule(End.GOTO, target="other")
    assert Truth.YES == judged(jump, other=accepts).passes
    assert Truth.YES == judged(jump, rule(End.ACCEPT), other=falls).passes
    assert Truth.NO == judged(goto, rule(End.ACCEPT), other=falls).passes
    assert Truth.YES == judged(goto, other=accepts).passes


def test_chains_that_are_not_there() -> None:
    """What a chain that is not known does is not certain; chains in circles end."""
    assert Truth.MAYBE == judged(rule(End.JUMP, target="other"), rule(End.ACCEPT)).passes
    circle = Chain((rule(End.JUMP, target="other"),))
    assert Truth.MAYBE == judged(rule(End.JUMP, target="other"), rule(End.ACCEPT), other=circle).passes


def test_every_chain_has_a_say() -> None:
    """What one base chain accepts another one may drop; other hooks, versions and nat have no say."""
    accepts = Chain((rule(End.ACCEPT),), "input", 0, name="a")
    drops = Chain((), "input", 10, drops=True, name="b")
    assert Outcome(Truth.NO, ("policy drop of b",)) == judge_packet(
        Ruleset({"b": drops, "a": accepts}), ("input",), PACKET
    )
    others = Ruleset(
        {
            "hook": Chain((), "forward", drops=True),
            "version": Chain((), "input", drops=True, versions=(6,)),
            "nat": Chain((), "input", nat=True, drops=True),
        }
    )
    assert Outcome(Truth.YES, ()) == judge_packet(others, ("input",), PACKET)


def test_rules_for_those_who_need_not_knock() -> None:
    """That some are let in at once says nothing of a knocker; that some are dropped may be true of them."""
    knocker = PACKET._replace(members=frozenset({KNOCKER}))
    assert Truth.NO == judged(rule(End.ACCEPT, FRIENDS), packet=knocker).passes
    assert Truth.MAYBE == judged(rule(End.DROP, FRIENDS), rule(End.ACCEPT), packet=knocker).passes


def test_translations() -> None:
    """Where a destination may be changed, and to which port."""
    chain = Chain((Rule(SOME, End.DNAT, "dnat", "8080"),), "prerouting", nat=True, name="pre")
    assert (Fate(End.DNAT, "dnat", 8080), Fate(End.ACCEPT, "policy accept of pre")) == find_translations(
        Ruleset({"pre": chain}), PACKET
    )


def test_changes() -> None:
    """A rule is put in front of others, or at the end; a chain that is there stays."""
    first, second, new = rule(End.DROP), rule(End.ACCEPT), rule(End.FALL)
    rules = Ruleset({"a": Chain((first, second))})
    assert (first, new, second) == rules.with_rule("a", new, 1).chains["a"].rules
    assert (first, second, new) == rules.with_rule("a", new, None).chains["a"].rules
    assert rules == rules.with_chain("a", Chain())
    assert Chain() == rules.with_chain("b", Chain()).chains["b"]


def test_merged() -> None:
    """All chains and sets; of the same chain the last one."""
    one, other = (
        Ruleset({"a": Chain()}, frozenset({"s"})),
        Ruleset({"a": Chain(hook="input")}, frozenset({"t"})),
    )
    assert Ruleset({"a": Chain(hook="input")}, frozenset({"s", "t"})) == merge_rulesets([one, other])
    assert Ruleset() == merge_rulesets([])
