"""Answers to Status, as a client decodes them: of a gateway where all is well, and where much is not."""

from __future__ import annotations

from typing import Any

NOW = 1_796_000_000.0
"""When they were given, in seconds since the epoch: 2026-11-30 00:53:20 UTC."""

HOUR, DAY = 3_600.0, 86_400.0


def interface(name: str, *addresses: str, **fields: Any) -> dict[str, Any]:
    """An interface that is listened on."""
    return {
        "name": name,
        "link_type": "Ethernet",
        "addresses": list(addresses),
        "received": 128_734,
        "dropped": 0,
        "instructions": 134,
        "most_executed": 21,
        **fields,
    }


def door(name: str, now_open: int = 0, **fields: Any) -> dict[str, Any]:
    """A door that has a stop command."""
    return {
        "name": name,
        "occurrence": 0,
        "open": now_open,
        "closes": True,
        "disabled": False,
        "close_when_idle": None,
        "expires": None,
        "waiting": None,
        "rotation": None,
        "signed": None,
        "fleet": None,
        **fields,
    }


def sharing(waiting: str | None = None, *, shared: bool = True, required: bool = False) -> dict[str, Any]:
    """A door at a gateway of a fleet."""
    return {"shared": shared, "required": required, "waiting": waiting}


def signing(waiting: str | None = None, port: int = 47811, keys: int = 2) -> dict[str, Any]:
    """Signed knocks at a door."""
    return {"port": port, "keys_total": keys, "waiting": waiting}


def known_key(path: str, fingerprint: str, **fields: Any) -> dict[str, Any]:
    """A key of the answer to Keys, which has never knocked."""
    return {
        "fingerprint": fingerprint,
        "comment": "laptop",
        "path": path,
        "line": 1,
        "hardware": False,
        "doors": ["ssh"],
        "doors_total": 1,
        "expires": None,
        "knocked": None,
        "address": None,
        **fields,
    }


def lease(name: str, address: str, **fields: Any) -> dict[str, Any]:
    """A door that was opened by a knock 3 seconds ago, and closes in 7."""
    return {
        "id": "9f86d081884c7d65",
        "door": name,
        "occurrence": 0,
        "address": address,
        "network": None,
        "state": "open",
        "unopened": False,
        "seconds_open": 3.0,
        "seconds_left": 7.0,
        "by": "knock at 192.0.2.1 on eth0",
        "destination": "192.0.2.1",
        "interface": "eth0",
        "failures": 0,
        "in_use": False,
        **fields,
    }


def attempt(address: str, name: str, stage: int, steps: int = 3, left: float = 4.0) -> dict[str, Any]:
    """A sequence that was begun."""
    return {"address": address, "door": name, "stage": stage, "steps": steps, "seconds_left": left}


def status(**fields: Any) -> dict[str, Any]:
    """A daemon with one interface and one door, where nobody is in and all is well, but for ``fields``."""
    return {
        "version": "1.0.0",
        "pid": 812,
        "life": "up",
        "seconds_up": 3 * DAY + 4 * HOUR,
        "config": "/etc/knockd.conf",
        "config_age": 3 * DAY,
        "interfaces": [interface("eth0", "192.0.2.1", "2001:db8::1")],
        "waiting": [],
        "deaf": [],
        "doors": [door("ssh")],
        "doors_total": 1,
        "leases": [],
        "leases_total": 0,
        "failed_total": 0,
        "attempts": [],
        "attempts_total": 0,
        "worker": 815,
        "worker_restarts": 0,
        "journal": {"place": "/var/lib/knockd/leases", "lasts": True, "reason": None},
        "fleet": None,
        "refused": [],
        "notes": [],
        **fields,
    }


BUSY_LEASES = [
    lease("ssh", "203.0.113.7"),
    lease(
        "ssh",
        "2001:db8:aa00:17::c0de",
        seconds_open=9 * HOUR,
        seconds_left=2 * HOUR,
        destination="2001:db8::1",
        in_use=True,
        by="knock at 2001:db8::1 on eth0",
    ),
    lease(
        "backup",
        "198.51.100.20",
        seconds_open=1_240.0,
        seconds_left=560.0,
        by="by hand, root",
        destination="",
        interface="",
    ),
]

BUSY = status(
    interfaces=[
        interface("eth0", "192.0.2.1", "2001:db8::1"),
        interface("ppp0", "198.51.100.1", link_type="PPP", received=5_112_904, dropped=12, instructions=131),
    ],
    doors=[door("ssh", 2), door("backup", 1), door("wake-nas", closes=False), door("web", 0)],
    doors_total=4,
    leases=BUSY_LEASES,
    leases_total=3,
    attempts=[attempt("203.0.113.99", "web", 2)],
    attempts_total=1,
)
"""A gateway on a usual day: three are in, one is knocking, all is well."""

STUCK = {
    **BUSY,
    "doors": [door("ssh", 2), door("web", 1), door("wake-nas", closes=False), door("backup")],
    "leases": [
        *BUSY_LEASES[:2],
        lease(
            "web",
            "203.0.113.80",
            id="2c26b46b68ffc68f",
            state="failed",
            failures=5,
            seconds_open=7_300.0,
            seconds_left=None,
        ),
    ],
    "failed_total": 1,
    "attempts": [],
    "attempts_total": 0,
}
"""The same with a door that could not be closed, and nobody knocking."""

UNWELL = {
    **BUSY,
    "waiting": ["wg0"],
    "refused": [
        {"path": "/etc/knockd.conf", "line": 7, "text": "expected a port from 0 to 65535, got '70000'"},
    ],
    "leases": [
        *BUSY_LEASES,
        lease("web", "203.0.113.80", id="2c26b46b68ffc68f", state="failed", failures=5, seconds_left=None),
    ],
    "leases_total": 4,
    "failed_total": 1,
}
"""A usual day with a bad file, an interface that is gone, and a door that could not be closed."""
