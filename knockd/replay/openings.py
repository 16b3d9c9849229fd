"""What would have been run for the openings of a capture, by the daemon's own table of leases.

Every command counts as having ended well at once. Nothing is run. Nobody knows who stayed connected: every
door closes at its Cmd_Timeout.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from knockd.knocks.events import Opened
from knockd.leases.commands import MAX_COMMAND, expand
from knockd.leases.obstacles import find_bar
from knockd.leases.table import Leases
from knockd.leases.values import Ended, Event, Knock, Knocked, Refuse, Start, Stop, Tick
from knockd_conf.model import Door
from knockd_conf.text import address_text, encoded


class Action(NamedTuple):
    """What an opening or the passing of time leads to at a steady time, in microseconds.

    ``kind`` is ``start`` or ``stop`` with the command line in ``text``, ``refused`` with the reason, or
    ``nothing`` with what happens instead.
    """

    steady: int
    kind: str
    door: str
    source: str
    text: str


class Openings:
    """The leases that openings would have made."""

    def __init__(self, doors: Sequence[Door], interface: str, max_leases: int) -> None:
        """``interface`` stands for %IFACE%."""
        self._doors = [replace(door, close_when_idle=0.0) for door in doors]
        self._interface = interface
        self._leases = Leases(bound=max_leases, run="replay")

    def open(self, opened: Opened, steady: int, day: str = "") -> list[Action]:
        """What a knock that is complete leads to; ``day`` is its date (YYYY-MM-DD), empty: any."""
        door = self._doors[opened.door]
        knock = Knock(
            door=door,
            source=address_text(opened.source),
            version=4 if len(opened.source) == 4 else 6,
            destination=address_text(opened.destination),
            interface=self._interface,
        )
        if (bar := find_bar(knock, day)) is not None:
            return [Action(steady, "refused", door.name, knock.source, bar)]
        was_open = self._leases.ask.lease_of(knock) is not None
        actions = list(self._handle(Knocked(knock), steady))
        if not actions:
            why = _extended(door) if was_open else f"the door has no command for IPv{knock.version}"
            actions.append(Action(steady, "nothing", door.name, knock.source, why))
        return actions

    def close_due(self, steady: int | None) -> Iterator[Action]:
        """The stop commands until a time; None: all that are still to come."""
        while (due := self._leases.next_deadline()) is not None:
            at = round(due * 1e6)
            if steady is not None and at > steady:
                return
            yield from self._handle(Tick(), at, due)

    def _handle(self, event: Event, steady: int, now: float | None = None) -> Iterator[Action]:
        seconds = steady / 1e6 if now is None else now
        for command in self._leases.handle(event, seconds):
            if isinstance(command, Start | Stop):
                verb = "start" if isinstance(command, Start) else "stop"
                yield _run(verb, command, steady)
                if command.lease is not None:
                    ended = Ended(command.lease, "start" if verb == "start" else "stop", worked=True)
                    yield from self._handle(ended, steady, seconds)
            elif isinstance(command, Refuse):
                yield Action(steady, "refused", command.knock.door.name, command.knock.source, command.reason)


def _run(verb: str, command: Start | Stop, steady: int) -> Action:
    knock = command.knock
    line = expand(command.command, knock)
    if len(encoded(line)) > MAX_COMMAND:
        reason = f"its {verb} command is longer than {MAX_COMMAND} bytes"
        return Action(steady, "refused", knock.door.name, knock.source, reason)
    return Action(steady, verb, knock.door.name, knock.source, line)


def _extended(door: Door) -> str:
    return f"the door is open already and stays so for {door.cmd_timeout:g} s from now (Reknock = extend)"
