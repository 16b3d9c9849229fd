"""The checker of leases: replays what the commands of a door noted against the lives of its daemon.

A start or stop command appends a line to a file (``note_script``); the test knows when each life of
the daemon began and how it ended; the daemon's log says what was opened and recovered. ``replay``
proves from these alone that no door stayed open past its time and that every stop too many is one
that a kill explains.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

SLACK = 1.5
"""Seconds that a command may come late on a busy machine with two cores."""

RECORD = 1.5
"""Seconds within which a daemon notes that a command has ended: a kill after that explains no repetition."""

GRAIN = 0.05
"""Seconds by which two stamps may disagree: /proc/uptime counts hundredths."""

Key = tuple[str, str]
"""Door and source."""

_OPENED = re.compile(r"^(\S+)(?: \(\S+\))?: (.+): (?:OPEN SESAME|opening by hand \(.*)$")
_CLOSED = re.compile(r"^(\S+)(?: \(\S+\))?: (.+): closing by hand \(.*$")
_STOPPED = re.compile(r"^.+: running command: .* stop (\S+) (\S+) \S+$")
_RECOVERED = re.compile(r"^(\S+)(?: \(\S+\))?: (.+): recovered ")


def now() -> float:
    """Seconds since boot, sleep included: the clock of leases and of /proc/uptime."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def note_script(path: Path, ledger: Path) -> str:
    """Writes a program that appends ``STAMP VERB DOOR IP TIMEOUT`` to ``ledger``; how a config calls it."""
    path.write_text(f'#!/bin/sh\nread -r now idle </proc/uptime\necho "$now $*" >>{ledger}\n')
    path.chmod(0o755)
    return f"{path} {{}} %DOOR% %IP% %TIMEOUT%"


@dataclass(frozen=True, slots=True)
class Command:
    """A start or stop command that ran, ``at`` seconds since boot; ``timeout`` is its door's Cmd_Timeout."""

    verb: str
    key: Key
    timeout: float
    at: float


@dataclass(slots=True)
class Life:
    """One run of the daemon: when it began, could serve and ended (None: not), in seconds since boot.

    ``killed``: SIGKILL ended it. ``terminated``: when TERM asked it to close everything. ``handed``:
    USR1 asked it to leave everything open for the next. ``opened``, ``closed``, ``recovered`` and ``stopped``
    count the lines of its log about openings, what somebody closes by hand, recoveries and stop commands.
    """

    started: float
    ready: float | None = None
    ended: float | None = None
    killed: bool = False
    terminated: float | None = None
    handed: bool = False
    opened: Counter[Key] = field(default_factory=Counter)
    recovered: Counter[Key] = field(default_factory=Counter)
    stopped: Counter[Key] = field(default_factory=Counter)
    closed: Counter[Key] = field(default_factory=Counter)

    def read(self, lines: Sequence[str]) -> None:
        """Counts in the lines of its log so far."""
        opened = [_OPENED.match(line) for line in lines]
        closed = [_CLOSED.match(line) for line in lines]
        recovered = [_RECOVERED.match(line) for line in lines]
        stopped = [_STOPPED.match(line) for line in lines]
        self.opened = Counter((found[2], found[1]) for found in opened if found)
        self.closed = Counter((found[2], found[1]) for found in closed if found)
        self.recovered = Counter((found[2], found[1]) for found in recovered if found)
        self.stopped = Counter((found[1], found[2]) for found in stopped if found)


def read_commands(ledger: Path) -> list[Command]:
    """What has been noted so far, in the order in which it happened."""
    text = ledger.read_text() if ledger.exists() else ""
    commands = []
    for line in text.splitlines():
        at, verb, door, source, timeout = line.split(" ")
        commands.append(Command(verb, (door, source), float(timeout), float(at)))
    return commands


def open_doors(commands: Sequence[Command]) -> set[Key]:
    """The doors that the last command has left open."""
    last = {command.key: command.verb for command in commands}
    return {key for key, verb in last.items() if verb == "start"}


def replay(commands: Sequence[Command], lives: Sequence[Life]) -> list[str]:
    """Everything that is wrong with the doors of one daemon, a line each; nothing: all is proved.

    ``commands`` in the order of the ledger, ``lives`` in the order of time. A knock at an open
    door closes and opens it (Reknock = renew): two starts in a row are a fault.
    """
    keys = {command.key for command in commands}
    keys |= {key for life in lives for key in life.recovered}
    problems = []
    for key in sorted(keys):
        own = [command for command in commands if command.key == key]
        found = [*_replay_one(key, own, lives), *_recoveries(key, own, lives)]
        problems += [f"{key[0]} for {key[1]}: {problem}" for problem in found]
    return problems


