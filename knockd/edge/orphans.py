"""Commands of a knockd that was killed: found by a word in their environment, and waited for."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from contextlib import suppress

from knockd.engine.lease import Verb

LEASE = "KNOCKD_LEASE"
"""Name of the environment variable of a lease's commands; it holds what ``mark`` says."""

_VERBS: tuple[Verb, ...] = ("start", "stop")


def mark(lease: str, verb: str) -> str:
    """What tells a start or stop command of a lease from others."""
    return f"{lease} {verb}"


def find(ids: Collection[str]) -> dict[str, tuple[int, Verb]]:
    """The processes that run commands of these leases: lease id to pid and ``start`` or ``stop``.

    Only leaders of a session count: a command is started as one, what it leaves in the background is not it.
    A daemon makes itself one, later: the lowest pid counts, and a stop command before a start command.
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


def watch(pid: int) -> int | None:
    """A descriptor that is readable when the process has ended; None: it has. Raises OSError."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def end(pid: int) -> None:
    """Kills a command with its children; it leads a group of its own."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
