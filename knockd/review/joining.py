"""Logs joined in time: one after the other, and merged where they overlap.

What two of them have both counts once: log file and syslog of one daemon say the same.

Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from heapq import heappop, heappush, heapreplace
from math import inf

from knockd.review.entries import Entry
from knockd_conf.classes import dataclass

NEAR = 60.0
"""Seconds that the stamps of one event may differ in two logs: those of 0.8 have no seconds."""

MOST_REMEMBERED = 100_000
"""Different events of one minute that are remembered, to find them in another log."""


@dataclass(frozen=True, slots=True)
class Log:
    """One log: its name, its first entry (None: not known yet), and all of them, read when asked for.

    ``family`` is the name of the file that it is a rotation of: rotations may meet within a minute.
    """

    name: str
    family: str
    first: Entry | None
    read_entries: Callable[[], Iterator[Entry]]

    @property
    def start(self) -> float:
        """The time of its first entry; a log whose first entry is not known comes first."""
        return 0.0 if self.first is None else self.first.time

    def is_passed_by(self, other: Log, time: float) -> bool:
        """Whether an entry of ``other`` at ``time`` lies behind the first one of this log."""
        exact = 0.0 if self.first is None or self.family != other.family else self.first.precision
        return time >= self.start + exact


_Head = tuple[float, int, Entry, Iterator[Entry], Log]
"""The next entry of a log that is being read: time, rank of the log, entry, the following ones, log."""


class Joiner:
    """Joins logs. ``overlapping`` are names of logs that overlap, ``doubles`` how many entries came again."""

    def __init__(self) -> None:
        self.overlapping: dict[str, None] = {}
        self.doubles = 0
        self._seen = _Seen()

    def join_logs(self, logs: Iterable[Log]) -> Iterator[Entry]:
        """All entries in time. Each log keeps its own order, also where its clock went back.

        No entry is compared with others but where a second log is near: most logs follow one another.
        """
        waiting = deque(sorted(logs, key=lambda log: log.start))
        heads: list[_Head] = []
        rank, together, near_until = 0, False, -inf
        while heads or waiting:
            if waiting and (not heads or heads[0][0] >= waiting[0].start - NEAR):
                log, rank = waiting.popleft(), rank + 1
                _push_next(heads, rank, log.read_entries(), log)
            elif len(heads) == 1 and heads[0][0] >= near_until:
                together = False
                self._seen.clear()
                _, alone, entry, entries, log = heads.pop()
                yield entry
                if not waiting:
                    yield from entries
                    return
                limit = waiting[0].start - NEAR
                for entry in entries:
                    if entry[0] >= limit:
                        heads.append((entry.time, alone, entry, entries, log))
                        break
                    yield entry
            else:
                if len(heads) > 1:
                    near_until = heads[0][0] + 2 * NEAR
                    together = together or self._note_overlap(heads)
                _, first, entry, entries, log = heads[0]
                if self._seen.note(entry, first, together):
                    self.doubles += 1
                else:
                    yield entry
                following = next(entries, None)
                if following is None:
                    heappop(heads)
                else:
                    heapreplace(heads, (following.time, first, following, entries, log))

    def _note_overlap(self, heads: list[_Head]) -> bool:
        """Whether a log goes on behind the beginning of one that begins later, and is being read."""
        logs = {head[1]: head[4] for head in heads}
        for time, rank, *_, log in heads:
            for other, that in logs.items():
                if other > rank and that.is_passed_by(log, time):
                    self.overlapping.update(dict.fromkeys(one.name for one in logs.values()))
                    return True
        return False


class _Seen:
    """Events of the last minutes, and how often each log had them."""

    def __init__(self) -> None:
        self._minutes: dict[int, dict[Hashable, dict[int, int]]] = {}

    def clear(self) -> None:
        """Forgets all."""
        self._minutes.clear()

    def note(self, entry: Entry, rank: int, together: bool) -> bool:
        """Whether an entry of a log came from another log already; only with ``together``.

        An event that came n times from one log and m times from another happened as often as the larger.
        """
        minute = int(entry.time // NEAR)
        key = (*entry[1:4], *entry.fields.values())
        if together:
            for at in (minute - 1, minute, minute + 1):
                counts = self._minutes.get(at, {}).get(key)
                if counts is not None and counts.get(rank, 0) < max(counts.values()):
                    counts[rank] = counts.get(rank, 0) + 1
                    return True
        events = self._minutes.setdefault(minute, {})
        if len(events) < MOST_REMEMBERED:
            counts = events.setdefault(key, {})
            counts[rank] = counts.get(rank, 0) + 1
        if len(self._minutes) > 4:
            for old in [at for at in self._minutes if at < minute - 2 or at > minute + 2]:
                del self._minutes[old]
        return False


def _push_next(heads: list[_Head], rank: int, entries: Iterator[Entry], log: Log) -> None:
    entry = next(entries, None)
    if entry is not None:
        heappush(heads, (entry.time, rank, entry, entries, log))
