"""The two sides of a lab in one process: what one sends the other receives."""

from __future__ import annotations

import json
import socket
from typing import Any

from knockd.doctor.lab import Peer
from tests.support.lab import waiting

PATIENCE = 10.0 * waiting.PATIENCE


class LabEnds:
    """``peer`` is one side; a test is the other."""

    def __init__(self) -> None:
        self._there, here = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._there.settimeout(PATIENCE)
        self._here = here
        self.peer = Peer(here, PATIENCE)

    def say(self, **message: Any) -> None:
        """The test's side says something."""
        self._there.send(json.dumps(message).encode())

    def leave(self) -> None:
        """The test's side ends; what it has said stays to be read."""
        self._there.shutdown(socket.SHUT_WR)

    def heard(self) -> list[dict[str, Any]]:
        """What the other side has said so far."""
        said = []
        self._there.setblocking(False)
        try:
            while data := self._there.recv(65_536):
                said.append(json.loads(data))
        except BlockingIOError:
            pass
        self._there.settimeout(PATIENCE)
        return said

    def close(self) -> None:
        """Closes both sides."""
        self._there.close()
        self._here.close()
