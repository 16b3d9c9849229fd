"""The service manager: what it asks of us in the environment, and how it is told, as in sd_notify(3)."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, MutableMapping
from typing import NamedTuple

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
"""What a service manager says to the process that it started, and to no other."""


class Manager(NamedTuple):
    """Who started us. ``pid`` is the process that it knows.

    ``address`` is where it listens (None: there is none that does), ``watchdog`` the seconds
    in which it wants a sign of life (None: it does not), ``problem`` what it said that cannot be.
    """

    pid: int
    address: str | None = None
    watchdog: float | None = None
    problem: str = ""


def take(environment: MutableMapping[str, str], pid: int) -> Manager:
    """Reads what the service manager says to process ``pid``, and takes it out of the environment.

    What we start inherits the environment, and no command may speak for us.
    """
    said = {name: environment.pop(name, "") for name in VARIABLES}
    address = said["NOTIFY_SOCKET"]
    if not address:
        return Manager(pid)
    watchdog, problem = None, ""
    if said["WATCHDOG_USEC"] and said["WATCHDOG_PID"] in {"", str(pid)}:
        text = said["WATCHDOG_USEC"]
        if text.isascii() and text.isdecimal() and 0 < int(text) < 2**64 - 1:
            watchdog = int(text) / 1e6
        else:
            problem = f"expected microseconds in WATCHDOG_USEC, got {text!r}"
    return Manager(pid, address, watchdog, problem)


def tell(address: str, fields: Mapping[str, object]) -> None:
    """Sends one datagram of ``NAME=value`` lines.

    Raises OSError, BlockingIOError when the service manager has not read the ones before.
    """
    if address[:1] not in {"/", "@"}:
        raise OSError(errno.EAFNOSUPPORT, f"{address!r} is not a path and not an abstract socket")
    # sd_notify(3): "@" stands for the null byte in front of an abstract name.
    where = f"\0{address[1:]}" if address.startswith("@") else address
    lines = [f"{name}={str(value).replace(chr(10), ' ')}" for name, value in fields.items()]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.setblocking(False)
        out.sendto("\n".join(lines).encode("utf-8", "replace"), where)
