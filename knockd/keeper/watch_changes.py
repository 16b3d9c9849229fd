"""Other watches for packet processes that run: other guards, sequences of keys, or minutes of signed knocks.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from knockd.keeper import worker_events as on
from knockd.keeper.fleet_setup import FleetSetup
from knockd.keeper.key_setup import KeySetup
from knockd.keeper.live_doors import LiveDoors
from knockd.keeper.messages import Messages
from knockd.keeper.settings import Loaded
from knockd.keeper.signed_setup import SignedSetup
from knockd.keeper.taken_ports import TakenPorts
from knockd.keeper.worker_process import WorkerProcess
from knockd.knocks.events import Expired, Guarded, Ignored, Spoiled, Stage
from knockd.knocks.watch import Watch
from knockd.log.logger import Log
from knockd.net.selection import Scene
from knockd.process.verbs import HeldBack, Message
from knockd.process.view import View
from knockd.worker.setup import Setup
from knockd_conf.model import Config

if TYPE_CHECKING:
    from knockd.knocks.signed_watch import SignedWatch


class WatchChanges:
    """``messages`` have the doors in effect, ``workers`` are the packet processes by their numbers.

    ``handle`` takes events of their life; ``changed`` is called when doors with keys, or of signed knocks,
    are another way.
    """

    def __init__(
        self,
        taken: TakenPorts,
        keyed: KeySetup,
        signed: SignedSetup,
        fleet: FleetSetup,
        messages: Messages,
        workers: Mapping[int, WorkerProcess],
        *,
        handle: Callable[[on.Event], None],
        log: Log,
        changed: Callable[[], None],
    ) -> None:
        self.taken, self._keyed, self._signed, self._fleet = taken, keyed, signed, fleet
        self._messages, self._workers = messages, workers
        self._handle, self._log, self._changed = handle, log, changed
        taken.changed = self._change_guards
        keyed.changed = self._change_sequences
        signed.changed = self._change_signed
        fleet.changed, fleet.struck, fleet.commands = changed, self._strike, self.find_commands
        self.set_taken()

    def begin(self, config: Config) -> None:
        """The daemon starts: the children that read keys are the first."""
        self._keyed.adopt(config)
        self._signed.adopt(config)
        self._fleet.adopt(config)

    def adopt(self, loaded: Loaded) -> None:
        """Takes another configuration, and what its child has found; ``set_taken`` follows."""
        self.taken.adopt(loaded.taken)
        self._keyed.adopt(loaded.config)
        self._signed.adopt(loaded.config)

    def follow(self, config: Config) -> None:
        """The doors are those of another configuration: the fleet follows them."""
        self._fleet.adopt(config)

    def set_taken(self) -> None:
        """Has the doors of another configuration know what is taken."""
        self._doors.set_taken(self.taken.now)

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

    def _change_sequences(self) -> None:
        """Sends watches to every packet process that knows doors with keys: other sequences are live."""
        watches = {
            number: worker.doors.watches()
            for number, worker in self._workers.items()
            if worker.doors.have_keys
        }
        if watches:
            self._handle(on.WatchesChanged(watches))
        self._changed()

    def _change_signed(self) -> None:
        """Sends what is watched of signed knocks to every packet process that has their code."""
        watch = self._signed.watch()
        numbers = frozenset(number for number, worker in self._workers.items() if worker.setup.signed)
        if watch is not None and numbers:
            self._handle(on.SignedChanged(watch, numbers))
        self._changed()

    def _strike(self, door: str, name: str) -> None:
        """Strikes a one-time sequence out that is used at another gateway, and sends what is live then."""
        if self._messages.strike(door, name, [worker.doors for worker in self._workers.values()]):
            watches = {number: worker.doors.watches() for number, worker in self._workers.items()}
            self.send_guards(watches)
            self._changed()

    @property
    def _doors(self) -> LiveDoors:
        return self._messages.doors

    def first_view(self, setup: Setup, scene: Scene) -> View:
        """What a packet process of this setup begins with."""
        return View(scene.addresses, self._doors.watches(), scene.own, signed=self._watch_signed(setup))

    def doors_changed(self, setup: Setup) -> on.DoorsChanged:
        """The event that the doors of the configuration are others."""
        return on.DoorsChanged(self._doors.watches(), self._watch_signed(setup))

    def _watch_signed(self, setup: Setup) -> SignedWatch | None:
        """None: such a packet process is never told of signed knocks."""
        return self._signed.watch() if setup.signed else None

    def find_commands(self) -> Iterator[str]:
        """Yields the commands of all doors that a fork would inherit."""
        for doors in (self._doors, *(worker.doors for worker in self._workers.values())):
            yield from doors.commands()

    def reap(self) -> None:
        """Collects children that have ended; call it on SIGCHLD."""
        self.taken.reap()
        self._keyed.reap()
        self._signed.reap()
        self._fleet.reap()

    def stop(self) -> None:
        """The daemon ends."""
        self.taken.stop()
        self._keyed.stop()
        self._signed.stop()
        self._fleet.stop()

    def _change_guards(self) -> None:
        self.send_guards(self._take_ports())

    def _take_ports(self) -> dict[int, tuple[Watch, ...]]:
        """Takes the ports of now; returns watches of every packet process whose guards are others by it."""
        doors = {id(one): one for one in (self._doors, *(w.doors for w in self._workers.values()))}
        changes = {key: change for key, one in doors.items() if (change := one.set_taken(self.taken.now))}
        lost = max((change.lost for change in changes.values()), default=0)
        if lost:
            self._log("guards-in-use", count=lost)
        return {
            number: changes[id(worker.doors)].watches
            for number, worker in self._workers.items()
            if id(worker.doors) in changes
        }
