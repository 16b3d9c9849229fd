"""Children that read what strangers wrote and need no right for it: name look-ups."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from knockd.edge.children import fork_child
from knockd.edge.lookup import Fork
from knockd.edge.privileges import User, give_up

DESCRIPTORS = 64
"""A look-up opens the resolver's files and its sockets, a few at a time."""


def fork_powerless(user: Callable[[], User | None]) -> Fork:
    """A fork whose children become ``user``, the packet process's, without rights.

    What cannot be given up is kept in silence: the packet process says the same out loud.
    """

    def fork(main: Callable[[], int], keep: Iterable[int]) -> int:
        def powerless() -> int:
            "localhost".encode("idna")  # imported now: our own files may not be for everybody to read
            give_up(user(), DESCRIPTORS)
            return main()

        return fork_child(powerless, keep)

    return fork
