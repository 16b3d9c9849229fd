"""The packet process as the keeper sees it: started, and held by its pid and its link.

World: the packet process.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Collection, Sequence
from contextlib import suppress

from knockd.keeper.live_doors import LiveDoors
from knockd.keeper.worker_events import Ended, Event, TooLong
from knockd.process.erase import erase_texts
from knockd.process.fork import fork_child
from knockd.process.link import MAX_MESSAGE, handover_pair, pair
from knockd.process.name import PACKETS
from knockd.process.view import View
from knockd.worker.capture import find_reader, load_reader
from knockd.worker.handover import Ends
from knockd.worker.poll import Worker
from knockd.worker.setup import Setup
from knockd_conf.classes import NamedTuple, dataclass


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A packet process as the keeper holds it, and what it was forked for."""

    pid: int
    link: socket.socket
    """The keeper's end."""
    after: socket.socket
    """Where the packet process that takes over reads what this one leaves."""
    setup: Setup
    interfaces: tuple[str, ...]
    doors: LiveDoors
    """What its numbers of doors mean."""


class Started(NamedTuple):
    """A packet process: its pid, the keeper's end of its link, and ``WorkerProcess.after``."""

    pid: int
    link: socket.socket
    after: socket.socket


def start_worker(
    setup: Setup,
    interfaces: Sequence[str],
    view: View,
    *,
    commands: Sequence[str] = (),
    before: socket.socket | None = None,
    loopbacks: Collection[str] = (),
    silent: bool = False,
) -> Started:
    """Forks a packet process.

    Its first message says whether it captures (READY) or why not (FAILED). ``before`` is what the packet
    process that it is to take over from has given its successor. ``commands`` are not to be found in its
    memory; ``silent``: it holds no terminal. Raises OSError when it cannot be started.
    """
    ours, link = pair()
    reading, after = handover_pair()
    kept = (link, after) if before is None else (link, after, before)

    def main() -> int:
        erase_texts(commands)
        # It ends when its link closes; a signal to all processes of ours is the keeper's to answer.
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        lowest = [_lowest(one) for one in kept]
        ends = Ends(lowest[0], lowest[2] if before is not None else None, lowest[1])
        return Worker(setup, interfaces, view, ends, loopbacks).run()

    with suppress(ImportError):  # the packet process says why it cannot capture
        load_reader(find_reader(setup.reader, len(interfaces)))
    # What is there now is shared with the packet process as long as no collection touches it.
    gc.collect()
    gc.freeze()
    pid = fork_child(main, [one.fileno() for one in kept], name=PACKETS, silent=silent)
    link.close()
    after.close()
    return Started(pid, ours, reading)


def send_view(worker: WorkerProcess, number: int, view: View) -> Event | None:
    """Sends a view to the packet process of that number; returns what came of it, if that is an event."""
    message = view.encode()
    if len(message) > MAX_MESSAGE:  # the link may take more than the packet process reads at once
        return TooLong(number)
    try:
        worker.link.send(message)
    except BlockingIOError:  # it has not read its last views
        return Ended(number, "does not read its link")
    except ConnectionError:
        return None  # it is gone; its end is read from the link
    except OSError:  # EMSGSIZE
        return TooLong(number)
    return None


def _lowest(end: socket.socket) -> socket.socket:
    """A socket at the lowest descriptor that is free, so that those of the captures follow it."""
    copy = os.dup(end.fileno())
    if copy < end.fileno():
        end.close()
        return socket.socket(fileno=copy)
    os.close(copy)
    return end
