"""What is counted since the daemon's start, for monitoring: by door and interface, never by address.

A count costs an addition; how many names there are is bounded.

Pure.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from knockd.keeper.figures import OTHERS, FigureBook
from knockd.leases.door_commands import START_FAILED
from knockd.leases.values import Knock
from knockd_conf.text import printable

if TYPE_CHECKING:  # what is imported for the first client alone
    from knockd.fleet.verbs import Overview
    from knockd.keeper.control_values import Row
    from knockd.keeper.status import Snapshot

MOST_DOORS = 200
"""Doors that are counted each by its name; the others are counted together."""

Answered = Callable[[Knock, str | None], None]
"""Takes an opening and why it was not granted, or came to nothing; None: it has worked."""

_EVENTS = {
    "reading": "reloads",
    "config-kept": "reload_refusals",
    "state-problem": "journal_failures",
}
"""Events of the log that are counted one by one."""

TOTALS = ("openings", "refusals", "start_failures", "stop_failures", "held_back", *_EVENTS.values())


class Counters:
    """Counts what the log is told, and refusals: of those a flood has more than lines."""

    def __init__(self) -> None:
        self.totals = Counter(dict.fromkeys(TOTALS, 0))
        self.by_door: dict[str, Counter[str]] = {"openings": Counter(), "refusals": Counter()}
        self.signed_openings: Counter[str] = Counter()
        self.fleet_openings: Counter[str] = Counter()

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """An event of the log, before any limit on lines."""
        if event in {"open", "opened-by-hand"}:
            self._count_at("openings", fields["door"])
        elif event == "signed-opened":
            _add(self.signed_openings, fields["door"])
        elif event == "fleet-opened":
            _add(self.fleet_openings, fields["door"])
        elif event in {"held-back", "door-held-back"}:
            self.totals["held_back"] += fields["count"]
        elif event in {"command-failed", "command-too-long"}:
            self.totals["stop_failures"] += fields["verb"] == "stop"
        elif event in _EVENTS:
            self.totals[_EVENTS[event]] += 1

    def count_answers(self, answered: Answered) -> Answered:
        """Who counts the answers to openings, and passes them on to ``answered``."""

        def answer(knock: Knock, reason: str | None) -> None:
            if reason == START_FAILED:
                self.totals["start_failures"] += 1
            elif reason is not None:
                self._count_at("refusals", knock.door.name)
            answered(knock, reason)

        return answer

    def _count_at(self, name: str, door: str) -> None:
        self.totals[name] += 1
        _add(self.by_door[name], door)


def _add(counts: Counter[str], door: str) -> None:
    counts[door if door in counts or len(counts) < MOST_DOORS else OTHERS] += 1


def build_counts(
    daemon: Snapshot, counters: Counters, book: FigureBook, overview: Sequence[Overview] = ()
) -> tuple[list[Row], int]:
    """The rows of Counters, those that there is room for, and how many others there are.

    ``overview`` is the fleet's, where there is one.
    What has a door or an interface is no total: that is the sum of its rows, or a row of its own without.
    """
    from knockd.keeper.status import MOST_BYTES

    rows = list(
        chain(
            _of_daemon(daemon, counters, book),
            _of_interfaces(daemon, book),
            _of_signed(daemon, counters),
            _of_fleet(daemon, counters, overview),
            _of_doors(daemon, counters),
        )
    )
    found, size = 0, 0
    for row in rows:
        size += len(json.dumps(row)) + 2
        if size > MOST_BYTES:
            break
        found += 1
    return rows[:found], len(rows) - found


def _of_daemon(daemon: Snapshot, counters: Counters, book: FigureBook) -> Iterator[Row]:
    yield _row("up", daemon.up)
    yield _row("config_age", daemon.config_age)
    for name in TOTALS:
        if name not in counters.by_door:
            yield _row(name, counters.totals[name])
    events = book.events
    yield _row("attempts", events["begun"])
    yield _row("guard_hits", events["guarded"])
    for name in ("spoiled", "expired", "ignored"):
        yield _row(name, events[name])
    yield _row("worker_starts", daemon.starts)
    yield _row("failed_leases", daemon.failed)
    yield _row("journal_elsewhere", float(daemon.journal.reason is not None))


def _of_interfaces(daemon: Snapshot, book: FigureBook) -> Iterator[Row]:
    for name, figures in daemon.figures.interfaces.items():
        if figures.instructions:
            yield _row("instructions", figures.instructions, interface=printable(name))
    for name, received in book.received.items():
        yield _row("received", received, interface=printable(name))
        yield _row("dropped", book.dropped[name], interface=printable(name))


def _of_doors(daemon: Snapshot, counters: Counters) -> Iterator[Row]:
    leases: Counter[str] = Counter()
    for door in daemon.doors:
        name = door.name if door.name in leases or len(leases) < MOST_DOORS else OTHERS
        leases[name] += daemon.open_at.get((door.name, door.occurrence), 0)
    names = dict.fromkeys(chain(leases, *counters.by_door.values()))
    for name in names:
        for kind, counts in counters.by_door.items():
            yield _row(kind, counts[name], door=name)
        if name in leases:
            yield _row("leases", leases[name], door=name)


def _of_signed(daemon: Snapshot, counters: Counters) -> Iterator[Row]:
    """Counts of signed knocks, where a door is opened by them, or was."""
    doors = dict.fromkeys(name for name, _ in daemon.signed)
    for name in dict.fromkeys(chain(islice(doors, MOST_DOORS), counters.signed_openings)):
        yield _row("signed_openings", counters.signed_openings[name], door=name)
    for reason, count in daemon.signed_refusals.items():
        yield _row("signed_refusals", count, reason=reason)


def _of_fleet(daemon: Snapshot, counters: Counters, overview: Sequence[Overview]) -> Iterator[Row]:
    """Counts of the fleet, where there is one."""
    if daemon.fleet is None:
        return
    yield _row("fleet_store_up", not daemon.fleet.problem)
    yield _row("fleet_gateways", daemon.fleet.gateways)
    for reason in ("used", "unreachable"):
        yield _row("fleet_refusals", daemon.fleet.refused.get(reason, 0), reason=reason)
    for door, count in counters.fleet_openings.items():
        yield _row("fleet_openings", count, door=door)
    from knockd.keeper.fleet_calls import read_figures

    if overview:
        figures = read_figures(overview)
        yield _row("fleet_forged", figures.forged)
        yield _row("fleet_latency", figures.latency)
        skews = [abs(skew) for part in overview for _, _, _, skew, _ in part.gateways]
        yield _row("fleet_skew", max(skews, default=0.0))


def _row(name: str, value: float, **of: str) -> Row:
    return {"name": name, **of, "value": float(value)}
