"""What each source of a capture did, in bounded memory.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd.knocks.events import Event, Expired, Guarded, Ignored, Opened, Spoiled, Stale
from knockd_conf.classes import dataclass

MOST_SOURCES = 20_000
"""Sources that are remembered; those that did least make room for others."""


@dataclass(slots=True)
class Source:
    """What one source did. ``door`` and ``stage`` say how far it came."""

    packets: int = 0
    """Packets that the filter lets through."""
    dropped: int = 0
    """Packets to knock ports that it does not."""
    impossible: int = 0
    """Packets of a source that no packet off the wire can have."""
    openings: int = 0
    guards: int = 0
    door: int | None = None
    stage: int = 0
    share: float = 0.0
    """``stage`` as a share of the door's steps."""
    failure: Spoiled | Expired | Guarded | Ignored | None = None
    """The latest."""
    reason: str = ""
    """Why the latest of ``dropped`` was."""
    stale: str = ""
    """Why its latest whole knock with a key opened nothing."""
    refused: str = ""
    """Why its latest signed knock did nothing."""

    @property
    def rank(self) -> tuple[int, float, int, int]:
        """How much it did."""
        return self.openings, self.share, self.guards, self.packets + self.dropped


class Sources:
    """The sources by their packed addresses. ``steps`` has the number of steps of every door."""

    def __init__(self, steps: Sequence[int]) -> None:
        self._steps = steps
        self._rows: dict[bytes, Source] = {}
        self.left_out = 0
        """Sources that made room for others; one that came back later is counted again."""

    def find(self, address: bytes) -> Source:
        """The row of a source, which may be a new one."""
        row = self._rows.get(address)
        if row is None:
            if len(self._rows) >= MOST_SOURCES:
                self._make_room()
            row = self._rows[address] = Source()
        return row

    def count_event(self, event: Event) -> None:
        """Notes what the matcher said of a source."""
        row = self.find(event.source)
        if isinstance(event, Stale):
            return  # note_stale has more
        if isinstance(event, Ignored):
            if event.opened:  # else the touch of the guard says more
                row.failure = event
            return
        share = event.stage / (self._steps[event.door] or 1)
        if event.stage and share > row.share:
            row.door, row.stage, row.share = event.door, event.stage, share
        if isinstance(event, Opened):
            row.openings += 1
        elif isinstance(event, Guarded):
            row.guards += 1
        if isinstance(event, Spoiled | Expired | Guarded):
            row.failure = event

    def note_stale(self, event: Stale, why: str) -> None:
        """Notes that a source knocked a whole sequence of a key that opened nothing."""
        row = self.find(event.source)
        row.door, row.stage, row.share = event.door, self._steps[event.door], 1.0
        row.failure, row.stale = None, why

    def note_refused(self, address: bytes, why: str) -> None:
        """Notes that a signed knock of a source did nothing."""
        self.find(address).refused = why

    def note_granted(self, address: bytes, *, opened: bool) -> None:
        """Notes that a signed knock of a source counted."""
        row = self.find(address)
        row.openings += opened
        row.refused, row.failure = "", None

    def ranked(self) -> list[tuple[bytes, Source]]:
        """All rows, those that did most first."""
        return sorted(self._rows.items(), key=lambda one: one[1].rank, reverse=True)

    def _make_room(self) -> None:
        """Forgets the half that did least, so that its cost is shared by many packets."""
        kept = self.ranked()[: MOST_SOURCES // 2]
        self.left_out += len(self._rows) - len(kept)
        self._rows = dict(kept)
