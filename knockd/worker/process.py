"""The packet process as the keeper sees it: started, and held by its pid and its link."""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from knockd.edge.children import fork_child
from knockd.edge.link import View, pair
from knockd.edge.privileges import User
from knockd.engine.limits import BURST, RATE, TokenBucket
from knockd.worker.worker import Worker
from knockd_conf.model import Config, Step


@dataclass(slots=True)
class WorkerProcess:
    """A packet process as the keeper holds it: its pid and the keeper's end of the link."""

    pid: int
    link: socket.socket
    config: Config
    interfaces: Sequence[str]
    lost: set[int] = field(default_factory=set)
    """Places of the interfaces whose captures have failed."""
    keeps: str = ""
    """What it could not give up, and why: told once it captures."""
    lines: TokenBucket = field(default_factory=lambda: TokenBucket(10 * BURST, 10 * RATE))
    """What it may still say that becomes a line of the log: ten times what it allows itself."""

    @property
    def listening(self) -> tuple[str, ...]:
        """The interfaces that it captures on."""
        return tuple(name for number, name in enumerate(self.interfaces) if number not in self.lost)


def start_worker(
    config: Config,
    interfaces: Sequence[str],
    view: View,
    *,
    user: User | None,
    overlap: float = 0.0,
    listening: frozenset[Step] = frozenset(),
    ipv6: bool = True,
    debug: bool = False,
    silent: bool = False,
) -> WorkerProcess:
    """Forks a packet process; its first message says whether it captures (READY) or why not (FAILED).

    It becomes ``user``. For ``overlap`` seconds it listens before it says so: in these the one before
    it comes to the end of what it has under way. ``listening`` are ports with a socket on this host,
    for the choice of guards; ``silent``: it holds no terminal. Raises OSError when it cannot be started.
    """
    ours, theirs = pair()

    def main() -> int:
        # It ends when its link closes; a signal to the whole group is the keeper's to answer.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        link = _lowest(theirs)
        return Worker(
            config,
            interfaces,
            view,
            link,
            user=user,
            overlap=overlap,
            listening=listening,
            ipv6=ipv6,
            debug=debug,
        ).run()

    # What is there now is shared with the packet process as long as no collection touches it.
    gc.collect()
    gc.freeze()
    pid = fork_child(main, [theirs.fileno()], silent=silent)
    theirs.close()
    return WorkerProcess(pid, ours, config, interfaces)


def _lowest(link: socket.socket) -> socket.socket:
    """The link at the lowest descriptor that is free, so that those of the captures follow it."""
    copy = os.dup(link.fileno())
    if copy < link.fileno():
        link.close()
        return socket.socket(fileno=copy)
    os.close(copy)
    return link
