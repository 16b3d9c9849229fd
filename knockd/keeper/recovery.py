"""Start commands that outlived the knockd that ran them: their leases' time counts from their end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from knockd.edge import orphans

_POLL = 1.0
"""Seconds between two looks where the kernel has no pidfd (Linux 5.3) or it is forbidden."""


class Orphans:
    """Waits for the ends of processes that are not our children."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def wait(
        self, lease: str, pid: int, limit: float, *, ended: Callable[[], None], late: Callable[[], None]
    ) -> None:
        """Calls ``ended`` when the start command of ``lease`` has ended.

        After ``limit`` seconds (0: never) it is killed with its children, and ``late`` is called.
        """

        def kill() -> None:
            orphans.end(pid)
            late()

        timer = self._loop.call_later(limit, kill) if limit > 0 else None

        def over() -> None:
            if timer is not None:
                timer.cancel()
            ended()

        try:
            descriptor = orphans.watch(pid)
        except OSError:
            self._loop.call_later(_POLL, self._look, lease, over)
            return
        if descriptor is None:
            self._loop.call_soon(over)
            return
        self._loop.add_reader(descriptor, self._gone, descriptor, over)

    def _gone(self, descriptor: int, over: Callable[[], None]) -> None:
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        over()

    def _look(self, lease: str, over: Callable[[], None]) -> None:
        if orphans.find([lease]):
            self._loop.call_later(_POLL, self._look, lease, over)
        else:
            over()
