"""All that comes of a replay, as values for the report.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from knockd.knocks.events import Opened, Stale
from knockd.leases.opened_by import show_comment
from knockd.log.stamps import local_day
from knockd.replay.clock import CaptureClock
from knockd.replay.counts import Counts
from knockd.replay.openings import Action, Openings
from knockd.replay.sources import Sources
from knockd.signed.values import Arrival, Granted, Reason, Refused, Verdict
from knockd_conf.authorized_keys import AuthorizedKey
from knockd_conf.classes import NamedTuple, dataclass
from knockd_conf.model import Door
from knockd_conf.signed_packet import Verb
from knockd_conf.text import address_text

MOST_LINES = 10_000
"""Openings and commands that are kept for the report; the others are counted."""


class Line(NamedTuple):
    """One thing that would have happened at a stamp (microseconds since the epoch).

    ``kind`` is ``open`` or ``stale`` with the number of the ``packet`` and the name of the ``key``, if the
    sequence was made of one or the packet was signed; of signed packets also ``renew``, ``close`` or
    ``refuse``, with the reason; or that of an Action.
    """

    stamp: int
    kind: str
    door: str
    source: str
    text: str
    packet: int = 0
    key: str = ""


class Watched(NamedTuple):
    """An address that is watched; ``knocks``: how many it got, where the capture chose it."""

    address: bytes
    knocks: int | None = None


@dataclass(slots=True)
class Timeline:
    """Openings and commands in the order of time."""

    doors: tuple[Door, ...]
    openings: Openings
    clock: CaptureClock
    lines: list[Line] = field(default_factory=list)
    left_out: int = 0
    opened: int = 0
    used: set[int] = field(default_factory=set)
    """Numbers of one-time doors that were opened."""

    def hear(self, event: Opened, packet: int, steady: int, key: str = "") -> None:
        """Takes an opening by a packet."""
        self.pass_time(steady)
        self.opened += 1
        door = self.doors[event.door]
        if door.one_time_file is not None:
            self.used.add(event.door)
        stamp = self.clock.stamp_at(steady)
        destination = address_text(event.destination)
        self._add(Line(stamp, "open", door.name, address_text(event.source), destination, packet, key))
        self._add_actions(self.openings.open(event, steady, local_day(stamp)))

    def hear_stale(self, event: Stale, packet: int, steady: int, key: str, why: str) -> None:
        """Takes a whole knock that opens nothing."""
        self.pass_time(steady)
        door, stamp = self.doors[event.door], self.clock.stamp_at(steady)
        self._add(Line(stamp, "stale", door.name, address_text(event.source), why, packet, key))

    def hear_signed(self, arrival: Arrival, verdict: Verdict, packet: int, steady: int) -> Verdict:
        """Takes a signed knock; returns the verdict, which is another one where it finds nothing to do."""
        self.pass_time(steady)
        actions: Iterable[Action] = ()
        if isinstance(verdict, Granted):
            done = self.openings.do_signed(arrival, verdict, steady)
            if done is None:
                verdict = Refused(Reason.NOTHING_OPEN, verdict.door, verdict.key)
            actions = done or ()
        text = address_text(arrival.destination)
        if isinstance(verdict, Granted):
            self.opened += verdict.verb is Verb.OPEN
            kind = verdict.verb.name.lower()
        else:
            kind, text = "refuse", verdict.reason.value
        door = "" if verdict.door is None else verdict.door.name
        key = "" if verdict.key is None else show_key(verdict.key)
        stamp, source = self.clock.stamp_at(steady), address_text(arrival.source)
        self._add(Line(stamp, kind, door, source, text, packet, key))
        self._add_actions(actions)
        return verdict

    def pass_time(self, steady: int | None) -> None:
        """Closes what is due by then; None: everything."""
        self._add_actions(self.openings.close_due(steady))

    def _add_actions(self, actions: Iterable[Action]) -> None:
        for steady, kind, door, source, text in actions:
            self._add(Line(self.clock.stamp_at(steady), kind, door, source, text))

    def _add(self, line: Line) -> None:
        if len(self.lines) < MOST_LINES:
            self.lines.append(line)
        else:
            self.left_out += 1


def show_key(key: AuthorizedKey) -> str:
    """A key as people know it: its comment and its fingerprint."""
    return f"{show_comment(key.comment)} ({key.fingerprint})"


class Outcome(NamedTuple):
    """A replay from end to end."""

    linktype: int
    config_path: str
    doors: tuple[Door, ...]
    steps: tuple[int, ...]
    """How many each door has now."""
    watched: tuple[Watched, ...]
    counts: Counts
    clock: CaptureClock
    timeline: Timeline
    sources: Sources
    vlan: int | None
    name: str = "-"
    """The file, as it was named."""
    broken: str = ""
    """What libpcap says of the place where the file breaks off."""
