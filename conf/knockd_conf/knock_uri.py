"""``knock://`` addresses: what a client has to know of a door, in one line (docs/spec/rotating-sequence.md).

No message shows a key, a sequence or a knock secret. The client imports this file.

Pure.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from typing import Final, NoReturn

from knockd_conf.classes import NamedTuple
from knockd_conf.key_file import parse_name
from knockd_conf.protocol import MAX_PORT, Protocol
from knockd_conf.signed_packet import SECRET_BYTES
from knockd_conf.timed import (
    KEY_BYTES,
    KINDS,
    MAX_PERIOD,
    MAX_STEPS,
    MIN_PERIOD,
    MIN_STEPS,
    Port,
    Rule,
    check_rule,
)
from knockd_conf.uri_text import encode_host, encode_part, split_uri

VERSION: Final = "1"
SCHEME: Final = "knock"
MAX_SEQUENCE: Final = 32
"""Most steps of a sequence that does not rotate."""

MAX_DELAY: Final = 60_000
"""Longest time between packets, in milliseconds."""

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_RANGE: Final = re.compile(r"(0|[1-9][0-9]{0,4})-(0|[1-9][0-9]{0,4})")
_STEP: Final = re.compile(r"(0|[1-9][0-9]{0,4})(?::(tcp|udp))?")
_BASE64: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 bytes: those of a key, and of a knock secret."""

_FOR_KEYS: Final = ("name", "steps", "period", "ports", "protocol")
_FOR_SIGNED: Final = ("secret", "bind")
_WAYS: Final = {"key": "a key", "sequence": "a sequence", "signed": "signed knocks"}
"""Of these parameters exactly one is there."""

_ONLY_WITH: Final = {
    **dict.fromkeys(_FOR_KEYS, ("key",)),
    **dict.fromkeys(_FOR_SIGNED, ("signed",)),
    "delay": ("key", "sequence"),
}
"""What goes with some of them only; a signed knock is one packet."""

_NAMES: Final = ("v", "key", *_FOR_KEYS, "sequence", "signed", *_FOR_SIGNED, "delay", "verify", "both")
_UNKNOWN: Final = f"; known are {', '.join(_NAMES)}. The URI may be for a later version of this program"
_TO_URL: Final = {ord("+"): "-", ord("/"): "_"}


class KnockUri(NamedTuple):
    """A door as its client knows it: ``key`` and ``rule``, or ``sequence``, or ``signed`` and ``secret``.

    ``delay`` is in milliseconds between packets, ``verify`` the TCP port that answers once the door is
    open; None: not said. ``both``: to knock by IPv4 and IPv6. ``name`` is whose key it is, or empty.
    ``signed`` is the UDP port of signed knocks, ``secret`` the server's knock secret; ``bind``: the
    client has to sign its address.
    """

    host: str
    door: str
    key: bytes | None = None
    name: str = ""
    rule: Rule = Rule()
    sequence: tuple[Port, ...] = ()
    delay: int | None = None
    verify: int | None = None
    both: bool = False
    signed: int | None = None
    secret: bytes | None = None
    bind: bool = False

    def __repr__(self) -> str:
        return f"KnockUri({self.host!r}, {self.door!r})"  # no traceback shows a secret


def parse_uri(text: str) -> KnockUri:
    """The door that a URI describes. Raises ValueError, which shows no key, sequence or secret."""
    host, door, given = split_uri(text, SCHEME, _NAMES, _UNKNOWN)
    return _parse_parameters(host, door, given)


def format_uri(uri: KnockUri) -> str:
    """The URI of a door. Raises ValueError for what no URI can hold."""
    values: dict[str, str] = {"v": VERSION}
    if uri.key is not None:
        values["key"] = _show_bytes(uri.key)
        if uri.name:
            values["name"] = uri.name
        standard = Rule()
        for name, value, usual in (
            ("steps", str(uri.rule.steps), str(standard.steps)),
            ("period", str(uri.rule.period), str(standard.period)),
            ("ports", _show_range(uri.rule), _show_range(standard)),
            ("protocol", uri.rule.protocol, standard.protocol),
        ):
            if value != usual:
                values[name] = value
    if uri.sequence:
        values["sequence"] = ",".join(_show_step(one) for one in uri.sequence)
    if uri.signed is not None:
        values["signed"] = str(uri.signed)
    if uri.secret is not None:
        values["secret"] = _show_bytes(uri.secret)
    if uri.bind:
        values["bind"] = "1"
    for name, number in (("delay", uri.delay), ("verify", uri.verify)):
        if number is not None:
            values[name] = str(number)
    if uri.both:
        values["both"] = "1"
    query = "&".join(f"{name}={value}" for name, value in values.items())
    text = f"{SCHEME}://{encode_host(uri.host)}/{encode_part(uri.door)}?{query}"
    if parse_uri(text) != uri:
        raise ValueError("expected values that a URI can hold")
    return text


