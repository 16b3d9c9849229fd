"""A supervisor whose packet processes are links that a test holds the other end of."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from knockd.keeper.key_setup import KeySetup
from knockd.keeper.live_doors import LiveDoors
from knockd.keeper.settings import Loaded, Settings
from knockd.keeper.signed_setup import SignedSetup
from knockd.keeper.supervisor import Callbacks, Supervisor
from knockd.keeper.worker_process import Started, WorkerProcess
from knockd.keeper.worker_setup import setup_of
from knockd.knocks.events import Stage
from knockd.leases.values import Knock
from knockd.log.logger import Log, Logger
from knockd.process.link import MAX_MESSAGE, handover_pair, pair
from knockd.process.loop import Loop
from knockd.process.verbs import Message, Pong, Ready, encode
from knockd.process.view import View
from knockd.sequences.used_sequences import UsedSequences
from knockd.worker.setup import Setup
from knockd_conf.model import Config, Door, Options, Step
from knockd_conf.trust import TrustPolicy
from tests.support.doubles.fake_kernel import ETH0, FakeKernel
from tests.support.doubles.fleet import ToldFleet
from tests.support.doubles.keyed import KeyedHost
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.doubles.played import ALICE, door
from tests.support.doubles.signed import ToldDoors, ToldSetup, no_signed

CONFIG = Config(
    "/etc/knockd.conf", Options(interface=("eth0",)), (door("1 2"),), "host", ("/etc/knockd.conf",)
)
SETTINGS = Settings("/etc/knockd.conf")
NO_PID = 2**30
"""A pid that no process has."""

READY, PONG = Ready(""), Pong()
STAGE = Stage(0, ALICE, 1)


class NullLogger(Logger):
    """Logs nothing."""

    def __init__(self) -> None: ...

    def log(self, event: str, **fields: Any) -> None:
        """Does nothing."""


NOWHERE = UsedSequences((), TrustPolicy.current(), NullLogger().log)
"""Notes of used sequences that no disk holds."""


def no_keys() -> KeySetup:
    """Doors with keys, of which there are none."""
    return KeyedHost(Path("/nonexistent")).setup()


def worker_process(
    link: socket.socket,
    config: Config = CONFIG,
    *interfaces: str,
    pid: int = NO_PID,
    keyed: KeySetup | None = None,
    signed: SignedSetup | None = None,
) -> WorkerProcess:
    """A packet process without a process."""
    doors = LiveDoors(config, NullLogger(), NOWHERE, keyed or no_keys(), signed or no_signed())
    setup = setup_of(Loaded(config, None), SETTINGS)
    return WorkerProcess(pid, link, link, setup, interfaces or ("eth0",), doors)


class LinkedWorkers(NullLogger):
    """A supervisor, what it said to the daemon and the log, and the other ends of its links.

    ``said`` has a line for each call of the daemon and event of the log, but for changes of state.
    """

    def __init__(
        self, config: Config = CONFIG, keyed: KeyedHost | None = None, signed: ToldDoors | None = None
    ) -> None:
        self._config = config
        self._keyed = keyed
        self._signed = signed or ToldDoors()
        self.loop = ManualLoop() if keyed is None else keyed.loop
        self.kernel = FakeKernel(ETH0)
        self.ends: list[socket.socket] = []
        self.links: list[socket.socket] = []
        self.afters: list[socket.socket] = []
        self.started: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.changes = 0
        self.pid = NO_PID
        self.error: OSError | None = None
        self.on_stage: Callable[[], None] = lambda: None
        """Called whenever a stage is logged."""
        self.supervisor = Supervisor(
            self.loop.loop,
            SETTINGS,
            Loaded(config, None),
            self,
            cast(Any, SimpleNamespace(open=self.open)),
            ToldFleet(),
            Callbacks(self.up, self.alive, self.changed, self.give_up, self.show),
            kernel=self.kernel,
            start=self.start,
            keyed=self.make_keyed,
            signed=lambda loop, log, _: ToldSetup(loop, log, self._signed),
        )
        self.sockets: frozenset[Step] = frozenset()
        """The ports with a socket on this host."""
        self.supervisor._changes.taken._look = lambda: self.sockets
        self.supervisor._changes.taken._start = lambda: None

    def make_keyed(self, loop: Loop, log: Log, config: Config) -> KeySetup:
        """Doors with keys, of which there are none unless ``keyed`` makes some."""
        assert loop is self.loop.loop
        assert (log, config) == (self.log, self._config)
        return no_keys() if self._keyed is None else self._keyed.setup()

    def adopt(self, *doors: Door, **options: Any) -> None:
        """Another configuration: with these doors, if any, and these options."""
        config = self._config
        if doors:
            config = replace(config, doors=doors)
        self._config = replace(config, options=replace(config.options, **options))
        self.supervisor.adopt(Loaded(self._config, None))

    def change_captures(self) -> None:
        """Another configuration, which calls for another packet process."""
        self.adopt(latency=self._config.options.latency + 1)

    def start(self, setup: Setup, interfaces: tuple[str, ...], view: View, **given: Any) -> Started:
        """Starts a packet process whose link's other end is ours. Raises ``error`` if there is one."""
        if self.error is not None:
            raise self.error
        self.started.append({"setup": setup, "interfaces": interfaces, "view": view, **given})
        ours, theirs = pair()
        reading, after = handover_pair()
        after.close()
        self.links.append(ours)
        self.ends.append(theirs)
        self.afters.append(reading)
        return Started(self.pid, ours, reading)

    def up(self) -> None:
        """A start or a reload is over."""
        self.said.append("up")

    def alive(self) -> None:
        """The packet process is well."""
        self.said.append("alive")

    def changed(self) -> None:
        """The status may have changed."""
        self.changes += 1

    def give_up(self, status: int, reason: str) -> None:
        """The daemon is to end."""
        self.said.append(f"give up {status} {reason}")

    def show(self, text: str) -> None:
        """A line about a packet."""

    def open(self, knock: Knock, granted: Callable[[], None]) -> None:
        """An opening."""
        granted()
        self.said.append(f"open {knock.source}")

    def log(self, event: str, **fields: Any) -> None:
        """Notes an event of the log."""
        if event == "worker-state":
            return
        shown = (str(fields[name]) for name in ("interface", "reason", "seconds") if name in fields)
        self.said.append(" ".join((event, *shown)))
        if event == "stage":
            self.on_stage()

    def say(self, index: int, *messages: Message | bytes) -> None:
        """The packet process sends messages, which are then read."""
        for message in messages:
            self.ends[index].send(message if isinstance(message, bytes) else encode(message))
        self.loop.deliver()

    def take_over(self, index: int) -> None:
        """The packet process captures, and the one before it hands over and ends."""
        self.say(index, READY)
        self.end(index - 1)

    def end(self, index: int) -> None:
        """The packet process ends."""
        self.ends[index].close()
        self.loop.deliver()

    def views(self, index: int) -> list[View]:
        """What the packet process was sent since the last call."""
        found = []
        try:
            while data := self.ends[index].recv(MAX_MESSAGE):
                found.append(View.decode(data))
        except BlockingIOError:
            pass
        return found

    def running(self) -> list[int]:
        """Which packet processes have not been let go."""
        return [index for index, link in enumerate(self.links) if link.fileno() >= 0]

    def close(self) -> None:
        """Stops it; nothing may be left behind."""
        self.supervisor.stop()
        assert self.loop.readers == {}
        assert self.loop.waiting == []
        assert self.running() == []
        assert [one.fileno() for one in self.afters if one.fileno() >= 0] == []
        for end in self.ends:
            end.close()


@contextmanager
def captured() -> Iterator[LinkedWorkers]:
    """The first packet process captures; what was said until then is forgotten."""
    made = LinkedWorkers()
    made.supervisor.begin()
    made.say(0, READY)
    made.said.clear()
    yield made
    made.close()
