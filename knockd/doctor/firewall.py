"""What a firewall makes of strangers, of knockers and of their connections, for each port that doors open.

Only what is certain is said: a rule that may match or not is no reason for a finding.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from knockd.doctor.cures import advise_established, advise_open, advise_order
from knockd.doctor.findings import Finding, Looked
from knockd.doctor.iptables_filter import make_chain
from knockd.doctor.openings import Opening, Unread, find_openings, is_built_in
from knockd.doctor.packets import KNOCKER, Condition, Kind, Packet, Truth
from knockd.doctor.rulesets import End, Outcome, Rule, Ruleset, find_translations, judge_packet
from knockd_conf.classes import NamedTuple
from knockd_conf.firewall_tools import Version
from knockd_conf.model import Door

IN, THROUGH, OUT = ("prerouting", "input"), ("prerouting", "forward"), ("output",)
DEFAULT_PORT = 22
"""The port that is looked at when a door opens all of them."""

_SOMEBODY = frozenset({"somebody"})
"""The address may be in any set but the door's, which is closed."""

MOST_PORTS = 8
"""Ports of one door that are looked at."""


class Surroundings(NamedTuple):
    """What of this host matters at its firewall."""

    interfaces: tuple[str, ...]
    """Those that knocks come by."""
    own: frozenset[bytes]
    versions: tuple[Version, ...]
    """IP versions by which others can reach it."""
    legacy: bool = False
    """Whether plain iptables is the older kind."""
    ufw_active: bool | None = None
    """None: not known, or there is no ufw."""
    examples: str = "conf/examples"
    """The folder of example configurations."""


class Way(NamedTuple):
    """An opening and how packets come to what it opens."""

    opening: Opening
    forwarded: bool
    nat: bool
    members: frozenset[str]
    ports: tuple[tuple[str, int], ...]
    """Protocol and port."""


class Port(NamedTuple):
    """A port of this host, or of a host behind it, that a door opens."""

    protocol: str
    number: int
    forwarded: bool

    def __str__(self) -> str:
        return f"{self.protocol} {self.number}"


def judge_firewall(doors: Sequence[Door], ruleset: Ruleset, here: Surroundings) -> Looked:
    """All that is found at the firewall."""
    judge = _Judge(ruleset, here)
    for door in doors:
        for version in here.versions:
            judge.look_at(door, version)
    judge.look_for_strangers()
    return Looked("firewall", tuple(dict.fromkeys(judge.findings)), tuple(dict.fromkeys(judge.unlooked)))


