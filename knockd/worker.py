"""The packet process: capture, decode, matcher, link. It never runs a command or reads a file.

It is started with everything it needs and changes only by the views the keeper sends.
When the link closes it ends.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from knockd.edge.capture import (
    Capture,
    CaptureError,
    FilterTooLongError,
    NoPermissionError,
    NoSuchInterfaceError,
)
from knockd.edge.children import fork_child
from knockd.edge.debug import packet_printer
from knockd.edge.link import MAX_MESSAGE, Kind, Message, View, pair
from knockd.engine.batch import RECORD, strange, timed
from knockd.engine.decode import Decoder, decoder_for
from knockd.engine.events import Event, Expired, Guarded, Opened, Spoiled, Stage
from knockd.engine.guards import Guards, guards_of
from knockd.engine.limits import TokenBucket
from knockd.engine.matcher import Matcher
from knockd.engine.prefilter import prefilter
from knockd_bpf.fit import SMALLEST_LIMIT, Addresses, Fitted
from knockd_bpf.instruction import MAX_INSTRUCTIONS
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.model import Config, Step

BATCH = 1_024
"""Frames read at once; between two batches the other interfaces and the keeper get their turn."""

MAX_UNSENT = 4_096
"""Openings kept while the keeper does not read; more are counted as held back."""

MAX_LAG = 10.0
"""Seconds for which a packet's own time stamp is believed to lie in the past."""

DROPS_EVERY = 60.0
"""Seconds from a frame to a look at the kernel's drop counters; none while nothing arrives."""

EX_UNAVAILABLE, EX_SOFTWARE, EX_NOPERM = 69, 70, 77
_KINDS = {Stage: Kind.STAGE, Spoiled: Kind.SPOILED, Expired: Kind.EXPIRED, Guarded: Kind.GUARDED}


@dataclass(slots=True)
class _Listener:
    """One capture with what reads its frames."""

    capture: Capture
    decoder: Decoder
    local: frozenset[bytes]
    limit: int = MAX_INSTRUCTIONS
    """Instructions that the kernel has been seen to have room for."""
    fitted: Fitted | None = None
    """The filter that the kernel runs."""
    told: tuple[int, Addresses] = (0, Addresses.EXACT)
    """What the keeper knows of its width: millionths of all ports, and the addresses."""
    drops: int = 0


