"""Flag rules as a decision over single bits of the TCP flag byte.

The kernel tests one bit in one instruction without touching the loaded byte, so any set of rules
is decided in as many instructions as bits matter, at most.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from knockd_bpf.terms import Destinations
from knockd_conf.classes import NamedTuple
from knockd_conf.model import FlagRule
from knockd_conf.protocol import FLAG_BITS

_ORDER: Final = (*(FLAG_BITS[name] for name in ("syn", "ack", "rst", "fin", "psh", "urg")), 0x40, 0x80)
"""SYN first: most packets belong to connections, and they have it clear."""

_ANY: Final = FlagRule(0, 0)

Outcome = frozenset[Destinations]
"""The destinations of every rule that fits; empty when none does."""


class Branch(NamedTuple):
    """Look at ``bit``: what follows when it is set, and when it is clear."""

    bit: int
    set: Decision
    clear: Decision


Decision = Branch | Outcome


def decide_flags(rules: Iterable[tuple[FlagRule | None, Destinations]]) -> Decision:
    """The decision that ends, for every flag byte, in the destinations of the rules that it fits."""
    pending = {
        (rule.must_set, rule.must_clear & ~rule.must_set, destinations)
        for rule, destinations in ((rule or _ANY, destinations) for rule, destinations in rules)
    }
    return _decide(frozenset(pending))


def _decide(pending: frozenset[tuple[int, int, Destinations]]) -> Decision:
    fitting = frozenset(where for must, mustnt, where in pending if not must | mustnt)
    undecided = {(must, mustnt) for must, mustnt, where in pending if where not in fitting}
    bit = next((one for one in _ORDER if any(one & (must | mustnt) for must, mustnt in undecided)), None)
    if bit is None:
        return fitting
    yes = _decide(frozenset((must & ~bit, no, where) for must, no, where in pending if not no & bit))
    no = _decide(frozenset((must, no & ~bit, where) for must, no, where in pending if not must & bit))
    return yes if yes == no else Branch(bit, yes, no)


def bit_name(bit: int) -> str:
    """The name that TCPFlags uses for a bit, or the bit in hexadecimal."""
    return next((name for name, value in FLAG_BITS.items() if value == bit), f"{bit:#04x}")
