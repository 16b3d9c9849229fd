"""A lease as the control protocol has it. Pure."""

from __future__ import annotations

from typing import Any

from knockd.leases.journal import State
from knockd.leases.values import Lease
from knockd_conf.text import printable


def lease_row(lease: Lease, now: float) -> dict[str, Any]:
    """A lease as the protocol has it; ``now`` is of the leases' clock."""
    knock = lease.knock
    ends = {State.OPEN: lease.due, State.RETRYING: lease.deadline}.get(lease.state)
    return {
        "id": lease.id,
        "door": knock.door.name,
        "occurrence": knock.door.occurrence,
        "address": knock.source,
        "network": None if knock.prefix is None else knock.network,
        "state": lease.state.value,
        "unopened": lease.unopened,
        "seconds_open": round(max(0.0, now - lease.opened), 1) if lease.opened else None,
        "seconds_left": None if ends is None else round(max(0.0, ends - now), 1),
        "by": knock.by or f"knock at {knock.destination} on {printable(knock.interface)}",
        "destination": knock.destination,
        "interface": printable(knock.interface),
        "failures": lease.failures,
        "in_use": lease.in_use,
    }
