"""Close, Extend and Forget of the control socket: what somebody does with what is open.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from knockd.control.call import Call
from knockd.keeper.control_values import (
    RefusedError,
    bad_value,
    cut,
    no_such_door,
    read_address,
    read_seconds,
)
from knockd.keeper.lease_rows import lease_row
from knockd.leases.commands import expand
from knockd.leases.journal import State
from knockd.leases.manager import LeaseManager
from knockd.leases.values import Lease
from knockd.log.logger import Log
from knockd.process.loop import Loop, Timer
from knockd_conf.model import Door
from knockd_conf.text import well_formed

PATIENCE = 30.0
"""Seconds after which who closes is told what has not ended yet."""

LOOK_AFTER = 0.05
"""Seconds from a change to a look at what is being closed: of many that end at once a look costs little."""

MOST_LISTED = 50
"""Leases in one list of an answer; all are counted."""

MOST_NAMED = 100
"""Leases that the log names of one call; the others are counted."""

Row = dict[str, Any]


class LeaseCalls:
    """Answers calls about leases. ``doors`` are those of now."""

    def __init__(
        self, loop: Loop, log: Log, leases: LeaseManager, doors: Callable[[], Sequence[Door]]
    ) -> None:
        self._loop = loop
        self._log = log
        self._leases = leases
        self._doors = doors
        self._closing: list[_Closing] = []
        self._look: Timer | None = None

    def close(self, call: Call) -> None:
        """Closes leases; answers when that has come to its end. Raises RefusedError."""
        everything, given = call.parameters.get("all") or False, call.parameters
        if everything is any(given.get(name) is not None for name in ("door", "address")):
            expected = "nothing beside all" if everything else "a door, an address, both, or all: true"
            raise bad_value("all", expected, "both" if everything else "none of them")
        found = self._find(given.get("door"), given.get("address"))
        closing = _Closing(call, found, self._leases.now)
        self._log_closing(call, found)
        self._closing.append(closing)
        closing.timer = self._loop.call_later(PATIENCE, self._finish, closing)
        self._leases.close_leases([lease.id for lease in found])
        self._look_soon()

    def extend(self, call: Call) -> None:
        """Gives more time to what is open for an address at a door. Raises RefusedError."""
        found = self._find(call.parameters["door"], call.parameters["address"])
        is_open = [lease for lease in found if lease.find_why_not_open() is None]
        if not is_open:
            raise RefusedError("Refused", reason=f"{found[-1].find_why_not_open()}: no time can be added")
        left = max(lease.due for lease in is_open) - self._leases.now
        seconds = read_seconds(call.parameters["seconds"], max(0.0, left))
        for lease in is_open:  # with Reknock = repeat each would close the door
            self._log("extended-by-hand", seconds=seconds, **_who(call, lease))
            self._leases.extend(lease.id, seconds)
        last = max(is_open, key=lambda lease: lease.due)
        call.reply({"lease": lease_row(last, self._leases.now)})

    def forget(self, call: Call) -> None:
        """Gives up what could not be closed. Raises RefusedError."""
        lease = self._leases.ask.get(call.parameters["lease"])
        if lease is None:
            raise RefusedError("NoSuchLease", asked=cut(call.parameters["lease"]))
        if (reason := lease.find_why_kept()) is not None:
            raise RefusedError("Refused", reason=f"{reason}; only what could not be closed can be forgotten")
        command = expand(lease.stop_command, lease.knock)
        row = lease_row(lease, self._leases.now)
        self._log("given-up", command=command, **_who(call, lease))
        self._leases.give_up(lease.id)
        call.reply({"lease": row, "command": well_formed(command)})

    def stop(self, life: str) -> None:
        """The daemon ends: it closes or keeps all that is open by itself."""
        closing, self._closing = self._closing, []
        for one in closing:
            one.end()
            one.call.fail("NotNow", life=life)
        if self._look is not None:
            self._look.cancel()

    # What is being closed.

    def note_change(self) -> None:
        """Leases may have changed."""
        if self._closing:
            self._look_soon()

    def _look_soon(self) -> None:
        if self._look is None:
            self._look = self._loop.call_later(LOOK_AFTER, self._look_at_all)

    def _look_at_all(self) -> None:
        self._look = None
        for closing in list(self._closing):
            closing.look(self._leases.ask.get, self._leases.now)
            if not closing.running:
                self._finish(closing)

    def _finish(self, closing: _Closing) -> None:
        closing.end()
        self._closing.remove(closing)
        find, now = self._leases.ask.get, self._leases.now
        closing.look(find, now)
        closing.call.reply(closing.answer(find, now))

    def _find(self, door: str | None, address: str | None) -> list[Lease]:
        """The leases of a door, an address, both or all. Raises RefusedError."""
        source = None if address is None else read_address(address).text
        found = [
            lease
            for lease in self._leases.ask.all()
            if door in {None, lease.knock.door.name} and (source is None or lease.knock.is_for(source))
        ]
        if found or (door is None and source is None):
            return found
        if door is not None and door not in {one.name for one in self._doors()}:
            raise no_such_door(self._doors(), door)
        asked = " for ".join(cut(one) for one in (door, source) if one is not None)
        raise RefusedError("NoSuchLease", asked=asked)

    def _log_closing(self, call: Call, found: Sequence[Lease]) -> None:
        for lease in found[:MOST_NAMED]:
            self._log("closed-by-hand", **_who(call, lease))
        if len(found) > MOST_NAMED:
            more = len(found) - MOST_NAMED
            self._log("more-closed-by-hand", count=more, uid=call.caller.uid, pid=call.caller.pid)


class _Closing:
    """What one call closes: leases whose end is not known yet (``running``), and how the others ended.

    Of very many only some are kept as rows: there may be 65,536.
    """

    def __init__(self, call: Call, found: Sequence[Lease], now: float) -> None:
        self.call = call
        self.timer: Timer | None = None
        self.running = dict.fromkeys(lease.id for lease in found)
        self._before = {lease.id: lease_row(lease, now) for lease in found[:MOST_LISTED]}
        self._closed: list[Row] = []
        self._failed: list[Row] = []
        self._closed_total = self._failed_total = 0

    def look(self, find: Callable[[str], Lease | None], now: float) -> None:
        """Looks which have ended. What was opened anew meanwhile was closed before."""
        for id_ in list(self.running):
            lease = find(id_)
            if lease is None or (lease.state in {State.STARTING, State.OPEN} and not lease.closing):
                del self.running[id_]
                self._closed_total += 1
                if id_ in self._before:
                    self._closed.append(self._before[id_])
            elif lease.state in {State.RETRYING, State.FAILED}:
                del self.running[id_]
                self._failed_total += 1
                if len(self._failed) < MOST_LISTED:
                    self._failed.append(lease_row(lease, now))

    def answer(self, find: Callable[[str], Lease | None], now: float) -> Row:
        """The answer of now."""
        running = filter(None, map(find, islice(self.running, MOST_LISTED)))
        return {
            "closed": self._closed,
            "closed_total": self._closed_total,
            "failed": self._failed,
            "failed_total": self._failed_total,
            "running": [lease_row(lease, now) for lease in running],
            "running_total": len(self.running),
        }

    def end(self) -> None:
        """It is answered."""
        if self.timer is not None:
            self.timer.cancel()


def _who(call: Call, lease: Lease) -> dict[str, Any]:
    """Fields of a line about a lease: whose it is, and who does something with it."""
    return {
        "ip": lease.knock.source,
        "door": lease.knock.door.name,
        "uid": call.caller.uid,
        "pid": call.caller.pid,
    }