class _Judge:
    def __init__(self, ruleset: Ruleset, here: Surroundings) -> None:
        self._ruleset = ruleset
        self._here = here
        self.findings: list[Finding] = []
        self.unlooked: list[str] = []
        self._ports: dict[Port, tuple[str, ...]] = {}
        """Ports that doors open, and which doors."""

    def look_at(self, door: Door, version: Version) -> None:
        """Looks at what a door opens for an IP version: all that its command adds is there at once."""
        ruleset = self._ruleset
        openings: list[Opening] = []
        for one in find_openings(door, version, legacy=self._here.legacy):
            if isinstance(one, Unread):
                self.unlooked.append(f"what {one.program} of door {door.name} does to a firewall")
                self._note_ports(door, _ports_of_services(door))
            elif one.tool == "ufw" and self._here.ufw_active is False:
                self._find(
                    "ufw-off",
                    one,
                    f"door {door.name} opens with ufw, and ufw is not active",
                    "run 'ufw enable', once it allows what you need to keep your own session",
                )
                self._note_ports(door, [Port(*port, forwarded=False) for port in _ports_of_rule(one.rule)])
            elif (opened := self._with_opening(ruleset, one)) is not None:
                ruleset = opened
                openings.append(one)
        ways = [way for one in openings if (way := self._find_way(one, ruleset)) is not None]
        members = frozenset[str]().union(*(way.members for way in ways))
        for way in ways:
            self._note_ports(door, [] if way.nat else [Port(*port, way.forwarded) for port in way.ports])
            for protocol, number in way.ports:
                self._look_at_port(way._replace(members=members), ruleset, protocol, number)

    def _find_way(self, opening: Opening, ruleset: Ruleset) -> Way | None:
        """How packets come to what is opened; None: by no rule, as far as is known."""
        way = _find_way(opening, ruleset)
        if way is None and opening.place in ruleset.mentioned:
            self.unlooked.append(f"how the firewall uses the set {opening.place}")
        elif way is None:
            self._find(
                "set-unused",
                opening,
                f"no rule asks for the set {opening.place}, so door {opening.door.name} opens nothing",
                f"add one that accepts it: '... saddr @{opening.place.rpartition(' ')[2]} accept'",
            )
        return way

    def _with_opening(self, ruleset: Ruleset, opening: Opening) -> Ruleset | None:
        """The ruleset while the door is open; None: what the command changes is not there."""
        place = opening.place
        if opening.rule is None:
            if opening.tool == "nft" and place not in ruleset.sets:
                cure = f"nft add set {place} '{{ type {_type(opening)}; }}'"
                if not _has_table(ruleset, place):
                    cure = "load the rules that make it, also at boot (systemctl enable nftables)"
                self._find_missing(opening, "set", cure)
                return None
            return ruleset
        if opening.tool != "nft" and is_built_in(place):
            family, table, name = place.removeprefix("legacy ").split(" ")
            ruleset = ruleset.with_chain(place, make_chain(family, f"{table} {name}"))
        if place not in ruleset.chains:
            self._find_missing(opening, "chain", f"make it where the firewall is set up ({opening.tool})")
            return None
        return ruleset.with_rule(place, opening.rule, opening.position)

    def _look_at_port(self, way: Way, ruleset: Ruleset, protocol: str, number: int) -> None:
        opening, here = way.opening, self._here
        new = Packet(
            opening.version,
            protocol,
            number,
            interfaces=here.interfaces,
            own=here.own,
            members=way.members,
            forwarded=way.forwarded,
        )
        if way.nat:
            fates = find_translations(ruleset, new)
            if not fates or any(fate.end is not End.DNAT for fate in fates):
                return
            new = new._replace(dnat=True, port=fates[0].port or number)
        what = f"{protocol} {number} over IPv{opening.version}"
        hooks = THROUGH if new.forwarded else IN
        kept = new._replace(state="established", members=_SOMEBODY)
        outcome, after = judge_packet(ruleset, hooks, new), judge_packet(self._ruleset, hooks, kept)
        if outcome.passes is Truth.NO:
            first = outcome.rules[0]
            text = f"door {opening.door.name} opens {what}, and it stays closed: {first} comes first"
            self._find("rule-too-late", opening, text, advise_order(opening, first))
        elif after.passes is Truth.NO:
            text = f"a connection to {what} ends when door {opening.door.name} closes: {after.rules[0]}"
            self._find("sessions-cut", opening, text, advise_established(opening, hooks[-1], after.rules[0]))
        if outcome.passes is not Truth.NO or not kept.forwarded:  # forwarded ones meet the same chains again
            self._look_at_replies(opening, kept, what)

    def _look_at_replies(self, opening: Opening, kept: Packet, what: str) -> None:
        hooks = ("forward",) if kept.forwarded else OUT
        out = judge_packet(self._ruleset, hooks, kept._replace(outward=True))
        if out.passes is Truth.NO:
            text = f"what the service at {what} answers does not get out: {out.rules[0]}"
            self._find("replies-dropped", opening, text, advise_established(opening, hooks[-1], out.rules[0]))

    def _note_ports(self, door: Door, ports: Iterable[Port]) -> None:
        for port in ports:
            self._ports[port] = tuple(dict.fromkeys((*self._ports.get(port, ()), door.name)))

    def look_for_strangers(self) -> None:
        """Whether the ports that doors open are open for everybody, over either IP version."""
        for port, doors in self._ports.items():
            open_for = {version: self._outcome_of_stranger(port, version) for version in self._here.versions}
            by_rules: dict[tuple[str, ...], list[Version]] = {}
            for version, outcome in open_for.items():
                if outcome.passes is Truth.YES:
                    by_rules.setdefault(outcome.rules, []).append(version)
            for rules, versions in by_rules.items():
                over = " and ".join(f"IPv{version}" for version in versions)
                why = "; ".join(rules) or "no rule drops anything"
                whoever = f"whoever has knocked at {', '.join(doors)}"
                text = f"{port} is open for everybody over {over}, {whoever}: {why}"
                cure = advise_open(rules, versions, port.forwarded, self._here.examples)
                self.findings.append(Finding("firewall-open", text, cure))

    def _outcome_of_stranger(self, port: Port, version: Version) -> Outcome:
        here = self._here
        packet = Packet(
            version,
            port.protocol,
            port.number,
            interfaces=here.interfaces,
            own=here.own,
            forwarded=port.forwarded,
        )
        if any(fate.end is not End.ACCEPT for fate in find_translations(self._ruleset, packet)):
            return Outcome(Truth.MAYBE, ())
        return judge_packet(self._ruleset, THROUGH if port.forwarded else IN, packet)

    def _find_missing(self, opening: Opening, what: str, cure: str) -> None:
        text = f"there is no {what} {opening.place}, so door {opening.door.name} opens nothing"
        self._find("place-missing", opening, text, cure)

    def _find(self, name: str, opening: Opening, text: str, cure: str) -> None:
        path, line, _ = opening.door.place(opening.field)
        self.findings.append(Finding(name, text, cure, f"{path}:{line}"))


