"""Follows interfaces, addresses and default routes: what the packet process listens on is what there is.

The kernel tells of changes; shortly after the first one we ask how things are and pass that on. Nothing
runs while nothing changes.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from knockd.keeper.worker_events import SceneChanged
from knockd.log.logger import Log
from knockd.net import interfaces
from knockd.net.changes import Monitor
from knockd.net.interface import Interface, explain_deaf
from knockd.net.rtnetlink import Address, Link, Thing
from knockd.net.selection import Scene, choose_interfaces, follows_routes, make_scene, missing_interfaces
from knockd.process.loop import Loop, Timer

DEBOUNCE = 0.1
"""Seconds from the first news to a look at the whole; news that come in between share it."""

ASK_AGAIN = 1.0
"""Seconds until the kernel is asked again when it did not answer."""


class Kernel(Monitor):
    """What the kernel says, unasked as a Monitor and when it is asked. Raises OSError."""

    def read_interfaces(self) -> dict[str, Interface]:
        """Every interface, by name."""
        return interfaces.read_interfaces()

    def read_default_routes(self, there: Mapping[str, Interface]) -> tuple[str, ...]:
        """The interfaces of default routes, the preferred one first."""
        return interfaces.read_default_routes(there)


class Follow:
    """Gives the scene of interfaces when it is asked, and when the kernel tells of a change.

    ``wanted`` are the names asked for, ``waiting`` those of them that are not there, ``deaf`` says which of
    them have no address. ``changed`` is called with each scene that nobody asked for.
    """

    def __init__(self, loop: Loop, kernel: Kernel, wanted: Sequence[str], log: Log) -> None:
        self.wanted = wanted
        self.waiting: tuple[str, ...] = ()
        self.deaf: tuple[str, ...] = ()
        self.changed: Callable[[SceneChanged], None] = lambda _: None
        self._loop = loop
        self._kernel = kernel
        self._log = log
        self._there: dict[str, Interface] = {}
        self._held: frozenset[int] = frozenset()
        self._ended: set[int] = set()
        self._timer: Timer | None = None
        self._blind = False
        loop.add_reader(kernel, self._read_news)

    def look(self) -> Scene:
        """The scene for a packet process that is about to be forked. Raises OSError."""
        self._ended.clear()
        scene = self._ask()
        self._held = frozenset(index for index, _ in scene.captures.values())
        return scene

    def look_soon(self) -> None:
        """Looks for a change a little later."""
        self._look_in(DEBOUNCE)

    def stop(self) -> None:
        """Ends the subscription."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._kernel)
        self._kernel.close()

    def _read_news(self) -> None:
        if self._drain():
            self._look_in(DEBOUNCE)

    def _drain(self) -> bool:
        """Takes what the kernel has told; whether anything is other than at the last look."""
        news = self._kernel.read_changes()
        for thing, gone in news.things:
            if isinstance(thing, Link) and (gone or not thing.up) and thing.index in self._held:
                self._ended.add(thing.index)
        return news.overflow or any(self._differs(thing, gone) for thing, gone in news.things)

    def _differs(self, thing: Thing, gone: bool) -> bool:
        """Whether news are news: wireless links and renewed leases tell the same again and again."""
        if not isinstance(thing, Link | Address):
            return True
        known = next((one for one in self._there.values() if one.link.index == thing.index), None)
        if known is None:
            return not gone
        if isinstance(thing, Address):
            return (thing.address in known.addresses) == gone
        return gone or thing != known.link

    def _ask(self) -> Scene:
        wanted, kernel = self.wanted, self._kernel
        kernel.follow_routes(follows_routes(wanted))
        self._there = there = kernel.read_interfaces()
        routes = kernel.read_default_routes(there) if follows_routes(wanted) else ()
        chosen = choose_interfaces(wanted, there, routes)
        before, self.waiting = self.waiting, missing_interfaces(wanted, chosen, there)
        if set(self.waiting) - set(before):
            self._log("waiting", interface=", ".join(self.waiting))
        named = () if tuple(wanted) == ("any",) else chosen
        known, self.deaf = self.deaf, tuple(text for name in named if (text := explain_deaf(name, there)))
        for text in self.deaf:
            if text not in known:
                self._log("no-address", problem=text)
        return make_scene(chosen, there)

    def _look_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        try:
            self._drain()
            scene = self._ask()
        except OSError as error:
            if not self._blind:
                self._log("interfaces-problem", reason=error.strerror)
            self._blind = True
            self._look_in(ASK_AGAIN)
            return
        self._blind = False
        self.changed(SceneChanged(scene, frozenset(self._ended)))
