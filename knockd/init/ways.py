"""By which rule a first door lets a knocker through the firewall as it is, for each IP version.

A base chain that drops strangers gets a rule that accepts who has knocked. Where nothing drops them, the door
needs a rule that does, once it has been tried: in a table of nft of its own, or by the tool that is in use.

Pure.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from itertools import count

from knockd.doctor.firewall import IN
from knockd.doctor.openings import UFW_CHAINS
from knockd.doctor.packets import Kind, Packet, Truth
from knockd.doctor.rulesets import Chain, Ruleset, judge_packet
from knockd.init.walls import Walls
from knockd_conf.classes import NamedTuple
from knockd_conf.firewall_tools import Version
from knockd_conf.model import Service

VERSIONS: tuple[Version, ...] = (4, 6)

GATE = "inet knockd"
"""The table of nft in front of the firewall: family and name."""

GATE_CHAIN = "input"

_OLDER = "legacy "
_FIREWALLD = tuple(f"{family} firewalld " for family in ("inet", "ip", "ip6"))


class Tool(Enum):
    """What changes the firewall. GATE: nft, in a table of its own."""

    NFT = "nft"
    GATE = "gate"
    IPTABLES = "iptables"
    UFW = "ufw"
    FIREWALLD = "firewalld"


class Way(NamedTuple):
    """One rule for knockers of one IP version."""

    version: Version
    tool: Tool
    program: str
    """Its path."""
    place: str
    """A chain: family, table and name; of firewalld a zone."""
    wide_open: bool = False
    """Whether nothing drops strangers yet, so that a rule has to that comes behind this one."""
    members: str = ""
    """The set of who has knocked, where nft has one: family, table and name."""

    @property
    def name(self) -> str:
        """The program's name, as people type it."""
        return self.program.rpartition("/")[2]


class NoToolError(Exception):
    """There is no program that could open a door; the text says what to install."""


class Stranger(NamedTuple):
    """Whose packets are judged: those of anybody, at this service, by these interfaces and addresses."""

    service: Service
    interfaces: tuple[str, ...]
    own: frozenset[bytes]

    def packet(self, version: Version) -> Packet:
        """The first packet of a connection."""
        protocol = str(self.service.protocol)
        return Packet(version, protocol, self.service.low, interfaces=self.interfaces, own=self.own)


def choose_ways(walls: Walls, stranger: Stranger) -> tuple[Way, ...]:
    """The rules for both versions: one for each base chain that drops strangers. Raises NoToolError."""
    found: list[Way] = []
    for version in VERSIONS:
        closed = find_closed(walls.ruleset, stranger.packet(version))
        found += [_open_chain(walls, version, place) for place in closed] or [_choose_closing(walls, version)]
    return tuple(_name_sets(list(dict.fromkeys(found)), walls.ruleset))


def find_closed(ruleset: Ruleset | None, packet: Packet) -> tuple[str, ...]:
    """The base chains that drop the packet, by their full names.

    Rules of which it is not known whom they mean are taken for exceptions.
    """
    if ruleset is None:
        return ()
    known = {name: _without_unknown(chain) for name, chain in ruleset.chains.items()}
    bases = [name for name, chain in known.items() if chain.hook in IN and not chain.nat]
    return tuple(
        name
        for name in bases
        if judge_packet(Ruleset(_with_one_base(known, name)), IN, packet).passes is Truth.NO
    )


def _without_unknown(chain: Chain) -> Chain:
    rules = (rule for rule in chain.rules if all(one.kind is not Kind.UNKNOWN for one in rule.conditions))
    return replace(chain, rules=tuple(rules))


def _with_one_base(chains: Mapping[str, Chain], base: str) -> dict[str, Chain]:
    return {name: chain if name == base else replace(chain, hook="") for name, chain in chains.items()}


