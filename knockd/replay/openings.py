"""What would have been run for the openings of a capture, by the daemon's own table of leases.

Every command counts as having ended well at once. Nothing is run. Nobody knows who stayed connected: every
door closes at its Cmd_Timeout.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from knockd.knocks.events import Opened
from knockd.leases.commands import MAX_COMMAND, expand
from knockd.leases.obstacles import find_bar
from knockd.leases.opened_by import by_signature
from knockd.leases.table import Leases
from knockd.leases.values import Close, Ended, Event, Knock, Knocked, Refuse, Renewed, Start, Stop, Tick
from knockd.signed.values import Arrival, Granted
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Door
from knockd_conf.signed_packet import Verb
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
        self._places = {(door.name, door.occurrence): number for number, door in enumerate(doors)}
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
        return self._act(Knocked(knock), knock, steady, was_open=was_open)

    def do_signed(self, arrival: Arrival, granted: Granted, steady: int) -> list[Action] | None:
        """What a signed knock leads to that counts; None: it is to renew or close, and nothing is open."""
        door = self._doors[self._places[granted.door.name, granted.door.occurrence]]
        knock = Knock(
            door=door,
            source=address_text(arrival.source),
            version=4 if len(arrival.source) == 4 else 6,
            destination=address_text(arrival.destination),
            interface=self._interface,
            by=by_signature(granted.key.comment, granted.key.fingerprint),
        )
        if granted.verb is Verb.CLOSE:
            leases = self._leases.ask.find_opened_by(door, granted.key.fingerprint)
            return [*self._handle(Close(leases), steady)] if leases else None
        was_open = self._leases.ask.lease_of(knock) is not None
        if granted.verb is Verb.RENEW and not self._leases.ask.may_renew(knock):
            return None
        event = Renewed(knock) if granted.verb is Verb.RENEW else Knocked(knock)
        return self._act(event, knock, steady, was_open=was_open)

    def close_due(self, steady: int | None) -> Iterator[Action]:
        """The stop commands until a time; None: all that are still to come."""
        while (due := self._leases.next_deadline()) is not None:
            at = round(due * 1e6)
            if steady is not None and at > steady:
                return
            yield from self._handle(Tick(), at, due)

    def _act(self, event: Knocked | Renewed, knock: Knock, steady: int, *, was_open: bool) -> list[Action]:
        actions = list(self._handle(event, steady))
        if not actions:
            door = knock.door
            why = _extended(door, event) if was_open else f"the door has no command for IPv{knock.version}"
            actions.append(Action(steady, "nothing", door.name, knock.source, why))
        return actions

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


def _extended(door: Door, event: Knocked | Renewed) -> str:
    why = " (Reknock = extend)" if isinstance(event, Knocked) else ""
    return f"the door is open already and stays so for {door.cmd_timeout:g} s from now{why}"
