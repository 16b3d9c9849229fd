"""The listening side of the keeper: which packet process runs, for what, and what follows from its words."""

from __future__ import annotations

import asyncio
from typing import Protocol

from knockd.edge import logs
from knockd.edge.link import Kind, Message, View
from knockd.edge.sockets import listening_ports
from knockd.engine.overlap import Overlap
from knockd.keeper.doorkeeper import Doorkeeper
from knockd.keeper.follow import Follow
from knockd.keeper.messages import log_message, opening
from knockd.keeper.reporter import Reporter
from knockd.keeper.rotation import Rotation
from knockd.keeper.settings import Loaded, Settings
from knockd.keeper.supervisor import Supervisor
from knockd.worker.process import WorkerProcess, start_worker

EX_SOFTWARE = 70

OVERLAP = 0.1
"""Seconds in which two packet processes listen, besides what the captures of the old one may hold back.

A quick knock that began before the new one listened comes to its end at the old one.
"""


class Daemon(Protocol):
    """What the listening side needs of the rest."""

    @property
    def begun(self) -> bool:
        """Whether the start is over."""

    @property
    def ending(self) -> bool:
        """Whether the end has come."""

    def up(self) -> None:
        """Knocks are heard, or there is nothing yet to hear them on: a start or a reload is over."""

    def alive(self) -> None:
        """The packet process is well."""

    def changed(self) -> None:
        """What is listened on or waited for is another."""

    def give_up(self, status: int, reason: str) -> None:
        """The first packet process cannot capture: ``status`` is from sysexits.h."""

    def show(self, text: str) -> None:
        """Prints a line about a packet (-D)."""


class Listening:
    """Starts packet processes for a configuration and takes what they say to log and doors."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: Settings,
        loaded: Loaded,
        reporter: Reporter,
        doorkeeper: Doorkeeper,
        daemon: Daemon,
    ) -> None:
        self._settings = settings
        self._config, self._user = loaded.config, loaded.user
        self._reporter = reporter
        self._doorkeeper = doorkeeper
        self._daemon = daemon
        self._failure = ""
        self._news = "starting"  # what the log calls it when a packet process captures
        self._keeps = ""
        self._overlap = Overlap()
        self._rotation = self._previous = Rotation(self._config, reporter)
        self.supervisor = Supervisor(loop, self._start_worker, self)
        self._follow = Follow(loop, self.supervisor, self._wanted, self._interfaces_changed, self._say)

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The interfaces that are listened on."""
        return () if self.supervisor.current is None else self.supervisor.current.listening

    @property
    def waiting(self) -> tuple[str, ...]:
        """What is asked for and not there."""
        return self._follow.waiting

    def adopt(self, loaded: Loaded) -> None:
        """Listens for another configuration; the packet process of the one before goes on until then."""
        current = self.supervisor.current
        if current is not None and current.config is self._config:
            self._previous = self._rotation  # the packet process that still counts goes by it
        self._config, self._user = loaded.config, loaded.user
        self._rotation = Rotation(self._config, self._reporter)
        self._news = "starting"
        self._follow.pardon()
        self.supervisor.replace()

    def stop(self) -> None:
        """Nothing is listened on any more."""
        self._follow.stop()
        self.supervisor.stop()

    def _start_worker(self) -> WorkerProcess | None:
        scene = self._follow.begin()
        if not scene.captures:
            self._daemon.up()  # waiting is all that can be done
            return None
        current = self.supervisor.current
        return start_worker(
            self._config,
            tuple(scene.captures),
            View(scene.addresses, self._rotation.sequences),
            user=self._user,
            overlap=0.0 if current is None else OVERLAP + 2 * current.config.options.latency / 1000,
            listening=listening_ports(),
            ipv6=self._settings.ipv6,
            debug=self._settings.debug,
            silent=self._settings.daemon,
        )

    # What it follows interfaces with.

    def _wanted(self) -> tuple[str, ...]:
        return self._config.options.interface

    def _interfaces_changed(self) -> None:
        self._news = self._news or "listening"
        self.supervisor.replace()

    def _say(self, event: str, *, level: str = "info", **fields: object) -> None:
        self._reporter.say(event, level=level, **fields)
        self._daemon.changed()

    # What the supervisor tells.

    def ready(self, worker: WorkerProcess) -> None:
        """The packet process captures."""
        self._overlap.change()
        self._failure = ""
        if worker.listening:  # else all have gone just now, and we hear of it
            self._reporter.say(self._news or "starting", interface=", ".join(worker.listening))
            self._news = ""
            self._daemon.up()
        if worker.keeps not in {"", self._keeps}:
            self._reporter.say("privileges", level="warning", reason=worker.keeps)
        self._keeps = worker.keeps
        self._daemon.alive()

    def failed(self, status: int, reason: str) -> None:
        """The packet process cannot capture: at the first start the end, later a reason to try again."""
        if not self._daemon.begun:
            self._reporter.say("worker-failed", level="error", reason=reason)
            self._daemon.give_up(status, reason)

    def malformed(self, reason: str) -> None:
        """The packet process is not to be trusted any more."""
        self._reporter.say("worker-malformed", level="error", reason=reason)

    def lost(self, reason: str, seconds: float) -> None:
        """The packet process ended and is replaced; the same reason is told once."""
        if not self._daemon.begun and not self._daemon.ending:
            self.failed(EX_SOFTWARE, f"the packet process ended before it could listen ({reason})")
        if reason != self._failure and not self._daemon.ending:
            self._reporter.say("worker-lost", level="error", reason=reason, seconds=seconds)
        self._failure = reason
        if self._daemon.begun:
            self._daemon.up()  # a reload is over, whatever became of it

    def answered(self) -> None:
        """The packet process is well."""
        self._daemon.alive()

    def silent(self, seconds: float) -> None:
        """The packet process hangs."""
        self._reporter.say("worker-silent", level="error", seconds=seconds)

    def heard(self, worker: WorkerProcess, message: Message) -> None:
        """One event of the packet process."""
        if message.kind is Kind.OPENED:
            self._opened(worker, message)
        elif message.kind is Kind.PACKET:
            if self._settings.debug:
                self._daemon.show(logs.printable(message.text))
        elif message.kind is Kind.LOST:
            self._follow.lost(worker, message)
        else:
            log_message(self._reporter, worker, message, failures=self._config.options.log_failures)

    def _opened(self, worker: WorkerProcess, message: Message) -> None:
        door = worker.config.doors[message.door]
        knock = opening(worker, message)
        if door.one_time_file is None and self._overlap.told(door.name, message.source, message.count):
            return
        if self.supervisor.changing:
            self._overlap.tell(door.name, message.source, message.count)
        self._reporter.say("stage", ip=knock.source, door=door.name, stage=message.stage)
        self._reporter.say("open", ip=knock.source, door=door.name)
        if door.one_time_file is not None:
            self._rotate(worker, message.door)
        self._doorkeeper.open(knock)

    def _rotate(self, worker: WorkerProcess, door: int) -> None:
        """Strikes a used one-time sequence out before any command runs, and tells the next one."""
        known = self._rotation if worker.config is self._config else self._previous
        self.supervisor.tell(worker, View(sequences=known.opened(door)))
        if known is not self._rotation:
            self._rotation = Rotation(self._config, self._reporter)
        if self.supervisor.changing:
            self.supervisor.replace()  # the packet process that is starting may know the used sequence
