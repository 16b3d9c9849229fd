"""A service manager as a daemon sees it: a socket that hears what sd_notify(3) says."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from tests.support.lab.hosts import Host
from tests.support.lab.waiting import WaitTimeout

Message = dict[str, str]


class Manager:
    """Listens at ``address``: a path, or the name of an abstract socket (with "@") of a host."""

    def __init__(self, host: Host, address: str) -> None:
        self.address = address
        self.heard: list[Message] = []
        self._socket = host.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.setblocking(False)

    def __enter__(self) -> Manager:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        if not self.address.startswith("@"):
            Path(self.address).unlink()

    def listen(self, seconds: float = 0.0) -> list[Message]:
        """What came since the last call, after waiting at most ``seconds`` for the first of it."""
        new: list[Message] = []
        while select.select([self._socket], [], [], 0 if new else seconds)[0]:
            lines = self._socket.recv(4_096).decode().splitlines()
            new.append({name: value for name, _, value in (line.partition("=") for line in lines)})
        self.heard += new
        return new

    def wait_for(self, wanted: Callable[[Message], bool] | str, timeout: float = 10.0) -> list[Message]:
        """Listen until a message comes that ``wanted`` accepts, or has that name; what came until then."""
        came: list[Message] = []
        deadline = time.monotonic() + timeout
        while not any(wanted in one if isinstance(wanted, str) else wanted(one) for one in came):
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitTimeout(f"no message within {timeout:g} s: {wanted}; messages: {self.heard}")
            came += self.listen(left)
        return came


def values(messages: Sequence[Message], name: str) -> list[str]:
    """What was said under a name, in order."""
    return [one[name] for one in messages if name in one]


def states(messages: Sequence[Message]) -> list[str]:
    """READY, RELOADING and STOPPING in the order they came."""
    return [name for one in messages for name in ("READY", "RELOADING", "STOPPING") if name in one]
