"""Doors that close when their knocker has left: when his connections are looked for, and what a look changes.

What becomes of a lease is decided in table.py.

Pure.
"""

from __future__ import annotations

from math import inf
from typing import Any

from knockd.leases.journal import State
from knockd.leases.values import Lease, Log, log_of, record_of

PATIENCE = 10.0
"""Seconds that a lease whose time is over stays open at most, until it is known whether it is in use."""


def period_of(idle: float) -> float:
    """Seconds from one look to the next, for a door that closes after ``idle`` seconds."""
    return min(max(idle / 3, 1.0), 10.0)


def is_watched(lease: Lease) -> bool:
    """Whether connections keep this lease open: not when nobody knows since when it is."""
    watched = lease.knock.door.close_when_idle > 0 and lease.opened > 0
    return watched and lease.state is State.OPEN and not lease.closing


def limit_of(lease: Lease) -> float:
    """Until when connections may keep a lease open."""
    return lease.opened + lease.knock.door.open_max


def first_look(lease: Lease) -> float:
    """When the connections of a lease matter first: what is there then will count at its end."""
    return lease.deadline - lease.knock.door.close_when_idle if is_watched(lease) else inf


def ask_once(lease: Lease, now: float) -> dict[str, Any] | None:
    """What a lease becomes whose time is over: it stays until a look is made. None: it is over."""
    limit = limit_of(lease)
    if not is_watched(lease) or lease.asked or limit <= now:
        return None
    return {"asked": True, "deadline": min(now + PATIENCE, limit), "look_at": now}


def apply_look(lease: Lease, now: float, *, in_use: bool, failed: bool) -> dict[str, Any]:
    """What a lease becomes by a look; ``due`` is when it closes unless a later look sees somebody.

    Whoever is seen now may be gone at once, and nobody notices before the next look: the time counts
    from then. A look that ``failed`` says nothing, and gives no time to who has none.
    """
    idle = lease.knock.door.close_when_idle
    due, seen = lease.due, lease.in_use
    if in_use:
        due, seen = max(due, min(now + idle + period_of(idle), limit_of(lease))), True
    elif not failed:
        seen = False
    elif lease.asked:
        due = now
    after = {"due": due, "deadline": due, "in_use": seen, "held": lease.held or due > lease.due}
    return {**after, "asked": False, "look_at": now + period_of(idle)}


def log_held(lease: Lease) -> Log:
    """The log hears once that a lease stays open for a connection."""
    return log_of(record_of(lease), "held-open", seconds=lease.knock.door.close_when_idle)


def log_end(lease: Lease, now: float) -> list[Log]:
    """Why a lease closes that a connection has kept open; nothing where looks have failed since."""
    door = lease.knock.door
    if not lease.held:
        return []
    if not lease.in_use:
        return [log_of(record_of(lease), "left", seconds=door.close_when_idle)]
    return [log_of(record_of(lease), "open-max", seconds=door.open_max)] if limit_of(lease) <= now else []
