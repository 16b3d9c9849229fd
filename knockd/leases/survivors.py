"""Survivors: commands of a knockd that was killed, found by a word in their environment, and waited for.

World: processes of an earlier run.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection
from contextlib import suppress

from knockd.leases.values import Verb
from knockd.process.loop import Loop

LEASE = "KNOCKD_LEASE"
"""Name of the environment variable of a lease's commands; it holds what ``mark`` returns."""

_VERBS: tuple[Verb, ...] = ("start", "stop")

_POLL = 1.0
"""Seconds between two looks where the kernel has no pidfd (Linux 5.3) or it is forbidden."""


def mark(lease: str, verb: Verb) -> str:
    """What distinguishes the start or stop command of a lease from other commands."""
    return f"{lease} {verb}"


class Survivors:
    """Processes that are not our children."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def find(self, ids: Collection[str]) -> dict[str, tuple[int, Verb]]:
        """The processes that run commands of these leases: lease id to pid and ``start`` or ``stop``.

        Only leaders of a session count: a command is started as one, what it leaves in the background is
        not. A daemon makes itself one, later: the lowest pid counts, and a stop before a start command.
        """
        wanted = {f"{LEASE}={mark(one, verb)}".encode(): (one, verb) for one in ids for verb in _VERBS}
        found: dict[str, tuple[int, Verb]] = {}
        if not wanted:
            return found
        try:
            names = os.listdir("/proc")
        except OSError:
            return found  # without /proc nothing can be found; provisional deadlines hold
        for name in sorted(filter(str.isdecimal, names), key=int):
            with suppress(OSError):  # it has ended, or is not ours to look at
                with open(f"/proc/{name}/environ", "rb") as file:
                    words = file.read().split(b"\0")
                for word in words:
                    if word in wanted and os.getsid(int(name)) == int(name):
                        lease, verb = wanted[word]
                        if lease not in found or (verb, found[lease][1]) == ("stop", "start"):
                            found[lease] = int(name), verb
        return found

    def wait_for(self, lease: str, pid: int, ended: Callable[[], None]) -> None:
        """Calls ``ended`` in a later turn of the loop, when the lease's command with this pid has ended."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._loop.call_soon(ended)
        except OSError:
            self._loop.call_later(_POLL, self._look, lease, pid, ended)
        else:
            self._loop.add_reader(descriptor, self._gone, descriptor, ended)

    def kill(self, pid: int) -> None:
        """Kills a command with its children; it leads a group of its own."""
        with suppress(ProcessLookupError, PermissionError):  # it may be another user's, and we lack CAP_KILL
            os.killpg(pid, signal.SIGKILL)

    def _gone(self, descriptor: int, ended: Callable[[], None]) -> None:
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        ended()

    def _look(self, lease: str, pid: int, ended: Callable[[], None]) -> None:
        if self.find([lease]).get(lease, (0, ""))[0] == pid:
            self._loop.call_later(_POLL, self._look, lease, pid, ended)
        else:
            ended()
