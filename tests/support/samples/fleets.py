"""Answers to Fleet, as a client decodes them: of a gateway where all is well, but for what a test says."""

from __future__ import annotations

from typing import Any


def store(**fields: Any) -> dict[str, Any]:
    """The store of a fleet, reached for an hour."""
    return {"endpoint": "store.example:6379", "problem": None, "seconds": 3_600.0, "gateways": 1, **fields}


def gateway(name: str = "gw2", **fields: Any) -> dict[str, Any]:
    """Another gateway, heard two seconds ago."""
    return {
        "name": name,
        "run": "8899aabbccddeeff",
        "heard": 2.0,
        "skew": 0.012,
        "trip": 0.0008,
        **fields,
    }


def fleet(**fields: Any) -> dict[str, Any]:
    """A fleet of two gateways with one door that is open."""
    gateways = fields.get("gateways", [gateway()])
    openings = fields.get(
        "openings",
        [{"door": "ssh", "address": "203.0.113.7", "seconds_left": 3_000.0, "gateway": "gw2"}],
    )
    return {
        "gateway": "gw1",
        "run": "0011223344556677",
        "fleet": "edge",
        "servers": ["valkeys://store.example:6379"],
        "store": store(),
        "latency": 0.0004,
        "refusal": None,
        "gateways": gateways,
        "gateways_total": len(gateways),
        "openings": openings,
        "openings_total": len(openings),
        "burnt": 3,
        "forged": 0,
        "dropped": 1,
        "refused": {"used": 2},
        **fields,
    }