def _open_chain(walls: Walls, version: Version, place: str) -> Way:
    """The rule that accepts a knocker in a base chain that drops strangers."""
    older = _OLDER if place.startswith(_OLDER) else ""
    if walls.ufw and place == f"{older}{_family(version)} filter INPUT":
        for_ufw = f"{older}{UFW_CHAINS[version]}input"
        if for_ufw in _chains(walls):
            return Way(version, Tool.UFW, _need(walls, "ufw"), for_ufw)
    if walls.zone and place.startswith(_FIREWALLD):
        return Way(version, Tool.FIREWALLD, _need(walls, "firewall-cmd"), walls.zone)
    if place in walls.iptables_places:
        return Way(version, Tool.IPTABLES, _need(walls, _name_iptables(walls, version, place)), place)
    return Way(version, Tool.NFT, _need(walls, "nft"), place)


def _choose_closing(walls: Walls, version: Version) -> Way:
    """The rule of a door where nothing drops strangers."""
    ways = [Way(version, tool, program, place, True) for tool, program, place in _closing(walls, version)]
    if not ways:
        raise NoToolError(
            f"there is no program here that drops IPv{version} packets (nft, iptables): install nftables,"
            " then try again"
        )
    return ways[0]


def _closing(walls: Walls, version: Version) -> Iterator[tuple[Tool, str, str]]:
    """Yields what could drop strangers: first the tools that look after this host's firewall already."""
    programs, chains = walls.programs, _chains(walls)
    older = _OLDER if any(place.startswith(_OLDER) and _is_used(chains[place]) for place in chains) else ""
    for_ufw = f"{older}{UFW_CHAINS[version]}input"
    if walls.ufw and "ufw" in programs and (walls.ruleset is None or for_ufw in chains):
        yield Tool.UFW, programs["ufw"], for_ufw
    if walls.zone and "firewall-cmd" in programs:
        yield Tool.FIREWALLD, programs["firewall-cmd"], walls.zone
    place = f"{older}{_family(version)} filter INPUT"
    iptables = programs.get(_name_iptables(walls, version, place))
    used = [one for one in walls.iptables_places if one.endswith(" filter INPUT") and _is_used(chains[one])]
    if iptables and used:
        yield Tool.IPTABLES, iptables, place
    if "nft" in programs:
        yield Tool.GATE, programs["nft"], f"{_name_gate(chains)} {GATE_CHAIN}"
    if iptables:
        yield Tool.IPTABLES, iptables, place


def _name_gate(chains: Iterable[str]) -> str:
    """The table of a gate: one that is not there yet, so that it can be taken away whole."""
    there = {place.rpartition(" ")[0] for place in chains}
    return _find_free(GATE, there)


def _find_free(name: str, there: Container[str]) -> str:
    """The name, or the first of those with a number behind, that is not there."""
    names = (f"{name}_{number}" if number > 1 else name for number in count(1))
    return next(one for one in names if one not in there)


def _chains(walls: Walls) -> Mapping[str, Chain]:
    return walls.ruleset.chains if walls.ruleset is not None else {}


def _is_used(chain: Chain) -> bool:
    """Whether somebody has said in this chain what may come in."""
    return bool(chain.rules) or chain.drops


def _family(version: Version) -> str:
    return "ip6" if version == 6 else "ip"


def _need(walls: Walls, name: str) -> str:
    """The path of a program that the firewall was made with."""
    if name not in walls.programs:
        raise NoToolError(f"the firewall is one of {name}, and there is no such program here: install it")
    return walls.programs[name]


def _name_iptables(walls: Walls, version: Version, place: str) -> str:
    """The program for a chain: plain iptables where it is of the chain's kind."""
    name, older = "ip6tables" if version == 6 else "iptables", place.startswith(_OLDER)
    exact = f"{name}-legacy" if older else f"{name}-nft"
    return name if older == walls.firewall.legacy or exact not in walls.programs else exact


def _name_sets(ways: Sequence[Way], ruleset: Ruleset | None) -> Iterator[Way]:
    """Gives each way of nft a set that is not there yet."""
    there = ruleset.sets if ruleset is not None else frozenset()
    for way in ways:
        if way.tool not in (Tool.NFT, Tool.GATE):
            yield way
            continue
        name = _find_free(f"{way.place.rpartition(' ')[0]} knocked{way.version}", there)
        yield way._replace(members=name)
