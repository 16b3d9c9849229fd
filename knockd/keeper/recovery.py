"""What earlier runs have left open becomes ours, told line by line.

A command that outlived the knockd that ran it is waited for: the time of a lease counts from the end of
its start command, and no stop command of an earlier run ends after a new start.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

from knockd.edge import orphans
from knockd.engine.journal import Record, State
from knockd.engine.lease import Refused, Run, Verb
from knockd.engine.leases import Leases
from knockd.keeper.bookkeeper import Found

GRACE = 2.0
"""Seconds that a stop command of an earlier run gets to end; then it is killed, and ours runs."""

_POLL = 1.0
"""Seconds between two looks where the kernel has no pidfd (Linux 5.3) or it is forbidden."""


class Recovery:
    """Takes leases of earlier runs over. ``say`` logs an event, ``do`` does what the leases ask for."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        leases: Leases,
        clock: Callable[[], float],
        *,
        say: Callable[..., None],
        do: Callable[[Sequence[Run | Refused]], None],
    ) -> None:
        self._leases = leases
        self._clock = clock
        self._say = say
        self._do = do
        self._orphans = Orphans(loop)

    def merge(self, found: Found) -> None:
        """Takes over what a journal holds, as far as it is not ours already."""
        now = self._clock()
        new = [record for record in found.records if self._leases.is_new(record)]
        running = orphans.find([record.id for record in new]) if found.same_boot else {}
        runs: list[Run | Refused] = []
        for record in new:
            pid, verb = running.get(record.id, (0, None))
            if verb == "start" and record.state is not State.STARTING:
                verb = None  # its end was noted: what runs is a daemon that it has left behind
            runs += self._leases.recover(record, now, same_boot=found.same_boot, running=verb)
            self._tell(record, now, same_boot=found.same_boot, starting=verb == "start")
            if verb is not None:
                self._wait_for(record, pid, verb)
        self._do(runs)

    def _tell(self, record: Record, now: float, *, same_boot: bool, starting: bool) -> None:
        fields = {"ip": record.source, "door": record.door}
        if record.state in {State.RETRYING, State.FAILED} and same_boot:
            self._say("recovered-failed", level="warning", **fields)
        elif starting:
            self._say("recovered-starting", level="warning", **fields, seconds=record.cmd_timeout)
        else:
            seconds = max(0.0, record.deadline - now) if same_boot else 0.0
            self._say("recovered", level="warning", **fields, seconds=seconds)

    def _wait_for(self, record: Record, pid: int, verb: Verb) -> None:
        seconds = record.command_deadline if verb == "start" else GRACE

        def ended() -> None:
            number = self._leases.number_of(record.id)
            if number is not None:
                self._do(self._leases.orphan_ended(number, verb, self._clock()))

        def late() -> None:
            command = f"{verb} command of the last run"
            fields = {"ip": record.source, "door": record.door, "seconds": seconds, "command": command}
            self._say("command-late", level="error", **fields)

        self._orphans.wait(record.id, pid, seconds, ended=ended, late=late)


class Orphans:
    """Waits for the ends of processes that are not our children."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def wait(
        self, lease: str, pid: int, limit: float, *, ended: Callable[[], None], late: Callable[[], None]
    ) -> None:
        """Calls ``ended`` when the command of ``lease`` that runs as ``pid`` has ended.

        After ``limit`` seconds (0: never) it is killed with its children, and ``late`` is called.
        """

        def kill() -> None:
            orphans.end(pid)
            late()

        timer = self._loop.call_later(limit, kill) if limit > 0 else None

        def over() -> None:
            if timer is not None:
                timer.cancel()
            ended()

        try:
            descriptor = orphans.watch(pid)
        except OSError:
            self._loop.call_later(_POLL, self._look, lease, pid, over)
            return
        if descriptor is None:
            self._loop.call_soon(over)
            return
        self._loop.add_reader(descriptor, self._gone, descriptor, over)

    def _gone(self, descriptor: int, over: Callable[[], None]) -> None:
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        over()

    def _look(self, lease: str, pid: int, over: Callable[[], None]) -> None:
        if orphans.find([lease]).get(lease, (0, ""))[0] == pid:
            self._loop.call_later(_POLL, self._look, lease, pid, over)
        else:
            over()
