"""Names of addresses for -l, looked up in short-lived processes so that the daemon never blocks on DNS.

The owner of an address chooses its name, so only the characters of host names pass.

World: names of hosts.
"""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

from knockd.process.fork import Fork, collect_child, kill_child
from knockd.process.loop import Loop, Timer
from knockd.token_bucket import TokenBucket

MAX_LOOKUPS = 8
"""Look-up processes at once, with those that were killed and have not ended yet."""

BURST, RATE = 20, 5.0
"""Look-ups that may begin at once, and a second. Further addresses are logged without names."""

TIMEOUT = 3.0
"""Seconds after which an address is logged without its name."""

LIFETIME = 5
"""Whole seconds after which a look-up process ends by itself: it may be one that we may not kill."""

MAX_NAMES = 256
"""Names remembered."""

REMEMBER, REMEMBER_SILENCE = 600.0, 60.0
"""Seconds for which an answer holds (a name or that there is none), and a look-up without an answer."""

_REAP_AGAIN = 0.05
"""Seconds until a killed process is waited for again; each further time after twice as long."""

_HOST_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
"""A name that may stand in the log, at most as long as RFC 1035, section 2.3.4, allows."""


class Names:
    """Looks names up and remembers them; ``fork`` starts a child that runs a function."""

    def __init__(self, loop: Loop, fork: Fork) -> None:
        self._loop = loop
        self._fork = fork
        self._known: dict[str, tuple[str, float]] = {}
        self._waiting: dict[str, list[Callable[[str], None]]] = {}
        self._killed: set[int] = set()
        self._budget = TokenBucket(BURST, RATE)

    def known_name(self, address: str) -> str | None:
        """The name, empty when there is none; None when it is not known, or not any more."""
        name, until = self._known.get(address, ("", 0.0))
        return name if self._loop.time() < until else None

    def is_full(self) -> bool:
        """Whether no look-up may begin now: too many run, or too many began lately."""
        self._budget.refill(self._loop.time())
        return len(self._waiting) + len(self._killed) >= MAX_LOOKUPS or self._budget.tokens < 1

    def look_up(self, address: str, answer: Callable[[str], None]) -> None:
        """Looks a name up; calls ``answer`` with it (empty: none) when it is known or TIMEOUT has passed."""
        if address in self._waiting:
            self._waiting[address].append(answer)
            return
        self._waiting[address] = [answer]
        self._budget.take()
        try:
            reader, pid = self._start(address)
        except OSError:  # no process or descriptor is left
            self._loop.call_soon(self._answer, address, "", REMEMBER_SILENCE)
            return
        timer = self._loop.call_later(TIMEOUT, self._finish, address, reader, pid)
        with suppress(OSError):  # the kernel watches no more descriptors: there is no name in time
            self._loop.add_reader(reader, self._finish, address, reader, pid, timer)

    def _start(self, address: str) -> tuple[int, int]:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            return reader, self._fork(lambda: _resolve(address, writer), [writer])
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)

    def _finish(self, address: str, reader: int, pid: int, timer: Timer | None = None) -> None:
        self._loop.remove_reader(reader)
        name, remember = "", REMEMBER_SILENCE
        if timer is not None:
            timer.cancel()
            answer = os.read(reader, 256).decode("ascii", "replace")
            name = answer if _HOST_NAME.fullmatch(answer) else ""
            remember = REMEMBER
        os.close(reader)
        kill_child(pid)
        self._killed.add(pid)
        self._reap(_REAP_AGAIN)
        self._answer(address, name, remember)

    def _reap(self, again: float) -> None:
        """Reaps killed processes, without blocking on one that the kernel holds (a dead file server)."""
        self._killed -= {pid for pid in self._killed if collect_child(pid)}
        if self._killed:
            self._loop.call_later(again, self._reap, again * 2)

    def _answer(self, address: str, name: str, remember: float) -> None:
        self._known.pop(address, None)
        while len(self._known) >= MAX_NAMES:
            del self._known[next(iter(self._known))]
        self._known[address] = (name, self._loop.time() + remember)
        for answer in self._waiting.pop(address):
            answer(name)


def _resolve(address: str, writer: int) -> int:
    signal.alarm(LIFETIME)
    with suppress(OSError, UnicodeError):  # no name, or one that is no host name
        os.write(writer, socket.gethostbyaddr(address)[0].encode("utf-8", "replace")[:256])
    return 0
