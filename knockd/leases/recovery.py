"""Takes over what earlier runs have left open.

A command that outlived the knockd that ran it is waited for: the time of a lease counts from the end of
its start command, and no stop command of an earlier run ends after a new start.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable

from knockd.leases.door_commands import START_FAILED
from knockd.leases.journal import Record, State
from knockd.leases.journal_file import Found
from knockd.leases.survivors import Survivors
from knockd.leases.values import Ended, Event, Recovered, Verb
from knockd.log.logger import Log
from knockd.process.loop import Loop

GRACE = 2.0
"""Seconds that a stop command of an earlier run gets to end; then it is killed, and ours runs."""


class Recovery:
    """Makes events for the table of what a journal holds and of the ends of survivors.

    ``is_new`` says whether the table does not know a record's lease, ``handle`` takes an event.
    """

    def __init__(
        self,
        loop: Loop,
        log: Log,
        *,
        is_new: Callable[[Record], bool],
        handle: Callable[[Event], None],
        survivors: Survivors | None = None,
    ) -> None:
        self._loop = loop
        self._log = log
        self._is_new = is_new
        self._handle = handle
        self._survivors = survivors or Survivors(loop)

    def take_over(self, found: Found) -> None:
        """Takes over the leases of a journal, as far as they are not in the table already."""
        new = {record.id: record for record in found.records if self._is_new(record)}
        running = self._survivors.find(new) if found.same_boot else {}
        for lease, (_, verb) in list(running.items()):
            if verb == "start" and new[lease].state is not State.STARTING:
                del running[lease]  # its end was noted: what runs is a daemon that it has left behind
        verbs = {lease: verb for lease, (_, verb) in running.items()}
        self._handle(Recovered(found.records, found.same_boot, verbs))
        for lease, (pid, verb) in running.items():
            self._wait_for(new[lease], pid, verb)

    def _wait_for(self, record: Record, pid: int, verb: Verb) -> None:
        """Waits for a survivor; it is killed when its time is over (a start command's may be 0: never)."""
        seconds = record.command_deadline if verb == "start" else GRACE
        killed: list[int] = []

        def kill() -> None:
            self._survivors.kill(pid)
            command = f"{verb} command of the last run"
            who = {"ip": record.source, "door": record.door}
            self._log("command-late", verb=verb, seconds=seconds, command=command, **who)
            if verb == "start":
                killed.append(pid)
                self._log("refused", reason=START_FAILED, **who)

        timer = self._loop.call_later(seconds, kill) if seconds > 0 else None

        def ended() -> None:
            if timer is not None:
                timer.cancel()
            self._handle(Ended(record.id, verb, worked=False if killed else None))

        self._survivors.wait_for(record.id, pid, ended)
