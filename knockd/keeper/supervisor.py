"""The hands of the packet process's life (worker_life): forks, kills, links and timers.

World: the packet process.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from knockd.keeper import worker_events as on
from knockd.keeper.figures import FigureDesk
from knockd.keeper.fleet_setup import FleetSetup
from knockd.keeper.follow import Follow, Kernel
from knockd.keeper.key_setup import KeySetup
from knockd.keeper.live_doors import LiveDoors
from knockd.keeper.messages import Messages
from knockd.keeper.settings import Loaded, Settings
from knockd.keeper.signed_setup import SignedSetup
from knockd.keeper.taken_ports import TakenPorts
from knockd.keeper.waits import Waits
from knockd.keeper.watch_changes import WatchChanges
from knockd.keeper.worker_events import Command, Event, State, Wait
from knockd.keeper.worker_life import WorkerLife
from knockd.keeper.worker_process import Started, WorkerProcess, send_view, start_worker
from knockd.keeper.worker_setup import setup_of
from knockd.knocks.events import Discarded
from knockd.leases.manager import LeaseManager
from knockd.log.logger import Log, Logger
from knockd.net.interface import LOOPBACK
from knockd.process.fork import collect_child, kill_child
from knockd.process.loop import Loop
from knockd.process.verbs import MAX_EVENT, MalformedError, Signed, decode
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config

if TYPE_CHECKING:
    from knockd.signed.signed_doors import SignedDoors

MOST_AT_ONCE, MOST_AT_LAST = 32, 1_024
"""Messages read in one go, so that commands and timers have their turn in a storm, and of one that is to
end: more than the link holds.
"""


class Callbacks(NamedTuple):
    """What the supervisor calls.

    ``up``: knocks are heard, or there is nothing yet to hear them on: a start or a reload is over.
    ``alive``: the packet process is well. ``changed``: what is listened on or waited for may be another.
    ``give_up``: the first packet process cannot capture, with exit status and reason. ``show`` prints a
    line about a packet (-D).
    """

    up: Callable[[], None]
    alive: Callable[[], None]
    changed: Callable[[], None]
    give_up: Callable[[int, str], None]
    show: Callable[[str], None]


class Supervisor:
    """Keeps one packet process alive for a configuration and the interfaces that there are."""

    def __init__(
        self,
        loop: Loop,
        settings: Settings,
        loaded: Loaded,
        logger: Logger,
        leases: LeaseManager,
        fleet: FleetSetup,
        call: Callbacks,
        *,
        kernel: Kernel | None = None,
        start: Callable[..., Started] = start_worker,
        keyed: Callable[[Loop, Log, Config], KeySetup] = KeySetup,
        signed: Callable[[Loop, Log, Callable[[], SignedDoors]], SignedSetup] = SignedSetup,
    ) -> None:
        """``leases`` take openings, where the ``fleet`` admits them.

        ``kernel`` is asked for interfaces, ``start`` forks a packet process, ``keyed`` makes the doors with
        keys, ``signed`` those of signed knocks: others than ours in tests.
        """
        self._loop = loop
        self._settings = settings
        self._loaded = loaded
        self._log = logger.log
        self._call = call
        self._start = start
        self._life = WorkerLife()
        doors, show = keyed(loop, self._log, loaded.config), call.show if settings.debug else None
        self.signed = signed(loop, self._log, doors.make_signed)
        """The doors of signed knocks."""
        self._messages = Messages(loaded.config, logger, leases, show, doors, self.signed, fleet)
        self._follow = Follow(loop, kernel or Kernel(), loaded.config.options.interface, self._log_change)
        self._follow.changed = self._handle
        self.desk = FigureDesk(loop, lambda: self._handle(on.FiguresAsked()))
        self._workers: dict[int, WorkerProcess] = {}
        self._changes = WatchChanges(
            TakenPorts(loop, self._log, loaded.taken),
            doors,
            self.signed,
            fleet,
            self._messages,
            self._workers,
            handle=self._handle,
            log=self._log,
            changed=call.changed,
        )
        self._pids: set[int] = set()
        self.starts = self.losses = 0
        """How many packet processes there have been, and how often one ended unasked."""
        self._waits = Waits(loop, self._handle)

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The interfaces that are listened on."""
        return () if self._life.current is None else self._life.current.listening

    @property
    def pid(self) -> int | None:
        """The packet process that captures."""
        return None if self._life.current is None else self._workers[self._life.current.number].pid

    @property
    def is_failing(self) -> bool:
        """Whether the last packet process could not be started, or ended: another one follows."""
        return self._life.is_failing

    @property
    def pids(self) -> Collection[int]:
        """The packet processes that have not been collected yet."""
        return self._pids

    @property
    def waiting(self) -> tuple[str, ...]:
        """The interfaces that are asked for and not there."""
        return self._follow.waiting

    @property
    def addresses(self) -> Mapping[str, frozenset[bytes]]:
        """The packed addresses of each interface that is listened on."""
        scene = self._life.scene.addresses
        return {name: scene.get(name, frozenset()) for name in self.interfaces}

    @property
    def doors(self) -> LiveDoors:
        """The doors of the configuration in effect."""
        return self._messages.doors

    @property
    def deaf(self) -> tuple[str, ...]:
        """Which interfaces that are listened on have no address, and why that may be."""
        return self._follow.deaf

    def begin(self) -> None:
        """Starts the first packet process, and before it the child that reads key files."""
        self._changes.begin(self._loaded.config)
        self._handle(on.Begin())

    def adopt(self, loaded: Loaded) -> None:
        """Listens for another configuration; the packet process goes on, unless another one takes it over."""
        before, self._loaded = self._loaded, loaded
        self._changes.adopt(loaded)
        wanted = self._follow.wanted = loaded.config.options.interface
        setup = setup_of(loaded, self._settings)
        same_process = setup_of(before, self._settings) == setup
        same_process &= wanted == before.config.options.interface
        same_process = self._messages.adopt(loaded.config, same_process=same_process)
        self._changes.follow(loaded.config)
        self._changes.set_taken()
        self._handle(self._changes.doors_changed(setup) if same_process else on.ConfigChanged())

    def ask(self, seconds: float) -> bool:
        """Asks for a sign of life within ``seconds``; False: there is no packet process.

        One that is starting is not asked: it says by itself that it captures.
        """
        self._handle(on.Asked(seconds))
        return self._life.state not in {State.NONE, State.WAITING, State.ENDED}

    def reap(self) -> None:
        """Collects ended packet processes; call it on SIGCHLD."""
        self._pids -= {pid for pid in self._pids if collect_child(pid)}
        self._changes.reap()

    def stop(self) -> None:
        """Ends every packet process; nothing is listened on any more."""
        self.desk.finish()
        self._changes.stop()
        self._follow.stop()
        self._handle(on.Stop())

    def _handle(self, event: Event) -> None:
        """Does what an event calls for, then handles what came of that."""
        for answer in [self._do(command) for command in self._life.handle(event, self._loop.time())]:
            if answer is not None:
                self._handle(answer)

    def _do(self, command: Command) -> Event | None:
        """Does a command; returns what came of it, if that is an event."""
        match command:
            case on.Look():
                return self._look()
            case on.LookSoon():
                self._follow.look_soon()
            case on.Fork():
                return self._fork(command)
            case on.Drain(number):
                self._read(number, MOST_AT_LAST)
                return on.Drained()
            case on.HandOver(number):
                with suppress(OSError):  # it is gone; its end is read from the link
                    self._workers[number].link.shutdown(socket.SHUT_WR)
            case on.Kill(number):
                self._kill(number)
            case on.SendView(number, view):
                return send_view(self._workers[number], number, view)
            case on.Arm(wait, seconds, number):
                self.losses += wait is Wait.BACK_OFF
                self._waits.arm(wait, seconds, number)
            case on.Disarm(wait, number):
                self._waits.disarm(wait, number)
            case on.Log(event, fields):
                self._log_change(event, **fields)
            case on.Hear(number, message, changing):
                worker = self._workers[number]
                self._changes.look_at(message)
                if self._messages.hear(worker, message, changing=changing):
                    return on.SequencesChanged(number, worker.doors.watches(), self.doors.watches())
            case on.Count(number, figure):
                self.desk.book.hear(number, self._workers[number], figure)
            case on.FiguresTold():
                self.desk.finish()
            case on.TookOver():
                self._messages.take_over()
            case on.Up():
                self._call.up()
            case on.Alive():
                self._call.alive()
            case on.GiveUp(status, reason):
                self._call.give_up(os.EX_SOFTWARE if status is None else status, reason)
        return None

    def _log_change(self, event: str, **fields: object) -> None:
        self._log(event, **fields)
        self._call.changed()

    def _look(self) -> Event:
        try:
            return on.Looked(self._follow.look())
        except OSError as error:
            return on.StartFailed(str(error))

    def _fork(self, fork: on.Fork) -> Event | None:
        setup, doors = setup_of(self._loaded, self._settings), self.doors
        interfaces, changed = tuple(fork.scene.captures), self._changes.look()
        try:
            started = self._start(
                setup,
                interfaces,
                self._changes.first_view(setup, fork.scene),
                commands=tuple(self._changes.find_commands()),
                before=None if fork.beside is None else self._workers[fork.beside].after,
                loopbacks=tuple(n for n, (_, kind) in fork.scene.captures.items() if kind == LOOPBACK),
                silent=self._settings.daemon,
            )
        except OSError as error:  # the one that captures, if any, goes on
            self._changes.send_guards(changed)
            return on.StartFailed(str(error))
        self._workers[fork.number] = WorkerProcess(*started, setup, interfaces, doors)
        self._pids.add(started.pid)
        self.starts += 1
        self._loop.add_reader(started.link, self._read, fork.number)
        self._changes.send_guards(changed)
        return None

    def _kill(self, number: int) -> None:
        """Without its link a packet process ends by itself; one that was taken over must."""
        self._waits.disarm(Wait.ANSWER, number)
        self.desk.book.forget(number)
        worker = self._workers.pop(number)
        self._loop.remove_reader(worker.link)
        worker.link.close()
        worker.after.close()
        if worker.pid in self._pids:  # else it has been collected, and the number may be another's by now
            kill_child(worker.pid)

    def _read(self, number: int, most: int = MOST_AT_ONCE) -> None:
        """Handles what a packet process has said, as long as it counts: what it says can be its end."""
        for _ in range(most):
            worker = self._workers.get(number)
            if worker is None:
                return
            try:
                data = worker.link.recv(MAX_EVENT + 1)  # one more shows that it is too long
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if not data:
                self._handle(on.Ended(number))
                return
            try:
                message = decode(data, len(worker.doors.known), len(worker.interfaces))
                if isinstance(message, Signed | Discarded) and not worker.setup.signed:
                    raise MalformedError("a signed knock, where there are none")
            except MalformedError as error:
                self._handle(on.Malformed(number, str(error)))
                return
            self._handle(on.Said(number, message))
