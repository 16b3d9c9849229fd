"""The answer to Status as lines for a terminal, for 80 columns and 24 lines: what is not well first.

No text of the daemon is raw.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd.ctl.reply import Door, Lease, Status
from knockd.ctl.status_needs import list_needs
from knockd.ctl.targets import Target
from knockd.review.cells import count_of, cut_to, lay_out, wrap_to
from knockd.review.clock import Clock
from knockd_conf.text import printable, show_span

INDENT = "  "
BOLD, RED, PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[0m"

DAY = 86_400.0
MOST_NAMES, MOST_NOTES = 6, 3

IN_TITLES = ("DOOR", "ADDRESS", "SINCE", "LEFT", "HOW")
IN_LEAST = (8, 39, 12, 8, 6)
"""Widths to which columns are cut first: an address is whole, as it is what other commands want."""
WIRE_TITLES = ("INTERFACE", "LINK", "PACKETS", "DROPPED", "FILTER", "ADDRESSES")
WIRE_NUMBERS = frozenset({2, 3})
WIRE_LEAST = (9, 8, 7, 7, 9, 15)
BEGUN_TITLES = ("ADDRESS", "DOOR", "STEPS", "LEFT")
BEGUN_LEAST = (39, 8, 8, 6)

_STATES = {
    "starting": "opening",
    "renewing": "opening",
    "stopping": "closing",
    "leftover": "closing",
    "failed": "stuck",
}
"""What stands in place of the seconds that are left."""


def format_status(
    status: Status,
    now: float,
    columns: int = 80,
    colour: bool = False,
    *,
    unicode: bool = True,
    target: Target = Target(),  # noqa: B008 - a value that never changes
    clock: Clock | None = None,
) -> list[str]:
    """Lines of at most ``columns``, of which there may be more than a screen has.

    ``now`` is in seconds since the epoch. ``target`` is what was asked for. Without ``unicode``: ASCII only,
    but for what names of doors hold.
    """
    return _Screen(status, now, columns, colour, "…" if unicode else "...", target, clock or Clock()).lines()


class _Screen:
    def __init__(
        self,
        status: Status,
        now: float,
        columns: int,
        colour: bool,
        mark: str,
        target: Target,
        clock: Clock,
    ) -> None:
        self._status, self._now, self._columns = status, now, columns
        self._colour, self._mark, self._target, self._clock = colour, mark, target, clock

    def lines(self) -> list[str]:
        blocks = [
            [*self._top(), *self._needs()],
            self._leases(),
            self._doors(),
            self._interfaces(),
            self._attempts(),
            self._bottom(),
        ]
        lines: list[str] = []
        for block in filter(None, blocks):
            lines += ["", *block] if lines else block
        return lines

    def _top(self) -> list[str]:
        status = self._status
        heard = ", ".join(one.name for one in status.interfaces) or "no interface"
        life = {"up": f"up since {self._show_since(status.seconds_up, to_the_second=False)}"}.get(
            status.life, status.life
        )
        text = f"knockd {status.version} on {heard}: {life} ({show_span(status.seconds_up)})"
        return [self._bold(cut_to(text, self._columns, self._mark))]

    def _needs(self) -> list[str]:
        needs = list_needs(self._status)
        if not needs:
            notes = len(self._status.notes)
            return [
                f"All is well, but see {count_of(notes, 'note', 'notes')} below." if notes else "All is well."
            ]
        heading = "1 thing is not well:" if len(needs) == 1 else f"{len(needs)} things are not well:"
        lines = [self._bold(heading, RED)]
        for need in needs:
            lines += self._wrap(need.text, INDENT)
            lines += self._wrap(f"-> {need.todo}", 2 * INDENT)
        return lines

    def _leases(self) -> list[str]:
        leases, total = self._status.leases, self._status.leases_total
        if not leases:
            return [self._bold(f"Nobody is in{self._whom()}.")]
        heading = f"Who is in{self._whom()}: {total:,}"
        if total > len(leases):
            heading += f" ({len(leases)} are shown)"
        rows = [self._lease_row(lease) for lease in leases]
        lines = lay_out([IN_TITLES, *rows], self._columns - len(INDENT), self._mark, least=IN_LEAST)
        lines[1:] = [
            self._bold(line, RED, "") if lease.state in {"failed", "retrying"} or lease.unopened else line
            for line, lease in zip(lines[1:], leases, strict=True)
        ]
        return [self._bold(heading), *(INDENT + line for line in lines)]

    def _lease_row(self, lease: Lease) -> tuple[str, ...]:
        since = self._show_since(lease.seconds_open)
        return lease.door, lease.whom, since, show_left(lease), lease.by or "knock"

    def _doors(self) -> list[str]:
        status = self._status
        used = [f"{door.name} {door.open:,} in" for door in status.doors if door.open]
        endless = [door.name for door in status.doors if not door.closes]
        none = [door.name for door in status.doors if door.disabled and door.waiting is None]
        waiting = [door.name for door in status.doors if _waits(door)]
        if len(status.doors) == 1 and (self._target.door or status.doors_total == 1):
            door = status.doors[0]
            parts = [f"{door.open:,} in" if door.closes else "no stop command: nobody knows who is in"]
            if door.close_when_idle is not None:
                parts.append(f"closes {show_span(door.close_when_idle)} after the last connection")
            if door.expires is not None:
                parts.append(f"last day {door.expires}")
            lines = self._labelled(f"Door {door.name}", ", ".join(parts))
            return [*lines, *self._keys(), *self._signed(), *self._fleet()]
        parts = [_join(used, ", ")] if used else ["nobody in"]
        if endless:
            parts.append(f"without a stop command: {_join(endless, ', ')}")
        if none:
            parts.append(f"without a sequence: {_join(none, ', ')}")
        if waiting:
            parts.append(f"waiting: {_join(waiting, ', ')}")
        doors = self._labelled(count_of(status.doors_total, "door", "doors"), "; ".join(parts))
        return [*doors, *self._keys(), *self._signed(), *self._fleet()]

    def _keys(self) -> list[str]:
        """The doors with keys, a line each."""
        lines, keyed = [], [(door, one) for door in self._status.doors if (one := door.rotation)]
        for door, rotation in keyed[:MOST_NAMES]:
            names = list(rotation.keys)
            names += [""] * (rotation.keys_total - len(names))  # that are counted
            none = "none" if door.waiting is None else "none while it waits"
            parts = [_join(names, ", ") or none, f"another sequence every {show_span(rotation.period)}"]
            if rotation.seconds_left is not None:
                parts.append(f"the next in {show_span(rotation.seconds_left)}")
            lines += self._labelled(f"Keys of {door.name}", ", ".join(parts))
        if (more := len(keyed) - MOST_NAMES) > 0:
            lines += self._labelled("Keys", f"{more} more: knockctl status DOOR")
        return lines

    def _signed(self) -> list[str]:
        """The doors that signed knocks open, a line for those of one port and as many keys."""
        doors: dict[tuple[int, int], list[str]] = {}
        for door in self._status.doors:
            if door.signed is not None:
                doors.setdefault((door.signed.port, door.signed.keys_total), []).append(door.name)
        lines = []
        for (port, keys), names in list(doors.items())[:MOST_NAMES]:
            text = f"{_join(names, ', ')}; UDP port {port}, {count_of(keys, 'key', 'keys')}"
            lines += self._labelled("Signed knocks", text)
        if (more := len(doors) - MOST_NAMES) > 0:
            lines += self._labelled("Signed knocks", f"{more} more: knockctl status DOOR")
        return lines

    def _fleet(self) -> list[str]:
        """How many other gateways there are, and what doors have of them."""
        store = self._status.fleet
        if store is None:
            return []
        parts = [count_of(store.gateways, "other gateway", "other gateways")]
        doors = [(door.name, door.fleet) for door in self._status.doors if door.fleet is not None]
        for label, names in (
            ("shared", [name for name, one in doors if one.shared]),
            ("only with the store", [name for name, one in doors if one.required]),
        ):
            if names:
                parts.append(f"{label}: {_join(names, ', ')}")
        return self._labelled("Fleet", "; ".join(parts))

    def _interfaces(self) -> list[str]:
        rows = [
            (
                one.name,
                one.link_type or "?",
                _number(one.received),
                _number(one.dropped),
                f"{_number(one.most_executed)} of {_number(one.instructions)}",
                " ".join(one.addresses),
            )
            for one in self._status.interfaces
        ]
        if not rows:
            return []
        lines = lay_out(
            [WIRE_TITLES, *rows], self._columns - len(INDENT), self._mark, WIRE_NUMBERS, WIRE_LEAST
        )
        return [self._bold("Listening"), *(INDENT + line for line in lines)]

    def _attempts(self) -> list[str]:
        attempts, total = self._status.attempts, self._status.attempts_total
        if not attempts:
            count = "Nobody knows how many knocks are" if total is None else "No knock is"
            return [f"{count} under way{self._whom()}."] if not total else [self._begun_heading()]
        rows = [
            (one.address, one.door, f"{one.stage} of {one.steps}", show_span(one.seconds_left))
            for one in attempts
        ]
        lines = lay_out([BEGUN_TITLES, *rows], self._columns - len(INDENT), self._mark, least=BEGUN_LEAST)
        return [self._begun_heading(), *(INDENT + line for line in lines)]

    def _begun_heading(self) -> str:
        shown, total = len(self._status.attempts), self._status.attempts_total
        heading = f"Knocks under way{self._whom()}: {shown if total is None else total:,}"
        return self._bold(heading + (f" ({shown} are shown)" if total and total > shown else ""))

    def _bottom(self) -> list[str]:
        status = self._status
        worker = "none" if status.worker is None else str(status.worker)
        worker += f" ({count_of(status.worker_restarts, 'restart', 'restarts')})"
        lines = [
            *self._labelled("Processes", f"daemon {status.pid}, packet process {worker}"),
            *self._labelled("Configuration", f"{status.config}, read {show_span(status.config_age)} ago"),
            *self._labelled("Journal", status.journal.place),
        ]
        for note in status.notes[:MOST_NOTES]:
            lines += self._labelled("Note", note)
        if (more := len(status.notes) - MOST_NOTES) > 0:
            lines += self._labelled("Note", f"{more} more: knockd -t")
        return lines

    def _labelled(self, label: str, text: str) -> list[str]:
        (first, *more) = wrap_to(f"{label}: {text}", self._columns - len(INDENT), self._mark)
        label = printable(label)
        if self._colour and first.startswith(label):
            first = f"{BOLD}{label}{PLAIN}{first.removeprefix(label)}"
        return [first, *(INDENT + line for line in more)]

    def _wrap(self, text: str, indent: str) -> list[str]:
        lines = wrap_to(text, self._columns - len(indent), self._mark)
        return [indent + line for line in lines]

    def _bold(self, text: str, red: str = "", bold: str = BOLD) -> str:
        return f"{bold}{red}{text}{PLAIN}" if self._colour else text

    def _show_since(self, seconds: float | None, *, to_the_second: bool = True) -> str:
        """The time of day, with the day where it was not within the last 20 hours."""
        if seconds is None:
            return "earlier"
        then = self._now - seconds
        if seconds < DAY - 4 * 3_600:
            return self._clock.show_time(then, seconds=to_the_second).partition(" ")[2]
        return self._clock.show_short(then)

    def _whom(self) -> str:
        """What was asked for, in words."""
        parts = [
            f" {word} {printable(name)}"
            for word, name in (("at", self._target.door), ("from", self._target.address))
            if name
        ]
        return "".join(parts)


def _waits(door: Door) -> bool:
    """Whether its sequences or its signed knocks wait for something, or it for the store of the fleet."""
    others = (one.waiting for one in (door.signed, door.fleet) if one is not None)
    return door.waiting is not None or any(waiting is not None for waiting in others)


def show_left(lease: Lease) -> str:
    """How long it is still open, or what is happening to it."""
    if lease.state in _STATES:
        return _STATES[lease.state]
    left = None if lease.seconds_left is None else show_span(lease.seconds_left)
    if lease.state == "retrying":
        return f"retry in {left or '?'}"
    if lease.unopened:
        return "not opened"
    if lease.in_use:
        return f"{left}, in use" if left else "in use"
    return left or "no limit"


def _number(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _join(names: Sequence[str], between: str) -> str:
    """The first names, and how many more there are."""
    more = len(names) - MOST_NAMES
    return between.join(names[:MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
