"""What is not well with a daemon: a sentence each, and what to do. None of it is well again by itself.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockd.ctl.reply import Door, Status
from knockd.review.cells import count_of
from knockd_conf.classes import NamedTuple
from knockd_conf.text import show_span

MOST = 3
"""Of one kind so many are told of, and the others counted."""

FEW_DROPS = 0.001
"""The share of dropped packets that is let pass: a burst long ago is no reason to look."""

EVENTS = "knockctl log --what daemon --since today"


class Need(NamedTuple):
    """What needs a person: the sentence, and what to do about it."""

    text: str
    todo: str


def list_needs(status: Status) -> list[Need]:
    """What is not well, the worst first."""
    return [
        *_life_needs(status),
        *_listening_needs(status),
        *_config_needs(status),
        *_lease_needs(status),
        *_fleet_needs(status),
        *_door_needs(status),
        *_journal_needs(status),
        *_packet_needs(status),
    ]


def _life_needs(status: Status) -> Iterator[Need]:
    if status.life == "starting":
        yield Need("It is starting: no knock is seen yet.", f"ask again in a moment, then: {EVENTS}")
    elif status.life == "ending":
        yield Need("It is ending: no knock opens a door any more.", "systemctl status knockd")


def _listening_needs(status: Status) -> Iterator[Need]:
    waiting = ", ".join(status.waiting)
    if waiting:
        none = "" if status.interfaces else " No other is listened on: no knock is seen."
        yield Need(
            f"Waiting for {waiting}: not there, or not up.{none}",
            f"ip link; the names are those of Interface in {status.config}",
        )
    elif not status.interfaces and status.life != "starting":
        yield Need(
            "No interface is listened on: no knock is seen.", f"ip link; see Interface in {status.config}"
        )
    for sentence in status.deaf:
        yield Need(sentence, f"ip address; see Interface in {status.config}")
    if status.worker is None and status.interfaces and status.life != "starting":
        yield Need("No packet process runs: no knock is seen until the next one has started.", EVENTS)


def _config_needs(status: Status) -> Iterator[Need]:
    if status.refused:
        problems = "; ".join(map(str, status.refused[:MOST]))
        more = f"; and {len(status.refused) - MOST} more" if len(status.refused) > MOST else ""
        yield Need(
            f"The configuration is bad, and the one before it is in use: {problems}{more}",
            "mend it, then: knockctl reload",
        )


def _lease_needs(status: Status) -> Iterator[Need]:
    stuck = [lease for lease in status.leases if lease.state == "failed"]
    for lease in stuck[:MOST]:
        yield Need(
            f"{lease.door} could not be closed for {lease.whom}: its stop command failed"
            f" {count_of(lease.failures, 'time', 'times')}.",
            f"close it by hand, then: knockctl forget {lease.id}",
        )
    more = max(status.failed_total, len(stuck)) - min(len(stuck), MOST)
    if more > 0:
        yield Need(
            f"{count_of(more, 'other door', 'other doors')} could not be closed.", "knockctl status --json"
        )
    retried = [lease for lease in status.leases if lease.state == "retrying"]
    for lease in retried[:MOST]:
        soon = f" in {show_span(lease.seconds_left)}" if lease.seconds_left is not None else ""
        yield Need(
            f"{lease.door} is still open for {lease.whom}: its stop command failed"
            f" {count_of(lease.failures, 'time', 'times')}, and is tried again{soon}.",
            "knockctl log --what command --since today",
        )
    if len(retried) > MOST:
        yield Need(f"{count_of(len(retried) - MOST, 'more', 'more')} like it.", "knockctl status --json")


def _fleet_needs(status: Status) -> Iterator[Need]:
    if status.fleet is None or status.fleet.problem is None:
        return
    shut = [door.name for door in status.doors if door.fleet is not None and door.fleet.waiting is not None]
    then = f" Nobody can open {_join(shut)}." if shut else ""
    yield Need(
        f"The store of the fleet has not been reached for {show_span(status.fleet.seconds)}:"
        f" {status.fleet.problem}.{then}",
        "knockctl status --fleet",
    )


def _door_needs(status: Status) -> Iterator[Need]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for door in status.doors:
        for what, reason in _why_waiting(door):
            reasons.setdefault((what, reason), []).append(door.name)
    for (what, reason), waiting in list(reasons.items())[:MOST]:
        yield Need(
            f"{what.format(_join(waiting))}: {reason}.", f"it opens by itself when that is over; {EVENTS}"
        )
    if len(reasons) > MOST:
        yield Need(f"{count_of(len(reasons) - MOST, 'more', 'more')} like it.", "knockctl status --json")
    used = [door for door in status.doors if door.disabled and door.waiting is None]
    for shut, then in ((True, "nobody can open it"), (False, "only signed knocks open it")):
        names = [door.name for door in used if door.is_shut is shut]
        if names:
            yield Need(
                f"No sequence can be used at {_join(names)}: {then}.",
                "see knockd -t; write new ones into its One_Time_Sequences file, then: knockctl reload",
            )


def _why_waiting(door: Door) -> Iterator[tuple[str, str]]:
    """What of a door waits, in words that its name comes into, and for what."""
    signed = None if door.signed is None else door.signed.waiting
    if door.waiting is not None:
        yield ("Nobody can open {}" if door.is_shut else "No sequence opens {}"), door.waiting
    if signed is not None and signed != door.waiting:
        yield ("Nobody can open {}" if door.is_shut else "No signed knock opens {}"), signed


def _join(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")


def _journal_needs(status: Status) -> Iterator[Need]:
    if not status.journal.lasts:
        why = f" ({status.journal.reason})" if status.journal.reason else ""
        yield Need(
            f"Open doors are noted in memory alone{why}: should the daemon be killed, nobody closes them.",
            f"give StateDir in {status.config} a directory that lasts",
        )
    elif status.journal.reason:
        yield Need(
            f"Open doors are noted in {status.journal.place}, not in StateDir: {status.journal.reason}",
            f"give StateDir in {status.config} a directory that can be written",
        )


def _packet_needs(status: Status) -> Iterator[Need]:
    for one in status.interfaces:
        dropped, seen = one.dropped or 0, one.received or 0
        if dropped > FEW_DROPS * seen:
            yield Need(
                f"{one.name}: {dropped:,} of {count_of(seen, 'packet', 'packets')} dropped:"
                " knocks may be lost.",
                f"more Buffer in {status.config}, or a sequence that fewer others send",
            )
    if status.worker_restarts:
        yield Need(
            "The packet process ended unasked, and was started anew"
            f" {count_of(status.worker_restarts, 'time', 'times')}.",
            f"{EVENTS}; systemctl restart knockd begins to count anew",
        )
