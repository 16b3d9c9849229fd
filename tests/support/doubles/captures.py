"""Captures without interfaces: a test gives the frames, and sees the filters."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

from knockd.worker.capture import CaptureError, FilterTooLongError
from knockd_bpf.wire import DLT_EN10MB

RECORD = struct.Struct("=IIII")

Act = Callable[[], None]


class FakeCapture:
    """Stands in for an open capture: it is always readable, and each read gives the next of ``batches``.

    A batch is a list of frames, an error to raise, or something to do instead; after the last one
    nothing comes. ``room`` is the number of instructions that the kernel has room for.
    """

    def __init__(self, interface: str, *batches: list[bytes] | CaptureError | Act) -> None:
        self.interface = interface
        self.batches = list(batches)
        self.linktype = DLT_EN10MB
        self.room = 4_096
        self.received = self.dropped = 0
        self.takes_programs = True
        self.ring_size = 1 << 30
        self.stamp = 0.0
        self.filters: list[bytes] = []
        self._ends = os.pipe()
        os.write(self._ends[1], b"x")

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._ends[0]

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return not self._ends

    def attach(self, program: bytes, _: Callable[[], str]) -> bool:
        """Takes a filter, if there is room for it; whether as it is."""
        if len(program) > 8 * self.room:
            raise FilterTooLongError(f"{self.interface}: no room")
        self.filters.append(program)
        return self.takes_programs

    def read(self, _: int) -> tuple[bytes, bytes]:
        """The next batch, all of its frames stamped with ``stamp`` (seconds since the epoch)."""
        batch = self.batches.pop(0) if self.batches else []
        if isinstance(batch, CaptureError):
            raise batch
        if callable(batch):
            batch()
            return b"", b""
        seconds, microseconds = divmod(round(self.stamp * 1e6), 1_000_000)
        at, records = 0, []
        for frame in batch:
            records.append(RECORD.pack(seconds, microseconds, at, len(frame)))
            at += len(frame)
        return b"".join(batch), b"".join(records)

    def ring(self) -> int:
        """Bytes of the ring."""
        return self.ring_size

    def counts(self) -> tuple[int, int]:
        """Frames received and dropped since it was opened."""
        return self.received, self.dropped

    def close(self) -> None:
        """Closes it."""
        for end in self._ends:
            os.close(end)
        self._ends = ()  # type: ignore[assignment]
