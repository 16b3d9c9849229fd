"""Names of addresses for -l, asked for in short-lived processes so that nothing waits for DNS."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress

MAX_LOOKUPS = 8
"""Look-ups under way at once."""

TIMEOUT = 3.0
"""Seconds after which an address is logged without its name."""

MAX_NAMES = 256
"""Names remembered."""

_HOST_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
"""What may stand in the log; the name comes from whoever owns the address (RFC 1035, section 2.3.4)."""

Fork = Callable[[Callable[[], int], Iterable[int]], int]


class Names:
    """Asks for names; ``fork`` starts a child that runs a function and keeps some descriptors."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fork: Fork) -> None:
        self._loop = loop
        self._fork = fork
        self._known: dict[str, str] = {}
        self._waiting: dict[str, list[Callable[[str], None]]] = {}

    def known(self, address: str) -> str | None:
        """The name, empty when there is none, None when it is not known yet."""
        return self._known.get(address)

    def full(self) -> bool:
        """Whether as many look-ups run as may."""
        return len(self._waiting) >= MAX_LOOKUPS

    def ask(self, address: str, answer: Callable[[str], None]) -> None:
        """Calls ``answer`` with the name (empty: none) as soon as it is known or TIMEOUT has passed."""
        if address in self._waiting:
            self._waiting[address].append(answer)
            return
        self._waiting[address] = [answer]
        try:
            reader, pid = self._start(address)
        except OSError:  # neither process nor descriptor to be had
            self._loop.call_soon(self._answer, address, "")
            return
        timer = self._loop.call_later(TIMEOUT, self._ended, address, reader, pid)
        self._loop.add_reader(reader, self._ended, address, reader, pid, timer)

    def _start(self, address: str) -> tuple[int, int]:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            return reader, self._fork(lambda: _resolve(address, writer), [writer])
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)

    def _ended(self, address: str, reader: int, pid: int, timer: asyncio.TimerHandle | None = None) -> None:
        self._loop.remove_reader(reader)
        name = ""
        if timer is not None:
            timer.cancel()
            name = os.read(reader, 256).decode("ascii", "replace")
        os.close(reader)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self._answer(address, name)

    def _answer(self, address: str, name: str) -> None:
        while len(self._known) >= MAX_NAMES:
            del self._known[next(iter(self._known))]
        self._known[address] = name
        for answer in self._waiting.pop(address):
            answer(name)


def _resolve(address: str, writer: int) -> int:
    try:
        name = socket.gethostbyaddr(address)[0]
    except OSError:
        name = ""
    if _HOST_NAME.fullmatch(name):
        os.write(writer, name.encode())
    return 0
