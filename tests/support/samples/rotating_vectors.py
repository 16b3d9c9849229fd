"""The vectors of docs/spec/rotating-sequence-vectors.json as values: for every implementation's tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

PAGE: Final = Path(__file__).parents[3] / "docs" / "spec" / "rotating-sequence-vectors.json"


class Vector(NamedTuple):
    """Ports of a period. ``steps`` and ``guards`` are as ``port:tcp``; ``hmac`` has the blocks in hex."""

    name: str
    key: bytes
    door: str
    period: int
    number_of_steps: int
    low: int
    high: int
    protocol: str
    steps: tuple[str, ...]
    guards: tuple[str, ...]
    message: bytes
    hmac: tuple[str, ...]
    too_high: int
    equal: int
    beside: int


def read_page() -> dict[str, Any]:
    """What the file holds: ports, periods, uris, bad_uris, key_files, bad_key_files."""
    found: dict[str, Any] = json.loads(PAGE.read_text(encoding="utf-8"))
    return found


def _vector(one: dict[str, Any]) -> Vector:
    return Vector(
        name=one["name"],
        key=bytes.fromhex(one["key"]),
        door=one["door"],
        period=one["period"],
        number_of_steps=one["steps"],
        low=one["low"],
        high=one["high"],
        protocol=one["protocol"],
        steps=tuple(one["expected_steps"]),
        guards=tuple(one["expected_guards"]),
        message=bytes.fromhex(one["message"]),
        hmac=tuple(one["hmac"]),
        too_high=one["too_high"],
        equal=one["equal"],
        beside=one["beside"],
    )


VECTORS: Final = tuple(map(_vector, read_page()["ports"]))
