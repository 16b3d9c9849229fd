"""Other watches for packet processes that run: ports are guards no more, or again.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from knockd.keeper import worker_events as on
from knockd.keeper.live_doors import LiveDoors
from knockd.keeper.taken_ports import TakenPorts
from knockd.keeper.worker_process import WorkerProcess
from knockd.knocks.events import Expired, Guarded, Ignored, Spoiled, Stage
from knockd.knocks.taken import Taken
from knockd.knocks.watch import Watch
from knockd.log.logger import Log
from knockd.process.loop import Loop
from knockd.process.verbs import HeldBack, Message


class WatchChanges:
    """``doors`` are those of the configuration in effect, ``workers`` the packet processes by their numbers.

    ``handle`` takes events of their life.
    """

    def __init__(
        self,
        loop: Loop,
        log: Log,
        taken: Taken,
        doors: Callable[[], LiveDoors],
        workers: Mapping[int, WorkerProcess],
        handle: Callable[[on.Event], None],
    ) -> None:
        self._log, self._doors, self._workers, self._handle = log, doors, workers, handle
        self.taken = TakenPorts(loop, log, taken)
        self.taken.changed = self._change_guards
        doors().set_taken(taken)

    def adopt(self, taken: Taken) -> None:
        """Takes what a configuration's child has found; ``set_taken`` follows."""
        self.taken.adopt(taken)

    def set_taken(self) -> None:
        """Has the doors of another configuration know what is taken."""
        self._doors().set_taken(self.taken.now)

    def look_at(self, message: Message) -> None:
        """Looks at what guards may be again, when a packet has come to a door."""
        if isinstance(message, Stage | Spoiled | Guarded | Ignored | Expired | HeldBack):
            self.taken.touched(guard=isinstance(message, Guarded))

    def look(self) -> dict[int, tuple[Watch, ...]]:
        """Looks at what guards may be before a fork; returns what ``send_guards`` has to send after it."""
        self.taken.look()
        return self._take_ports()

    def send_guards(self, watches: Mapping[int, tuple[Watch, ...]]) -> None:
        """Sends watches whose guards are others."""
        if watches:
            self._handle(on.WatchesChanged(watches))

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        self.taken.reap()

    def stop(self) -> None:
        """The daemon ends."""
        self.taken.stop()

    def _change_guards(self) -> None:
        self.send_guards(self._take_ports())

    def _take_ports(self) -> dict[int, tuple[Watch, ...]]:
        """Takes the ports of now; returns watches of every packet process whose guards are others by it."""
        doors = {id(one): one for one in (self._doors(), *(w.doors for w in self._workers.values()))}
        changes = {key: change for key, one in doors.items() if (change := one.set_taken(self.taken.now))}
        lost = max((change.lost for change in changes.values()), default=0)
        if lost:
            self._log("guards-in-use", count=lost)
        return {
            number: changes[id(worker.doors)].watches
            for number, worker in self._workers.items()
            if id(worker.doors) in changes
        }
