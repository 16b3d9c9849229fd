"""The service manager: what it says in the environment, and messages to it, as in sd_notify(3).

World: the service manager's socket.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, MutableMapping

from knockd_conf.classes import NamedTuple

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
"""Environment variables for the process that a service manager started, and for no other."""


class Manager(NamedTuple):
    """Who started us. ``pid`` is the process that it knows.

    ``address`` is its socket (None: there is no service manager), ``watchdog`` the seconds in which
    it wants a sign of life (None: it wants none), ``problem`` why it got no watchdog that it asked for.
    ``waits``: it is certain that it started this very process, and waits for its messages.
    """

    pid: int
    address: str | None = None
    watchdog: float | None = None
    problem: str = ""
    waits: bool = False


def take_manager(environment: MutableMapping[str, str], pid: int) -> Manager:
    """Returns what the service manager says to process ``pid`` and removes it from ``environment``.

    Commands inherit the environment, and none may speak for the daemon.
    """
    said = {name: environment.pop(name, "") for name in VARIABLES}
    address = said["NOTIFY_SOCKET"]
    if not address:
        return Manager(pid)
    # systemd.exec(5). A process that only inherited the socket, in a container say, has not its number there.
    waits = str(pid) in {environment.get("SYSTEMD_EXEC_PID"), said["WATCHDOG_PID"]}
    watchdog, problem = None, ""
    if said["WATCHDOG_USEC"] and said["WATCHDOG_PID"] in {"", str(pid)}:
        text = said["WATCHDOG_USEC"]
        if text.isascii() and text.isdecimal() and 0 < int(text) < 2**64 - 1:
            watchdog = int(text) / 1e6
        else:
            problem = f"expected microseconds in WATCHDOG_USEC, got {text!r}"
    return Manager(pid, address, watchdog, problem, waits)


def send_fields(address: str, fields: Mapping[str, object]) -> None:
    """Sends one datagram of ``NAME=value`` lines to the service manager.

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
