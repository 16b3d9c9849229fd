"""The captures of a packet process: opened at its start, given a filter with every view, counted.

World: the interfaces' captures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

from knockd.knocks.addresses import spread_addresses
from knockd.knocks.batch import RECORD
from knockd.knocks.decode import decoder_for
from knockd.knocks.prefilter import Prefilter, prefilter
from knockd.knocks.stamps import Passed
from knockd.process.figures import Counted
from knockd.process.handover import MOST_STAMPS
from knockd.process.verbs import Dropped, Lost, SmallRing, Widened
from knockd.process.view import View
from knockd.worker.capture import (
    MANY,
    SMALLEST_BUFFER,
    Capture,
    CaptureError,
    FilterTooLongError,
    InterfaceDownError,
    NoDescriptorError,
    NoPermissionError,
    NoSuchInterfaceError,
    UnusableNameError,
    find_reader,
    open_capture,
)
from knockd.worker.setup import Setup
from knockd.worker.side_by_side import do_side_by_side
from knockd_bpf.fit import SMALLEST_LIMIT, Addresses
from knockd_bpf.instruction import MAX_INSTRUCTIONS
from knockd_bpf.longest import find_longest
from knockd_conf.model import Reader

Make = Callable[[frozenset[bytes], int, int], Prefilter]
"""Makes a filter: (the interface's packed addresses, link type, most instructions)."""


MOST_RINGS = 8
"""Rings of the full size; more interfaces share the memory of these."""

LATEST = 16
"""Batches of an interface whose stamps are remembered."""

_COUNTS = 1 << 32
"""The counts of a capture begin again at 0 then (libpcap: struct pcap_stat, pcap/pcap.h)."""


class UnknownLinkTypeError(CaptureError):
    """Frames of the interface are of a kind that nobody here can read: trying again is of no use."""


_HOPELESS = (UnknownLinkTypeError, UnusableNameError, NoDescriptorError)
"""What the next packet process would meet again."""


class WatchedInterface:
    """An open capture; ``local`` are the packed addresses that count there."""

    def __init__(
        self, number: int, capture: Capture, local: frozenset[bytes], *, loopback: bool = False
    ) -> None:
        """``number`` is the interface's index in the list. Raises UnknownLinkTypeError."""
        if decoder_for(capture.linktype) is None:
            raise UnknownLinkTypeError(
                f"{capture.interface}: link type {capture.linktype} is none that knockd can read"
            )
        self.number = number
        self.capture = capture
        self.local = local
        self.loopback = loopback
        self.passed = Passed()
        """What another packet process has judged, as long as it may still be in the ring."""
        self.latest: deque[bytes] = deque(maxlen=LATEST)
        """The records of the latest batches."""
        self._limit = MAX_INSTRUCTIONS
        self._width = self._reported = (0, Addresses.EXACT)
        self._cost = (0, 0)
        self._told = 0
        self._counts = (0, 0)
        """As the capture has them."""
        self._received = self._missed = 0

    def stamps(self) -> list[int]:
        """The kernel's stamps of the latest frames, in the order of the ring."""
        each = (RECORD.iter_unpack(records) for records in self.latest)
        return [second * 1_000_000 + us for second, us, _, _ in chain.from_iterable(each)][-MOST_STAMPS:]

    def attach(self, make: Make) -> None:
        """Gives the kernel a filter, a wider one where the exact one has no room. Raises CaptureError."""
        while True:
            made = make(self.local, self.capture.linktype, self._limit)
            program = made.fitted.program
            try:
                ours = self.capture.attach(program.pack(), made.text)
            except FilterTooLongError:
                if len(program) <= SMALLEST_LIMIT:
                    raise
                self._limit = max(SMALLEST_LIMIT, len(program) * 7 // 8)
            else:
                self._cost = (len(program), find_longest(program.instructions)) if ours else (0, 0)
                self._width = (round(made.fitted.widened * 1e6), made.fitted.addresses)
                return

    def widened(self) -> Widened | None:
        """How much wider the filter is than it should be; None when that is as at the last call."""
        if self._width == self._reported:
            return None
        self._reported = self._width
        millionths, addresses = self._width
        return Widened(self.number, millionths, addresses is not Addresses.EXACT)

    def dropped(self) -> Dropped | None:
        """How many frames the kernel dropped since the last call; None when there were none."""
        self._count()
        before, self._told = self._told, self._missed
        return Dropped(self.number, self._told - before) if self._told > before else None

    def counted(self) -> Counted:
        """What has come since the capture was opened, and what the filter costs."""
        self._count()
        return Counted(self.number, self.capture.linktype, self._received, self._missed, *self._cost)

    def _count(self) -> None:
        """Adds what the capture has counted since the last call."""
        before, self._counts = self._counts, self.capture.counts()
        received, missed = ((now - then) % _COUNTS for now, then in zip(self._counts, before, strict=True))
        self._received += received
        self._missed += missed

    def small_ring(self, wanted: int) -> SmallRing | None:
        """The size of a ring smaller than ``wanted`` KiB; None when it is not, or nobody knows."""
        size = self.capture.ring()
        return None if size is None or size // 1024 >= wanted else SmallRing(self.number, size // 1024)


class Captures:
    """The open captures; ``by_descriptor`` has each under the descriptor to poll."""

    def __init__(self, setup: Setup, loopbacks: Collection[str] = ()) -> None:
        """``loopbacks`` are the names of loopback interfaces."""
        self._setup = setup
        self._loopbacks = loopbacks
        self._buffer = setup.buffer
        """KiB that are asked for, for each ring."""
        self.by_descriptor: dict[int, WatchedInterface] = {}

    def open(self, interfaces: Sequence[str], view: View) -> Iterator[Lost]:
        """Opens every interface that can be opened, in order; yields the others. Each has the view's filter.

        Raises NoPermissionError at once, and the last CaptureError when nothing is open, unless the
        interfaces have all just gone: that is no error.
        """
        refused: CaptureError | None = None
        self._buffer = share_rings(self._setup.buffer, len(interfaces))
        local, make = spread_addresses(view.addresses), self._filter_for(view)
        opened = self._open_captures(interfaces)
        for number, (name, found) in enumerate(zip(interfaces, opened, strict=True)):
            try:
                watched = self._watch(number, found, local.get(name, frozenset()), make)
                self.by_descriptor[watched.capture.fileno()] = watched
            except NoPermissionError:
                raise
            except CaptureError as error:
                yield _lost(number, error)
                if not isinstance(error, NoSuchInterfaceError | InterfaceDownError):
                    refused = error
        if refused is not None and not self.by_descriptor:
            raise refused

    def _open_captures(self, interfaces: Sequence[str]) -> Iterable[Capture | CaptureError]:
        """The captures of interfaces, or why one cannot be opened: many at once."""
        latency, buffer = self._setup.latency, self._buffer * 1024
        reader = find_reader(self._setup.reader, len(interfaces))

        def open_one(name: str) -> Capture | CaptureError:
            try:
                return open_capture(name, latency=latency, buffer=buffer, reader=reader)
            except CaptureError as error:
                return error

        if reader is Reader.PCAPY or len(interfaces) <= MANY:
            return map(open_one, interfaces)
        opened = do_side_by_side(open_one, interfaces)
        # While many are opened each takes a descriptor more for a moment.
        return (
            open_one(name) if isinstance(one, NoDescriptorError) else one
            for name, one in zip(interfaces, opened, strict=True)
        )

    def _watch(
        self, number: int, capture: Capture | CaptureError, local: frozenset[bytes], make: Make
    ) -> WatchedInterface:
        if isinstance(capture, CaptureError):
            raise capture
        try:
            watched = WatchedInterface(number, capture, local, loopback=capture.interface in self._loopbacks)
            watched.attach(make)
        except CaptureError:
            capture.close()
            raise
        return watched

    def close(self, descriptor: int, error: CaptureError) -> Lost:
        """Closes a capture that has failed; returns what that means."""
        watched = self.by_descriptor.pop(descriptor)
        watched.capture.close()
        return _lost(watched.number, error)

    def set_filters(self, view: View) -> None:
        """Gives every capture its addresses, and the kernel the view's filter. Raises CaptureError."""
        local, make = spread_addresses(view.addresses), self._filter_for(view)
        for watched in self.by_descriptor.values():
            watched.local = local.get(watched.capture.interface, frozenset())
            watched.attach(make)

    def _filter_for(self, view: View) -> Make:
        return partial(_filter, view, self._setup.ipv6)

    def forget_passed(self) -> None:
        """What another packet process has judged is in no ring any more."""
        for watched in self.by_descriptor.values():
            watched.passed = Passed()

    def figures(self, *, rings: bool = False) -> Iterator[Widened | SmallRing]:
        """Every filter whose width is another than at the last call, and every ring that is too small.

        ``rings`` opens files: not after the lock-down.
        """
        for watched in self.by_descriptor.values():
            if (widened := watched.widened()) is not None:
                yield widened
            if rings and (small := watched.small_ring(self._buffer)) is not None:
                yield small

    def counted(self) -> Iterator[Counted]:
        """What every interface has brought since its capture was opened."""
        for watched in self.by_descriptor.values():
            yield watched.counted()

    def drops(self) -> Iterator[Dropped]:
        """Every interface of which the kernel dropped frames since the last call."""
        for watched in self.by_descriptor.values():
            if (dropped := watched.dropped()) is not None:
                yield dropped


def share_rings(size: int, interfaces: int) -> int:
    """KiB for the ring of each interface, where one alone has ``size``."""
    return max(SMALLEST_BUFFER // 1024, min(size, size * MOST_RINGS // max(1, interfaces)))


def _filter(view: View, ipv6: bool, local: frozenset[bytes], linktype: int, limit: int) -> Prefilter:
    return prefilter(view.watches or (), local, linktype, ipv6=ipv6, limit=limit, signed=view.signed)


def _lost(number: int, error: CaptureError) -> Lost:
    return Lost(number, isinstance(error, _HOPELESS), str(error))
