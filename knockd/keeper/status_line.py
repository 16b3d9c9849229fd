"""The line that ``systemctl status`` shows: what is wrong, what is listened on, and who is in.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from knockd.keeper.fleet_setup import FleetState
from knockd.leases.journal import State
from knockd.leases.values import Lease
from knockd_conf.classes import NamedTuple
from knockd_conf.errors import Problem
from knockd_conf.text import printable, show_span

MOST_SHOWN = 3
"""Who is in that is named; the others are counted."""

STALE = 0.1
"""Part of the seconds left by which a line that nothing has changed may be wrong, but for one second."""

_STATES = {
    State.STARTING: "opening",
    State.RENEWING: "opening",
    State.STOPPING: "closing",
    State.LEFTOVER: "closing",
    State.RETRYING: "not closed",
    State.FAILED: "not closed",
}


class StatusLine(NamedTuple):
    """A line, and the seconds after which it is to be made anew though nothing has changed; None: never."""

    text: str
    good_for: float | None = None


def status_line(
    doors: int,
    interfaces: Sequence[str],
    waiting: Sequence[str],
    deaf: Sequence[str],
    open_now: int,
    failed: int,
    disabled: int = 0,
    refused: Sequence[Problem] = (),
    leases: Iterable[Lease] = (),
    now: float = 0.0,
    fleet: FleetState | None = None,
) -> StatusLine:
    """What ``systemctl status`` shows.

    ``deaf`` has a sentence for each interface without an address. ``failed`` of the doors ``open_now`` could
    not be closed, and ``disabled`` of all doors have no sequence that can be used. ``refused`` are the
    problems of a file that is not in effect, ``fleet`` says how its store is.
    ``leases``: the oldest first; ``now`` is of their clock.
    """
    parts = [f"{doors} door{'s' if doors != 1 else ''}"]
    if disabled:
        parts[0] += f" ({disabled} disabled)"
    if interfaces:
        parts[0] += f" on {', '.join(interfaces)}"
    if waiting:
        parts.append(f"waiting for {', '.join(waiting)}")
    elif not interfaces:
        parts.append("not listening")
    parts += deaf
    if fleet is not None and fleet.problem:
        parts.append(f"the store of the fleet is not reached ({fleet.problem})")
    parts.append(f"{open_now} open")
    if failed:
        parts.append(f"{failed} could not be closed")
    if refused:
        parts.insert(0, f"config bad ({_place(refused[0])}), the old one is kept")
    shown = list(islice((one for one in leases if not one.unopened), MOST_SHOWN))
    if shown:
        more = f" and {open_now - len(shown)} more" if open_now > len(shown) else ""
        parts.append(", ".join(_who(one, now) for one in shown) + more)
    left = [one.deadline - now for one in shown if one.state is State.OPEN]
    return StatusLine(printable("; ".join(parts)), max(1.0, STALE * min(left)) if left else None)


def _place(problem: Problem) -> str:
    """The file's name and the line of a problem."""
    name = problem.path.rpartition("/")[2]
    return name if problem.line is None else f"{name}:{problem.line}"


def _who(lease: Lease, now: float) -> str:
    """Who is in, and for how long."""
    state = _STATES.get(lease.state) or f"{show_span(lease.deadline - now)} left"
    return f"{lease.knock.door.name}: {lease.knock.network}, {state}"
