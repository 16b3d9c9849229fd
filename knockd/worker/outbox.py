"""What the packet process says, on its way to a keeper that may be slow.

Openings wait, one a door and source, and doors take turns; every other event is let go and
counted, as lines that were held back are. Before ``begin`` nothing is said: another packet process
still counts, and tells all that it sees.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Mapping

from knockd.edge.link import Kind, Message
from knockd.engine.events import Event, Expired, Guarded, Opened, Spoiled, Stage
from knockd.engine.turns import Turns

MAX_UNSENT = 4_096
"""Openings kept while the keeper does not read; more are counted as held back."""

_KINDS: Mapping[type[Event], Kind] = {
    Stage: Kind.STAGE,
    Spoiled: Kind.SPOILED,
    Expired: Kind.EXPIRED,
    Guarded: Kind.GUARDED,
}


class Outbox:
    """The sending side of the link. Everything raises ConnectionError when the keeper is gone."""

    def __init__(self, link: socket.socket) -> None:
        self.silent = True
        self._early: list[Message] = []
        self._link = link
        self._room = select.poll()
        self._room.register(link, select.POLLOUT)
        self._unsent = Turns(MAX_UNSENT)
        self._lost = 0
        self._answers = 0

    @property
    def waiting(self) -> bool:
        """Whether openings or answers wait for room on the link."""
        return not self.silent and bool(len(self._unsent) or self._answers)

    def begin(self, kept: str) -> None:
        """Says that we capture, and what we could not give up; from now on all is said."""
        self.silent = False
        self.insist(Message(Kind.READY, text=kept))
        for message in self._early:
            self.send(message)
        self._early.clear()

    def opened(self, event: Opened, interface: int, stamp: int) -> None:
        """Passes an opening on, now or as soon as the keeper reads; ``stamp`` is its packet's."""
        message = Message(
            Kind.OPENED,
            door=event.door,
            stage=event.stage,
            interface=interface,
            count=stamp,
            source=event.source,
            destination=event.destination,
        )
        if not self.silent and not len(self._unsent) and self.send(message):
            return
        if not self._unsent.put(event.door, event.source, message.encode()):
            self._lost += 1

    def tell(self, event: Event) -> None:
        """Passes any other event on, if there is room."""
        if self.silent:
            return
        kind = _KINDS[type(event)]
        if not self.send(Message(kind, door=event.door, stage=event.stage, source=event.source)):
            self._lost += 1

    def answer(self) -> None:
        """Tells that a view is in effect, as soon as there is room."""
        self._answers += 1

    def flush(self, held: int) -> None:
        """Sends what waits, and how many lines were held back (``held`` more since the last time)."""
        if self.silent:
            return
        self._lost += held
        while self._answers:
            if not self.send(Message(Kind.PONG)):
                return
            self._answers -= 1
        while (message := self._unsent.next()) is not None:
            if not self._put(message):
                return
            self._unsent.sent()
        if self._lost and self.send(Message(Kind.HELD_BACK, count=self._lost)):
            self._lost = 0

    def send(self, message: Message) -> bool:
        """Sends a message if there is room; a figure that is known before we begin is sent then."""
        if self.silent:
            self._early.append(message)
            return True
        return self._put(message.encode())

    def insist(self, message: Message) -> None:
        """Sends a message and waits for room if it must."""
        data = message.encode()
        while not self._put(data):
            self._room.poll()

    def _put(self, message: bytes) -> bool:
        try:
            self._link.send(message)
        except BlockingIOError:
            return False
        return True
