"""Forks children without rights, for reading what others wrote: answers of name servers.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from knockd.process.fork import Fork, fork_child
from knockd.process.privileges import User, give_up

DESCRIPTORS = 64
"""A look-up opens the resolver's files and its sockets, a few at a time."""


def fork_unprivileged(user: Callable[[], User | None]) -> Fork:
    """Returns a fork whose children become ``user``, the packet process's, and give up all rights.

    A right that cannot be given up is not reported: the packet process reports the same.
    """

    def fork(main: Callable[[], int], keep: Iterable[int]) -> int:
        def unprivileged() -> int:
            "localhost".encode("idna")  # imported now: our own files may not be for everybody to read
            give_up(user(), DESCRIPTORS)
            return main()

        return fork_child(unprivileged, keep)

    return fork
