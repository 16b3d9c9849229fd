"""The privileged process: it never sees a packet byte. Link -> leases -> commands, log, signals.

This file joins the sides of the daemon: start, signals, reload, end. Everything happens on one
event loop; there are no threads.

World: signals.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial

from knockd.keeper.config_process import Outcome, start_reading
from knockd.keeper.control_side import ControlSide
from knockd.keeper.fleet_setup import FleetSetup
from knockd.keeper.held_pid_file import HeldPidFile
from knockd.keeper.life import Life, Lifecycle
from knockd.keeper.notify import Manager, send_fields
from knockd.keeper.only_daemon import OnlyDaemon
from knockd.keeper.output import Output
from knockd.keeper.reload import Reload
from knockd.keeper.service import Service
from knockd.keeper.settings import Loaded, Settings
from knockd.keeper.status_line import StatusLine
from knockd.keeper.supervisor import Callbacks, Supervisor
from knockd.keeper.worker_setup import explain_own_reader
from knockd.leases.manager import LeaseManager
from knockd.log.door_limits import DoorLimits
from knockd.log.names import Names
from knockd.process.capabilities import rights_of_commands
from knockd.process.fork import fork_child
from knockd.process.loop import Loop, run
from knockd.process.unprivileged import fork_unprivileged
from knockd_conf.errors import Problem
from knockd_conf.model import Config, OnExit

PATIENCE = 3.0
"""Seconds that commands get to end when open doors are left to the next start."""

HURRY_AFTER = 1.0
"""Seconds of the end after which a TERM or INT cuts it short; one that comes earlier was sent twice."""

MOST_NAMED = 20
"""Doors that could not be closed before the end, and are named in the log."""

Started = Callable[[int, str], None]
"""Called once with EX_OK when the daemon is up, or with an exit status when it cannot be.

