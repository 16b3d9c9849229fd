"""The conditions of nft's rules (libnftables-json(5)): what each asks of a packet.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from knockd.doctor.packets import Condition, Kind
from knockd_conf.protocol import Protocol

Sets = dict[str, Any]
"""The elements of sets and maps by family, table and name."""

_LAST = 0xFFFF
_PORTS = {"dport": Kind.TO_PORT, "sport": Kind.FROM_PORT}
_ADDRESSES = {"saddr": Kind.SOURCE, "daddr": Kind.DESTINATION}
_VERSIONS = {"ip": 4, "ip6": 6, "ipv4": 4, "ipv6": 6}
_INTERFACES = {"iif": Kind.IN, "iifname": Kind.IN, "oif": Kind.OUT, "oifname": Kind.OUT}
_NUMBERS = {int(protocol): str(protocol) for protocol in Protocol}
_UNKNOWN = Condition(Kind.UNKNOWN)


def read_match(what: Mapping[str, Any], rule: Mapping[str, Any], sets: Sets) -> Iterator[Condition]:
    """The conditions of a ``match`` statement."""
    left, right, op = what["left"], what["right"], what["op"]
    if "concat" in left:
        yield _read_concatenation(left["concat"], right, rule, negated=op == "!=")
        return
    if op in ("<", "<=", ">", ">="):
        yield from _read(left, _bound(op, right), rule, sets, negated=False)
        return
    yield from _read(left, right, rule, sets, negated=op == "!=")


def read_vmap_key(
    left: Mapping[str, Any], key: Any, rule: Mapping[str, Any], sets: Sets
) -> Iterator[Condition]:
    """The conditions under which a key of a verdict map is the packet's."""
    if isinstance(key, dict) and "elem" in key:
        key = key["elem"]["val"]
    if "concat" in left:
        for part, value in zip(left["concat"], key["concat"], strict=True):
            yield from _read(part, value, rule, sets, negated=False)
    else:
        yield from _read(left, key, rule, sets, negated=False)


def _bound(op: str, right: Any) -> Any:
    if not isinstance(right, int):
        return None
    low, high = (0, right - (op == "<")) if op[0] == "<" else (right + (op == ">"), _LAST)
    return {"range": [low, high]}


def _read(
    left: Mapping[str, Any], right: Any, rule: Mapping[str, Any], sets: Sets, *, negated: bool
) -> Iterator[Condition]:
    ((kind, what),) = left.items()
    if kind == "&" and _is_flags(what[0]):
        yield Condition(Kind.PROTOCOL, ("tcp",))
        yield Condition(Kind.SYN if right in ("syn", 2) else Kind.NEVER, (), negated)
    elif kind == "payload":
        yield from _read_payload(what, right, rule, sets, negated)
    elif kind == "meta":
        yield _read_meta(what["key"], right, rule, sets, negated)
    elif kind == "ct" and what["key"] == "state":
        yield Condition(Kind.STATE, tuple(_flatten(right, rule, sets)), negated)
    elif kind == "ct" and what["key"] == "status":
        asked = set(_flatten(right, rule, sets))
        yield Condition(Kind.DNAT, (), negated) if asked == {"dnat"} else _UNKNOWN
    elif kind == "fib":
        yield _read_fib(what, set(_flatten(right, rule, sets)), negated)
    else:
        yield _UNKNOWN


def _is_flags(left: Any) -> bool:
    payload = left.get("payload", {}) if isinstance(left, dict) else {}
    return payload.get("protocol") == "tcp" and payload.get("field") == "flags"


def _read_payload(
    what: Mapping[str, Any], right: Any, rule: Mapping[str, Any], sets: Sets, negated: bool
) -> Iterator[Condition]:
    protocol, field = what.get("protocol"), what.get("field")
    if protocol in ("ip", "ip6"):
        yield Condition(Kind.VERSION, (_VERSIONS[protocol],))
        if field in _ADDRESSES:
            yield _read_addresses(_ADDRESSES[field], right, rule, negated)
        elif field in ("protocol", "nexthdr"):
            yield Condition(Kind.PROTOCOL, _protocols(_flatten(right, rule, sets)), negated)
        else:
            yield _UNKNOWN
        return
    if protocol != "th":
        yield Condition(Kind.PROTOCOL, (protocol,)) if protocol != "ether" else _UNKNOWN
    if field in _PORTS:
        ports = tuple(one for one in _flatten(right, rule, sets) if isinstance(one, tuple))
        yield Condition(_PORTS[field], ports, negated)
    elif _is_flags({"payload": what}):
        yield Condition(Kind.SYN, (), negated) if right in ("syn", 2) else _UNKNOWN
    elif protocol in ("tcp", "udp"):
        yield _UNKNOWN


