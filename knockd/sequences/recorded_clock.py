"""The wall clock, beside a record of the newest time: whether it is trusted now, and what is noted of it.

The newest time is noted in the runtime directory each period, and where it survives a power cut at the start,
each hour, at each opening, when somebody has gone half the way, and at the end.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from knockd.log.logger import Log
from knockd.sequences.key_record import KeyRecord
from knockd.sequences.live_periods import find_period
from knockd.sequences.trusted_clock import Distrust, Reading, TrustedClock
from knockd_conf.model import ClockTrust, Options

MARK_EVERY: Final = 3_600.0
"""Seconds between two notes of the newest time where they survive a power cut."""


class RecordedClock:
    """``read`` reads the clocks. ``now``: the wall clock at the last look; None: it was not trusted."""

    def __init__(self, log: Log, record: KeyRecord, read: Callable[[], Reading]) -> None:
        self.now: float | None = None
        self.distrust: Distrust | None = None
        """Why doors wait."""
        self._log, self._record, self._read = log, record, read
        self._trusted: TrustedClock | None = None
        self._marked = self._marked_lasting = self._marked_at_stage = -MARK_EVERY

    def adopt(self, options: Options) -> None:
        """Takes StateDir and Clock of a configuration; reads the record, the first time."""
        self._record.move(options.state_dir)
        if self._trusted is None:
            self._record.begin()
            self._trusted = TrustedClock()
        self._trusted.newest = max(self._trusted.newest, self._record.newest)
        self._trusted.records = self._record.records
        self._trusted.always = options.clock is ClockTrust.TRUST

    def look(self) -> None:
        """Looks at the clock; logs when doors begin to wait for it, and when they end to."""
        if self._trusted is None:
            return
        reading = self._read()
        before, self.distrust = self.distrust, self._trusted.look(reading)
        if self.distrust is not None:
            self.now = None
            if before is None or before.doubt is not self.distrust.doubt:
                self._log("clock-waiting", reason=self.distrust.text)
            return
        self.now = reading.wall
        if before is not None:
            self._log("clock-good")
        if self._record.needs_floor:
            self._record.settle(self.now)
            self._log("periods-from-now")

    def find_left(self, length: int) -> float | None:
        """Seconds until the next period of ``length`` seconds begins; None: the clock is not trusted."""
        if self.now is None:
            return None
        wall = self._read().wall
        return (find_period(wall, length) + 1) * length - wall

    def mark_period(self, length: int) -> None:
        """Notes the newest time, if that has not been done in this period of ``length`` seconds."""
        if self.now is not None and self._is_another(self._marked, length):
            self._mark(lasting=abs(self.now - self._marked_lasting) >= MARK_EVERY)

    def mark_stage(self, length: int) -> None:
        """Somebody has gone half the way: who listens knows a part of the sequence of now.

        A clock that is set back to before this moment is not believed any more, even after a power cut.
        """
        if self.now is not None and self._is_another(self._marked_at_stage, length):
            self._marked_at_stage = self.now
            self._mark(lasting=True)

    def mark_end(self) -> None:
        """The daemon ends."""
        self.look()
        self._mark(lasting=True)

    def _is_another(self, then: float, length: int) -> bool:
        """Whether a time was in another period than the one of now."""
        return self.now is not None and find_period(then, length) != find_period(self.now, length)

    def _mark(self, *, lasting: bool) -> None:
        if self.now is not None:
            self._marked = self.now
            if lasting:
                self._marked_lasting = self.now
            self._record.note_time(self.now, lasting=lasting)
