"""Flag rules are decided bit by bit, exactly."""

from __future__ import annotations

import pytest

from knockd_bpf.flags import Branch, Decision, Outcome, bit_name, decide_flags
from knockd_conf.model import FlagRule

SYN, SYN_NOT_ACK, NOT_ACK, FIN = FlagRule(2, 0), FlagRule(2, 0x10), FlagRule(0, 0x10), FlagRule(1, 0)
HERE, THERE = frozenset({b"here"}), frozenset({b"there"})


def follow(decision: Decision, flags: int) -> tuple[Outcome, int]:
    """Where a flag byte ends, and after how many tests."""
    tests = 0
    while isinstance(decision, Branch):
        decision = decision.set if flags & decision.bit else decision.clear
        tests += 1
    return decision, tests


@pytest.mark.parametrize(
    "rules",
    [
        [(SYN, HERE)],
        [(NOT_ACK, HERE)],
        [(SYN_NOT_ACK, HERE), (FIN, THERE)],
        [(None, HERE), (SYN, THERE)],
        [(FlagRule(0x29, 0x16), HERE), (FlagRule(0, 0x3F), THERE), (SYN, HERE)],
        [(FlagRule(2, 2), HERE)],
        [(FlagRule(0xC0, 0), HERE)],
    ],
)
def test_every_flag_byte(rules: list[tuple[FlagRule | None, frozenset[bytes]]]) -> None:
    """For each of 256 flag bytes the decision ends with exactly the rules that fit."""
    decision = decide_flags(rules)
    for flags in range(256):
        fitting = frozenset(where for rule, where in rules if rule is None or rule.accepts(flags))
        assert fitting == follow(decision, flags)[0]


def test_one_bit_takes_one_test() -> None:
    """A rule of one bit is decided in one test."""
    assert Branch(2, frozenset({HERE}), frozenset()) == decide_flags([(SYN, HERE)])


def test_data_is_known_early() -> None:
    """Without SYN a rule of SYN and not ACK is settled by the first test."""
    assert (frozenset(), 1) == follow(decide_flags([(SYN_NOT_ACK, HERE)]), 0x10)


def test_no_rule_takes_no_test() -> None:
    """Where any flags do, nothing is tested."""
    assert frozenset({HERE}) == decide_flags([(None, HERE), (SYN, HERE)])


def test_no_rules() -> None:
    """No rule at all fits nothing."""
    assert frozenset() == decide_flags([])


def test_bit_names() -> None:
    """Bits are called as in TCPFlags, others by number."""
    assert (bit_name(2), bit_name(0x40)) == ("syn", "0x40")
