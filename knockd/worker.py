"""The packet process: capture, decode, matcher, link. It never runs a command or reads a file.

It is started with everything it needs and changes only by the views the keeper sends.
When the link closes it ends.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from knockd.edge.capture import Capture, CaptureError, NoPermissionError, NoSuchInterfaceError
from knockd.edge.children import fork_child
from knockd.edge.debug import packet_printer
from knockd.edge.link import MAX_MESSAGE, Kind, Message, View, pair
from knockd.engine.decode import Decoder, decoder_for
from knockd.engine.events import Event, Expired, Opened, Spoiled, Stage
from knockd.engine.limits import TokenBucket
from knockd.engine.matcher import Matcher
from knockd.engine.prefilter import prefilter
from knockd_conf.model import Config, Step

BATCH = 1_024
"""Frames read at once; between two batches the other interfaces and the keeper get their turn."""

MAX_UNSENT = 4_096
"""Openings kept while the keeper does not read; more are counted as held back."""

DROPS_EVERY = 60.0
"""Seconds between two looks at the kernel's drop counters, while frames arrive."""

EX_UNAVAILABLE, EX_SOFTWARE, EX_NOPERM = 69, 70, 77
_RECORD = struct.Struct("=IIII")
_KINDS = {Stage: Kind.STAGE, Spoiled: Kind.SPOILED, Expired: Kind.EXPIRED}


@dataclass(slots=True)
class _Listener:
    """One capture with what reads its frames."""

    capture: Capture
    decoder: Decoder
    local: frozenset[bytes]
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
        latency = config.options.latency
        self._matcher = Matcher(
            config.doors,
            max_attempts=config.options.max_attempts,
            slack=2 * latency / 1000,  # a packet may wait one timer period in the ring, and the next one none
            strangers=self._strangers,
            knockers=self._knockers,
        )
        self._sequences: list[tuple[Step, ...]] = [door.steps for door in config.doors]
        self._addresses: Mapping[str, frozenset[bytes]] = view.addresses
        self._take_sequences(view)
        self._listeners: list[_Listener] = []
        self._unsent: dict[tuple[int, bytes], bytes] = {}
        self._lost = 0
        self._next_drops = 0.0

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
        widened = {}
        for name in self._interfaces:
            capture = Capture(name, latency=self._config.options.latency)
            decoder = decoder_for(capture.linktype)
            if decoder is None:
                raise CaptureError(f"{name}: link type {capture.linktype} is none that knockd can read")
            listener = _Listener(capture, decoder, self._addresses.get(name, frozenset()))
            self._listeners.append(listener)
            widened[name] = self._attach(listener)
        self._link.send(Message(Kind.READY, text=json.dumps({"widened": widened})).encode())

    def _attach(self, listener: _Listener) -> float:
        """Gives the kernel the filter of what we want now; returns the share of ports it is too wide."""
        capture = listener.capture
        made = prefilter(
            self._config.doors, self._sequences, listener.local, capture.linktype, ipv6=self._ipv6
        )
        capture.attach(made.fitted.program.pack(), made.text)
        return made.fitted.widened

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
            for descriptor, what in ready:
                if descriptor != link:
                    self._read(*listeners[descriptor], now)
                elif what & (select.POLLIN | select.POLLHUP) and not self._take_view():
                    return
            for event in self._matcher.expire(now):
                self._tell(event, 0)
            self._flush()

    def _timeout(self) -> int | None:
        """Milliseconds until something has to be done without a packet; None: nothing."""
        pending = self._matcher.next_expiry()
        if self._strangers.holds_back or self._knockers.holds_back:
            soon = time.monotonic() + 1.0
            pending = soon if pending is None else min(pending, soon)
        return None if pending is None else max(0, int((pending - time.monotonic()) * 1000) + 1)

    def _read(self, number: int, listener: _Listener, now: float) -> None:
        data, records = listener.capture.read(BATCH)
        decoder, feed, local = listener.decoder, self._matcher.feed, listener.local
        for seconds, _, offset, length in _RECORD.iter_unpack(records):
            packet = decoder(data, offset, offset + length)
            if packet is None or (not self._ipv6 and len(packet.source) == 16):
                continue
            if self._packet_line is not None:
                self._show(
                    self._packet_line(listener.capture.linktype, data[offset : offset + length], seconds)
                )
            for event in feed(packet, local, now):
                self._tell(event, number)
        if now >= self._next_drops:
            self._next_drops = now + DROPS_EVERY
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
                self._set_sequence(event.door, ())
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
        before = list(self._sequences)
        self._addresses = {**self._addresses, **view.addresses}
        live = dict(enumerate(before)) | dict(view.sequences)
        self._sequences = [live[door] for door in range(len(before))]
        for name, listener in zip(self._interfaces, self._listeners, strict=True):
            listener.local = self._addresses.get(name, frozenset())
            self._attach(listener)
        # The filter is there before the matcher asks for the new ports.
        for door, steps in view.sequences.items():
            self._matcher.set_sequence(door, steps)
        return True

    def _take_sequences(self, view: View) -> None:
        for door, steps in view.sequences.items():
            self._set_sequence(door, steps)

    def _set_sequence(self, door: int, steps: tuple[Step, ...]) -> None:
        self._sequences[door] = steps
        self._matcher.set_sequence(door, steps)


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
    ipv6: bool = True,
    debug: bool = False,
    silent: bool = False,
) -> WorkerProcess:
    """Forks a packet process; its first message says whether it captures (READY) or why not (FAILED).

    ``silent``: it holds no terminal.
    """
    ours, theirs = pair()

    def main() -> int:
        return Worker(config, interfaces, view, theirs, ipv6=ipv6, debug=debug).run()

    pid = fork_child(main, [theirs.fileno()], silent=silent)
    theirs.close()
    return WorkerProcess(pid, ours, config, interfaces)
