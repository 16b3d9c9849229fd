"""A supervisor whose packet processes are links that a test holds the other end of."""

from __future__ import annotations

import socket
from collections.abc import Callable

from knockd.edge.link import MAX_MESSAGE, Kind, Message, pair
from knockd.keeper.supervisor import Supervisor
from knockd.worker.process import WorkerProcess
from knockd_conf.model import Config, Options
from tests.support.played import ALICE, door
from tests.support.still_loop import StillLoop

CONFIG = Config("/etc/knockd.conf", Options(), (door("1 2"),), "host", ("/etc/knockd.conf",))
NOBODY = 2**30
"""A pid that no process has."""

READY, PONG = Message(Kind.READY), Message(Kind.PONG)
STAGE = Message(Kind.STAGE, stage=1, source=ALICE, destination=bytes(4))


class House:
    """A supervisor, what it was told, and the other ends of its packet processes' links."""

    def __init__(self) -> None:
        self.loop = StillLoop()
        self.workers: list[WorkerProcess] = []
        self.ends: list[socket.socket] = []
        self.told: list[str] = []
        self.on_heard: Callable[[], None] = lambda: None
        self.pid = NOBODY
        self.nothing_there = False
        self.supervisor = Supervisor(self.loop.loop, self.start, self)

    def start(self) -> WorkerProcess | None:
        """Starts a packet process whose link's other end is ours; none when nothing is there."""
        if self.nothing_there:
            return None
        ours, theirs = pair()
        self.workers.append(WorkerProcess(self.pid, ours, CONFIG, ("eth0",)))
        self.ends.append(theirs)
        return self.workers[-1]

    def says(self, number: int, *messages: Message | bytes) -> None:
        """The packet process ``number`` sends messages, which are then read."""
        for message in messages:
            self.ends[number].send(message if isinstance(message, bytes) else message.encode())
        self.loop.deliver()

    def dies(self, number: int) -> None:
        """The packet process ``number`` ends."""
        self.ends[number].close()
        self.loop.deliver()

    def alive(self, number: int) -> bool:
        """Whether the link of the packet process ``number`` is open: without it, it would end."""
        try:
            return self.ends[number].recv(MAX_MESSAGE) != b""
        except BlockingIOError:
            return True

    def running(self) -> list[int]:
        """Which packet processes have not been let go."""
        return [number for number, worker in enumerate(self.workers) if worker.link.fileno() >= 0]

    def ready(self, worker: WorkerProcess) -> None:
        """Notes what the supervisor tells."""
        self.told.append(f"ready {self._number(worker)}")

    def failed(self, status: int, reason: str) -> None:
        """Notes what the supervisor tells."""
        self.told.append(f"failed {status} {reason}")

    def malformed(self, reason: str) -> None:
        """Notes what the supervisor tells."""
        self.told.append(f"malformed {reason}")

    def lost(self, reason: str, seconds: float) -> None:
        """Notes what the supervisor tells."""
        self.told.append(f"lost {reason} {seconds:g}")

    def answered(self) -> None:
        """Notes what the supervisor tells."""
        self.told.append("answered")

    def silent(self, seconds: float) -> None:
        """Notes what the supervisor tells."""
        self.told.append(f"silent {seconds:g}")

    def heard(self, worker: WorkerProcess, message: Message) -> None:
        """Notes what the supervisor tells, and does what the test wants done then."""
        self.told.append(f"heard {self._number(worker)} {message.kind.name}")
        self.on_heard()

    def _number(self, worker: WorkerProcess) -> int:
        return next(number for number, one in enumerate(self.workers) if one is worker)
