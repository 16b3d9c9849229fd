"""The ports at which SSH servers of this network namespace listen.

World: /proc and sshd.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress

from knockd.net.programs import Patience, UnreadableError, find_program, run_program

SERVERS = frozenset({"sshd", "dropbear"})
"""Names of SSH servers, as /proc/PID/comm has them."""

TIMEOUT = 3.0

_LISTENS = 0x0A
"""TCP_LISTEN (net/tcp_states.h)."""


def find_ssh_ports(proc: str = "/proc") -> tuple[int, ...]:
    """The TCP ports, lowest first, at which others can reach an SSH server.

    Of servers of other users root alone is told. A server that the service manager listens for is not seen.
    """
    inodes = dict(_read_listeners(proc))
    return tuple(sorted({inodes[inode] for inode in _find_sockets(proc) if inode in inodes}))


def ask_sshd(in_use: Collection[int]) -> tuple[int, ...]:
    """The ports that sshd is configured for, lowest first, as far as somebody listens there."""
    sshd = find_program("sshd")
    if sshd is None:
        return ()
    try:
        said = run_program(Patience(TIMEOUT), sshd, "-T")
    except (OSError, UnreadableError):
        return ()  # its keys are root's, or it has none yet: then it does not run either
    return tuple(sorted(set(read_ports(said)).intersection(in_use)))


def read_ports(text: str) -> Iterator[int]:
    """Yields the ports that ``sshd -T`` prints."""
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "port" and value.isdecimal():
            yield int(value)


def _read_listeners(proc: str) -> Iterator[tuple[str, int]]:
    """Yields inode and port of every TCP socket that listens to others than this host (proc(5))."""
    for name in ("tcp", "tcp6"):
        with suppress(FileNotFoundError), open(f"{proc}/self/net/{name}", encoding="ascii") as file:
            for line in file.readlines()[1:]:
                words = line.split()
                address, _, port = words[1].partition(":")
                if int(words[3], 16) == _LISTENS and not _is_loopback(address):
                    yield words[9], int(port, 16)


def _is_loopback(shown: str) -> bool:
    """Whether an address as /proc/net has it, in words of the machine's order, is of this host alone."""
    words = (shown[at : at + 8] for at in range(0, len(shown), 8))
    packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    return packed[0] == 127 if len(packed) == 4 else packed == bytes(15) + b"\1"


def _find_sockets(proc: str) -> Iterator[str]:
    """Yields the inodes of the sockets of SSH servers; those of their sessions listen for forwarded ports."""
    servers: dict[str, str] = {}
    for pid in filter(str.isdecimal, os.listdir(proc)):
        with suppress(OSError), open(f"{proc}/{pid}/stat", encoding="utf-8", errors="replace") as file:
            name, _, rest = file.read().partition("(")[2].rpartition(")")  # as they end they are gone
            if name in SERVERS:
                servers[pid] = rest.split()[1]
    for pid, parent in servers.items():
        with suppress(OSError):  # it has ended meanwhile, or is another user's
            for descriptor in os.listdir(f"{proc}/{pid}/fd") if parent not in servers else ():
                link = os.readlink(f"{proc}/{pid}/fd/{descriptor}")
                if link.startswith("socket:["):
                    yield link[len("socket:[") : -1]