class Worker:
    """Everything the packet process holds."""

    def __init__(
        self,
        config: Config,
        interfaces: Sequence[str],
        view: View,
        link: socket.socket,
        *,
        listening: frozenset[Step] = frozenset(),
        ipv6: bool = True,
        debug: bool = False,
    ) -> None:
        self._config = config
        self._interfaces = interfaces
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
        self._listeners: list[_Listener] = []
        self._unsent: dict[tuple[int, bytes], bytes] = {}
        self._lost = 0
        self._next_drops: float | None = None

    def run(self) -> int:
        """Opens the captures, tells the keeper, and serves until the link closes. Returns the exit status."""
        try:
            self._open()
            self._serve()
        except NoSuchInterfaceError as error:
            return self._fail(EX_UNAVAILABLE, f"{error}: there is no such interface")
        except NoPermissionError as error:
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
        options = self._config.options
        for name in self._interfaces:
            capture = Capture(name, latency=options.latency, buffer=options.buffer * 1024)
            decoder = decoder_for(capture.linktype)
            if decoder is None:
                raise CaptureError(f"{name}: link type {capture.linktype} is none that knockd can read")
            self._listeners.append(_Listener(capture, decoder, self._addresses.get(name, frozenset())))
            self._attach(self._listeners[-1])
        self._link.send(Message(Kind.READY).encode())
        for number, listener in enumerate(self._listeners):
            self._tell_widened(number, listener)
            ring = listener.capture.ring() // 1024
            if ring < options.buffer:
                self._send(Message(Kind.SMALL_RING, interface=number, count=ring).encode())

    def _attach(self, listener: _Listener) -> None:
        """Gives the kernel the filter of what we want now, a wider one where it has no room for that."""
        capture = listener.capture
        while True:
            made = prefilter(
                self._config.doors,
                self._sequences,
                self._guards,
                listener.local,
                capture.linktype,
                ipv6=self._ipv6,
                limit=listener.limit,
            )
            program = made.fitted.program
            try:
                capture.attach(program.pack(), made.text)
            except FilterTooLongError:
                if len(program) <= SMALLEST_LIMIT:
                    raise
                listener.limit = max(SMALLEST_LIMIT, len(program) * 7 // 8)
            else:
                listener.fitted = made.fitted
                return

    def _tell_widened(self, number: int, listener: _Listener) -> None:
        """Says how much wider than wanted the filter is, when that has changed."""
        fitted = listener.fitted
        wide = (0, Addresses.EXACT) if fitted is None else (round(fitted.widened * 1e6), fitted.addresses)
        if wide != listener.told:
            listener.told = wide
            mixed = int(wide[1] is not Addresses.EXACT)
            self._send(Message(Kind.WIDENED, interface=number, stage=mixed, count=wide[0]).encode())

    def _fail(self, status: int, reason: str) -> int:
        self._link.setblocking(True)
        self._link.send(Message(Kind.FAILED, stage=status, text=reason).encode())
        return status

    def _serve(self) -> None:
        poll = select.poll()
        listeners = {listener.capture.fileno(): (i, listener) for i, listener in enumerate(self._listeners)}
        for descriptor in listeners:
            poll.register(descriptor, select.POLLIN)
        link = self._link.fileno()
        while True:
            poll.register(link, select.POLLIN | (select.POLLOUT if self._unsent else 0))
            ready = poll.poll(self._timeout())
            now = time.monotonic()
            self._strangers.refill(now)
            self._knockers.refill(now)
            drained = True
            for descriptor, what in ready:
                if descriptor != link:
                    drained &= self._read(*listeners[descriptor], now)
                elif what & (select.POLLIN | select.POLLHUP) and not self._take_view():
                    return
            if drained:  # else the packet that saves an attempt may still be in the ring
                for event in self._matcher.expire(now):
                    self._tell(event, 0)
                self._judged = now
            self._flush()
            if ready and self._next_drops is None:
                self._next_drops = now + DROPS_EVERY
            elif self._next_drops is not None and now >= self._next_drops:
                self._next_drops = None
                self._count_drops()

    def _timeout(self) -> int | None:
        """Milliseconds until something has to be done without a packet; None: nothing."""
        times = [self._matcher.next_expiry(), self._next_drops]
        if self._strangers.holds_back or self._knockers.holds_back:
            times.append(time.monotonic() + 1.0)
        pending = min((at for at in times if at is not None), default=None)
        return None if pending is None else max(0, int((pending - time.monotonic()) * 1000) + 1)

    def _read(self, number: int, listener: _Listener, now: float) -> bool:
        """Judges one batch; False when there may be more."""
        data, records = listener.capture.read(BATCH)
        decoder, feed, local = listener.decoder, self._matcher.feed, listener.local
        show, ipv6 = self._packet_line, self._ipv6
        floor = max(self._judged, now - MAX_LAG)
        batch = timed(records, now, floor, time.monotonic() - time.time(), self._slack)
        if show is None and listener.capture.linktype == DLT_EN10MB:
            batch = strange(self._matcher, data, batch, local, ipv6=ipv6)
        arrived = floor
        for arrived, seconds, offset, length in batch:
            packet = decoder(data, offset, offset + length)
            if packet is None or (not ipv6 and len(packet[0]) == 16):
                continue
            if show is not None:
                self._show(show(listener.capture.linktype, data[offset : offset + length], seconds))
            for event in feed(packet, local, arrived):
                self._tell(event, number)
        self._judged = max(self._judged, arrived)
        return len(records) < BATCH * RECORD.size

    def _count_drops(self) -> None:
        """Tells how many frames the kernel dropped since the last count."""
        for number, listener in enumerate(self._listeners):
            dropped = listener.capture.drops()
            if dropped != listener.drops:
                self._send(Message(Kind.DROPPED, interface=number, count=dropped - listener.drops).encode())
                listener.drops = dropped

    def _show(self, line: str) -> None:
        """Passes a line about a packet on, waiting if it must: whoever debugs wants them all, in order."""
        self._link.setblocking(True)
        self._link.send(Message(Kind.PACKET, text=line).encode())
        self._link.setblocking(False)

    def _tell(self, event: Event, interface: int) -> None:
        """Passes an event on. An opening waits when the keeper is slow; any other is let go and counted."""
        if isinstance(event, Opened):
            message = Message(
                Kind.OPENED,
                door=event.door,
                stage=event.stage,
                interface=interface,
                source=event.source,
                destination=event.destination,
            ).encode()
            if self._config.doors[event.door].one_time_file is not None:
                # Until the keeper has sent its next sequence such a door matches nothing.
                self._sequences[event.door] = ()
                self._matcher.set_sequence(event.door, ())
            if self._unsent or not self._send(message):
                if len(self._unsent) < MAX_UNSENT:
                    self._unsent[event.door, event.source] = message
                else:
                    self._lost += 1
            return
        kind = _KINDS[type(event)]
        if not self._send(Message(kind, door=event.door, stage=event.stage, source=event.source).encode()):
            self._lost += 1

    def _flush(self) -> None:
        for key, message in list(self._unsent.items()):
            if not self._send(message):
                return
            del self._unsent[key]
        held = self._strangers.take_held() + self._knockers.take_held() + self._lost
        if held:
            self._lost = 0 if self._send(Message(Kind.HELD_BACK, count=held).encode()) else held

    def _send(self, message: bytes) -> bool:
        try:
            self._link.send(message)
        except BlockingIOError:
            return False
        return True

    def _take_view(self) -> bool:
        """Reads a view and puts it into effect; False when the keeper is gone."""
        try:
            data = self._link.recv(MAX_MESSAGE)
        except ConnectionError:
            return False
        if not data:
            return False
        view = View.decode(data)
        self._addresses = {**self._addresses, **view.addresses}
        for door, steps in view.sequences.items():
            self._sequences[door] = steps
        self._choose_guards()
        for number, listener in enumerate(self._listeners):
            listener.local = self._addresses.get(self._interfaces[number], frozenset())
            self._attach(listener)
            self._tell_widened(number, listener)
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


@dataclass(slots=True)
class WorkerProcess:
    """A packet process as the keeper holds it: its pid and the keeper's end of the link."""

    pid: int
    link: socket.socket
    config: Config
    interfaces: Sequence[str]


def start_worker(
    config: Config,
    interfaces: Sequence[str],
    view: View,
    *,
    listening: frozenset[Step] = frozenset(),
    ipv6: bool = True,
    debug: bool = False,
    silent: bool = False,
) -> WorkerProcess:
    """Forks a packet process; its first message says whether it captures (READY) or why not (FAILED).

    ``listening`` are ports with a socket on this host, for the choice of guards; ``silent``: it
    holds no terminal.
    """
    ours, theirs = pair()

    def main() -> int:
        return Worker(config, interfaces, view, theirs, listening=listening, ipv6=ipv6, debug=debug).run()

    pid = fork_child(main, [theirs.fileno()], silent=silent)
    theirs.close()
    return WorkerProcess(pid, ours, config, interfaces)
