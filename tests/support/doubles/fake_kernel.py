"""A kernel whose interfaces are the test's: it lists them and reports changes."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

from knockd.keeper.follow import Kernel
from knockd.net.changes import Changes
from knockd.net.interface import Interface
from knockd.net.rtnetlink import Link, Thing

ETH0 = Interface(Link(2, "eth0", 1, up=True), frozenset({b"\x0a\0\0\1"}))
TUN0 = Interface(Link(3, "tun0", 65_534, up=True))


class FakeKernel(Kernel):
    """``there`` are its interfaces, ``routes`` those of default routes; ``broken``: it does not answer."""

    def __init__(self, *there: Interface) -> None:
        self.there = there
        self.routes: tuple[str, ...] = ()
        self.routes_followed: bool | None = None
        self.broken = False
        self._news: list[Changes] = []
        self._reader, self._writer = os.pipe()

    def tell(self, *things: tuple[Thing, bool], overflow: bool = False) -> None:
        """Tells of changes; the loop delivers them."""
        self._news.append(Changes(things, overflow))
        os.write(self._writer, b"!")

    def read_interfaces(self) -> dict[str, Interface]:
        """Every interface. Raises OSError when it is broken."""
        if self.broken:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        return {one.link.name: one for one in self.there}

    def read_default_routes(self, _there: Mapping[str, Interface]) -> tuple[str, ...]:
        """The interfaces of default routes."""
        return self.routes

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._reader

    def follow_routes(self, wanted: bool) -> None:
        """Subscribes to changes of routes, or no longer."""
        self.routes_followed = wanted

    def read_changes(self) -> Changes:
        """The oldest changes that were not read yet."""
        if not self._news:
            return Changes()
        os.read(self._reader, 1)
        return self._news.pop(0)

    def close(self) -> None:
        """Ends the subscription."""
        os.close(self._reader)
        os.close(self._writer)
