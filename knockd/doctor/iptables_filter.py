"""The rules that ``iptables-save`` and ``ip6tables-save`` print, for packets that come, pass and go.

Total: whatever the text, nothing is raised.

Pure.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from knockd.doctor.packets import Condition, Kind
from knockd.doctor.rulesets import Chain, End, Rule, Ruleset
from knockd_conf.iptables_words import Rule as Words
from knockd_conf.iptables_words import parse_rule

PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
"""Of tables at a hook (netfilter_ipv4.h)."""

BUILT_IN = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
"""Chains that are there whether they are printed or not."""

_ENDS = {
    **{"ACCEPT": End.ACCEPT, "DROP": End.DROP, "REJECT": End.DROP, "TARPIT": End.DROP, "RETURN": End.FALL},
    **{"DNAT": End.DNAT, "REDIRECT": End.DNAT, "NETMAP": End.DNAT, "TPROXY": End.DNAT},
    **{"QUEUE": End.UNSURE, "NFQUEUE": End.UNSURE},
}
_GO_ON = frozenset(
    {
        *("LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "TCPMSS", "CT", "NOTRACK", "SET", "AUDIT", "TRACE"),
        *("CLASSIFY", "DSCP", "TOS", "TTL", "HL", "CHECKSUM", "SECMARK", "CONNSECMARK", "MASQUERADE", "SNAT"),
    }
)
_NEUTRAL = frozenset({"tcp", "udp", "multiport", "conntrack", "state", "comment", "limit", "set", "addrtype"})
"""Modules whose options are read one by one, or hold for nearly every packet."""

_TEXTS = frozenset({"--comment", "--log-prefix", "--nflog-prefix", "--string", "--hex-string"})

_MATCHED_SET = re.compile(r"--match-set (\S+)")

_PORTS = {
    "--dport": Kind.TO_PORT,
    "--dports": Kind.TO_PORT,
    "--sport": Kind.FROM_PORT,
    "--sports": Kind.FROM_PORT,
}
_LISTS = {"-s": Kind.SOURCE, "-d": Kind.DESTINATION, "--ctstate": Kind.STATE, "--state": Kind.STATE}


def read_iptables_rules(text: str, family: str, kind: str = "") -> Ruleset:
    """The ruleset of one family (``ip``, ``ip6``); ``kind`` is put in front of the names of chains."""
    rules: dict[str, list[Rule]] = {}
    policies: dict[str, bool] = {}
    table = "filter"
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":"):
            name, _, policy = line[1:].partition(" ")
            policies[f"{table} {name}"] = policy.startswith("DROP")
        elif line.startswith("-A "):
            rule = parse_rule(["iptables", *_split(line)])
            rules.setdefault(f"{table} {rule.chain}", []).append(
                read_rule(rule, f"{kind}{family} {table} ", _show(line, family, table))
            )
    return Ruleset(
        {
            f"{kind}{family} {name}": make_chain(family, name, tuple(rules.get(name, ())), drops=drops)
            for name, drops in policies.items()
        },
        mentioned=frozenset(_MATCHED_SET.findall(text)),
    )


def make_chain(family: str, name: str, rules: tuple[Rule, ...] = (), *, drops: bool = False) -> Chain:
    """A chain of iptables; ``name`` is its table and its own name."""
    table, _, own = name.partition(" ")
    version = 6 if family == "ip6" else 4
    program = "ip6tables" if version == 6 else "iptables"
    shown = f"chain {own} ({program})" if table == "filter" else f"chain {own} ({program} -t {table})"
    hook = own.lower() if own in BUILT_IN else ""
    return Chain(rules, hook, PRIORITIES.get(table, 0), table == "nat", drops, (version,), shown)


def read_rule(rule: Words, chains: str, text: str) -> Rule:
    """A rule of its words; ``chains`` stands in front of the names of other chains of its table."""
    target, goes = rule.value("-j") or "", rule.value("-g") or ""
    conditions = tuple(_read_conditions(rule))
    if goes:
        return Rule(conditions, End.GOTO, text, chains + goes)
    if not target or target in _GO_ON:
        return Rule(conditions, End.GO_ON, text)
    if target in _ENDS:
        return Rule(conditions, _ENDS[target], text, _translated_port(rule))
    return Rule(conditions, End.JUMP, text, chains + target)


def _translated_port(rule: Words) -> str:
    ports = rule.value("--to-ports") or (rule.value("--to-destination") or "").rpartition(":")[2]
    return ports if ports.isdecimal() else ""


def _read_conditions(rule: Words) -> Iterator[Condition]:
    for option, value in rule.options:
        negated = option.startswith("! ")
        name = option.removeprefix("! ")
        if name == "-m":
            if value not in _NEUTRAL:
                yield Condition(Kind.UNKNOWN)
        elif name == "-p":
            if value not in ("all", "0"):
                yield Condition(Kind.PROTOCOL, (value,), negated)
        elif name in _PORTS:
            yield Condition(_PORTS[name], tuple(_read_ports(value)), negated)
        elif name in _LISTS:
            values = value.lower() if _LISTS[name] is Kind.STATE else value
            yield Condition(_LISTS[name], tuple(values.split(",")), negated)
        elif name in ("-i", "-o"):
            kind = Kind.IN if name == "-i" else Kind.OUT
            yield Condition(kind, (value.replace("+", "*"),), negated)
        else:
            yield from _read_rare(name, value, negated)


def _read_rare(name: str, value: str, negated: bool) -> Iterator[Condition]:
    words = value.split(" ")
    if name == "--ctstatus":
        yield Condition(Kind.DNAT, (), negated) if value == "DNAT" else Condition(Kind.UNKNOWN)
    elif name == "--match-set":
        if words[1:] and words[1].partition(",")[0] == "src":
            yield Condition(Kind.SOURCE_SET, (words[0],), negated)
        else:
            yield Condition(Kind.UNKNOWN)
    elif name == "--tcp-flags":
        yield Condition(Kind.SYN if words[1:] == ["SYN"] else Kind.NEVER, (), negated)
    elif name == "--syn":
        yield Condition(Kind.SYN, (), negated)
    elif name == "--dst-type":
        yield Condition(Kind.LOCAL if "LOCAL" in value else Kind.NEVER, (), negated)
    elif name in ("--src-type", "--icmp-type", "--icmpv6-type"):
        yield Condition(Kind.NEVER, (), negated)


def _read_ports(value: str) -> Iterator[tuple[int, int]]:
    for part in value.split(","):
        low, _, high = part.partition(":")
        if low.isdecimal() or high.isdecimal():
            yield int(low or 0), int(high or low or 0) if high.isdecimal() or ":" not in part else 0xFFFF


def _split(line: str) -> Sequence[str]:
    """The words of a line without texts that may look like options."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    return [word for before, word in zip(("", *words), words, strict=False) if before not in _TEXTS]


def _show(line: str, family: str, table: str) -> str:
    program = "ip6tables" if family == "ip6" else "iptables"
    return f"'{line}' ({program})" if table == "filter" else f"'{line}' ({program} -t {table})"
