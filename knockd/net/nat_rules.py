"""Rules of address translation: which ports they lead elsewhere, whoever printed them.

Chains of rules are walked as a packet from outside would, through jumps, to rules that change the
destination. A rule that asks for more than a port counts as if it did not.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from knockd_conf.classes import NamedTuple
from knockd_conf.protocol import Protocol

PortRange = tuple[int, int]
"""The first and the last of some ports of one protocol, each as ``protocol << 16 | port``."""

MOST_RULES = 100_000
"""Rules looked at: a chain is walked once for all ports that enter it, and there may be many."""


class Forwards(NamedTuple):
    """Ranges of ports that rules lead elsewhere; ``any_port``: a rule does so whatever the port."""

    ranges: tuple[PortRange, ...] = ()
    any_port: bool = False


class Jump(NamedTuple):
    """On to another chain; ``ports``: with these only, None: with those of the rule."""

    chain: str
    ports: tuple[PortRange, ...] | None = None


class Rule(NamedTuple):
    """``ports`` are those that it is about, None: any; ``changes``: it changes the destination."""

    ports: tuple[PortRange, ...] | None
    changes: bool = False
    jumps: tuple[Jump, ...] = ()


def ranges_of(protocols: Iterable[int], ports: Iterable[tuple[int, int]]) -> tuple[PortRange, ...]:
    """Ranges of ports, each for every protocol."""
    ports = list(ports)
    return tuple(
        (protocol << 16 | low, protocol << 16 | high) for protocol in protocols for low, high in ports
    )


def protocols_of(name: str) -> tuple[Protocol, ...]:
    """The protocol of that name (``tcp``, ``udp``); none, when knocks are of no such protocol."""
    return tuple(protocol for protocol in Protocol if str(protocol) == name)


def walk_chains(chains: Mapping[str, Sequence[Rule]], begin: Iterable[str]) -> Forwards:
    """What packets that enter by the chains of ``begin`` are led to."""
    found: set[PortRange] = set()
    any_port = False
    waiting = [Jump(chain) for chain in begin]
    seen = set(waiting)
    rules = 0
    while waiting and rules < MOST_RULES:
        entered = waiting.pop()
        for rule in chains.get(entered.chain, ()):
            rules += 1
            ports = entered.ports if rule.ports is None else rule.ports
            if rule.changes:
                found.update(ports or ())
                any_port |= ports is None
            for jump in rule.jumps:
                following = Jump(jump.chain, ports if jump.ports is None else jump.ports)
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
    return merge_forwards([Forwards(tuple(found), any_port or rules >= MOST_RULES)])


def merge_forwards(several: Iterable[Forwards]) -> Forwards:
    """All of them as one, their ranges in order and without overlaps."""
    several = list(several)
    merged: list[PortRange] = []
    for low, high in sorted(one for forwards in several for one in forwards.ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return Forwards(tuple(merged), any(forwards.any_port for forwards in several))
