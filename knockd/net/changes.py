"""Subscription to changes of links, addresses and routes (rtnetlink(7) groups).

Needs no privilege. A change is only a reason to ask interfaces.py again.

World: rtnetlink.
"""

from __future__ import annotations

import errno
import socket

from knockd.net.rtnetlink import Thing, parse_message, split_messages
from knockd_conf.classes import NamedTuple

_GROUPS = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR (linux/rtnetlink.h)."""

_ROUTE_GROUPS = (7, 11)
"""RTNLGRP_IPV4_ROUTE and RTNLGRP_IPV6_ROUTE."""

_SOL_NETLINK, _ADD_MEMBERSHIP, _DROP_MEMBERSHIP = 270, 1, 2  # linux/netlink.h, linux/socket.h

_MOST = 1 << 16
"""Bytes of the longest message; the kernel's own are a few kilobytes."""

MOST_AT_ONCE = 256
"""Messages read at once; the rest stays for the next read."""


class Changes(NamedTuple):
    """Changes since the last read: each thing with False as it is now, with True as it was when it went.

    ``overflow``: the kernel dropped messages for want of room, so anything may have changed.
    """

    things: tuple[tuple[Thing, bool], ...] = ()
    overflow: bool = False


class Monitor:
    """A subscription. Open it before the first dump of interfaces, then no change is missed."""

    def __init__(self) -> None:
        """Subscribes in the network namespace of this process. Raises OSError."""
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        try:
            self._socket.bind((0, _GROUPS))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._socket.fileno()

    def follow_routes(self, wanted: bool) -> None:
        """Joins or leaves the groups of routes: a router may change thousands that do not matter here."""
        for group in _ROUTE_GROUPS:
            action = _ADD_MEMBERSHIP if wanted else _DROP_MEMBERSHIP
            self._socket.setsockopt(_SOL_NETLINK, action, group)

    def read_changes(self) -> Changes:
        """Changes since the last read; never waits."""
        things: list[tuple[Thing, bool]] = []
        overflow = False
        for _ in range(MOST_AT_ONCE):
            try:
                data, (port, _) = self._socket.recvfrom(_MOST)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                overflow = True
                continue
            if port == 0:  # the kernel, no other process
                things += (
                    found
                    for message in split_messages(data)
                    if (found := parse_message(*message)) is not None
                )
        return Changes(tuple(things), overflow)

    def close(self) -> None:
        """Ends the subscription."""
        self._socket.close()
