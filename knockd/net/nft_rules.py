"""The rules of address translation that ``nft -j list ruleset`` prints (libnftables-json(5)).

Rules that iptables made are left out: nft does not print all that they say, iptables-save does.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from knockd.net.nat_rules import Forwards, Jump, PortRange, Rule, protocols_of, ranges_of, walk_chains
from knockd_conf.protocol import Protocol

_LAST = 0xFFFF


def read_nft(text: str) -> Forwards:
    """What the tables lead elsewhere. Raises ValueError when it is not what nft prints."""
    try:
        return _Ruleset(json.loads(text)["nftables"]).walk()
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"not what nft prints: {error!r}") from error


def has_iptables_rules(text: str) -> bool:
    """Whether iptables made some of the rules."""
    return '"xt"' in text


def leads_elsewhere(text: str) -> bool:
    """Whether any of the rules changes destinations."""
    return '"dnat"' in text or '"redirect"' in text


class _Ruleset:
    """Chains, sets and maps by the names of family, table and their own."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._sets: dict[str, Any] = {}
        self._begin: list[str] = []
        self._rules: list[Mapping[str, Any]] = []
        for entry in entries:
            for kind, one in entry.items():
                if kind in {"set", "map"}:
                    self._sets[_name(one, one["name"])] = one.get("elem", [])
                elif kind == "chain" and one.get("type") == "nat" and one.get("hook") == "prerouting":
                    self._begin.append(_name(one, one["name"]))
                elif kind == "rule":
                    self._rules.append(one)

    def walk(self) -> Forwards:
        """What packets from outside are led to."""
        chains: dict[str, list[Rule]] = {}
        for one in self._rules:
            chains.setdefault(_name(one, one["chain"]), []).append(self._rule(one))
        return walk_chains(chains, self._begin)

    def _rule(self, one: Mapping[str, Any]) -> Rule:
        ports: tuple[PortRange, ...] | None = None
        changes = False
        jumps: list[Jump] = []
        for expression in one["expr"]:
            ((kind, what),) = expression.items()
            if kind == "xt":
                return Rule(())
            if kind == "match" and (protocols := _protocols(what["left"])) is not None:
                found = self._compared(one, what["op"], what["right"])
                ports = ports if found is None else ranges_of(protocols, found)
            elif kind in {"jump", "goto"}:
                jumps.append(Jump(_name(one, what["target"])))
            elif kind == "vmap":
                jumps += self._verdicts(one, what)
            elif kind in {"dnat", "redirect"}:
                changes = True
                keys = [*self._keys(one, what)]
                ports = ports if not keys else tuple(range_ for key in keys for range_ in key)
        return Rule(ports, changes, tuple(jumps))

    def _compared(self, rule: Mapping[str, Any], op: str, right: Any) -> list[tuple[int, int]] | None:
        """The ports that a comparison lets pass; None: nearly all."""
        if op in {"==", "in"}:
            return [*self._values(rule, right)]
        if op in {"<", "<="}:
            return [(0, int(right) - (op == "<"))]
        if op in {">", ">="}:
            return [(int(right) + (op == ">"), _LAST)]
        return None

    def _values(self, rule: Mapping[str, Any], value: Any) -> Iterator[tuple[int, int]]:
        """The ports of a value: a number, a range, a set or the name of one."""
        if isinstance(value, int):
            yield value, value
        elif isinstance(value, str):
            if value.startswith("@"):
                yield from self._values(rule, self._sets[_name(rule, value[1:])])
        elif isinstance(value, list):
            for one in value:
                yield from self._values(rule, one)
        elif "range" in value:
            low, high = value["range"]
            yield int(low), int(high)
        elif "elem" in value:
            yield from self._values(rule, value["elem"]["val"])
        elif "set" in value:
            yield from self._values(rule, value["set"])

    def _entries(self, rule: Mapping[str, Any], data: Any) -> Iterator[tuple[Any, Any]]:
        """Keys and values of a map or the name of one."""
        yield from self._sets[_name(rule, data[1:])] if isinstance(data, str) else data["set"]

    def _keys(self, rule: Mapping[str, Any], what: Any) -> Iterator[tuple[PortRange, ...]]:
        """The ports by which maps choose an address or a port, wherever they stand."""
        if isinstance(what, dict):
            if "map" in what and (place := _place(what["map"]["key"])) is not None:
                for key, _ in self._entries(rule, what["map"]["data"]):
                    yield self._ports_of_key(rule, what["map"]["key"], place, key)
            for inner in what.values():
                yield from self._keys(rule, inner)

    def _verdicts(self, rule: Mapping[str, Any], what: Any) -> Iterator[Jump]:
        """The jumps of a verdict map."""
        place = _place(what["key"])
        for key, verdict in self._entries(rule, what["data"]):
            for kind in {"jump", "goto"} & verdict.keys():
                ports = None if place is None else self._ports_of_key(rule, what["key"], place, key)
                yield Jump(_name(rule, verdict[kind]["target"]), ports)

    def _ports_of_key(
        self, rule: Mapping[str, Any], left: Any, place: int, key: Any
    ) -> tuple[PortRange, ...]:
        """The ports of one key of a map; ``place`` is that of the port in a concatenation."""
        if isinstance(key, dict) and "elem" in key:
            key = key["elem"]["val"]
        if "concat" in left:
            left, key = left["concat"][place], key["concat"][place]
        return ranges_of(_protocols(left) or (), self._values(rule, key))


def _name(of: Mapping[str, Any], name: str) -> str:
    return f"{of['family']} {of['table']} {name}"


def _protocols(left: Any) -> tuple[Protocol, ...] | None:
    """The protocols whose destination port an expression is; None: it is something else."""
    payload = left.get("payload", {}) if isinstance(left, dict) else {}
    if payload.get("field") != "dport":
        return None
    return tuple(Protocol) if payload["protocol"] == "th" else protocols_of(payload["protocol"])


def _place(left: Any) -> int | None:
    """Where in the key of a map the port stands; None: nowhere."""
    parts = left.get("concat", [left]) if isinstance(left, dict) else []
    return next((place for place, part in enumerate(parts) if _protocols(part) is not None), None)
