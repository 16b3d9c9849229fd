"""The privileged process: it never sees a packet byte. Link -> leases -> commands, log, signals.

This file is its life: start, signals, log, pid file, end. Everything happens on one asyncio
loop; there are no threads.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence

from structlog.typing import FilteringBoundLogger

from knockd.edge import logs
from knockd.edge.children import fork_child
from knockd.edge.lookup import Names
from knockd.edge.notify import Manager
from knockd.edge.pidfile import PidFile
from knockd.edge.privileges import User
from knockd.keeper.doorkeeper import Doorkeeper
from knockd.keeper.listening import Listening
from knockd.keeper.powerless import fork_powerless
from knockd.keeper.reload import Reload
from knockd.keeper.reporter import Reporter
from knockd.keeper.service import Service, status_line
from knockd.keeper.settings import Loaded, Settings
from knockd.keeper.sinks import Sinks
from knockd_conf import Config, Problem
from knockd_conf.model import OnExit

PATIENCE = 3.0
"""Seconds that stop commands get when the daemon ends."""

EX_CANTCREAT = 73


class Keeper:
    """One run of the daemon.

    ``started`` is called once: with 0 when the packet process captures or there is nothing yet to
    capture on, or with an exit status and a reason when it cannot; then the daemon ends with that.
    """

    def __init__(
        self, settings: Settings, loaded: Loaded, manager: Manager, started: Callable[[int, str], None]
    ) -> None:
        self._settings = settings
        self._manager = manager
        self._loaded = loaded
        self._started: Callable[[int, str], None] | None = started
        self._status = 0
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
        loop.set_exception_handler(self._reporter.fault)
        self._doorkeeper = Doorkeeper(loop, self._reporter, self._config)
        self._listening = Listening(
            loop, self._settings, self._loaded, self._reporter, self._doorkeeper, self
        )
        self._service = Service(
            loop,
            self._manager,
            status=self._status_line,
            lost=self._untold,
            ask=self._listening.supervisor.ask,
        )
        self._doorkeeper.changed = self._service.changed
        loop.add_signal_handler(signal.SIGCHLD, self._child_ended)
        self._reload = Reload(
            loop,
            fork_child,
            self._settings.read,
            self._settings.config_path,
            begun=self._reading,
            bad=self._refuse,
            good=self._adopt,
        )
        loop.add_signal_handler(signal.SIGHUP, self._hangup)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        loop.add_signal_handler(signal.SIGUSR1, self._leave)
        if not self._take_pid_file():  # who reads it may send any of these at once
            return self._status
        self._tell_notes()
        self._doorkeeper.recover()
        self._listening.supervisor.replace()
        await self._end.wait()
        self._reload.stop()
        self._service.stopping()
        self._listening.stop()
        self._reporter.hurry()
        if self._started is None:
            self._reporter.say("stopping")
        if self._is_to_keep() and self._doorkeeper.can_keep():
            self._reporter.say("keeping", count=await self._doorkeeper.keep(PATIENCE))
        elif still_open := await self._doorkeeper.close(PATIENCE):
            then = "the next start closes them"
            if not self._doorkeeper.lasts:
                then = "and nobody will close them: they are noted in memory alone"
            self._reporter.say("still-open", level="error", count=still_open, then=then)
        self._doorkeeper.runner.stop()
        if self._pid_file is not None:
            self._pid_file.remove()
        self._sinks.close()
        return self._status

    def _leave(self) -> None:
        """USR1: ends and leaves open doors to the next start."""
        self._keeps_open = True
        self._end.set()

    def _is_to_keep(self) -> bool:
        return self._keeps_open or self._config.options.on_exit is OnExit.KEEP

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

    @property
    def _config(self) -> Config:
        return self._loaded.config

    def _user(self) -> User | None:
        return self._loaded.user

    def _child_ended(self) -> None:
        self._doorkeeper.runner.reap()
        self._listening.supervisor.reap()
        self._reload.reap()

    # What the listening side needs.

    @property
    def begun(self) -> bool:
        """Whether the start is over."""
        return self._started is None

    @property
    def ending(self) -> bool:
        """Whether the end has come."""
        return self._end.is_set()

    def up(self) -> None:
        """Knocks are heard, or there is nothing yet to hear them on: a start or a reload is over."""
        if self._started is not None:
            self._started(0, "")
            self._started = None
        self._service.up()

    def alive(self) -> None:
        """The packet process is well."""
        self._service.alive()

    def changed(self) -> None:
        """What is listened on or waited for is another."""
        self._service.changed()

    def give_up(self, status: int, reason: str) -> None:
        """The first packet process cannot capture: ``status`` is from sysexits.h."""
        if self._started is not None:
            self._started(status, reason)
        self._status = status
        self._end.set()

    def show(self, text: str) -> None:
        """Prints a line about a packet (-D)."""
        self._sinks.show(text)

    # The pid file: without it two daemons could run and neither be stopped.

    def _take_pid_file(self) -> bool:
        """Creates the pid file of a daemon."""
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

    def _refuse(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            self._reporter.say("config-problem", level="error", problem=str(problem))
        self._reporter.say("config-kept", level="error", count=len(problems))
        self._service.up()

    def _adopt(self, loaded: Loaded) -> None:
        before, config = self._config, loaded.config
        self._loaded = loaded
        if config.options != before.options:
            sinks = self._sinks
            self._reporter.log = self._open_log()
            self._sinks.take_over(sinks)
            if config.options.log_file not in {None, before.options.log_file}:
                self._reporter.say("reopening", path=config.options.log_file)
        self._tell_notes()
        self._doorkeeper.adopt(config)
        self._listening.adopt(loaded)
        path = config.options.pid_file
        if self._pid_file is not None and path is not None and path != self._pid_file.path:
            self._hold_pid_file(path)

    def _tell_notes(self) -> None:
        """What of the configuration is good and may surprise."""
        for note in self._config.notes:
            self._reporter.say("config-note", level="warning", note=note)

    def _status_line(self) -> str:
        open_now, failed = self._doorkeeper.counts
        listening = self._listening
        return status_line(len(self._config.doors), listening.interfaces, listening.waiting, open_now, failed)

    def _untold(self, reason: str) -> None:
        """The service manager cannot be told how we are."""
        self._reporter.say("service-manager", level="warning", reason=reason)

    def _reopen(self) -> None:
        if self._sinks.path is not None:
            self._reporter.say("reopening", path=self._sinks.path)
            self._sinks.reopen()
