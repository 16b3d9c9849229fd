"""Ports that somebody uses for something else than a scan: no automatic guard may be one of them.

Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from knockd_conf.classes import NamedTuple
from knockd_conf.model import Step

LAST_PORT = 65_535

TARGET_SERVICES = frozenset({22, 80, 443})
"""What a routed host may well serve; we cannot see its sockets."""


class Taken(NamedTuple):
    """Ports are ``protocol << 16 | port``, but for ``named``: numbers that commands name, of any protocol.

    ``in_use`` have a socket on this host. ``forwarded`` are ranges, first and last port, in order and apart.
    ``signed`` are those of signed knocks.
    """

    named: frozenset[int] = frozenset()
    in_use: frozenset[int] = frozenset()
    forwarded: tuple[tuple[int, int], ...] = ()
    signed: frozenset[int] = frozenset()

    def why(self, port: int, *, routed: bool) -> str | None:
        """Why a port can be no guard, None when it can; ``routed``: the door is for another host."""
        if port & LAST_PORT in self.named:
            return "is named by a command"
        if port in self.signed:
            return "is a port of signed knocks"
        if not routed and port in self.in_use:
            return "has a listening socket"
        if routed and port & LAST_PORT in TARGET_SERVICES:
            return "may be a service of the target"
        at = bisect_right(self.forwarded, (port, LAST_PORT << 16))
        if at and port <= self.forwarded[at - 1][1]:
            return "is forwarded"
        return None

    def with_sockets(self, ports: Iterable[Step]) -> Taken:
        """The same, with the sockets that there are now."""
        return self._replace(in_use=frozenset(number_of(port) for port in ports))


def number_of(port: Step) -> int:
    """Protocol and port as one number: a thousand doors have many neighbours, and numbers compare fast."""
    return port.protocol << 16 | port.port
