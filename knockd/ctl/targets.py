"""What the words of a command line name: a door, an address, all; and how long a duration is.

Pure.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Sequence
from typing import Any

from knockd_conf.classes import NamedTuple
from knockd_conf.text import address_text

ALL = "all"

LONGEST = 365 * 86_400.0
"""Seconds of the longest duration that is taken."""

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?) *(s|min|m|h|d)?", re.ASCII)
_DURATION = re.compile(rf"{_PART.pattern}(?: *[0-9]+ *(?:s|min|m|h|d))*", re.ASCII)


class Target(NamedTuple):
    """A door, an address, both, all of them, or nothing in particular."""

    door: str | None = None
    address: str | None = None
    all: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """What a method of the daemon is told."""
        return {name: value for name, value in self._asdict().items() if value}


def choose_target(words: Sequence[str], door: str | None, ip: str | None, *, may_be_all: bool) -> Target:
    """What was named. A word that is an address is one; "all" is all where it may be; else a door.

    ``door`` and ``ip`` are the options, which decide whatever a word looks like. Raises ValueError.
    """
    address = parse_address(ip) if ip is not None else None
    everything = False
    for word in words:
        if may_be_all and word == ALL:
            everything = True
        elif (found := find_address(word)) is not None:
            if address is not None:
                raise ValueError(f"expected one address, got {address} and {found}")
            address = found
        elif door is not None:
            raise ValueError(f"expected one door, got '{door}' and '{word}'")
        else:
            door = word
    if everything and (door is not None or address is not None):
        raise ValueError(f"expected a door, an address or {ALL}, got {ALL} and '{door or address}'")
    return Target(door, address, everything)


def find_address(text: str) -> str | None:
    """The address that a text is, as the daemon writes it; None: it is none."""
    try:
        return parse_address(text)
    except ValueError:
        return None


def parse_address(text: str) -> str:
    """An IPv4 or IPv6 address as the daemon writes it (RFC 5952). Raises ValueError."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        address = None
    if address is None or getattr(address, "scope_id", None):
        raise ValueError(f"expected an address such as 203.0.113.7 or 2001:db8::7, got '{text}'")
    mapped = getattr(address, "ipv4_mapped", None)
    return address_text((mapped or address).packed)


def parse_seconds(text: str) -> float:
    """The seconds of ``90``, ``90s``, ``10m``, ``2h``, ``1h30m``, ``1d``. Raises ValueError."""
    seconds = 0.0
    if _DURATION.fullmatch(text.strip()):
        seconds = math.fsum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"expected a time such as 90, 90s, 10m or 2h, a year at most, got '{text}'")
    return seconds
