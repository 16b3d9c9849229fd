"""The hand-over between packet processes: what one leaves to the next, and what the next holds meanwhile.

World: the socket pair between two packet processes.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence

from knockd.knocks.events import Attempt
from knockd.knocks.memory import MAX_ATTEMPTS, most_exported
from knockd.knocks.session import Frames
from knockd.process.handover import MAX_HANDOVER, Stamps, decode_handover, encode_handover
from knockd.worker.captures import WatchedInterface
from knockd_conf.classes import NamedTuple

MAX_HELD = 8 << 20
"""Bytes of frames held at most; what comes after them waits in the rings."""


class Ends(NamedTuple):
    """The socket pairs of a packet process: to the keeper, from the process before it, to the one after it.

    ``before`` is None for a process that takes nothing over.
    """

    link: socket.socket
    before: socket.socket | None
    after: socket.socket


def send_handover(
    after: socket.socket, stamps: Mapping[str, Sequence[int]], attempts: Iterable[Attempt]
) -> None:
    """Leaves everything to the packet process that takes over; waits for it to read.

    Raises ConnectionError when there can be none.
    """
    room = select.poll()
    room.register(after, select.POLLOUT)
    for message in encode_handover(stamps, attempts):
        while True:
            try:
                after.send(message)
                break
            except BlockingIOError:
                room.poll()


class Inheritance:
    """What came from the packet process before this one, and the frames held until all has come.

    ``begun``: the keeper has heard the last of the one before. One that was taken over may send without end,
    so more attempts than a matcher holds are ignored, and stamps of interfaces that are not captured here.
    """

    def __init__(
        self, before: socket.socket, interfaces: Collection[str], max_attempts: int = MAX_ATTEMPTS
    ) -> None:
        self.before = before
        self._interfaces = interfaces
        self._most = most_exported(max_attempts)
        self.stamps: dict[str, Sequence[int]] = {}
        self.attempts: list[Attempt] = []
        self.held: list[tuple[WatchedInterface, Frames]] = []
        self.begun = self._whole = False
        self._size = 0

    def receive(self) -> bool:
        """Reads one message; returns False at the end. Raises MalformedError."""
        try:
            message = self.before.recv(MAX_HANDOVER + 1)
        except BlockingIOError:
            return True
        except ConnectionError:
            message = b""
        if not message:
            self._whole = True
            return False
        found = decode_handover(message)
        if not isinstance(found, Stamps):
            self.attempts += found[: self._most - len(self.attempts)]
        elif found.interface in self._interfaces:
            self.stamps[found.interface] = found.stamps
        return True

    def hold(self, watched: WatchedInterface, frames: Frames) -> None:
        """Holds a batch."""
        if frames.records:
            self.held.append((watched, frames))
            self._size += len(frames.data) + len(frames.records)

    @property
    def full(self) -> bool:
        """Whether no more is held."""
        return self._size >= MAX_HELD

    @property
    def ready(self) -> bool:
        """Whether the packet process may judge by itself from now on."""
        return self.begun and self._whole
