"""What Status of the control protocol (knockd/control/interface.py) answers, made of values.

An answer fits into a message whatever the daemon holds: what there is no room for is counted.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from knockd.keeper.control_values import Row
from knockd.keeper.figures import Attempt, Figures
from knockd.keeper.fleet_setup import FleetState
from knockd.keeper.lease_rows import lease_row
from knockd.keeper.live_doors import Rotating
from knockd.leases.journal import State
from knockd.leases.values import Lease
from knockd_bpf.wire import DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, LINKTYPE_RAW
from knockd_conf.classes import NamedTuple
from knockd_conf.errors import Note, Problem
from knockd_conf.model import Door
from knockd_conf.text import address_text, printable

MOST_BYTES = 60_000
"""Of an answer as JSON, without the few that go around it: a message has 64 kB."""

MOST_LEASES, MOST_DOORS, MOST_ADDRESSES, MOST_KEYS = 200, 500, 16, 8

FEW_DOORS = 100
"""There is room for so many doors whatever else there is."""

MOST_TEXT = 500
"""Characters of a note or problem."""

HIDDEN = "root alone is told what"
"""In place of a message that may have parts of a sequence."""

_SECRET_KEYS = "sequence", "guard_ports"
"""Keys whose values are secret, in lower case."""

_SHARE = 6_000
"""Bytes that each list may take of the answer, but for doors and leases: those share what is left."""

_LINK_TYPES = {
    DLT_EN10MB: "Ethernet",
    DLT_RAW: "raw IP",
    LINKTYPE_RAW: "raw IP",
    DLT_LINUX_SLL: "Linux cooked",
    DLT_LINUX_SLL2: "Linux cooked v2",
}


class Journal(NamedTuple):
    """Where open doors are noted, whether the next start finds them there, and why it is not StateDir."""

    place: str
    lasts: bool
    reason: str | None


class Signing(NamedTuple):
    """Signed knocks at a door: their port, how many keys it has, and why none opens it; None: one does."""

    port: int
    keys: int
    waiting: str | None


class Snapshot(NamedTuple):
    """The daemon at one moment. Times are in seconds; ``now`` is of the leases' clock.

    ``rotating`` has doors with keys, ``signed`` those that signed knocks open, and ``open_at`` how many
    leases are open, by name and occurrence of their door. ``signed_refusals`` counts signed knocks that
    did nothing, by reason. ``fleet`` is None where there is none. ``leases`` are all, the oldest first,
    ``failed`` of which could not be closed, and ``retrying`` not yet. ``starts`` are those of packet
    processes, ``losses`` how often one ended unasked.
    """

    version: str
    python: str
    pid: int
    life: str
    up: float
    config: str
    config_age: float
    listening: Sequence[str]
    addresses: Mapping[str, Collection[bytes]]
    waiting: Sequence[str]
    deaf: Sequence[str]
    doors: Sequence[Door]
    disabled: Collection[tuple[str, int]]
    rotating: Mapping[tuple[str, int], Rotating]
    open_at: Mapping[tuple[str, int], int]
    leases: Sequence[Lease]
    failed: int
    retrying: int
    now: float
    figures: Figures
    worker: int | None
    starts: int
    losses: int
    journal: Journal
    refused: Sequence[Problem]
    notes: Sequence[object]
    signed: Mapping[tuple[str, int], Signing] = {}
    signed_refusals: Mapping[str, int] = {}
    fleet: FleetState | None = None


class Wanted(NamedTuple):
    """What is asked for: all, or what is of a door or an address.

    ``secrets``: who asks may read the configuration, and what is said of it with parts of sequences.
    """

    door: str | None = None
    address: str | None = None
    secrets: bool = True

    @property
    def all(self) -> bool:
        """Whether everything is."""
        return self.door is None and self.address is None

    def has(self, door: str, address: str) -> bool:
        """Whether this address at this door is."""
        return self.door in {None, door} and self.address in {None, address}

    def has_lease(self, lease: Lease) -> bool:
        """Whether a lease is: that of a network is each of its addresses'."""
        knock = lease.knock
        return self.door in {None, knock.door.name} and (self.address is None or knock.is_for(self.address))


