"""The ports of a rotating sequence, from key, door and period: docs/spec/rotating-sequence.md, version 1.

The client imports this file, so it imports neither dataclasses nor ipaddress, and hmac only to derive.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Final

from knockd_conf.classes import NamedTuple
from knockd_conf.protocol import MAX_PORT, Protocol

VERSION: Final = "rotating-sequence-1"
GUARDS: Final = 8
"""Guard ports of a period."""

KINDS: Final = ("tcp", "udp", "mixed")
"""What Sequence_Protocol may be."""

MIN_STEPS, MAX_STEPS = 3, 16
MIN_PERIOD, MAX_PERIOD = 10, 3_600
MIN_RANGE: Final = 1_024
"""Ports of the smallest range: fewer could be tried one by one."""

KEY_BYTES: Final = 32
LAST_PERIOD: Final = (1 << 53) - 1
"""The highest period number: the largest whole number that every language keeps exactly (RFC 8259, 6)."""

_WORD = 4
_BITS = 31
"""Bits of a word that choose the port; the one above them chooses the protocol."""


class Rule(NamedTuple):
    """How sequences are made of a key: number of steps, seconds of a period, the range of ports.

    ``low`` and ``high`` belong to the range; ``protocol`` is one of KINDS.
    """

    steps: int = 4
    period: int = 30
    low: int = 20_000
    high: int = 60_000
    protocol: str = "tcp"

    def period_at(self, seconds: float) -> int:
        """The number of the period at a time in seconds since the epoch; negative before it."""
        return int(seconds // self.period)

    def begin_of(self, period: int) -> int:
        """When a period begins, in seconds since the epoch; the one before it ends then."""
        return period * self.period


class Port(NamedTuple):
    """A port and its protocol."""

    port: int
    protocol: Protocol


class Ports(NamedTuple):
    """The ports of a period: the steps in their order, and the guard ports."""

    steps: tuple[Port, ...]
    guards: tuple[Port, ...]


def check_rule(rule: Rule) -> None:
    """Raises ValueError, which says what is wrong, when the specification has no such rule."""
    for what, number, low, high in (
        ("steps", rule.steps, MIN_STEPS, MAX_STEPS),
        ("seconds of a period", rule.period, MIN_PERIOD, MAX_PERIOD),
        ("a lowest port", rule.low, 1, MAX_PORT),
        ("a highest port", rule.high, 1, MAX_PORT),
    ):
        if not low <= number <= high:
            raise ValueError(f"expected {what} from {low} to {high}, got {number}")
    if rule.high - rule.low + 1 < MIN_RANGE:
        raise ValueError(f"expected at least {MIN_RANGE} ports, got {rule.low}-{rule.high}")
    if rule.protocol not in KINDS:
        raise ValueError(f"expected {', '.join(KINDS[:-1])} or {KINDS[-1]}")


def derive_ports(key: bytes, door: str, period: int, rule: Rule) -> Ports:
    """The ports of a period; all are distinct, and none is beside another.

    Raises ValueError for a key, a rule or a period that the specification does not have: periods before
    the epoch have no sequences.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"expected a key of {KEY_BYTES} bytes, got {len(key)}")
    if not 0 <= period <= LAST_PERIOD:
        raise ValueError(f"expected a period from 0 to {LAST_PERIOD}, got {period}")
    check_rule(rule)
    chosen: list[Port] = []
    near: set[int] = set()
    for bit, port in _candidates(key, door, period, rule):
        if port in near:
            continue
        near.update((port - 1, port, port + 1))
        protocol = (
            Protocol.UDP if rule.protocol == "udp" or (rule.protocol == "mixed" and bit) else Protocol.TCP
        )
        chosen.append(Port(port, protocol))
        if len(chosen) == rule.steps + GUARDS:
            break
    return Ports(tuple(chosen[: rule.steps]), tuple(chosen[rule.steps :]))


def _candidates(key: bytes, door: str, period: int, rule: Rule) -> Iterator[tuple[int, int]]:
    """Yields (protocol bit, port) of each word that is uniform over the range."""
    from hmac import digest  # 2 MB, which only who has the key needs

    span = rule.high - rule.low + 1
    limit = (1 << _BITS) // span * span
    for counter in count():
        block = digest(key, f"{VERSION}\n{door}\n{period}\n{counter}".encode(), "sha256")
        for at in range(0, len(block), _WORD):
            word = int.from_bytes(block[at : at + _WORD], "big")
            number = word & ((1 << _BITS) - 1)
            if number < limit:
                yield word >> _BITS, rule.low + number % span
