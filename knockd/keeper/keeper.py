"""The privileged process: it never sees a packet byte. Link -> leases -> commands, log, signals.

It takes a handful of messages from the packet process and nothing else. Everything happens
on one asyncio loop; there are no threads.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence

from structlog.typing import FilteringBoundLogger

from knockd.edge import logs
from knockd.edge.children import fork_child
from knockd.edge.link import Kind, Message, View
from knockd.edge.lookup import Names
from knockd.edge.notify import Manager
from knockd.edge.pidfile import PidFile
from knockd.edge.sockets import listening_ports
from knockd.engine.overlap import Overlap
from knockd.keeper.doorkeeper import Doorkeeper
from knockd.keeper.follow import Follow
from knockd.keeper.messages import log_message, opening
from knockd.keeper.powerless import fork_powerless
from knockd.keeper.reload import Reload
from knockd.keeper.reporter import Reporter
from knockd.keeper.rotation import Rotation
from knockd.keeper.service import Service, status_line
from knockd.keeper.settings import Settings
from knockd.keeper.sinks import Sinks
from knockd.keeper.supervisor import Supervisor
from knockd.worker.process import WorkerProcess, start_worker
from knockd_conf import Config
from knockd_conf.model import OnExit

PATIENCE = 3.0
"""Seconds that stop commands get when the daemon ends."""

EX_SOFTWARE, EX_CANTCREAT = 70, 73


class Keeper:
    """One run of the daemon.

    ``started`` is called once: with 0 when the packet process captures or there is nothing yet to
    capture on, or with an exit status and a reason when it cannot; then the daemon ends with that.
    """

    def __init__(
        self, settings: Settings, config: Config, manager: Manager, started: Callable[[int, str], None]
    ) -> None:
        self._settings = settings
        self._manager = manager
        self._config = config
        self._started: Callable[[int, str], None] | None = started
        self._status = 0
        self._failure = ""
        self._news = "starting"  # what the log calls it when a packet process captures
        self._keeps = ""
        self._overlap = Overlap()
        self._pid_file: PidFile | None = None
        self._keeps_open = False

    def run(self) -> int:
        """Serves until TERM or INT; returns the exit status."""
        return asyncio.run(self._main())

    async def _main(self) -> int:
        self._loop = loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        names = Names(loop, fork_powerless(self._user)) if self._settings.lookup else None
        self._reporter = Reporter(self._open_log(), names)
        self._doorkeeper = Doorkeeper(loop, self._reporter, self._config)
        if not self._take_pid_file():
            return self._status
        self._rotation = self._previous = Rotation(self._config, self._reporter)
        self._supervisor = Supervisor(loop, self._start_worker, self)
        self._follow = Follow(loop, self._supervisor, self._wanted, self._interfaces_changed, self._say)
        self._service = Service(
            loop, self._manager, status=self._status_line, lost=self._untold, ask=self._supervisor.ask
        )
        self._doorkeeper.changed = self._service.changed
        loop.add_signal_handler(signal.SIGCHLD, self._child_ended)
        self._reload = Reload(
            loop, fork_child, self._settings.load, begun=self._reading, bad=self._refuse, good=self._adopt
        )
        loop.add_signal_handler(signal.SIGHUP, self._hangup)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        loop.add_signal_handler(signal.SIGUSR1, self._leave)
        self._doorkeeper.recover()
        self._supervisor.replace()
        await self._end.wait()
        self._reload.stop()
        self._service.stopping()
        self._follow.stop()
        self._supervisor.stop()
        self._reporter.hurry()
        if self._started is None:
            self._reporter.say("stopping")
        if self._keeps_open or self._config.options.on_exit is OnExit.KEEP:
            self._reporter.say("keeping", count=await self._doorkeeper.keep(PATIENCE))
        elif still_open := await self._doorkeeper.close(PATIENCE):
            self._reporter.say("still-open", level="error", count=still_open)
        self._doorkeeper.runner.stop()
        if self._pid_file is not None:
            self._pid_file.remove()
        self._sinks.close()
        return self._status

    def _leave(self) -> None:
        """USR1: ends and leaves open doors to the next start."""
        self._keeps_open = True
        self._end.set()

    def _open_log(self) -> FilteringBoundLogger:
        options = self._config.options
        self._sinks = Sinks(
            options.log_file,
            use_syslog=options.use_syslog,
            echo=self._settings.verbose,
            log_format=options.log_format,
            daemon=self._settings.daemon,
        )
        return logs.configure(self._sinks.write, options.log_format)

    def _user(self) -> str | None:
        return self._config.options.user

    def _start_worker(self) -> WorkerProcess | None:
        scene = self._follow.begin()
        if not scene.captures:
            self._begun()  # waiting is all that can be done
            self._service.up()
            return None
        settings = self._settings
        return start_worker(
            self._config,
            tuple(scene.captures),
            View(scene.addresses, self._rotation.sequences),
            listening=listening_ports(),
            ipv6=settings.ipv6,
            debug=settings.debug,
            silent=settings.daemon,
        )

    def _child_ended(self) -> None:
        self._doorkeeper.runner.reap()
        self._supervisor.reap()
        self._reload.reap()

    def _begun(self) -> None:
        """The start is over, and it went well."""
        if self._started is not None:
            self._started(0, "")
            self._started = None

    # What it follows interfaces with.

    def _wanted(self) -> tuple[str, ...]:
        return self._config.options.interface

    def _interfaces_changed(self) -> None:
        self._news = self._news or "listening"
        self._supervisor.replace()

    def _say(self, event: str, *, level: str = "info", **fields: object) -> None:
        self._reporter.say(event, level=level, **fields)
        self._service.changed()

    # What the supervisor tells.

    def ready(self, worker: WorkerProcess) -> None:
        """The packet process captures."""
        self._overlap.change()
        self._failure = ""
        if worker.listening:  # else all have gone just now, and we hear of it
            self._begun()
            self._reporter.say(self._news or "starting", interface=", ".join(worker.listening))
            self._news = ""
        if worker.keeps not in {"", self._keeps}:
            self._reporter.say("privileges", level="warning", reason=worker.keeps)
        self._keeps = worker.keeps
        self._service.up()
        self._service.alive()

    def failed(self, status: int, reason: str) -> None:
        """The packet process cannot capture: at the first start the end, later a reason to try again."""
        if self._started is not None:
            self._reporter.say("worker-failed", level="error", reason=reason)
            self._started(status, reason)
            self._status = status
            self._end.set()

    def malformed(self, reason: str) -> None:
        """The packet process is not to be trusted any more."""
        self._reporter.say("worker-malformed", level="error", reason=reason)

    def lost(self, reason: str, seconds: float) -> None:
        """The packet process ended and is replaced; the same reason is told once."""
        if self._started is not None and not self._end.is_set():
            self.failed(EX_SOFTWARE, f"the packet process ended before it could listen ({reason})")
        if reason != self._failure and not self._end.is_set():
            self._reporter.say("worker-lost", level="error", reason=reason, seconds=seconds)
        self._failure = reason
        if self._started is None:
            self._service.up()  # a reload is over, whatever became of it

    def answered(self) -> None:
        """The packet process is well."""
        self._service.alive()

    def silent(self, seconds: float) -> None:
        """The packet process hangs."""
        self._reporter.say("worker-silent", level="error", seconds=seconds)

    def heard(self, worker: WorkerProcess, message: Message) -> None:
        """One event of the packet process."""
        if message.kind is Kind.OPENED:
            self._opened(worker, message)
        elif message.kind is Kind.PACKET:
            if self._settings.debug:
                self._sinks.show(logs.printable(message.text))
        elif message.kind is Kind.LOST:
            self._follow.lost(worker, message)
        else:
            log_message(self._reporter, worker, message, failures=self._config.options.log_failures)

    def _opened(self, worker: WorkerProcess, message: Message) -> None:
        door = worker.config.doors[message.door]
        knock = opening(worker, message)
        if door.one_time_file is None and self._overlap.told(door.name, message.source, message.count):
            return
        if self._supervisor.changing:
            self._overlap.tell(door.name, message.source, message.count)
        self._reporter.say("stage", ip=knock.source, door=door.name, stage=message.stage)
        self._reporter.say("open", ip=knock.source, door=door.name)
        if door.one_time_file is not None:
            self._rotate(worker, message.door)
        self._doorkeeper.open(knock)

    def _rotate(self, worker: WorkerProcess, door: int) -> None:
        """Strikes a used one-time sequence out before any command runs, and tells the next one."""
        known = self._rotation if worker.config is self._config else self._previous
        self._supervisor.tell(worker, View(sequences=known.opened(door)))
        if known is not self._rotation:
            self._rotation = Rotation(self._config, self._reporter)
        if self._supervisor.changing:
            self._supervisor.replace()  # the packet process that is starting may know the used sequence

    def _take_pid_file(self) -> bool:
        """Creates the pid file of a daemon; without it two daemons could run and neither be stopped."""
        path = self._config.options.pid_file
        if not self._settings.daemon or path is None:
            return True
        reason = self._hold_pid_file(path)
        if reason and self._started is not None:
            self._started(EX_CANTCREAT, f"could not create pid file {path}: {reason}")
            self._status = EX_CANTCREAT
        return not reason

    def _hold_pid_file(self, path: str) -> str:
        """Creates a pid file and lets the one before it go; the reason, when it cannot be created."""
        try:
            made = PidFile(path)
            made.write()
        except OSError as error:
            held = isinstance(error, BlockingIOError)
            reason = "another knockd holds it" if held else str(error.strerror)
            self._reporter.say("pid-file", level="error", path=path, reason=reason)
            return reason
        if self._pid_file is not None:
            self._pid_file.remove()
        self._pid_file = made
        return ""

    # What HUP does: the log is opened again at once, all of a good file takes effect, nothing of a bad one.

    def _hangup(self) -> None:
        if not self._end.is_set():
            self._reload.ask()
            self._reopen()

    def _reading(self) -> None:
        self._reporter.say("reading", path=self._settings.config_path)
        self._service.reloading()

    def _refuse(self, problems: Sequence[str]) -> None:
        for problem in problems:
            self._reporter.say("config-problem", level="error", problem=problem)
        self._reporter.say("config-kept", level="error", count=len(problems))
        self._service.up()

    def _adopt(self, config: Config) -> None:
        before, self._config = self._config, config
        current = self._supervisor.current
        if current is not None and current.config is before:
            self._previous = self._rotation  # the packet process that still counts goes by it
        if config.options != before.options:
            sinks = self._sinks
            self._reporter.log = self._open_log()
            self._sinks.take_over(sinks)
            if config.options.log_file not in {None, before.options.log_file}:
                self._reporter.say("reopening", path=config.options.log_file)
        self._doorkeeper.adopt(config)
        self._rotation = Rotation(config, self._reporter)
        self._news = "starting"
        self._supervisor.replace()
        path = config.options.pid_file
        if self._pid_file is not None and path is not None and path != self._pid_file.path:
            self._hold_pid_file(path)

    def _status_line(self) -> str:
        current = self._supervisor.current
        interfaces = () if current is None else current.listening
        open_now, failed = self._doorkeeper.counts
        return status_line(len(self._config.doors), interfaces, self._follow.waiting, open_now, failed)

    def _untold(self, reason: str) -> None:
        """The service manager cannot be told how we are."""
        self._reporter.say("service-manager", level="warning", reason=reason)

    def _reopen(self) -> None:
        if self._sinks.path is not None:
            self._reporter.say("reopening", path=self._sinks.path)
            self._sinks.reopen()
