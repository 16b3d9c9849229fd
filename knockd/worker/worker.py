"""The packet process: capture, decode, matcher, link. It never runs a command or reads a file.

It is started with everything it needs and changes only by the views the keeper sends.
When the link closes it ends.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator, Mapping, Sequence

from knockd.edge.capture import (
    Capture,
    CaptureError,
    InterfaceDownError,
    NoPermissionError,
    NoSuchInterfaceError,
)
from knockd.edge.debug import packet_printer
from knockd.edge.link import MAX_MESSAGE, Kind, Message, View
from knockd.edge.privileges import PrivilegeError, User
from knockd.engine.batch import RECORD, Timed, stamp, strange, times
from knockd.engine.events import Opened
from knockd.engine.guards import Guards, guards_of
from knockd.engine.limits import TokenBucket
from knockd.engine.matcher import Matcher
from knockd.engine.prefilter import Prefilter, prefilter
from knockd.worker.listener import Listener, UnknownLinkTypeError
from knockd.worker.lockdown import lock_down
from knockd.worker.outbox import Outbox
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.model import Config, Step

BATCH = 1_024
"""Frames read at once; between two batches the other interfaces and the keeper get their turn."""

MAX_LAG = 10.0
"""Seconds for which a packet's own time stamp is believed to lie in the past."""

DROPS_EVERY = 60.0
"""Seconds from a frame to a look at the kernel's drop counters; none while nothing arrives."""

EX_SOFTWARE, EX_NOPERM = 70, 77


