"""The link between the two processes: a socket pair that keeps message bounds.

What the packet process says is in ``verbs``, what the keeper tells in ``view``.

World: a socket pair.
"""

from __future__ import annotations

import socket

from knockd.process.handover import MAX_HANDOVER

MAX_MESSAGE = 5 << 17
"""Bytes of the longest message: a view with 1,000 doors of 32 steps, their guards and 1,024 keys fits."""

MAX_UNREAD = 1 << 16
"""Bytes of kernel memory for what the keeper has not read: some 170 openings. More wait in the packet
process, where they are sent in turn, a door at a time.
"""

_SO_SNDBUFFORCE = 32 if socket.SOL_SOCKET == 1 else 31
"""SO_SNDBUF beyond net.core.wmem_max, which Python has no name for: asm-generic's number, and mips's."""


def pair() -> tuple[socket.socket, socket.socket]:
    """The two ends of a link, the keeper's first, both non-blocking."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end, room in zip(ends, (MAX_MESSAGE, MAX_UNREAD), strict=True):
        end.setblocking(False)
        _give_room(end, room)
    return ends


def handover_pair() -> tuple[socket.socket, socket.socket]:
    """The two ends of a hand-over, both non-blocking: the reading end, then that of the process before."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
        _give_room(end, 2 * MAX_HANDOVER)
    return ends


def _give_room(end: socket.socket, room: int) -> None:
    """Lets an end hold so many bytes that are not read yet, or as many as the kernel grants.

    By default net.core.wmem_max grants 212,992 at most, twice which is less than the longest message: more
    needs CAP_NET_ADMIN. Without it a long view takes another packet process, each time.
    """
    try:
        end.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, room)
    except OSError:  # EPERM; ENOPROTOOPT where the option has yet another number
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
