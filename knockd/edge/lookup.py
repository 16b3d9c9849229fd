"""Names of addresses for -l, asked for in short-lived processes so that nothing waits for DNS.

What comes back was chosen by whoever owns the address: nothing but a host name passes.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress

from knockd.engine.limits import TokenBucket

MAX_LOOKUPS = 8
"""Look-up processes at once, those that were ended but are not gone included."""

BURST, RATE = 20, 5.0
"""Look-ups that may begin at once, and a second; a flood of sources is logged without names."""

TIMEOUT = 3.0
"""Seconds after which an address is logged without its name."""

MAX_NAMES = 256
"""Names remembered."""

REMEMBER, REMEMBER_SILENCE = 600.0, 60.0
"""Seconds for which an answer holds, a name or none, and a look-up that nobody answered."""

_REAP_AGAIN = 0.05
"""Seconds until a process that was ended is looked after first; one stuck in the kernel ever later."""

_HOST_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
"""What may stand in the log; the name comes from whoever owns the address (RFC 1035, section 2.3.4)."""

Fork = Callable[[Callable[[], int], Iterable[int]], int]


class Names:
    """Asks for names; ``fork`` starts a child that runs a function and keeps some descriptors."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fork: Fork) -> None:
        self._loop = loop
        self._fork = fork
        self._known: dict[str, tuple[str, float]] = {}
        self._waiting: dict[str, list[Callable[[str], None]]] = {}
        self._ending: set[int] = set()
        self._room = TokenBucket(BURST, RATE)

    def known(self, address: str) -> str | None:
        """The name, empty when there is none, None when it is not known or no longer."""
        name, until = self._known.get(address, ("", 0.0))
        return name if self._loop.time() < until else None

    def full(self) -> bool:
        """Whether as many look-ups run, or have run of late, as may."""
        self._room.refill(self._loop.time())
        return len(self._waiting) + len(self._ending) >= MAX_LOOKUPS or self._room.tokens < 1

    def ask(self, address: str, answer: Callable[[str], None]) -> None:
        """Calls ``answer`` with the name (empty: none) as soon as it is known or TIMEOUT has passed."""
        if address in self._waiting:
            self._waiting[address].append(answer)
            return
        self._waiting[address] = [answer]
        self._room.take()
        try:
            reader, pid = self._start(address)
        except OSError:  # neither process nor descriptor to be had
            self._loop.call_soon(self._answer, address, "", REMEMBER_SILENCE)
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
        name, remember = "", REMEMBER_SILENCE
        if timer is not None:
            timer.cancel()
            said = os.read(reader, 256).decode("ascii", "replace")
            name = said if _HOST_NAME.fullmatch(said) else ""
            remember = REMEMBER
        os.close(reader)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self._ending.add(pid)
        self._reap(_REAP_AGAIN)
        self._answer(address, name, remember)

    def _reap(self, again: float) -> None:
        """Collects ended processes; one that the kernel holds (a dead file server) is not waited for."""
        self._ending -= {pid for pid in self._ending if os.waitpid(pid, os.WNOHANG)[0]}
        if self._ending:
            self._loop.call_later(again, self._reap, again * 2)

    def _answer(self, address: str, name: str, remember: float) -> None:
        self._known.pop(address, None)
        while len(self._known) >= MAX_NAMES:
            del self._known[next(iter(self._known))]
        self._known[address] = (name, self._loop.time() + remember)
        for answer in self._waiting.pop(address):
            answer(name)


def _resolve(address: str, writer: int) -> int:
    with suppress(OSError, UnicodeError):  # no name, or none that is one
        os.write(writer, socket.gethostbyaddr(address)[0].encode("utf-8", "replace")[:256])
    return 0