def _replay_one(key: Key, commands: Sequence[Command], lives: Sequence[Life]) -> list[str]:
    problems = []
    opened: Command | None = None
    stopped: Command | None = None
    starts = early = 0
    for command in commands:
        if command.verb == "start":
            starts += 1
            knocks = _knocks(key, command.at, lives)
            if starts > knocks:
                problems.append(f"start {starts} at {command.at:.2f} after {knocks} knocks")
            if opened is not None:
                problems.append(f"started at {command.at:.2f}, still open since {opened.at:.2f}")
            opened = command
            continue
        if opened is not None:
            early += command.at < opened.at + opened.timeout - GRAIN
            asked = _knocks(key, command.at, lives) > starts or _closings(key, command.at, lives) >= early
            problems += _in_time(opened, command, lives, asked=asked)
        else:
            problems += _explained(key, command, stopped, commands, lives)
        opened, stopped = None, command
    if opened is not None:
        problems.append(f"left open since {opened.at:.2f}")
    return problems


def _knocks(key: Key, until: float, lives: Sequence[Life]) -> int:
    """How many openings there were at most by then: a life's log has no times."""
    return sum(life.opened[key] for life in lives if life.started <= until)


def _closings(key: Key, until: float, lives: Sequence[Life]) -> int:
    """How often somebody closed it by hand at most by then."""
    return sum(life.closed[key] for life in lives if life.started <= until)


def _in_time(opened: Command, stop: Command, lives: Sequence[Life], *, asked: bool) -> list[str]:
    """A stop comes at the deadline, or when the daemon is back after it; before only when asked for."""
    deadline = opened.at + opened.timeout
    late = stop.at - _due(opened, deadline, lives)
    problems = []
    if late > SLACK:
        problems.append(f"open from {opened.at:.2f} to {stop.at:.2f}, {late:.2f} s too long")
    terminated = any(
        life.terminated is not None and opened.at <= life.terminated <= stop.at + GRAIN for life in lives
    )
    if stop.at < deadline - GRAIN and not terminated and not asked:
        problems.append(f"closed {deadline - stop.at:.2f} s early at {stop.at:.2f}")
    return problems


def _due(opened: Command, deadline: float, lives: Sequence[Life]) -> float:
    """When the first life that lasts long enough must have closed it."""
    for life in lives:
        if life.ready is None or (life.ended is not None and life.ended < opened.at):
            continue
        if life.terminated is not None and life.ended is not None and not life.killed:
            return life.ended
        due = max(deadline, life.ready)
        if life.ended is None or life.ended > due + SLACK:
            return due
    return float("inf")


def _explained(
    key: Key, stop: Command, before: Command | None, commands: Sequence[Command], lives: Sequence[Life]
) -> list[str]:
    """A stop of what was not open: the kill fell between a command and its record, and the log says so."""
    mine = [life for life in lives if life.started <= stop.at]
    if not mine or not mine[-1].recovered[key]:
        return [f"stop at {stop.at:.2f} of what is not open, and no recovery in the log"]
    since = float("-inf") if before is None else before.at
    for life, following in pairwise(mine):
        if not life.killed or life.ended is None:
            continue
        if before is not None and since - GRAIN <= life.ended <= since + RECORD:
            return []  # it was killed before it could note that the stop has run
        if life.ended <= since < following.started:
            return []  # the stop that it had begun went on alone, and no daemon was there to note it
        ends = next((one.started for one in lives if one.started > following.started), float("inf"))
        stops = sum(c.verb == "stop" and following.started <= c.at < ends for c in commands)
        if following.started <= since and stops > following.stopped[key]:
            return []  # it was killed before the stop that it began was noted
        until = following.started if following.ready is None else following.ready
        starts = sum(c.verb == "start" and life.started <= c.at <= until for c in commands)
        if life.ended >= since and life.opened[key] > starts:
            return []  # it was killed after it had noted the opening and before the start ran
    return [f"stop at {stop.at:.2f} of what is not open, and no kill explains it"]


def _recoveries(key: Key, commands: Sequence[Command], lives: Sequence[Life]) -> list[str]:
    """What a life recovers, it or one after it stops; after a clean end there is nothing to recover."""
    problems = []
    for place, life in enumerate(lives):
        if not life.recovered[key]:
            continue
        if place == 0 or not (lives[place - 1].killed or lives[place - 1].handed):
            problems.append(f"recovered at {life.started:.2f} after a clean end")
        ready = next((x.ready for x in lives[place:] if x.ready is not None), life.started)
        # A start that the killed life still began may be noted until the next one is ready.
        after = [c for c in commands if c.at >= life.started - GRAIN and (c.verb == "stop" or c.at > ready)]
        if not after or after[0].verb == "start":
            problems.append(f"recovered at {life.started:.2f} and not stopped")
    return problems
