"""A control server on a loop whose time stands still, and clients of it that a test speaks for."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

from knockd.control.call import Call, Caller, Method
from knockd.control.server import Server
from tests.support.doubles.manual_loop import ManualLoop

SOON = 0.05
"""Timers of at most so many seconds run when all that is under way is to come to rest."""


class Client:
    """A client, as the test holds it."""

    def __init__(self, address: str | bytes) -> None:
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.end.connect(address)
        self.end.setblocking(False)

    def send(self, data: bytes) -> None:
        """Sends bytes."""
        self.end.sendall(data)

    def ask(self, method: str, **more: Any) -> None:
        """Calls a method of our interface."""
        self.send(json.dumps({"method": f"org.knockd.Control.{method}", **more}).encode() + b"\0")

    def receive(self) -> list[Any]:
        """The answers that have come; the last one is None when the connection is closed."""
        data = b""
        found: list[Any] = []
        while True:
            try:
                part = self.end.recv(1 << 20)
            except BlockingIOError:
                return [json.loads(one) for one in data.split(b"\0") if one]
            except ConnectionError:
                part = b""
            if not part:
                found = [json.loads(one) for one in data.split(b"\0") if one]
                return [*found, None]
            data += part


class ServedClients:
    """The server, its loop, and who was refused what."""

    def __init__(self, methods: Mapping[str, Method] | None = None) -> None:
        self.manual = ManualLoop()
        self.refused: list[str] = []
        self.calls: list[Call] = []
        self.looks = self.changes = True
        """Whether clients may look, and change something."""
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind("")
        self.listener.listen(64)
        self.listener.setblocking(False)
        self.clients: list[Client] = []
        self.server = Server(
            self.manual.loop,
            {"Status": self.calls.append} if methods is None else methods,
            may_look=lambda _: self.looks,
            may_change=lambda _: self.changes,
            refused=self._refuse,
        )
        self.server.listen(self.listener)

    def connect(self) -> Client:
        """Another client."""
        self.clients.append(Client(self.listener.getsockname()))
        self.settle()
        return self.clients[-1]

    def settle(self) -> None:
        """Lets happen what happens at once."""
        for _ in range(400):
            self.manual.deliver()
            self.manual.turn()
            for timer in [one for one in self.manual.timers if not one.cancelled and one.seconds <= SOON]:
                timer.cancel()
                timer.callback()

    def wait(self, seconds: float) -> None:
        """Lets the timers of so many seconds run."""
        for timer in [one for one in self.manual.timers if not one.cancelled and one.seconds == seconds]:
            timer.cancel()
            timer.callback()
        self.settle()

    def close(self) -> None:
        """Closes everything."""
        self.server.stop()
        self.listener.close()
        for client in self.clients:
            client.end.close()

    def _refuse(self, _: Caller, reason: str) -> None:
        self.refused.append(reason)
