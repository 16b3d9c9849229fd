"""All that the daemon does for the control socket: who answers which call, and who hears of what happens.

Who answers is made when the first client comes (control_parts.py); what happens counts from the start.

World: the process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from knockd.keeper.control import Control
from knockd.keeper.counters import Counters
from knockd.keeper.fleet_setup import FleetSetup
from knockd.keeper.life import Lifecycle
from knockd.keeper.settings import Loaded
from knockd.keeper.status_line import StatusLine, status_line
from knockd.keeper.supervisor import Supervisor
from knockd.leases.manager import LeaseManager
from knockd.log.logger import Logger
from knockd.process.loop import Loop
from knockd_conf.classes import NamedTuple
from knockd_conf.errors import Problem
from knockd_conf.model import Config, Door

if TYPE_CHECKING:
    from knockd.control.call import Method
    from knockd.keeper.control_status import StatusMethods
    from knockd.keeper.control_verbs import ControlVerbs
    from knockd.keeper.reload_calls import Request


class _Answering(NamedTuple):
    """Who answers calls."""

    verbs: ControlVerbs
    status: StatusMethods


class ControlSide:
    """Serves the control socket of a daemon, of which these are the other sides.

    ``config`` and ``refused`` are the configuration of now, and what is wrong with a file that is not in
    effect. ``request_reload`` reads it anew; ``update_status`` tells the service manager of a change. What
    happens in the log and with leases is heard from now on.
    """

    def __init__(
        self,
        loop: Loop,
        logger: Logger,
        leases: LeaseManager,
        workers: Supervisor,
        fleet: FleetSetup,
        *,
        life: Lifecycle,
        config: Callable[[], Config],
        refused: Callable[[], Sequence[Problem]],
        request_reload: Request,
        update_status: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._logger = logger
        self._leases = leases
        self._workers = workers
        self._fleet = fleet
        self._life = life
        self._config = config
        self._refused = refused
        self._request_reload = request_reload
        self._update_status = update_status
        self._began = self._read_at = loop.time()
        self._own = os.geteuid()
        self._counters = Counters()
        self._answering: _Answering | None = None
        logger.heard = self._hear
        leases.changed = self._note_leases
        leases.answered = self._counters.count_answers(leases.answered)
        self._control = Control(loop, logger.log, self._make_methods, lambda: workers.pids, self._own)

    def serve(self, loaded: Loaded) -> None:
        """Serves the control socket of a configuration in place of the one before."""
        self._control.adopt(loaded)

    def note_configuration(self) -> None:
        """Another configuration is in effect."""
        self._read_at = self._loop.time()

    def note_up(self) -> None:
        """A start or a reload is over."""
        if self._answering is not None:
            self._answering.verbs.take_effect(failed=self._workers.is_failing)
        self.note_change()

    def note_change(self) -> None:
        """Something has changed that a status shows."""
        self._update_status()
        if self._answering is not None:
            self._answering.status.change()

    def make_line(self) -> StatusLine:
        """The line of status for the service manager."""
        workers, leases = self._workers, self._leases
        return status_line(
            len(self._config().doors),
            workers.interfaces,
            workers.waiting,
            workers.deaf,
            *leases.counts,
            disabled=len(workers.doors.find_disabled()),
            refused=self._refused(),
            leases=leases.ask.all(),
            now=leases.now,
            fleet=self._fleet.state,
        )

    def _explain_disabled(self, door: Door) -> str | None:
        """Why no knock opens a door now; a reload may have made other doors of all."""
        fleet = self._fleet.state
        shut = None if fleet is None else fleet.why_shut(door)
        return self._workers.doors.explain_disabled(door) or (shut and f"no knock opens it now: {shut}")

    def refuse(self) -> None:
        """The daemon ends: whoever waits for an answer is told so."""
        if self._answering is not None:
            self._answering.verbs.stop()

    def stop(self) -> None:
        """Serves nobody any more, and removes the socket."""
        self._control.stop()

    def _hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """An event of the log: it counts, and is a change: an attempt has come further."""
        self._counters.hear(event, fields)
        if self._answering is not None:
            self._answering.status.change()

    def _note_leases(self) -> None:
        self.note_change()
        if self._answering is not None:
            self._answering.verbs.note_change()

    def _make_methods(self) -> Mapping[str, Method]:
        """Makes those who answer, for the first client."""
        from knockd.keeper.control_status import StatusMethods
        from knockd.keeper.control_verbs import ControlVerbs
        from knockd.keeper.fleet_calls import FleetCalls
        from knockd.keeper.key_calls import KeyCalls
        from knockd.keeper.snapshot import SnapshotReader

        verbs = ControlVerbs(
            self._loop,
            self._logger.log,
            self._leases,
            life=lambda: self._life.now,
            doors=lambda: self._config().doors,
            shut=self._explain_disabled,
            places=lambda: self._workers.addresses,
            own=self._own,
            request_reload=self._request_reload,
        )
        self._leases.answered = self._counters.count_answers(self._leases.answered)
        snapshots = SnapshotReader(
            self._loop,
            self._life,
            self._leases,
            self._workers,
            self._fleet,
            self._config,
            self._refused,
            pid=os.getpid(),
            python=".".join(map(str, sys.version_info[:3])),
            began=self._began,
            read_at=lambda: self._read_at,
        )
        status = StatusMethods(
            self._loop, self._workers.desk, snapshots.read, self._counters, self._fleet.ask
        )
        keys = KeyCalls(lambda: self._config().doors, self._workers.signed.keys)
        self._answering = _Answering(verbs, status)
        fleet = FleetCalls(self._config, self._fleet)
        return {"Keys": keys.list_keys, "Fleet": fleet.show, **status.methods, **verbs.methods}
