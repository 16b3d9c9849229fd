"""The packet process: a loop over captures and link. It never runs a command or reads a file.

It is started with watches and changes only by the views that the keeper sends.
When the link closes it ends.

World: descriptors and the clock.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from knockd.knocks.batch import RECORD
from knockd.knocks.events import Opened, SignedPacket
from knockd.knocks.session import Frames, Origin, Session
from knockd.knocks.stamps import passed_over, stamp
from knockd.process.figures import MOST_UNDERWAY, Figure, Totals
from knockd.process.link import MAX_MESSAGE
from knockd.process.privileges import PrivilegeError
from knockd.process.verbs import Failed, MalformedError, Packet
from knockd.process.view import View
from knockd.worker.capture import CaptureError, NoPermissionError
from knockd.worker.captures import Captures, WatchedInterface
from knockd.worker.handover import Ends, Inheritance, send_handover
from knockd.worker.link import Outbox
from knockd.worker.lockdown import lock_down
from knockd.worker.packet_printer import PacketLine, packet_printer
from knockd.worker.setup import Setup

BATCH = 1_024
"""Frames read at once; between two batches the other interfaces and the keeper get their turn."""

DROPS_EVERY = 60.0
"""Seconds from a frame to a look at the kernel's drop counters; none while nothing arrives."""

SETTLED = 2.0
"""Seconds from a take-over until empty rings show that all from before has been read: twice the most Latency.

Only for so long are packets told apart by their stamps: a clock that is set back repeats those.
"""


