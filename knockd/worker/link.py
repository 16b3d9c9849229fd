"""The packet process's end of the link, for a keeper that may be slow to read.

Openings are queued, one a sequence and source, and doors are served in turn; so are signed packets, and keys.
Any other event that finds no room is dropped, and counted with the lines that were held back. Before
``begin`` nothing is sent but READY and failures: another packet process still counts, and reports all that it
sees.

World: the link.
"""

from __future__ import annotations

import select
import socket

from knockd.knocks.events import Discarded, Event, Opened, SignedPacket
from knockd.knocks.fair_queue import FairQueue
from knockd.process.verbs import HeldBack, Message, Opening, Pong, Ready, Signed, encode

MAX_UNSENT = 4_096
"""Openings queued while the keeper does not read; more are counted as held back."""

MAX_UNSENT_SIGNED = 256
"""Signed packets queued likewise. With those that the link holds they are fewer than what the keeper bears at
once (``WorkerRecord.lines``)."""


class Outbox:
    """The sending side of the link. Everything raises ConnectionError when the keeper is gone."""

    def __init__(self, link: socket.socket) -> None:
        self.silent = True
        self._early: list[Message] = []
        self._link = link
        self._room = select.poll()
        self._room.register(link, select.POLLOUT)
        self._unsent = FairQueue(MAX_UNSENT)
        self._unsent_signed = FairQueue(MAX_UNSENT_SIGNED)
        self._held_back = 0
        self._pongs = 0

    @property
    def waiting(self) -> bool:
        """Whether openings, signed packets, PONGs or the count of lines held back wait for room."""
        unsent = len(self._unsent) or len(self._unsent_signed)
        return not self.silent and bool(unsent or self._pongs or self._held_back)

    def announce(self, kept: str) -> None:
        """Sends READY with the rights that could not be given up."""
        self.send_or_wait(Ready(kept))

    def begin(self) -> None:
        """Sends the figures of the start; from now on everything is sent."""
        self.silent = False
        for message in self._early:
            self.try_send(message)
        self._early.clear()

    def send_opening(self, event: Opened, interface: int, stamp: int) -> None:
        """Sends an opening now or as soon as there is room; ``stamp`` is its packet's."""
        message = Opening(
            event.door, event.source, event.destination, event.stage, interface, stamp, event.serial
        )
        if not self.silent and not len(self._unsent) and self.try_send(message):
            return
        # Each sequence by itself: the keeper notes all that have been used.
        knocker = event.source + event.serial.to_bytes(8, "big")
        if not self._unsent.put(event.door, knocker, encode(message)):
            self._held_back += 1

    def send_signed(self, event: SignedPacket, interface: int, stamp: int) -> None:
        """Sends a signed packet now or as soon as there is room; ``stamp`` is its own."""
        message = Signed(event.source, event.destination, interface, stamp, event.port, event.packet)
        if not self.silent and not len(self._unsent_signed) and self.try_send(message):
            return
        if not self._unsent_signed.put(event.key, event.packet, encode(message)):
            self._held_back += 1

    def send_event(self, event: Event | Discarded) -> None:
        """Sends any other event if there is room."""
        if not self.silent and not isinstance(event, Opened) and not self.try_send(event):
            self._held_back += 1

    def queue_pong(self) -> None:
        """Queues a PONG."""
        self._pongs += 1

    def flush(self, held_back: int) -> None:
        """Sends what is queued, then the count of lines held back (``held_back``: since the last call)."""
        if self.silent:
            return
        self._held_back += held_back
        while self._pongs:
            if not self.try_send(Pong()):
                return
            self._pongs -= 1
        for queue in (self._unsent_signed, self._unsent):  # the former are few
            while (message := queue.next_message()) is not None:
                if not self._put(message):
                    return
                queue.remove_sent()
        if self._held_back and self.try_send(HeldBack(self._held_back)):
            self._held_back = 0

    def send_all(self, held_back: int) -> None:
        """Sends what is queued and waits for room as often as it must."""
        self.flush(held_back)
        while self.waiting:
            self._room.poll()
            self.flush(0)

    def try_send(self, message: Message) -> bool:
        """Sends a message; returns False when there is no room. Before ``begin`` it is kept until then."""
        if self.silent:
            self._early.append(message)
            return True
        return self._put(encode(message))

    def send_or_wait(self, message: Message) -> None:
        """Sends a message and waits for room if it must."""
        data = encode(message)
        while not self._put(data):
            self._room.poll()

    def _put(self, message: bytes) -> bool:
        try:
            self._link.send(message)
        except BlockingIOError:
            return False
        return True
