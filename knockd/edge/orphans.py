"""Start commands of a knockd that was killed: found by a word in their environment, and waited for."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from contextlib import suppress

LEASE = "KNOCKD_LEASE"
"""Name of the environment variable that holds a lease's id."""


def find(ids: Collection[str]) -> dict[str, int]:
    """The processes that run the start commands of these leases: lease id to pid.

    Only leaders of a session count: a command is started as one, what it leaves in the background is not it.
    """
    wanted = {f"{LEASE}={one}".encode(): one for one in ids}
    found: dict[str, int] = {}
    if not wanted:
        return found
    try:
        names = os.listdir("/proc")
    except OSError:
        return found  # without /proc nothing can be found; provisional deadlines hold
    for name in filter(str.isdecimal, names):
        with suppress(OSError):  # it has ended, or is not ours to look at
            with open(f"/proc/{name}/environ", "rb") as file:
                words = file.read().split(b"\0")
            for word in words:
                if word in wanted and os.getsid(int(name)) == int(name):
                    found[wanted[word]] = int(name)
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
