"""Messages of log lines, without their stamps: classic ones and JSON objects, to what an entry holds.

Addresses of strangers differ in nearly all lines, and what follows them in few: that is remembered.

Pure.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from ipaddress import IPv6Address
from typing import Any

from knockd.log.catalogue import EVENTS, FIELDS
from knockd.log.classic import Value, parse_classic
from knockd_conf.text import address_text

_WHO = re.compile(r"([0-9A-Fa-f:.]+)(?: \(([A-Za-z0-9._-]+)\))?")
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}")
_CONFIG = re.compile(
    r"/\S*:[0-9]+: .+|/\S+: (?:could not be read: |expected |there is no LogFile |included more than once"
    r"|everybody on this machine |line [0-9]+: ).*"
)
"""A note or problem of the configuration: it has no words of its own, but begins with a file.

Without a line it is about the whole file, and told by how it goes on: output of commands may
begin with a file, too.
"""

_WRONG = re.compile(r"could not be read: |expected .+, (?:got|not) ")
_STANDIN = "192.0.2.1"
"""An address in place of any other (RFC 5737)."""

REMEMBERED = 16_384
"""Addresses that are remembered, and a quarter as many texts; then it begins anew."""

SHORT = 256
"""Characters of a text that is worth remembering."""

LARGEST = 10**18
"""More than any number that an event has."""

Message = tuple[str, str, str, str, Mapping[str, Value]]
"""Event, address, door, name of the address, and the other fields."""

Tail = tuple[str, str, Mapping[str, Value]]
"""Event, door and other fields of all messages that differ in their addresses only."""

Knocker = tuple[str, str]
"""An address in its normal form, and its name."""


class Messages:
    """Reads messages; it may serve the readers of several files."""

    def __init__(self) -> None:
        self._tails: dict[str, Tail] = {}
        self._json_tails: dict[str, Tail] = {}
        self._knockers: dict[str, Knocker] = {}
        self._whole: dict[str, Message | None] = {}

    def read_classic(self, text: str) -> Message | None:
        """What a classic line says, as ``parse_classic``, with the address in its normal form.

        None when it is no event's, or its address is none. Lines about the configuration are told by
        their shape: which of them are problems, only JSON says for certain.
        """
        who, _, tail = text.partition(": ")
        known = self._tails.get(tail)
        if known is not None:
            knocker = self._knockers.get(who) or self._read_knocker(who)
            if knocker is not None:
                event, door, fields = known
                ip, host = knocker
                return event, ip, door, host, fields
        return self._read_anew(text, who, tail)

    def read_json(self, text: str) -> tuple[str, Message | None]:
        """The stamp and the message of a line of JSON; no message when it is no event of the catalogue.

        Fields that the catalogue does not name are left out.
        """
        before, _, behind = text.partition('"ip": "')
        ip, _, after = behind.partition('"')
        before = before[39:]
        tail = before + after
        known = self._json_tails.get(tail)
        if known is not None and text.startswith('{"time": "'):
            knocker = self._knockers.get(ip) or self._read_knocker(ip)
            if knocker is not None and not knocker[1]:
                event, door, fields = known
                return text[10:39], (event, knocker[0], door, "", fields)
        found = self._read_object(text)
        if found is not None and ip and len(tail) <= SHORT and "command" not in found[1][4]:
            stamp, (event, address, door, host, fields) = found
            # Another address, to see that it is this one which counts: a key may be there twice.
            other = _STANDIN if ip != _STANDIN else "192.0.2.2"
            again = self._read_object(f'{text[:39]}{before}"ip": "{other}"{after}')
            expected = stamp, (event, other, door, "", fields)
            if (
                not host
                and stamp == text[10:39]
                and again == expected
                and self._read_knocker(ip) == (address, "")
            ):
                _remember(self._json_tails, tail, (event, door, fields))
        return ("", None) if found is None else found

    def _read_object(self, text: str) -> tuple[str, Message] | None:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict):
            return None
        stamp, event = found.pop("time", None), found.pop("event", None)
        if not isinstance(stamp, str) or not isinstance(event, str) or event not in EVENTS:
            return None
        fields = {name: value for name, value in found.items() if name in FIELDS}
        if not all(_fits(name, value) for name, value in fields.items()):
            return None
        message = self._of_fields(event, fields)
        return None if message is None else (stamp, message)

    def _read_anew(self, text: str, who: str, tail: str) -> Message | None:
        if text in self._whole:
            return self._whole[text]
        found = None if "\0" in text else parse_classic(text) or _read_config(text)
        message = None if found is None else self._of_fields(*found)
        if len(text) > SHORT:
            return message
        if message is None or not message[1]:
            if message is None or "command" not in message[4]:
                _remember(self._whole, text, message)
        elif not tail.startswith("(") and self._read_knocker(who):
            # An address that ends with a colon could have been taken for the one before its name.
            _remember(self._tails, tail, (message[0], message[2], message[4]))
        return message

    def _of_fields(self, event: str, fields: dict[str, Any]) -> Message | None:
        ip, door, host = (fields.pop(name, "") for name in ("ip", "door", "host"))
        if ip:
            knocker = self._read_knocker(ip)
            if knocker is None or knocker[1]:
                return None
            ip = knocker[0]
        return event, ip, door, host, fields

    def _read_knocker(self, text: str) -> Knocker | None:
        """The address in its normal form, and the name, of ``ADDRESS (NAME)``; None when it is none."""
        if text in self._knockers:
            return self._knockers[text]
        if _IPV4.fullmatch(text):  # most of them
            knocker = text, ""
        else:
            found = _WHO.fullmatch(text)
            ip = None if found is None else normal_address(found[1])
            if found is None or ip is None:
                return None
            knocker = ip, found[2] or ""
            if len(text) > SHORT:
                return knocker
        if len(self._knockers) >= REMEMBERED:
            self._knockers.clear()
        self._knockers[text] = knocker
        return knocker


def _read_config(text: str) -> tuple[str, dict[str, Value]] | None:
    """A line about the configuration. One that says what was expected is a problem, any other a note."""
    if _CONFIG.fullmatch(text) is None:
        return None
    return ("config-problem", {"problem": text}) if _WRONG.search(text) else ("config-note", {"note": text})


def normal_address(text: str) -> str | None:
    """An address by RFC 5952, mapped ones as ``::ffff:192.0.2.1``; None when it is none."""
    if ":" not in text:
        return text if _IPV4.fullmatch(text) else None
    try:
        return address_text(IPv6Address(text).packed)
    except ValueError:
        return None


def _fits(name: str, value: object) -> bool:
    """Whether a value has the type of a field, and is no absurd number."""
    kind = FIELDS[name][0]
    if kind is str:
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        return False
    return math.isfinite(value) and abs(value) < LARGEST


def _remember(memory: dict[str, Any], text: str, what: Any) -> None:
    if len(memory) >= REMEMBERED // 4:
        memory.clear()
    memory[text] = what