def build_status(daemon: Snapshot, wanted: Wanted = Wanted()) -> Row:  # noqa: B008 - immutable
    """The answer."""
    doors = [door for door in daemon.doors if wanted.door in {None, door.name}]
    if len(doors) > FEW_DOORS:  # not all may be listed, and some need somebody
        doors.sort(key=lambda door: (door.name, door.occurrence) not in daemon.disabled)
    leases, total, failed = _choose_leases(daemon, wanted)
    figures = daemon.figures
    attempts = [one for one in figures.attempts if wanted.has(one.door, one.address)]
    if wanted.all:
        attempts_total = figures.total
    else:  # of a door or an address only those are known that are named
        attempts_total = len(attempts) if figures.total == len(figures.attempts) else None
    answer: Row = {
        "version": daemon.version,
        "pid": daemon.pid,
        "life": daemon.life,
        "seconds_up": round(daemon.up, 1),
        "config": printable(daemon.config),
        "config_age": round(daemon.config_age, 1),
        "interfaces": fit((_interface(daemon, name) for name in daemon.listening), _SHARE),
        "waiting": fit(map(printable, daemon.waiting), _SHARE // 2),
        "deaf": fit(map(_text, daemon.deaf), _SHARE // 2),
        "doors_total": len(doors),
        "leases_total": total,
        "failed_total": failed,
        "attempts": fit(map(_attempt, attempts), _SHARE),
        "attempts_total": attempts_total,
        "worker": daemon.worker,
        "worker_restarts": daemon.losses,
        "journal": {
            "place": printable(daemon.journal.place),
            "lasts": daemon.journal.lasts,
            "reason": None if daemon.journal.reason is None else _text(daemon.journal.reason),
        },
        "fleet": None if daemon.fleet is None else store_row(daemon.fleet),
        "refused": fit((_problem(one, secrets=wanted.secrets) for one in daemon.refused), _SHARE),
        "notes": fit((_note(one, secrets=wanted.secrets) for one in daemon.notes), _SHARE),
    }
    room = MOST_BYTES - _size(answer)
    door_rows = [_door(daemon, door) for door in doors[:MOST_DOORS]]
    rows = [lease_row(lease, daemon.now) for lease in leases]
    answer["leases"] = fit(rows, max(room // 2, room - _size(door_rows)))
    answer["doors"] = fit(door_rows, room - _size(answer["leases"]))
    return answer


def _choose_leases(daemon: Snapshot, wanted: Wanted) -> tuple[list[Lease], int, int]:
    """Those to be listed, the number of all, and of those that could not be closed.

    What could not be closed comes first, then what could not be closed yet, then what opened last.
    """
    found, count = daemon.leases, daemon.failed
    first = {State.FAILED, State.RETRYING} if daemon.retrying else {State.FAILED}
    if not wanted.all:
        found = [one for one in found if wanted.has_lease(one)]
        count = sum(one.state is State.FAILED for one in found)
    failed = (one for one in found if one.state is State.FAILED) if count else iter(())
    late = (one for one in reversed(found) if one.state is State.RETRYING) if daemon.retrying else iter(())
    others = (one for one in reversed(found) if one.state not in first)
    return list(islice(chain(failed, late, others), MOST_LEASES)), len(found), count


def _interface(daemon: Snapshot, name: str) -> Row:
    """An interface that is listened on; numbers are None that nobody has said."""
    said = daemon.figures.interfaces.get(name)
    addresses = sorted(daemon.addresses.get(name, ()), key=lambda packed: (len(packed), packed))
    row: Row = {
        "name": printable(name),
        "addresses": [address_text(one) for one in addresses[:MOST_ADDRESSES]],
    }
    if said is None:
        return row | dict.fromkeys(("link_type", "received", "dropped", "instructions", "most_executed"))
    return row | {
        "link_type": _LINK_TYPES.get(said.link_type, f"link type {said.link_type}"),
        "received": said.received,
        "dropped": said.missed,
        "instructions": said.instructions or None,
        "most_executed": said.most_executed or None,
    }


def _door(daemon: Snapshot, door: Door) -> Row:
    key = door.name, door.occurrence
    rotating, signed = daemon.rotating.get(key), daemon.signed.get(key)
    waiting = None if rotating is None else rotating.waiting
    if signed is not None and door.is_signed_alone:
        waiting = signed.waiting
    return {
        "name": door.name,
        "occurrence": door.occurrence,
        "open": daemon.open_at.get(key, 0),
        "closes": any(door.stop_for(version) is not None for version in (4, 6)),
        "disabled": key in daemon.disabled,
        "close_when_idle": door.close_when_idle or None,
        "expires": door.expires or None,
        "waiting": None if waiting is None else _text(waiting),
        "rotation": None if rotating is None else _rotation(rotating),
        "signed": None if signed is None else _signing(signed),
        "fleet": None if daemon.fleet is None else _sharing(daemon.fleet, door),
    }


def _rotation(rotating: Rotating) -> Row:
    """What may be known of sequences of keys: never a port."""
    return {
        "keys": list(rotating.keys[:MOST_KEYS]),
        "keys_total": len(rotating.keys),
        "period": float(rotating.period),
        "seconds_left": None if rotating.left is None else round(rotating.left, 1),
    }


def _signing(signed: Signing) -> Row:
    return {
        "port": signed.port,
        "keys_total": signed.keys,
        "waiting": None if signed.waiting is None else _text(signed.waiting),
    }


def _sharing(fleet: FleetState, door: Door) -> Row:
    why = fleet.why_shut(door)
    return {
        "shared": bool(door.fleet_share),
        "required": bool(door.fleet_required),
        "waiting": None if why is None else _text(why),
    }


def store_row(fleet: FleetState) -> Row:
    """The store of the fleet."""
    return {
        "endpoint": _text(fleet.endpoint) or None,
        "problem": _text(fleet.problem) or None,
        "seconds": round(fleet.seconds, 1),
        "gateways": fleet.gateways,
    }


def _attempt(one: Attempt) -> Row:
    return {
        "address": one.address,
        "door": one.door,
        "stage": one.stage,
        "steps": one.steps,
        "seconds_left": float(one.left),
    }


def _problem(problem: Problem, *, secrets: bool) -> Row:
    """A problem; without ``secrets`` only its place: any bad line may be half of a sequence."""
    told = problem if secrets else replace(problem, message=HIDDEN)
    return {"path": printable(problem.path), "line": problem.line, "text": _text(told)}


def _note(note: object, *, secrets: bool) -> str:
    """A note; without ``secrets`` only its place when it may name steps or what is beside them."""
    if not secrets and isinstance(note, Note) and (note.key or "").lower().startswith(_SECRET_KEYS):
        note = note._replace(message=HIDDEN)
    return _text(note)


def _text(value: object) -> str:
    """A text for people, cut if it is very long."""
    text = printable(str(value))
    return text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "..."


def fit(rows: Iterable[object], most: int) -> list[Any]:
    """The first rows, as many as take at most so many bytes."""
    found = list(rows)
    while found and (size := _size(found)) > most:
        del found[min(len(found) - 1, len(found) * most // size) :]
    return found


def _size(value: object) -> int:
    """Bytes that a value takes at most."""
    return len(json.dumps(value))
