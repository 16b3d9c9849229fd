"""Knocks without pause, each of a source of its own: which of them opened, found by their times."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType

from tests.support.daemons.doors import SERVER
from tests.support.lab.hosts import Host
from tests.support.samples.frames import ethernet, packet

PAUSE = 0.004
"""Seconds between two knocks."""


@dataclass(frozen=True)
class Sent:
    """A knock: its source, and when its first packet was about to be sent and its last one had been."""

    source: str
    begun: float
    ended: float


class Fire:
    """Knocks as long as the context lasts; ``sent`` holds every knock."""

    def __init__(self, server: Host, client: Host, steps: Sequence[int], *, pause: float = PAUSE) -> None:
        self._macs = server.mac("eth0"), client.mac("eth0")
        self._steps = steps
        self._pause = pause
        self._socket = client.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._knock, name="fire")
        self.sent: list[Sent] = []

    def __enter__(self) -> Fire:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _knock(self) -> None:
        while not self._over.wait(self._pause):
            source = str(ip_address("198.18.0.1") + len(self.sent))
            frames = [ethernet(*self._macs, packet(source, SERVER[4], step)) for step in self._steps]
            begun = time.time()
            for frame in frames:
                self._socket.sendto(frame, ("eth0", 0))
            self.sent.append(Sent(source, begun, time.time()))
