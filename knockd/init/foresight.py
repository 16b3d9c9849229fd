"""What the doctor will say of the firewall once every line has been run that was proposed.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from knockd.doctor.findings import Finding
from knockd.doctor.firewall import Surroundings, judge_firewall
from knockd.doctor.iptables_filter import make_chain
from knockd.doctor.packets import Condition, Kind
from knockd.doctor.rulesets import Chain, End, Rule, Ruleset
from knockd.init.ways import GATE_CHAIN, Tool, Way
from knockd_conf.model import Door, Service

_KEPT = Condition(Kind.STATE, ("established", "related"))


def find_trouble(
    door: Door, ways: Iterable[Way], service: Service, ruleset: Ruleset, here: Surroundings
) -> tuple[Finding, ...]:
    """What would be in a knocker's way, or lets strangers in, though the lines were run.

    Of what firewalld does nothing is known.
    """
    ways = [way for way in ways if way.tool is not Tool.FIREWALLD]
    for way in ways:
        ruleset = _with_lines(ruleset, way, service)
    return judge_firewall([door], ruleset, here).findings if ways else ()


def _with_lines(ruleset: Ruleset, way: Way, service: Service) -> Ruleset:
    """The ruleset when what a way needs is there, and strangers are dropped."""
    version = Condition(Kind.VERSION, (way.version,))
    port = tuple(_name_port(service))
    accept = Rule(
        (version, *port, Condition(Kind.SOURCE_SET, (way.members,))), End.ACCEPT, f"accept of {way.members}"
    )
    drop = Rule(
        (version, *port, Condition(Kind.STATE, ("new",))), End.DROP, f"drop of {service} in {way.place}"
    )
    if way.tool is Tool.NFT:
        changed = ruleset.with_rule(way.place, accept, 0)
    elif way.tool is Tool.GATE:
        gate = Chain(hook=GATE_CHAIN, priority=-1, name=way.place)
        changed = ruleset.with_chain(way.place, gate)
        for rule in (Rule((_KEPT,), End.ACCEPT, "accept of established"), accept, drop):
            changed = changed.with_rule(way.place, rule, None)
    elif way.wide_open:
        family, table, chain = way.place.removeprefix("legacy ").split(" ")
        changed = ruleset.with_chain(way.place, make_chain(family, f"{table} {chain}"))
        return changed.with_rule(way.place, drop, 0)
    else:
        return ruleset
    return Ruleset(changed.chains, changed.sets | {way.members}, changed.mentioned | {way.members})


def _name_port(service: Service) -> Iterator[Condition]:
    yield Condition(Kind.PROTOCOL, (str(service.protocol),))
    yield Condition(Kind.TO_PORT, ((service.low, service.high),))
