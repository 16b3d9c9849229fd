"""The packet process as the keeper sees it: started, and held by its pid and its link."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from knockd.edge.children import fork_child
from knockd.edge.link import View, pair
from knockd.worker.worker import Worker
from knockd_conf.model import Config, Step


@dataclass(slots=True)
class WorkerProcess:
    """A packet process as the keeper holds it: its pid and the keeper's end of the link."""

    pid: int
    link: socket.socket
    config: Config
    interfaces: Sequence[str]


def start_worker(
    config: Config,
    interfaces: Sequence[str],
    view: View,
    *,
    listening: frozenset[Step] = frozenset(),
    ipv6: bool = True,
    debug: bool = False,
    silent: bool = False,
) -> WorkerProcess:
    """Forks a packet process; its first message says whether it captures (READY) or why not (FAILED).

    ``listening`` are ports with a socket on this host, for the choice of guards; ``silent``: it
    holds no terminal.
    """
    ours, theirs = pair()

    def main() -> int:
        # It ends when its link closes; a signal to the whole group is the keeper's to answer.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return Worker(config, interfaces, view, theirs, listening=listening, ipv6=ipv6, debug=debug).run()

    # What is there now is shared with the packet process as long as no collection touches it.
    gc.collect()
    gc.freeze()
    pid = fork_child(main, [theirs.fileno()], silent=silent)
    theirs.close()
    return WorkerProcess(pid, ours, config, interfaces)