def _show_bytes(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode().rstrip("=").translate(_TO_URL)


def _show_range(rule: Rule) -> str:
    return f"{rule.low}-{rule.high}"


def _show_step(step: Port) -> str:
    return str(step.port) if step.protocol is Protocol.TCP else f"{step.port}:{step.protocol}"


def _parse_parameters(host: str, door: str, given: dict[str, str]) -> KnockUri:
    if "v" not in given:
        raise ValueError(f"v: expected v={VERSION}, got none")
    if given["v"] != VERSION:
        raise ValueError(f"v: expected {VERSION}, the only version there is{_seen(given['v'])}")
    way = _find_way(given)
    uri = KnockUri(host, door)
    if way == "key":
        uri = uri._replace(key=_parse_bytes(given, "key", KEY_BYTES), rule=_parse_rule(given))
        if "name" in given:
            uri = uri._replace(name=_parse_name(given["name"]))
    elif way == "sequence":
        uri = uri._replace(sequence=_parse_sequence(given["sequence"]))
    else:
        uri = uri._replace(
            signed=_number(given, "signed", 1, MAX_PORT, "a port "),
            secret=_parse_bytes(given, "secret", SECRET_BYTES),
            bind="bind" in given and _number(given, "bind", 0, 1) == 1,
        )
    if "delay" in given:
        uri = uri._replace(delay=_number(given, "delay", 0, MAX_DELAY, "milliseconds "))
    if "verify" in given:
        uri = uri._replace(verify=_number(given, "verify", 1, MAX_PORT, "a port "))
    return uri._replace(both="both" in given and _number(given, "both", 0, 1) == 1)


def _find_way(given: dict[str, str]) -> str:
    """Which of the parameters is there of which exactly one has to be, if nothing else contradicts it."""
    found = [name for name in _WAYS if name in given]
    if len(found) != 1:
        seen = " and ".join(found) or "none"
        raise ValueError(f"expected exactly one of {', '.join(_WAYS)}, got {seen}")
    way = found[0]
    for name, ways in _ONLY_WITH.items():
        if name in given and way not in ways:
            expected = " or ".join(_WAYS[one] for one in ways)
            raise ValueError(f"{name}: expected with {expected} only, got {_WAYS[way]}")
    if way == "signed" and "secret" not in given:
        raise ValueError("secret: expected the knock secret of the server beside signed, got none")
    return way


def _parse_bytes(given: dict[str, str], name: str, size: int) -> bytes:
    text = given[name]
    if not _BASE64.fullmatch(text):
        raise ValueError(
            f"{name}: expected 43 characters of base64url, which has A-Z a-z 0-9 - _ and no padding"
        )
    standard = text.translate({ord("-"): "+", ord("_"): "/"}) + "="
    try:
        data = a2b_base64(standard, strict_mode=True)
    except Error:
        data = b""
    if len(data) != size or b2a_base64(data, newline=False).decode() != standard:
        raise ValueError(f"{name}: expected base64url, got one that was changed at its end")
    return data


def _parse_name(text: str) -> str:
    try:
        return parse_name(text)
    except ValueError as error:
        raise ValueError(f"name: {error}") from None


def _parse_rule(given: dict[str, str]) -> Rule:
    rule = Rule()
    if "steps" in given:
        rule = rule._replace(steps=_number(given, "steps", MIN_STEPS, MAX_STEPS))
    if "period" in given:
        rule = rule._replace(period=_number(given, "period", MIN_PERIOD, MAX_PERIOD, "seconds "))
    if "ports" in given:
        found = _RANGE.fullmatch(given["ports"])
        if found is None:
            _reject("ports", "the lowest and the highest port, as in 20000-60000", given["ports"])
        rule = rule._replace(low=int(found[1]), high=int(found[2]))
    if "protocol" in given:
        if given["protocol"] not in KINDS:
            _reject("protocol", f"{', '.join(KINDS[:-1])} or {KINDS[-1]}", given["protocol"])
        rule = rule._replace(protocol=given["protocol"])
    try:
        check_rule(rule)
    except ValueError as error:
        raise ValueError(f"ports: {error}") from None
    return rule


def _parse_sequence(text: str) -> tuple[Port, ...]:
    parts = text.split(",")
    found = [_STEP.fullmatch(part) for part in parts]
    steps = tuple(Port(int(one[1]), Protocol[(one[2] or "tcp").upper()]) for one in found if one is not None)
    if len(steps) != len(parts) or any(step.port > MAX_PORT for step in steps):
        raise ValueError("sequence: expected ports with commas between them, as in 1234,5678:udp (not shown)")
    if len(steps) > MAX_SEQUENCE:
        raise ValueError(f"sequence: expected at most {MAX_SEQUENCE} ports, got {len(steps)}")
    return steps


def _number(given: dict[str, str], name: str, low: int, high: int, what: str = "") -> int:
    if not _NUMBER.fullmatch(given[name]) or not low <= int(given[name]) <= high:
        _reject(name, f"{what}from {low} to {high}", given[name])
    return int(given[name])


def _reject(name: str, expected: str, value: str) -> NoReturn:
    raise ValueError(f"{name}: expected {expected}{_seen(value)}")


def _seen(value: str) -> str:
    """What was seen, if it is too short for a key that lost its own name."""
    return f", got '{value}'" if len(value) <= 12 and value.isascii() and value.isprintable() else ""