def _read_addresses(kind: Kind, right: Any, rule: Mapping[str, Any], negated: bool) -> Condition:
    if isinstance(right, str) and right.startswith("@"):
        if kind is Kind.SOURCE:
            return Condition(Kind.SOURCE_SET, (_name(rule, right),), negated)
        return _UNKNOWN
    return Condition(kind, tuple(_networks(right)), negated)


def _networks(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict) and "prefix" in value:
        yield f"{value['prefix']['addr']}/{value['prefix']['len']}"
    elif isinstance(value, dict) and "set" in value:
        for one in value["set"]:
            yield from _networks(one)
    elif isinstance(value, dict) and "elem" in value:
        yield from _networks(value["elem"]["val"])
    else:
        yield "range"  # packets.py knows that this is no network


def _read_meta(key: str, right: Any, rule: Mapping[str, Any], sets: Sets, negated: bool) -> Condition:
    values = tuple(_flatten(right, rule, sets))
    if key in _INTERFACES:
        return Condition(_INTERFACES[key], values, negated)
    if key == "l4proto":
        return Condition(Kind.PROTOCOL, _protocols(values), negated)
    if key in ("nfproto", "protocol"):
        return Condition(Kind.VERSION, tuple(_VERSIONS.get(str(one), 0) for one in values), negated)
    if key == "pkttype":
        unicast = not {"host", "unicast"}.isdisjoint(values)
        return Condition(Kind.NEVER, (), negated != unicast)
    return _UNKNOWN


def _protocols(values: Iterable[Any]) -> tuple[object, ...]:
    """Names; numbers come as ranges of one."""
    return tuple(_NUMBERS.get(one[0], "") if isinstance(one, tuple) else one for one in values)


def _read_fib(what: Mapping[str, Any], values: set[Any], negated: bool) -> Condition:
    """Of a source: there is a way back. Of a destination: whether it is this host."""
    if "daddr" not in what.get("flags", ()):
        return Condition(Kind.NEVER, (), negated)
    if what.get("result") != "type":
        return _UNKNOWN
    if {"local", "unicast"} <= values:
        return Condition(Kind.NEVER, (), not negated)
    return Condition(Kind.LOCAL if "local" in values else Kind.NEVER, (), negated)


def asks_for_source(left: Mapping[str, Any]) -> bool:
    """Whether a key is, or holds, the source's address."""
    parts = left.get("concat", [left])
    return any(part.get("payload", {}).get("field") == "saddr" for part in parts)


def read_maps(what: Any, rule: Mapping[str, Any]) -> Iterator[Condition]:
    """The conditions of maps in an expression: there is a value for what has a key alone."""
    if not isinstance(what, dict):
        return
    if "map" in what:
        data = what["map"]["data"]
        named = isinstance(data, str) and asks_for_source(what["map"]["key"])
        yield Condition(Kind.SOURCE_SET, (_name(rule, data),)) if named else _UNKNOWN
    for inner in what.values():
        yield from read_maps(inner, rule)


def find_names(what: Any) -> Iterator[str]:
    """The names of sets and maps that stand anywhere in an expression."""
    if isinstance(what, str):
        if what.startswith("@"):
            yield what[1:]
    elif isinstance(what, dict):
        for inner in what.values():
            yield from find_names(inner)
    elif isinstance(what, list):
        for inner in what:
            yield from find_names(inner)


def _read_concatenation(
    parts: Sequence[Mapping[str, Any]], right: Any, rule: Mapping[str, Any], *, negated: bool
) -> Condition:
    if asks_for_source({"concat": parts}) and isinstance(right, str) and right.startswith("@"):
        return Condition(Kind.SOURCE_SET, (_name(rule, right),), negated)
    return _UNKNOWN


def _flatten(value: Any, rule: Mapping[str, Any], sets: Sets) -> Iterator[Any]:
    """Single values of what stands on the right; numbers and their ranges as (first, last)."""
    if isinstance(value, bool | None):
        return
    if isinstance(value, int):
        yield value, value
    elif isinstance(value, str):
        if value.startswith("@"):
            yield from _flatten(sets[_name(rule, value)], rule, sets)
        else:
            yield value
    elif isinstance(value, list):
        for one in value:
            yield from _flatten(one, rule, sets)
    elif "range" in value:
        low, high = value["range"]
        if isinstance(low, int) and isinstance(high, int):
            yield low, high
    elif "set" in value:
        yield from _flatten(value["set"], rule, sets)
    elif "elem" in value:
        yield from _flatten(value["elem"]["val"], rule, sets)
    elif "|" in value:
        yield from _flatten(value["|"], rule, sets)


def _name(rule: Mapping[str, Any], name: str) -> str:
    return f"{rule['family']} {rule['table']} {name.removeprefix('@')}"
