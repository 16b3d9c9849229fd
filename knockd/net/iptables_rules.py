"""The rules of address translation that ``iptables-save -t nat`` prints, one a line.

Total: whatever the text, nothing is raised.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockd.net.nat_rules import Forwards, Jump, Rule, protocols_of, ranges_of, walk_chains
from knockd_conf.protocol import Protocol

_CHANGES = frozenset({"DNAT", "REDIRECT", "NETMAP"})
"""Targets that change the destination (iptables-extensions(8)); of others only our own chains matter."""


def read_iptables(text: str) -> Forwards:
    """What the nat table leads elsewhere."""
    chains: dict[str, list[Rule]] = {}
    for line in text.splitlines():
        append, _, rest = line.partition(" ")
        if append == "-A":
            chain, *words = rest.split(" ")
            chains.setdefault(chain, []).append(_rule(words))
    return walk_chains(chains, ["PREROUTING"])


def _rule(words: Sequence[str]) -> Rule:
    """A rule of its words; those of a comment come in quotes, and may be taken for more."""
    protocols: Sequence[int] = tuple(Protocol)
    ports: list[tuple[int, int]] | None = None
    target = ""
    for before, word, value in zip(("", *words), words, (*words[1:], ""), strict=False):
        if before == "!":
            continue  # all but these: any
        if word == "-p" and value != "all":
            protocols = protocols_of(value)
        elif word in {"--dport", "--dports", "--ports"}:
            ports = list(_ports(value))
        elif word in {"-j", "-g"}:
            target = value
    if not protocols:
        return Rule(())  # of a protocol that no knock has
    jumps = (Jump(target),) if target and target not in _CHANGES else ()
    return Rule(None if ports is None else ranges_of(protocols, ports), target in _CHANGES, jumps)


def _ports(text: str) -> Iterator[tuple[int, int]]:
    for part in text.split(","):
        low, _, high = part.partition(":")
        if low.isdecimal() and (high or low).isdecimal():
            yield int(low), int(high or low)
