"""Looks for the connections of doors that close when they are idle, and tells the table of leases.

Nothing runs while no such door is open. A look serves all leases that one is due for, a piece in each turn of
the loop; where none can be made, the log says why and Cmd_Timeout alone counts.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Protocol

from knockd.leases.table import Leases
from knockd.leases.values import Event, Looked
from knockd.log.logger import Log
from knockd.net.conntrack import Look, Wanted, explain, find_obstacle
from knockd.process.loop import Loop, Timer
from knockd_conf.model import Door

LONGEST = 5.0
"""Seconds after which a look is given up; the table waits for one twice as long."""

PAUSE, MOST, SHARE = 0.5, 3.0, 4
"""Seconds between two looks: at least and at most; in between so many times what the last one took."""

SLACK = 0.5
"""Seconds by which a look may come early, to serve with those that are due."""

CHECK = 60.0
"""Seconds after which the clock is looked at again: the loop's does not count while the machine sleeps."""


class Looking(Protocol):
    """A look under way: a conntrack.Look, or a double of it."""

    @property
    def found(self) -> dict[str, bytes]: ...
    def step(self) -> bool: ...
    def close(self) -> None: ...


class IdleWatch:
    """Call ``arm`` whenever the leases may have changed. ``handle`` takes what a look has found."""

    def __init__(
        self,
        loop: Loop,
        clock: Callable[[], float],
        log: Log,
        leases: Leases,
        handle: Callable[[Event], None],
        *,
        begin: Callable[[Mapping[str, Wanted]], Looking] = Look,
        check: Callable[[], str | None] = find_obstacle,
    ) -> None:
        self._loop, self._clock, self._log = loop, clock, log
        self._leases, self._handle = leases, handle
        self._begin_look, self._check = begin, check
        self._timer: Timer | None = None
        self._look: Looking | None = None
        self._asked: tuple[str, ...] = ()
        self._known: dict[str, bytes] = {}
        """Connections that the last look has found, by lease."""
        self._began = 0.0
        self._free = 0.0
        """When the next look may begin."""
        self._problem: str | None = None

    def check_doors(self, doors: Iterable[Door]) -> None:
        """Logs what is in the way of looks, when one of the doors closes when it is idle."""
        if any(door.close_when_idle for door in doors) and (reason := self._check()) is not None:
            self._log_problem(reason)

    def arm(self) -> None:
        """Sets the one timer to the next look; nothing while one is under way."""
        if self._look is not None:
            return
        self.stop()
        due = self._leases.next_look()
        if due is not None:
            seconds = max(due, self._free) - self._clock()
            self._timer = self._loop.call_later(min(max(0.0, seconds), CHECK), self._begin)

    def stop(self) -> None:
        """Ends a look that is under way, and begins none."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._look is not None:
            self._look.close()
            self._look = None

    def _begin(self) -> None:
        self._timer = None
        self._began = self._clock()
        leases = self._leases.take_looks(self._began + SLACK)
        wanted = {}
        for lease in leases:
            address, prefix = ip_address(lease.knock.source).packed, lease.knock.prefix
            known = self._known.get(lease.id, b"")
            wanted[lease.id] = Wanted(address, lease.knock.door.service, known, prefix)
        self._asked = tuple(wanted)
        if not wanted:  # the clock has not come so far, or the lease is closed
            self.arm()
            return
        try:
            self._look = self._begin_look(wanted)
        except OSError as error:
            self._fail(explain(error))
        else:
            self._step()

    def _step(self) -> None:
        self._timer = None
        assert self._look is not None
        try:
            done = self._look.step()
        except OSError as error:
            self._fail(explain(error))
            return
        if done:
            self._finish(self._look.found)
        elif self._clock() - self._began > LONGEST:
            self._fail(f"there are so many connections that a look takes more than {LONGEST:.0f} seconds")
        else:
            self._timer = self._loop.call_soon(self._step)

    def _fail(self, reason: str) -> None:
        self._log_problem(reason)
        self._tell(Looked(self._asked, frozenset(), failed=True))

    def _finish(self, found: dict[str, bytes]) -> None:
        self._problem = None
        kept = {id_: key for id_, key in self._known.items() if id_ not in self._asked}
        self._known = {id_: key for id_, key in kept.items() if self._leases.ask.get(id_) is not None} | found
        self._tell(Looked(self._asked, frozenset(found)))

    def _tell(self, event: Looked) -> None:
        """Ends the look; the next one waits the longer, the longer this one took."""
        self.stop()
        now = self._clock()
        self._free = now + min(max(PAUSE, SHARE * (now - self._began)), MOST)
        self._handle(event)

    def _log_problem(self, reason: str) -> None:
        if reason != self._problem:
            self._problem = reason
            self._log("conntrack-problem", reason=reason)
