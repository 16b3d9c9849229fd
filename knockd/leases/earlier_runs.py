"""Leases of earlier runs: what a record says of its lease and its opening, and what the log hears of it.

What becomes of such a lease is decided in table.py.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from knockd.leases.journal import Record, State
from knockd.leases.looks import ask_once, limit_of
from knockd.leases.values import Knock, Lease, Log, Verb, log_of
from knockd_conf.model import Door
from knockd_conf.services import parse_services

MOST_NAMED = 1_024
"""Leases of an earlier run that are named in the log: a line each, and a start with 65,536 is not held up."""


def deadline_of(record: Record, now: float) -> float:
    """When a lease of an earlier run ends: of one that opened in our future, its Cmd_Timeout from now.

    The clock may be behind the one of that run: another time namespace, a machine that was restored.
    """
    if 0 < record.opened <= now:
        return record.deadline
    return min(record.deadline, now + record.cmd_timeout)


def lease_of(record: Record, deadline: float, *, same_boot: bool) -> Lease:
    """The lease of a record. Its state is for the table to say."""
    return Lease(
        record.id,
        knock_of(record),
        deadline,
        failures=record.failures,
        unopened=record.unopened,
        opened=record.opened if same_boot else 0.0,
    )


def find_trial(lease: Lease, now: float) -> dict[str, Any] | None:
    """What a lease of an earlier run becomes whose time is over; None: its time is not, or it gets none.

    It is asked at once whether it is in use. For all that is known its knocker may have left just now.
    """
    if lease.deadline > now or (after := ask_once(lease, now)) is None:
        return None
    return {**after, "due": min(now + lease.knock.door.close_when_idle, limit_of(lease))}


def log_all_recovered(
    records: Sequence[Record], now: float, *, same_boot: bool, running: Mapping[str, Verb]
) -> list[Log]:
    """What the log hears of the leases of an earlier run, before the first command runs."""
    named, more = records[:MOST_NAMED], len(records) - MOST_NAMED
    logs = [log_recovered(one, now, same_boot=same_boot, running=running.get(one.id)) for one in named]
    return [*logs, Log("recovered-more", {"count": more})] if more > 0 else logs


def log_recovered(record: Record, now: float, *, same_boot: bool, running: Verb | None) -> Log:
    """What the log hears of a lease of an earlier run; ``running`` is its command that still runs."""
    if record.state in {State.RETRYING, State.FAILED} and same_boot:
        return log_of(record, "recovered-failed")
    if running == "start":
        return log_of(record, "recovered-starting", seconds=record.cmd_timeout)
    event = "recovered-unopened" if record.unopened else "recovered"
    return log_of(record, event, seconds=_seconds_left(record, now) if same_boot else 0.0)


def _seconds_left(record: Record, now: float) -> float:
    lease = lease_of(record, deadline_of(record, now), same_boot=record.opened <= now)
    lease.state = record.state
    trial = find_trial(lease, now)
    return max(0.0, lease.deadline - now if trial is None else trial["due"] - now)


def knock_of(record: Record) -> Knock:
    """The opening of a lease whose door may not be in the configuration any more."""
    door = _door_of(
        record.door,
        record.occurrence,
        record.stop,
        record.cmd_timeout,
        record.command_deadline,
        record.max_commands,
        record.idle,
        record.service,
        record.open_max,
        record.prefix,
    )
    version = 6 if ":" in record.source else 4
    return Knock(door, record.source, version, record.destination, record.interface, record.by)


@lru_cache(maxsize=64)
def _door_of(
    name: str,
    occurrence: int,
    stop: str,
    cmd_timeout: float,
    command_deadline: float,
    max_commands: int,
    idle: float,
    service: str,
    open_max: float,
    prefix: int,
) -> Door:
    """What is known of the door of a lease. Leases of one door share it: there may be 65,536."""
    return Door(
        name,
        path="",
        line=0,
        steps=(),
        stop_command=stop,
        cmd_timeout=cmd_timeout,
        command_deadline=command_deadline,
        max_commands=max_commands,
        occurrence=occurrence,
        close_when_idle=idle,
        service=parse_services(service) if idle else (),
        open_max=open_max,
        open_prefix=(min(prefix, 32), prefix) if prefix else None,
    )