class Worker:
    """Everything the packet process holds."""

    def __init__(
        self,
        setup: Setup,
        interfaces: Sequence[str],
        view: View,
        ends: Ends,
        loopbacks: Collection[str] = (),
    ) -> None:
        """``view`` is the first one, ``loopbacks`` those of ``interfaces`` that are no wire's end.

        With an ``ends.before`` it takes over from another packet process: until that has handed over, and
        the keeper has heard its last, it holds all frames.
        """
        self._setup = setup
        self._interfaces = interfaces
        self._inheritance = (
            None if ends.before is None else Inheritance(ends.before, interfaces, setup.max_attempts)
        )
        self._packet_line = packet_printer() if setup.debug else None
        self._ends = ends
        self._link = ends.link
        self._view = view  # what all so far have said
        self._session = Session(
            view.watches or (),
            max_attempts=setup.max_attempts,
            slack=setup.slack,
            ipv6=setup.ipv6,
            interfaces=len(interfaces),
        )
        if setup.signed:  # once it captures it imports nothing
            from knockd.process.signed_view import NONE_LIVE

            self._session.set_signed(view.signed or NONE_LIVE)
        self._captures = Captures(setup, loopbacks)
        self._outbox = Outbox(ends.link)
        self._next_drops: float | None = None
        self._figures_asked = False
        self._settled: float | None = None
        """When what the packet process before has judged can be forgotten."""

    def run(self) -> int:
        """Opens the captures, tells the keeper, and serves until the link closes. Returns the exit status."""
        try:
            self._open()
            self._serve()
        except (NoPermissionError, PrivilegeError) as error:
            return self._fail(os.EX_NOPERM, str(error))
        except CaptureError as error:
            return self._fail(os.EX_SOFTWARE, str(error))
        except ConnectionError:
            return os.EX_OK  # the keeper is gone
        except MalformedError as error:
            return self._fail(os.EX_SOFTWARE, f"hand-over: {error}")
        except Exception as error:
            self._fail(os.EX_SOFTWARE, f"{type(error).__name__}: {error}")
            raise
        return os.EX_OK

    def _open(self) -> None:
        """Opens the captures and gives up every right."""
        for lost in self._captures.open(self._interfaces, self._view):
            self._outbox.send_or_wait(lost)
        for figure in self._captures.figures(rings=True):
            self._outbox.try_send(figure)
        user, descriptors = self._setup.user, self._captures.by_descriptor
        links = [end.fileno() for end in self._ends if end is not None]
        kept = lock_down(user, links, tuple(descriptors), required=self._setup.user_required)
        # From here on it opens nothing, starts nothing and imports nothing.
        self._outbox.announce(kept)
        if self._inheritance is None:
            self._outbox.begin()

    def _fail(self, status: int, reason: str) -> int:
        self._outbox.send_or_wait(Failed(status, reason))
        return status

    def _serve(self) -> None:
        poll = select.poll()
        captures = self._captures.by_descriptor
        for descriptor in captures:
            poll.register(descriptor, select.POLLIN)
        link = self._link.fileno()
        if self._inheritance is not None:
            poll.register(self._inheritance.before, select.POLLIN)
        while True:
            poll.register(link, select.POLLIN | (select.POLLOUT if self._outbox.waiting else 0))
            ready = poll.poll(self._timeout())
            now = time.monotonic()
            self._session.refill_limits(now)
            drained = True
            for descriptor, what in ready:
                if descriptor in captures:
                    try:
                        drained &= self._read(captures[descriptor], now)
                    except CaptureError as error:  # its interface went down or away; the others go on
                        poll.unregister(descriptor)
                        self._outbox.send_or_wait(self._captures.close(descriptor, error))
                elif descriptor == link:
                    if what & (select.POLLIN | select.POLLHUP) and not self._take_view():
                        self._hand_over()
                        return
                elif self._inheritance is not None and not self._inheritance.receive():
                    poll.unregister(descriptor)
            if self._inheritance is not None:
                self._follow_inheritance(self._inheritance, poll)
                continue
            if self._settled is not None and drained and now >= self._settled:
                self._settled = None
                self._captures.forget_passed()
            for event in self._session.expire_attempts(now, drained=drained):
                self._outbox.send_event(event)
            if self._figures_asked:
                self._figures_asked = False
                for one in self._find_figures(now):
                    self._outbox.try_send(one)
            self._outbox.flush(self._session.take_held())
            if ready and self._next_drops is None:
                self._next_drops = now + DROPS_EVERY
            elif self._next_drops is not None and now >= self._next_drops:
                self._next_drops = None
                for figure in self._captures.drops():
                    self._outbox.try_send(figure)

    def _find_figures(self, now: float, most: int = MOST_UNDERWAY) -> Iterator[Figure]:
        """How things are, with up to ``most`` attempts."""
        yield from self._captures.counted()
        yield from self._session.find_attempts(now, most)
        tally = self._session.tally
        yield Totals(
            self._session.count_attempts(),
            tally.begun,
            tally.guarded,
            tally.spoiled,
            tally.expired,
            tally.ignored,
        )

    def _timeout(self) -> int | None:
        """Milliseconds until something has to be done without a packet; None: nothing."""
        times = [self._session.next_expiry(), self._next_drops, self._settled]
        if self._session.holds_back:
            times.append(time.monotonic() + 1.0)
        pending = min((at for at in times if at is not None), default=None)
        return None if pending is None else max(0, int((pending - time.monotonic()) * 1000) + 1)

    def _read(self, watched: WatchedInterface, now: float) -> bool:
        """Judges one batch; False when there may be more."""
        frames = Frames(*watched.capture.read(BATCH), watched.capture.linktype)
        if frames.records:
            watched.latest.append(frames.records)
        if self._inheritance is not None:
            self._inheritance.hold(watched, frames)
        else:
            self._judge(watched, frames, now)
        return len(frames.records) < BATCH * RECORD.size

    def _origin(self, watched: WatchedInterface) -> Origin:
        own = None if watched.loopback else self._view.own or frozenset()
        return Origin(watched.number, watched.local, own, watched.passed)

    def _judge(self, watched: WatchedInterface, frames: Frames, now: float) -> None:
        """Judges frames and sends what comes of them."""
        offset = time.monotonic() - time.time()
        show = None if self._packet_line is None else partial(self._show, self._packet_line, frames)
        for event, came in self._session.judge(frames, self._origin(watched), now, offset, show):
            if isinstance(event, Opened):
                self._outbox.send_opening(event, watched.number, came)
            elif isinstance(event, SignedPacket):
                self._outbox.send_signed(event, watched.number, came)
            else:
                self._outbox.send_event(event)

    # The hand-over.

    def _hand_over(self) -> None:
        """Judges what has come so far and leaves all attempts to the packet process that takes over.

        What comes later, or is still on its way to us, that one judges: it has captured for a while.
        """
        if self._inheritance is not None:
            return
        until = time.time() * 1_000_000
        # What came just before the other one captured still waits in our ring, for the block timer.
        select.poll().poll(self._setup.slack * 1_000)
        now = time.monotonic()
        for watched in self._captures.by_descriptor.values():
            with suppress(CaptureError):  # its interface went away: what was read is all there is
                while not self._read(watched, now) and stamp(watched.latest[-1], -1) < until:
                    pass
        for figure in self._captures.drops():
            self._outbox.send_or_wait(figure)
        for one in self._find_figures(now, most=0):  # the last ones
            self._outbox.send_or_wait(one)
        self._outbox.send_all(self._session.take_held())
        stamps = {one.capture.interface: one.stamps() for one in self._captures.by_descriptor.values()}
        send_handover(self._ends.after, stamps, self._session.export_attempts())
        # At its end a process closes what it opened last first, and each capture takes the kernel some 10 ms.
        for end in (self._ends.after, self._link):
            end.close()

    def _follow_inheritance(self, inheritance: Inheritance, poll: select.poll) -> None:
        """Begins as soon as all has been handed over; until then frames are held."""
        captures = self._captures.by_descriptor
        if not inheritance.ready:
            if inheritance.full:
                for descriptor in captures:
                    poll.modify(descriptor, 0)
            return
        self._inheritance = None
        for descriptor in captures:
            poll.modify(descriptor, select.POLLIN)
        now = time.monotonic()
        self._session.import_attempts(inheritance.attempts, now)
        self._outbox.begin()
        self._settled = now + SETTLED
        for watched in captures.values():
            watched.passed = passed_over(inheritance.stamps.get(watched.capture.interface, ()))
        for watched, frames in inheritance.held:
            self._session.pass_over(frames, self._origin(watched))
        for watched, frames in inheritance.held:
            self._judge(watched, frames, now)

    def _show(self, packet_line: PacketLine, frames: Frames, place: int, ignored: str) -> None:
        """Prints the packet at a place, and why it is not judged."""
        if not self._outbox.silent:
            seconds, _, offset, length = RECORD.unpack_from(frames.records, place * RECORD.size)
            line = packet_line(frames.linktype, frames.data[offset : offset + length], seconds)
            self._outbox.send_or_wait(Packet(f"{line} ({ignored})" if ignored else line))

    def _take_view(self) -> bool:
        """Reads a view and puts it into effect; False when the keeper is gone."""
        try:
            data = self._link.recv(MAX_MESSAGE)
        except ConnectionError:
            return False
        if not data:
            return False
        view = View.decode(data)
        self._outbox.queue_pong()
        if view.begin and self._inheritance is not None:
            self._inheritance.begun = True
            view = replace(view, begin=False)
        if view.figures:
            self._figures_asked = True
            view = replace(view, figures=False)
        if view == View():
            return True  # the keeper asks whether we are well
        self._view = self._view.followed_by(view)
        self._captures.set_filters(self._view)
        for figure in self._captures.figures():
            self._outbox.try_send(figure)
        # The filter is there before new ports are asked for.
        if view.signed is not None:
            self._session.set_signed(view.signed)
        if view.watches is not None:  # else attempts go on as they are
            self._session.set_watches(view.watches, time.monotonic())
        return True
