"""What the start command of a door changes in a firewall: the rule that it adds, or the set.

Pure.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence

from knockd.doctor.iptables_filter import BUILT_IN, read_rule
from knockd.doctor.packets import KNOCKER, Condition, Kind
from knockd.doctor.rulesets import End, Rule
from knockd_conf.classes import NamedTuple
from knockd_conf.command_words import numbers_named
from knockd_conf.firewall_tools import FAMILIES, IPTABLES, Version, read_elements, split_nft
from knockd_conf.firewall_tools import KNOCKER as NAMES_KNOCKER
from knockd_conf.iptables_words import parse_rule
from knockd_conf.model import Door
from knockd_conf.shell_words import HARMLESS, SimpleCommand, split_script

UFW_CHAINS = {4: "ip filter ufw-user-", 6: "ip6 filter ufw6-user-"}


class Opening(NamedTuple):
    """What lets a knocker of one IP version in: ``rule`` in the chain ``place``, or an entry of that set."""

    door: Door
    version: Version
    tool: str
    place: str
    """Family, table and name, of ipset the name alone."""
    rule: Rule | None = None
    position: int | None = None
    """In front of the rule of this number, counted from 0; None: at the end."""
    element: tuple[int, ...] = ()
    """Numbers of an entry: ports, where the set has them."""

    @property
    def field(self) -> str:
        """The key of the command."""
        six = self.version == 6 and self.door.start_command_6 is not None
        return "start_command_6" if six else "start_command"


class Unread(NamedTuple):
    """A command of which it is not known what it does to a firewall."""

    door: Door
    program: str


def find_openings(door: Door, version: Version, *, legacy: bool) -> Iterator[Opening | Unread]:
    """What a door opens for knockers of an IP version; ``legacy``: plain iptables is the older kind here."""
    text = door.start_for(version)
    if text is None:
        return
    text = NAMES_KNOCKER.sub(KNOCKER, text.replace("%DOOR%", door.name))
    for command in split_script(text).commands:
        if command.program in HARMLESS:
            continue
        read = _READERS.get(command.program)
        found = list(read(command, door, version, legacy)) if read is not None else []
        yield from found
        if read is None:
            yield Unread(door, command.program)


def _read_iptables(command: SimpleCommand, door: Door, version: Version, legacy: bool) -> Iterator[Opening]:
    words = parse_rule(command.words)
    family = "ip6" if command.program.startswith("ip6") else "ip"
    if words.command not in ("-A", "-I") or (family == "ip6") != (version == 6):
        return
    older = command.program.endswith("-legacy") or (legacy and not command.program.endswith("-nft"))
    chains = f"{'legacy ' if older else ''}{family} {words.table} "
    options = tuple((name, value) for name, value in words.options if name != "-s" or KNOCKER not in value)
    knocker = len(options) < len(words.options)
    rule = read_rule(words._replace(options=options), chains, " ".join(command.words))
    if knocker:
        rule = rule._replace(conditions=(*rule.conditions, Condition(Kind.SOURCE_SET, (KNOCKER,))))
    yield Opening(
        door,
        version,
        command.program,
        chains + words.chain,
        rule,
        _find_position(command.words, words.command),
    )


def _find_position(words: Sequence[str], command: str) -> int | None:
    """-A: at the end; -I CHAIN: first; -I CHAIN 3: in front of the third."""
    if command == "-A":
        return None
    numbers = [
        after
        for verb, _, after in zip(words, words[1:], words[2:], strict=False)
        if verb in ("-I", "--insert") and after.isdecimal()
    ]
    return max(int(numbers[0]) - 1, 0) if numbers else 0


def _read_nft(command: SimpleCommand, door: Door, version: Version, _legacy: bool) -> Iterator[Opening]:
    seen: set[str] = set()
    for words in split_nft(command.words) or ():
        if words[:2] == ["add", "element"]:
            for family, where, element in read_elements(words):
                place = f"{family} {where}"
                if KNOCKER in element and place not in seen:
                    seen.add(place)
                    numbers = tuple(numbers_named(element.replace(KNOCKER, "")))
                    yield Opening(door, version, "nft", place, element=numbers)
        elif words[0] in ("add", "insert") and words[1:2] == ["rule"]:
            yield from _read_nft_rule(words, door, version)


def _read_nft_rule(words: Sequence[str], door: Door, version: Version) -> Iterator[Opening]:
    named = list(words[2:])
    family = named.pop(0) if named and named[0] in FAMILIES else "ip"
    place, rest = " ".join((family, *named[:2])), named[2:]
    if len(named) < 3 or rest[0] in ("position", "handle", "index"):
        return
    of = {"ip": 4, "ip6": 6}
    versions = {of[word] for word, field in itertools.pairwise(rest) if word in of and field == "saddr"}
    if versions and version not in versions:
        return
    conditions = [*_read_nft_ports(rest)]
    if KNOCKER in rest:
        conditions.append(Condition(Kind.SOURCE_SET, (KNOCKER,)))
    end = End.ACCEPT if "accept" in rest else End.DNAT if {"dnat", "redirect"} & {*rest} else End.UNSURE
    rule = Rule(tuple(conditions), end, " ".join(words))
    yield Opening(door, version, "nft", place, rule, None if words[0] == "add" else 0)


def _read_nft_ports(words: Sequence[str]) -> Iterator[Condition]:
    for protocol, field, value in zip(words, words[1:], words[2:], strict=False):
        if field != "dport":
            continue
        if protocol in ("tcp", "udp"):
            yield Condition(Kind.PROTOCOL, (protocol,))
        at = words.index(field) + 2
        listed = words[at : words.index("}", at)] if value == "{" and "}" in words[at:] else [value]
        yield Condition(Kind.TO_PORT, _ranges(numbers_named(" ".join(listed))))


def _read_ufw(command: SimpleCommand, door: Door, version: Version, legacy: bool) -> Iterator[Opening]:
    rest = [word for word in command.words[1:] if word not in ("--force", "rule")]
    position: int | None = None
    way = "input"
    if rest[:1] == ["route"]:
        way, rest = "forward", rest[1:]
    if rest[:1] == ["prepend"]:
        position, rest = 0, rest[1:]
    elif rest[:1] == ["insert"] and len(rest) > 2:
        position, rest = max(int(rest[1]) - 1, 0) if rest[1].isdecimal() else 0, rest[2:]
    if rest[:1] not in (["allow"], ["limit"]) or "out" in rest:
        return
    ports = numbers_named(" ".join(_behind(rest, "port", "app")))
    conditions = [Condition(Kind.TO_PORT, _ranges(ports))] if ports else []
    protocol = next(iter(_behind(rest, "proto")), "")
    if protocol in ("tcp", "udp"):
        conditions.append(Condition(Kind.PROTOCOL, (protocol,)))
    if KNOCKER in rest:
        conditions.append(Condition(Kind.SOURCE_SET, (KNOCKER,)))
    rule = Rule(tuple(conditions), End.ACCEPT, " ".join(command.words))
    older = "legacy " if legacy else ""
    yield Opening(door, version, "ufw", f"{older}{UFW_CHAINS[version]}{way}", rule, position)


def _behind(words: Sequence[str], *names: str) -> list[str]:
    """The words behind the last of these, and a first operand like 22/tcp."""
    return [after for word, after in itertools.pairwise(words) if word in names]


def _read_ipset(command: SimpleCommand, door: Door, version: Version, _legacy: bool) -> Iterator[Opening]:
    words = [word for word in command.words[1:] if word not in ("-exist", "-!")]
    if words[:1] in (["add"], ["-A"]) and len(words) > 2 and KNOCKER in words[2]:
        numbers = tuple(numbers_named(words[2].replace(KNOCKER, "").replace(":", " ")))
        yield Opening(door, version, "ipset", words[1], element=numbers)


def _ranges(ports: frozenset[int]) -> tuple[tuple[int, int], ...]:
    return tuple((port, port) for port in sorted(ports))


def is_built_in(place: str) -> bool:
    """Whether a chain of iptables is there whether it was printed or not."""
    return bool(re.search(rf"(?:^|\s)(?:{'|'.join(BUILT_IN)})$", place))


_READERS: dict[str, Callable[[SimpleCommand, Door, Version, bool], Iterator[Opening]]] = {
    **dict.fromkeys(IPTABLES, _read_iptables),
    "nft": _read_nft,
    "ufw": _read_ufw,
    "ipset": _read_ipset,
}