class Worker:
    """Everything the packet process holds."""

    def __init__(
        self,
        config: Config,
        interfaces: Sequence[str],
        view: View,
        link: socket.socket,
        *,
        user: User | None = None,
        overlap: float = 0.0,
        listening: frozenset[Step] = frozenset(),
        ipv6: bool = True,
        debug: bool = False,
    ) -> None:
        self._config = config
        self._interfaces = interfaces
        self._user = user
        self._overlap = overlap
        self._begin: float | None = None  # when to say that we capture
        self._kept = ""
        self._ipv6 = ipv6
        self._packet_line = packet_printer() if debug else None
        self._link = link
        self._strangers = TokenBucket()
        self._knockers = TokenBucket()
        # A packet may wait a timer period in the ring, and the next one none.
        self._slack = 2 * config.options.latency / 1000
        self._judged = 0.0
        self._matcher = Matcher(
            config.doors,
            max_attempts=config.options.max_attempts,
            slack=self._slack,
            strangers=self._strangers,
            knockers=self._knockers,
        )
        self._sequences: list[tuple[Step, ...]] = [door.steps for door in config.doors]
        self._addresses: Mapping[str, frozenset[bytes]] = view.addresses
        self._listening = listening
        self._guards: tuple[Guards, ...] = ()
        for door, steps in view.sequences.items():
            self._sequences[door] = steps
            self._matcher.set_sequence(door, steps)
        self._choose_guards()
        self._listeners: list[Listener] = []
        self._outbox = Outbox(link)
        self._next_drops: float | None = None

    def run(self) -> int:
        """Opens the captures, tells the keeper, and serves until the link closes. Returns the exit status."""
        try:
            self._open()
            self._serve()
        except (NoPermissionError, PrivilegeError) as error:
            return self._fail(EX_NOPERM, str(error))
        except CaptureError as error:
            return self._fail(EX_SOFTWARE, str(error))
        except ConnectionError:
            return 0  # the keeper is gone
        except Exception as error:
            self._fail(EX_SOFTWARE, f"{type(error).__name__}: {error}")
            raise
        return 0

    def _open(self) -> None:
        """Opens every interface that can be opened; those that have just gone are told and no error."""
        options = self._config.options
        refused: CaptureError | None = None
        for number, name in enumerate(self._interfaces):
            try:
                self._listeners.append(self._listener(number, name))
            except NoPermissionError:
                raise
            except CaptureError as error:
                self._tell_lost(number, error)
                if not isinstance(error, NoSuchInterfaceError | InterfaceDownError):
                    refused = error
        if refused is not None and not self._listeners:
            raise refused
        for listener in self._listeners:
            for message in (listener.widened(), listener.small_ring(options.buffer)):
                if message is not None:
                    self._outbox.send(message)
        captures = [listener.capture.fileno() for listener in self._listeners]
        self._kept = lock_down(self._user, self._link.fileno(), captures, required=options.user is not None)
        # From here on it opens nothing, starts nothing and imports nothing.
        if self._overlap:
            self._begin = time.monotonic() + self._overlap
        else:
            self._outbox.begin(self._kept)

    def _listener(self, number: int, name: str) -> Listener:
        options = self._config.options
        capture = Capture(name, latency=options.latency, buffer=options.buffer * 1024)
        try:
            listener = Listener(number, capture, self._addresses.get(name, frozenset()))
            listener.attach(self._prefilter)
        except CaptureError:
            capture.close()
            raise
        return listener

    def _tell_lost(self, number: int, error: CaptureError) -> None:
        hopeless = isinstance(error, UnknownLinkTypeError)
        self._outbox.insist(Message(Kind.LOST, interface=number, stage=int(hopeless), text=str(error)))

    def _prefilter(self, local: frozenset[bytes], linktype: int, limit: int) -> Prefilter:
        """The filter of what we want now."""
        return prefilter(
            self._config.doors,
            self._sequences,
            self._guards,
            local,
            linktype,
            ipv6=self._ipv6,
            limit=limit,
        )

    def _fail(self, status: int, reason: str) -> int:
        self._outbox.insist(Message(Kind.FAILED, stage=status, text=reason))
        return status

    def _serve(self) -> None:
        poll = select.poll()
        listeners = {listener.capture.fileno(): listener for listener in self._listeners}
        for descriptor in listeners:
            poll.register(descriptor, select.POLLIN)
        link = self._link.fileno()
        while True:
            poll.register(link, select.POLLIN | (select.POLLOUT if self._outbox.waiting else 0))
            ready = poll.poll(self._timeout())
            now = time.monotonic()
            self._strangers.refill(now)
            self._knockers.refill(now)
            drained = True
            for descriptor, what in ready:
                if descriptor != link:
                    try:
                        drained &= self._read(listeners[descriptor], now)
                    except CaptureError as error:  # its interface went down or away; the others go on
                        poll.unregister(descriptor)
                        self._let_go(listeners.pop(descriptor), error)
                elif what & (select.POLLIN | select.POLLHUP) and not self._take_view():
                    return
            if drained:  # else the packet that saves an attempt may still be in the ring
                for event in self._matcher.expire(now):
                    self._outbox.tell(event)
                self._judged = now
            if self._begin is not None and now >= self._begin:
                self._begin = None
                self._outbox.begin(self._kept)
            self._outbox.flush(self._strangers.take_held() + self._knockers.take_held())
            if ready and self._next_drops is None:
                self._next_drops = now + DROPS_EVERY
            elif self._next_drops is not None and now >= self._next_drops:
                self._next_drops = None
                self._count_drops()

    def _let_go(self, listener: Listener, error: CaptureError) -> None:
        self._listeners.remove(listener)
        listener.capture.close()
        self._tell_lost(listener.number, error)

    def _timeout(self) -> int | None:
        """Milliseconds until something has to be done without a packet; None: nothing."""
        times = [self._matcher.next_expiry(), self._next_drops, self._begin]
        if self._strangers.holds_back or self._knockers.holds_back:
            times.append(time.monotonic() + 1.0)
        pending = min((at for at in times if at is not None), default=None)
        return None if pending is None else max(0, int((pending - time.monotonic()) * 1000) + 1)

    def _read(self, listener: Listener, now: float) -> bool:
        """Judges one batch; False when there may be more."""
        data, records = listener.capture.read(BATCH)
        feed, local = self._matcher.feed, listener.local
        floor = max(self._judged, now - MAX_LAG)
        arrivals = times(records, now, floor, time.monotonic() - time.time(), self._slack)
        if self._packet_line is None and listener.capture.linktype == DLT_EN10MB:
            batch = strange(self._matcher, data, records, arrivals, local, ipv6=self._ipv6)
        else:
            batch = self._every(listener, data, records, arrivals)
        for arrived, place, packet in batch:
            for event in feed(packet, local, arrived):
                if isinstance(event, Opened):
                    self._opened(event, listener, stamp(records, place))
                else:
                    self._outbox.tell(event)
        if arrivals:
            self._judged = max(self._judged, arrivals[-1])
        return len(records) < BATCH * RECORD.size

    def _every(
        self, listener: Listener, data: bytes, records: bytes, arrivals: Sequence[float]
    ) -> Iterator[Timed]:
        """Decodes every frame, and prints it where that was asked for."""
        decoder, show = listener.decoder, self._packet_line
        headers = zip(arrivals, RECORD.iter_unpack(records), strict=True)
        for place, (arrived, (seconds, _, offset, length)) in enumerate(headers):
            packet = decoder(data, offset, offset + length)
            if packet is None or (not self._ipv6 and len(packet[0]) == 16):
                continue
            if show is not None and not self._outbox.silent:
                line = show(listener.capture.linktype, data[offset : offset + length], seconds)
                self._outbox.insist(Message(Kind.PACKET, text=line))
            yield arrived, place, packet

    def _opened(self, event: Opened, listener: Listener, came: int) -> None:
        if self._config.doors[event.door].one_time_file is not None:
            # Until the keeper has sent its next sequence such a door matches nothing.
            self._sequences[event.door] = ()
            self._matcher.set_sequence(event.door, ())
        self._outbox.opened(event, listener.number, came)

    def _count_drops(self) -> None:
        """Tells how many frames the kernel dropped since the last count."""
        for listener in self._listeners:
            if (message := listener.dropped()) is not None:
                self._outbox.send(message)

    def _take_view(self) -> bool:
        """Reads a view and puts it into effect; False when the keeper is gone."""
        try:
            data = self._link.recv(MAX_MESSAGE)
        except ConnectionError:
            return False
        if not data:
            return False
        view = View.decode(data)
        self._outbox.answer()
        if view == View():
            return True  # the keeper asks whether we are well
        self._addresses = {**self._addresses, **view.addresses}
        for door, steps in view.sequences.items():
            self._sequences[door] = steps
        self._choose_guards()
        for listener in self._listeners:
            listener.local = self._addresses.get(listener.capture.interface, frozenset())
            listener.attach(self._prefilter)
            if (message := listener.widened()) is not None:
                self._outbox.send(message)
        # The filter is there before the matcher asks for the new ports.
        for door, steps in view.sequences.items():
            self._matcher.set_sequence(door, steps)
        return True

    def _choose_guards(self) -> None:
        """Guards follow the live sequences: no port that is a knock today may be a guard."""
        self._guards = guards_of(
            self._config.doors, self._sequences, self._config.options.guard_ports, self._listening
        )
        self._matcher.set_guards(guard.ports for guard in self._guards)
