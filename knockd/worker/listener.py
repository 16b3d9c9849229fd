"""One interface: its capture, what reads its frames, and the filter that the kernel runs on it."""

from __future__ import annotations

from collections.abc import Callable

from knockd.edge.capture import Capture, CaptureError, FilterTooLongError
from knockd.edge.link import Kind, Message
from knockd.engine.decode import decoder_for
from knockd.engine.prefilter import Prefilter
from knockd_bpf.fit import SMALLEST_LIMIT, Addresses
from knockd_bpf.instruction import MAX_INSTRUCTIONS

Make = Callable[[frozenset[bytes], int, int], Prefilter]
"""Makes the filter: (the interface's packed addresses, link type, most instructions)."""


class UnknownLinkTypeError(CaptureError):
    """Frames of the interface are of a kind that nobody here can read: trying again is of no use."""


class Listener:
    """An open capture; ``local`` are the interface's packed addresses."""

    def __init__(self, number: int, capture: Capture, local: frozenset[bytes]) -> None:
        """``number`` is the interface's place in the list. Raises UnknownLinkTypeError."""
        decoder = decoder_for(capture.linktype)
        if decoder is None:
            raise UnknownLinkTypeError(
                f"{capture.interface}: link type {capture.linktype} is none that knockd can read"
            )
        self.number = number
        self.capture = capture
        self.decoder = decoder
        self.local = local
        self._limit = MAX_INSTRUCTIONS
        self._width = self._told = (0, Addresses.EXACT)
        self._drops = 0

    def attach(self, make: Make) -> None:
        """Gives the kernel a filter, a wider one where the exact one has no room. Raises CaptureError."""
        while True:
            made = make(self.local, self.capture.linktype, self._limit)
            program = made.fitted.program
            try:
                self.capture.attach(program.pack(), made.text)
            except FilterTooLongError:
                if len(program) <= SMALLEST_LIMIT:
                    raise
                self._limit = max(SMALLEST_LIMIT, len(program) * 7 // 8)
            else:
                self._width = (round(made.fitted.widened * 1e6), made.fitted.addresses)
                return

    def widened(self) -> Message | None:
        """What to tell of the filter's width, None when it is as told before."""
        if self._width == self._told:
            return None
        self._told = self._width
        millionths, addresses = self._width
        return Message(
            Kind.WIDENED, interface=self.number, stage=int(addresses is not Addresses.EXACT), count=millionths
        )

    def dropped(self) -> Message | None:
        """What to tell of frames that the kernel dropped since the last time, None when there were none."""
        before, self._drops = self._drops, self.capture.drops()
        return (
            Message(Kind.DROPPED, interface=self.number, count=self._drops - before)
            if self._drops > before
            else None
        )

    def small_ring(self, wanted: int) -> Message | None:
        """What to tell of a ring smaller than ``wanted`` KiB, None when it is not."""
        ring = self.capture.ring() // 1024
        return Message(Kind.SMALL_RING, interface=self.number, count=ring) if ring < wanted else None
