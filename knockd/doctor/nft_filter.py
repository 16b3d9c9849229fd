"""The rules that ``nft -j list ruleset`` prints (libnftables-json(5)), for packets that come, pass and go.

Tables that iptables made are left to iptables_filter.py where a rule of them is not said whole.

Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from knockd.doctor.nft_conditions import (
    Sets,
    asks_for_source,
    find_names,
    read_maps,
    read_match,
    read_vmap_key,
)
from knockd.doctor.packets import Condition, Kind
from knockd.doctor.rulesets import Chain, End, Rule, Ruleset

_VERSIONS = {"ip": (4,), "ip6": (6,), "inet": (4, 6)}
_LAST_WORDS = {
    "accept": End.ACCEPT,
    "drop": End.DROP,
    "reject": End.DROP,
    "return": End.FALL,
    "queue": End.UNSURE,
}
_TRANSLATIONS = ("dnat", "redirect", "tproxy")
_HANDLE = re.compile(r" # handle (\d+)$")


def read_nft_rules(text: str, texts: Mapping[tuple[str, str, str], str]) -> Ruleset:
    """The ruleset; ``texts``: what read_rule_texts says. Raises ValueError when it is not what nft prints."""
    try:
        return _read(json.loads(text)["nftables"], texts)
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"not what nft prints: {error!r}") from error


def read_rule_texts(text: str) -> dict[tuple[str, str, str], str]:
    """The rules as ``nft -a list ruleset`` prints them, by family, table and handle."""
    found: dict[tuple[str, str, str], str] = {}
    family = table = ""
    for line in text.splitlines():
        words = line.split()
        if line.startswith("table ") and len(words) > 2:
            family, table = words[1], words[2]
        elif (handle := _HANDLE.search(line)) and not line[: handle.start()].endswith("{"):
            found[family, table, handle[1]] = line[: handle.start()].strip()
    return found


def _read(entries: Iterable[Mapping[str, Any]], texts: Mapping[tuple[str, str, str], str]) -> Ruleset:
    entries = list(entries)
    chains: dict[str, Chain] = {}
    sets: Sets = {}
    rules: dict[str, list[Rule]] = {}
    mentioned: set[str] = set()
    for entry in entries:
        for kind, one in entry.items():
            if kind == "chain" and one["family"] in _VERSIONS:
                chains[_name(one, one["name"])] = _read_chain(one)
            elif kind in ("set", "map"):
                sets[_name(one, one["name"])] = one.get("elem", [])
    for entry in entries:
        one = entry.get("rule")
        if one is not None and one["family"] in _VERSIONS:
            text = texts.get((one["family"], one["table"], str(one["handle"])))
            shown = (
                f"'{text}' in {_name(one, one['chain'])}"
                if text
                else f"rule {one['handle']} of {_name(one, one['chain'])}"
            )
            rules.setdefault(_name(one, one["chain"]), []).extend(_read_rule(one, shown, sets))
            mentioned |= {_name(one, name) for name in find_names(one["expr"])}
    full = {
        name: Chain(
            tuple(rules.get(name, ())), one.hook, one.priority, one.nat, one.drops, one.versions, one.name
        )
        for name, one in chains.items()
    }
    return Ruleset(full, frozenset(sets), frozenset(mentioned))


def _read_chain(one: Mapping[str, Any]) -> Chain:
    return Chain(
        hook=one.get("hook", ""),
        priority=one.get("prio", 0),
        nat=one.get("type") == "nat",
        drops=one.get("policy") == "drop",
        versions=_VERSIONS[one["family"]],
        name=_name(one, one["name"]),
    )


def _read_rule(one: Mapping[str, Any], text: str, sets: Sets) -> Iterator[Rule]:
    """One rule, or one for each key of its verdict map."""
    conditions: list[Condition] = []
    for expression in one["expr"]:
        ((kind, what),) = expression.items()
        if kind == "match":
            conditions += read_match(what, one, sets)
        elif kind in ("limit", "quota", "ct count"):
            conditions += [Condition(Kind.NEVER)] if what.get("inv") else []
        elif kind == "xt":
            conditions.append(Condition(Kind.UNKNOWN))
            if what is None or what.get("type") == "target":
                yield Rule(tuple(conditions), End.UNSURE, text)
        elif kind == "vmap":
            yield from _read_verdicts(one, what, text, sets, conditions)
        elif kind in _LAST_WORDS or kind in ("jump", "goto", *_TRANSLATIONS):
            yield _end(one, kind, what, text, conditions)
            return


def _read_verdicts(
    one: Mapping[str, Any], what: Mapping[str, Any], text: str, sets: Sets, conditions: list[Condition]
) -> Iterator[Rule]:
    data = what["data"]
    pairs = sets[_name(one, data[1:])] if isinstance(data, str) else data["set"]
    if isinstance(data, str) and asks_for_source(what["key"]):  # whoever is added to it has a verdict then
        knocker = Condition(Kind.SOURCE_SET, (_name(one, data[1:]),))
        yield Rule((*conditions, knocker), End.ACCEPT, text)
    for key, verdict in pairs:
        ((kind, target),) = verdict.items()
        found = [*conditions, *read_vmap_key(what["key"], key, one, sets)]
        if kind in _LAST_WORDS or kind in ("jump", "goto"):
            yield _end(one, kind, target, text, found)


def _end(one: Mapping[str, Any], kind: str, what: Any, text: str, conditions: list[Condition]) -> Rule:
    if kind in ("jump", "goto"):
        return Rule(tuple(conditions), End(kind), text, _name(one, what["target"]))
    if kind in _TRANSLATIONS:
        port = what.get("port", "") if isinstance(what, dict) else ""
        conditions = [*conditions, *read_maps(what, one)]
        return Rule(tuple(conditions), End.DNAT, text, str(port) if isinstance(port, int) else "")
    return Rule(tuple(conditions), _LAST_WORDS[kind], text)


def _name(of: Mapping[str, Any], name: str) -> str:
    return f"{of['family']} {of['table']} {name}"
