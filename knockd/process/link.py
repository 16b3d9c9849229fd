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


def pair() -> tuple[socket.socket, socket.socket]:
    """The two ends of a link, the keeper's first, both non-blocking."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end, room in zip(ends, (MAX_MESSAGE, MAX_UNREAD), strict=True):
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
    return ends


def handover_pair() -> tuple[socket.socket, socket.socket]:
    """The two ends of a hand-over, both non-blocking: the reading end, then that of the process before."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_HANDOVER)
    return ends