def _has_table(ruleset: Ruleset, place: str) -> bool:
    """Whether something else is known of the table of a set."""
    table = place.rpartition(" ")[0] + " "
    return any(one.startswith(table) for one in (*ruleset.chains, *ruleset.sets))


def _type(opening: Opening) -> str:
    kind = "ipv6_addr" if opening.version == 6 else "ipv4_addr"
    return kind if opening.door.open_prefix is None else f"{kind}; flags interval"


def _find_way(opening: Opening, ruleset: Ruleset) -> Way | None:
    """How packets come to what is opened; None: no rule asks for the set."""
    if opening.rule is not None:
        chain = ruleset.chains[opening.place]
        base = chain.hook or _find_base(ruleset, opening.place)
        nat = chain.nat or opening.rule.end is End.DNAT
        forwarded = nat or base == "forward" or bool(opening.door.target)
        return Way(opening, forwarded, nat, frozenset({KNOCKER}), _ports_of_rule(opening.rule))
    users = [
        (name, rule)
        for name, chain in ruleset.chains.items()
        for rule in chain.rules
        if any(one.kind is Kind.SOURCE_SET and opening.place in one.values for one in rule.conditions)
    ]
    if not users:
        return None
    nat = any(rule.end is End.DNAT for _, rule in users)
    forwarded = nat or any(_find_base(ruleset, name) == "forward" for name, _ in users)
    ports = tuple(dict.fromkeys(port for _, rule in users for port in _ports_of_rule(rule, opening.element)))
    return Way(opening, forwarded, nat, frozenset({opening.place}), ports[:MOST_PORTS])


def _find_base(ruleset: Ruleset, name: str) -> str:
    """The hook of the base chain from which a chain is reached, empty when there is none."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        one = todo.pop()
        if one in seen or one not in ruleset.chains:
            continue
        seen.add(one)
        if ruleset.chains[one].hook:
            return ruleset.chains[one].hook
        todo += [
            other
            for other, chain in ruleset.chains.items()
            if any(rule.target == one and rule.end in (End.JUMP, End.GOTO) for rule in chain.rules)
        ]
    return ""


def _ports_of_services(door: Door) -> Iterator[Port]:
    """The ports that the key Service says are behind the door."""
    for service in door.service:
        yield Port(str(service.protocol), service.low, bool(door.target))


def _ports_of_rule(rule: Rule | None, element: Sequence[int] = ()) -> tuple[tuple[str, int], ...]:
    """Protocols and ports that a rule is about; of one for all of them, the usual one."""
    conditions: Sequence[Condition] = rule.conditions if rule is not None else ()
    named = [one.values for one in conditions if one.kind is Kind.PROTOCOL and not one.negated]
    protocols = [str(value) for value in named[0]] if named else ["tcp"]
    ranges = [
        value
        for one in conditions
        if one.kind is Kind.TO_PORT and not one.negated
        for value in one.values
        if isinstance(value, tuple)
    ]
    ports = list(dict.fromkeys(port for low, high in ranges for port in (low, high)))
    ports = ports or list(element) or [DEFAULT_PORT]
    return tuple((protocol, port) for protocol in protocols for port in ports)[:MOST_PORTS]