The text says what went wrong; it is empty when nothing did."""


def serve(
    settings: Settings, loaded: Loaded, manager: Manager, journal: frozenset[int], started: Started
) -> int:
    """Serves until TERM, INT or USR1; returns the exit status.

    ``journal`` says which of the standard streams are systemd's journal.

    The daemon is up when the packet process captures, or there is nothing yet to capture on. When it
    cannot be ``started`` gets the exit status that is returned, too.
    """
    daemon = _Daemon(settings, loaded, journal, started)
    run(partial(daemon.begin, manager), lambda reason: daemon.log("internal-error", reason=reason))
    return daemon.status


class _Daemon:
    """One run of the daemon."""

    def __init__(self, settings: Settings, loaded: Loaded, journal: frozenset[int], started: Started) -> None:
        self.status = os.EX_OK
        self._settings = settings
        self._loaded = loaded
        self._journal = journal
        self._started = started
        self._life = Lifecycle(self._entered)
        self._keeps_open = False
        self._ending_since = 0.0
        self._wrong = ""
        self._refused: Sequence[Problem] = loaded.refused

    def begin(self, manager: Manager, loop: Loop) -> None:
        """Joins the sides and starts the first packet process."""
        settings, self._loop = self._settings, loop
        names = Names(loop, fork_unprivileged(lambda: self._loaded.user)) if settings.lookup else None
        self._output = Output(settings, self._config.options, names, self._journal)
        self._logger = self._output.logger
        self.log = self._logger.log
        self._limits = DoorLimits(loop, self.log)
        self._limits.adopt(self._config.doors)
        self._logger.allow = self._limits.allow
        self._pid_file = HeldPidFile(self.log)
        self._only = OnlyDaemon(settings.config_path, self.log, also=settings.also)
        self._leases = LeaseManager(loop, self._logger, self._config, rights_of_commands())
        self._service = service = Service(
            loop,
            manager,
            send_fields,
            clock=time.monotonic_ns,
            pid=os.getpid(),
            status=self._make_line,
            fail=lambda reason: self.log("service-manager", reason=reason),
            ask=self._ask_workers,
            patience=lambda: self._config.options.exit_patience,
        )
        fleet = FleetSetup(
            loop, self.log, self._leases, lambda: self._workers.addresses, lambda: self._loaded.user
        )
        self._workers = Supervisor(
            loop,
            settings,
            self._loaded,
            self._logger,
            self._leases,
            fleet,
            Callbacks(
                up=self._enter_up,
                alive=service.send_sign_of_life,
                changed=self._change,
                give_up=self._give_up,
                show=self._output.show,
            ),
        )
        self._control = ControlSide(
            loop,
            self._logger,
            self._leases,
            self._workers,
            fleet,
            life=self._life,
            config=lambda: self._config,
            refused=lambda: self._refused,
            request_reload=self._request_reload,
            update_status=service.update_status,
        )
        self._reload = Reload(
            loop,
            partial(start_reading, fork_child, settings),
            settings.config_path,
            begin=self._begin_reload,
            judge=self._judge_reload,
            finish=self._finish_reload,
        )
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._terminate)
        loop.add_signal_handler(signal.SIGUSR1, self._leave_open)
        if (conflict := self._only.take(self._config)) is not None:
            reason = f"{conflict.fact}. {conflict.advice}"
            self.log("second-daemon", reason=reason)
            self._give_up(os.EX_TEMPFAIL, reason)
            return
        # Who reads it may send any of these at once.
        path = self._config.options.pid_file
        if settings.daemon and path is not None and (reason := self._pid_file.hold(path)):
            self._wrong = f"could not create pid file {path}: {reason}"
        self._log_notes()
        if (why := explain_own_reader(self._config.options)) is not None:
            self.log("own-reader", reason=why)
        self._control.serve(self._loaded)
        self._workers.begin()  # before the journal is read: the fork inherits none of its commands
        self._leases.recover()

    @property
    def _config(self) -> Config:
        return self._loaded.config

    def _entered(self, before: Life, life: Life) -> None:
        if before is Life.STARTING and life is Life.UP:
            self._started(os.EX_OK, self._wrong)
        self._service.enter(before, life)
        if life is Life.ENDING:
            self._ending_since = time.monotonic()
            self._loop.call_soon(self._end, before)

    def _enter_up(self) -> None:
        """Ends a start or a reload: knocks are heard, or there is nothing yet to hear them on.

        While a configuration is being read a reload goes on, whatever becomes of packet processes.
        """
        if self._life.now is not Life.RELOADING or not self._reload.is_reading:
            self._life.enter(Life.UP)
        self._control.note_up()

    def _change(self) -> None:
        self._control.note_change()

    def _give_up(self, status: int, reason: str) -> None:
        """Ends a start whose packet process cannot capture; ``status`` is from sysexits.h."""
        self.status = status
        self._started(status, reason)
        self._life.enter(Life.ENDING)

    def _log_notes(self) -> None:
        """Logs what is wrong with the file, if that is not in effect, and what is good and may surprise."""
        loaded = self._loaded
        for problem in loaded.refused:
            self.log("config-problem", problem=str(problem))
        if loaded.refused:
            self.log("last-good", count=len(loaded.refused), path=loaded.kept)
        if loaded.unkept:
            self.log("last-good-problem", reason=loaded.unkept)
        for note in self._config.notes:
            self.log("config-note", note=str(note))

    def _make_line(self) -> StatusLine:
        return self._control.make_line()

    def _ask_workers(self, seconds: float) -> bool:
        return self._workers.ask(seconds)

    def _reap(self) -> None:
        self._leases.runner.reap()
        self._workers.reap()
        self._reload.reap()

    # HUP: the log file is opened anew; all of a good configuration takes effect, nothing of a bad one.

    def _hang_up(self) -> None:
        if self._life.now is not Life.ENDING:
            self._request_reload()

    def _request_reload(self, answer: Callable[[Outcome], None] | None = None) -> None:
        self._reload.request_reload(answer)
        self._output.reopen_file()

    def _begin_reload(self) -> None:
        self.log("reading", path=self._settings.config_path)
        self._life.enter(Life.RELOADING)

    def _judge_reload(self, outcome: Outcome) -> Outcome:
        """A configuration that another daemon is in the way of is refused as a bad one is."""
        if isinstance(outcome, Loaded) and (conflict := self._only.take(outcome.config)) is not None:
            return [Problem(outcome.config.path, None, None, conflict.fact)]
        return outcome

    def _finish_reload(self, outcome: Outcome) -> None:
        if isinstance(outcome, Loaded):
            self._refused = ()
            self._adopt(outcome)
            return
        self._refused = outcome
        for problem in outcome:
            self.log("config-problem", problem=str(problem))
        self.log("config-kept", count=len(outcome))
        if self._life.now is Life.RELOADING:
            self._life.enter(Life.UP)
        self._change()

    def _adopt(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._control.note_configuration()
        self._output.adopt(self._config.options)
        self._log_notes()
        self._limits.adopt(self._config.doors)
        self._leases.adopt(self._config)
        self._workers.adopt(loaded)
        self._pid_file.move(self._config.options.pid_file)
        self._control.serve(loaded)

    # The end: nothing is listened to any more, then doors are closed or left to the next start.

    def _terminate(self) -> None:
        """TERM or INT: ends, and without waiting any longer when it comes once more."""
        if self._life.now is not Life.ENDING:
            self._life.enter(Life.ENDING)
        elif time.monotonic() - self._ending_since >= HURRY_AFTER:
            self._leases.end_now()

    def _leave_open(self) -> None:
        """USR1: ends and leaves open doors to the next start."""
        self._keeps_open = True
        self._life.enter(Life.ENDING)

    def _end(self, before: Life) -> None:
        self._reload.stop()
        self._control.refuse()
        self._workers.stop()
        self._logger.release_waiting()
        if before is not Life.STARTING:
            self.log("stopping")
        keep = self._keeps_open or self._config.options.on_exit is OnExit.KEEP
        if keep and self._leases.can_keep():
            self._leases.keep(PATIENCE, self._finish_kept)
        else:
            self._leases.close(self._config.options.exit_patience, self._finish_closed)

    def _finish_kept(self, count: int) -> None:
        self.log("keeping", count=count)
        self._finish()

    def _finish_closed(self, still_open: int) -> None:
        if still_open:
            then = "the next start closes them"
            if not self._leases.lasts:
                then = "and nobody will close them: they are noted in memory alone"
            for knock in self._leases.left()[:MOST_NAMED]:
                self.log("left-open", ip=knock.source, door=knock.door.name)
            self.log("still-open", count=still_open, then=then)
        self._finish()

    def _finish(self) -> None:
        self._leases.runner.stop()
        self._limits.stop()
        self._control.stop()
        self._pid_file.remove()
        self._output.close()
        self._only.release()
        self._loop.stop()
