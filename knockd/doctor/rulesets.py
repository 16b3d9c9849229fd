"""The rules of a firewall, whoever printed them, and what becomes of a packet at them.

A packet meets the base chains of its hooks in the order of their priorities; each of them has to let it
pass, and one that drops it has the last word (nft(8)). Where a rule may match or not, both are followed.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum

from knockd.doctor.packets import Condition, Kind, Packet, Truth, judge_conditions
from knockd_conf.classes import NamedTuple, dataclass

DEEPEST = 64
"""Jumps within jumps; the kernel allows 16 (nftables) or has none that go in circles (iptables)."""


class End(Enum):
    """What a rule does with a packet that matches; FALL: it came to the end of its chain."""

    ACCEPT = "accept"
    DROP = "drop"
    DNAT = "dnat"
    FALL = "fall"
    JUMP = "jump"
    GOTO = "goto"
    GO_ON = "go on"
    UNSURE = "unsure"


class Rule(NamedTuple):
    """``text`` is the rule as people know it. ``target`` is a chain, of DNAT the port, if it is known."""

    conditions: tuple[Condition, ...]
    end: End
    text: str
    target: str = ""


class Fate(NamedTuple):
    """How a packet may end, and at which rule or policy."""

    end: End
    rule: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """Rules in order. A base chain has a hook, a priority and what becomes of what meets no rule."""

    rules: tuple[Rule, ...] = ()
    hook: str = ""
    priority: int = 0
    nat: bool = False
    drops: bool = False
    """The policy."""
    versions: tuple[int, ...] = (4, 6)
    name: str = ""
    """As people know it."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Chains by their full names: family, table and their own."""

    chains: Mapping[str, Chain] = field(default_factory=dict)
    sets: frozenset[str] = frozenset()
    """Full names of sets and maps."""
    mentioned: frozenset[str] = frozenset()
    """Those that a rule names, whatever for."""

    def with_rule(self, chain: str, rule: Rule, position: int | None) -> Ruleset:
        """The same with one more rule, in front of that number ``position`` (None: at the end)."""
        old = self.chains[chain]
        at = len(old.rules) if position is None else position
        new = replace(old, rules=(*old.rules[:at], rule, *old.rules[at:]))
        return replace(self, chains={**self.chains, chain: new})

    def with_chain(self, name: str, chain: Chain) -> Ruleset:
        """The same with one more chain, if it is not there yet."""
        return self if name in self.chains else replace(self, chains={**self.chains, name: chain})

    def base_chains(self, hooks: Sequence[str], version: int, *, nat: bool) -> list[Chain]:
        """The base chains of these hooks that packets of the IP version meet, in order."""
        found = [
            one
            for one in self.chains.values()
            if one.hook in hooks and one.nat == nat and version in one.versions
        ]
        return sorted(found, key=lambda one: (hooks.index(one.hook), one.priority))


def merge_rulesets(several: Iterable[Ruleset]) -> Ruleset:
    """All of them as one."""
    several = list(several)
    chains = {name: chain for one in several for name, chain in one.chains.items()}
    sets = frozenset[str]().union(*(one.sets for one in several))
    return Ruleset(chains, sets, frozenset[str]().union(*(one.mentioned for one in several)))


class Outcome(NamedTuple):
    """Whether a packet passes, and the rules and policies that decide it."""

    passes: Truth
    rules: tuple[str, ...]


def judge_packet(ruleset: Ruleset, hooks: Sequence[str], packet: Packet) -> Outcome:
    """What becomes of a packet at all base chains of ``hooks``."""
    passes, rules = Truth.YES, list[str]()
    for chain in ruleset.base_chains(hooks, packet.version, nat=False):
        fates = list(dict.fromkeys(_Walk(ruleset, packet).follow_base(chain)))
        dropped = [fate for fate in fates if fate.end is End.DROP]
        if len(dropped) == len(fates):
            return Outcome(Truth.NO, tuple(fate.rule for fate in dropped))
        if dropped or any(fate.end is End.UNSURE for fate in fates):
            passes = Truth.MAYBE
        rules += (fate.rule for fate in fates if fate.end is not End.DROP)
    return Outcome(passes, tuple(dict.fromkeys(rules)))


def find_translations(ruleset: Ruleset, packet: Packet) -> tuple[Fate, ...]:
    """How the destination of a packet from outside may be changed: DNAT, and others where it may stay."""
    fates: list[Fate] = []
    for chain in ruleset.base_chains(("prerouting",), packet.version, nat=True):
        fates += _Walk(ruleset, packet).follow_base(chain)
    return tuple(dict.fromkeys(fates))


class _Walk:
    """One packet on its way; every chain that it meets is followed once."""

    def __init__(self, ruleset: Ruleset, packet: Packet) -> None:
        self._chains = ruleset.chains
        self._packet = packet
        self._known: dict[str, tuple[Fate, ...]] = {}

    def follow_base(self, chain: Chain) -> Iterator[Fate]:
        """The fates at a base chain."""
        for fate in self._follow(chain.rules, 0):
            if fate.end is End.FALL:
                end = End.DROP if chain.drops else End.ACCEPT
                yield Fate(end, f"policy {end.value} of {chain.name}")
            else:
                yield fate

    def _follow(self, rules: Sequence[Rule], depth: int) -> Iterator[Fate]:
        for rule in rules:
            matches = judge_conditions(rule.conditions, self._packet)
            if matches is Truth.NO or rule.end is End.GO_ON:
                continue
            if matches is Truth.MAYBE and rule.end is End.ACCEPT and _is_for_others(rule, self._packet):
                continue
            stops = matches is Truth.YES
            if rule.end in (End.JUMP, End.GOTO):
                fates = self._enter(rule.target, depth + 1)
                back = any(fate.end is End.FALL for fate in fates)
                yield from (fate for fate in fates if fate.end is not End.FALL)
                if rule.end is End.GOTO and back:
                    yield _FELL
                stops = stops and (rule.end is End.GOTO or not back)
            else:
                yield Fate(rule.end, rule.text, int(rule.target) if rule.target.isdecimal() else None)
                stops = stops and rule.end is not End.UNSURE
            if stops:
                return
        yield _FELL

    def _enter(self, name: str, depth: int) -> tuple[Fate, ...]:
        if name not in self._known:
            if depth > DEEPEST or name not in self._chains:
                return (Fate(End.UNSURE, f"chain {name}"), _FELL)
            self._known[name] = tuple(dict.fromkeys(self._follow(self._chains[name].rules, depth)))
        return self._known[name]


def _is_for_others(rule: Rule, packet: Packet) -> bool:
    """Whether a rule lets in some who need not knock: a knocker may be anywhere."""
    remote = (Kind.DESTINATION,) if packet.outward else (Kind.SOURCE, Kind.SOURCE_SET)
    return bool(packet.members) and any(
        one.kind in remote and not one.negated and packet.members.isdisjoint(map(str, one.values))
        for one in rule.conditions
    )


_FELL = Fate(End.FALL, "")
