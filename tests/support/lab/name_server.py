"""A name server with one answer for everything, on a lab host."""

from __future__ import annotations

import select
import socket
import struct
import threading
from types import TracebackType

from tests.support.lab.hosts import Host

_HEAD = struct.Struct(">6H")
_PTR, _IN, _ANSWER = 12, 1, 0x8580
"""A pointer, the Internet, an authoritative answer without error (RFC 1035, section 4.1)."""


class NameServer:
    """Heartbeat each question at ``address`` port 53 with a name of these labels; None: never answers.

    ``asked`` counts the questions.
    """

    def __init__(self, host: Host, address: str, labels: tuple[bytes, ...] | None) -> None:
        self.asked = 0
        self._labels = labels
        self._socket = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._wake, self._stop = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="name-server")

    def __enter__(self) -> NameServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.close()
        self._thread.join()
        self._wake.close()
        self._socket.close()

    def _serve(self) -> None:
        while self._wake not in select.select([self._socket, self._wake], [], [])[0]:
            question, who = self._socket.recvfrom(1024)
            self.asked += 1
            if self._labels is not None:
                self._socket.sendto(answer(question, self._labels), who)


def answer(question: bytes, labels: tuple[bytes, ...]) -> bytes:
    """The answer to a question: one PTR record, its name made of raw labels of at most 63 bytes."""
    number = _HEAD.unpack_from(question)[0]
    asked = question[_HEAD.size : question.index(b"\0", _HEAD.size) + 5]
    name = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    record = struct.pack(">HHHIH", 0xC000 | _HEAD.size, _PTR, _IN, 60, len(name)) + name
    return _HEAD.pack(number, _ANSWER, 1, 1, 0, 0) + asked + record
