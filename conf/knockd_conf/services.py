"""``22/tcp, 60000-61000/udp`` to values: which ports' connections keep a door open.

Pure.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from knockd_conf.errors import seen
from knockd_conf.model import Service
from knockd_conf.protocol import MAX_PORT, Protocol

MAX_SERVICES: Final = 32
"""Most ports and ranges of one door."""

_SERVICE: Final = re.compile(r"([0-9]{1,20})(?:\s*-\s*([0-9]{1,20}))?\s*/\s*(tcp|udp)", re.IGNORECASE)
_ALMOST: Final = re.compile(r"([0-9]{1,5})(?:\s*[:,;]\s*(tcp|udp))?", re.IGNORECASE)


def parse_services(text: str) -> tuple[Service, ...]:
    """``port/tcp`` and ``first-last/udp`` divided by commas, each once. Raises ValueError."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > MAX_SERVICES:
        raise ValueError(f"expected at most {MAX_SERVICES} ports and ranges, got {len(parts)}")
    return tuple(dict.fromkeys(map(_parse_service, parts)))


def _parse_service(part: str) -> Service:
    found = _SERVICE.fullmatch(part)
    if found is None:
        _reject_form(part)
    low, high = int(found[1]), int(found[2] or found[1])
    for port in (low, high):
        if not 0 < port <= MAX_PORT:
            raise ValueError(f"expected a port from 1 to {MAX_PORT}, got {seen(str(port))}")
    if low > high:
        raise ValueError(f"expected the lower port of a range first, got {seen(part)}")
    return Service(low, high, Protocol[found[3].upper()])


def _reject_form(part: str) -> NoReturn:
    almost = _ALMOST.fullmatch(part)
    if almost is None:
        expected = "port/tcp or port/udp, divided by commas"
    elif almost[2]:
        expected = f"{almost[1]}/{almost[2].lower()}"
    else:
        expected = f"{almost[1]}/tcp or {almost[1]}/udp"
    raise ValueError(f"expected {expected}, got {seen(part)}")
