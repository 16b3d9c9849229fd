"""All that the daemon does for the control socket: who answers which call, and who hears of what happens.

World: the process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from knockd.keeper.control import Control
from knockd.keeper.control_status import StatusMethods
from knockd.keeper.control_verbs import ControlVerbs
from knockd.keeper.life import Lifecycle
from knockd.keeper.reload_calls import Request
from knockd.keeper.settings import Loaded
from knockd.keeper.snapshot import SnapshotReader
from knockd.keeper.status_line import StatusLine
from knockd.keeper.supervisor import Supervisor
from knockd.leases.manager import LeaseManager
from knockd.log.logger import Logger
from knockd.process.loop import Loop
from knockd_conf.errors import Problem
from knockd_conf.model import Config


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
        *,
        life: Lifecycle,
        config: Callable[[], Config],
        refused: Callable[[], Sequence[Problem]],
        request_reload: Request,
        update_status: Callable[[], None],
    ) -> None:
        self._update_status = update_status
        own, python = os.geteuid(), ".".join(map(str, sys.version_info[:3]))
        self._verbs = verbs = ControlVerbs(
            loop,
            logger.log,
            leases,
            life=lambda: life.now,
            doors=lambda: config().doors,
            places=lambda: workers.addresses,
            own=own,
            request_reload=request_reload,
        )
        self._snapshots = SnapshotReader(
            loop, life, leases, workers, config, refused, pid=os.getpid(), python=python
        )
        self._status = StatusMethods(loop, workers.desk, self._snapshots.read)
        logger.heard = self._status.hear
        leases.changed = self._note_leases
        leases.answered = self._status.counters.count_answers(leases.answered)
        methods = {**self._status.methods, **verbs.methods}
        self._control = Control(loop, logger.log, methods, lambda: workers.pids, own)

    def serve(self, loaded: Loaded) -> None:
        """Serves the control socket of a configuration in place of the one before."""
        self._control.adopt(loaded)

    def note_configuration(self) -> None:
        """Another configuration is in effect."""
        self._snapshots.adopt()

    def note_up(self) -> None:
        """A start or a reload is over."""
        self._verbs.take_effect()
        self.note_change()

    def note_change(self) -> None:
        """Something has changed that a status shows."""
        self._update_status()
        self._status.change()

    def _note_leases(self) -> None:
        self.note_change()
        self._verbs.note_change()

    def make_line(self) -> StatusLine:
        """The line of status for the service manager."""
        return self._snapshots.make_line()

    def refuse(self) -> None:
        """The daemon ends: whoever waits for an answer is told so."""
        self._verbs.stop()

    def stop(self) -> None:
        """Serves nobody any more, and removes the socket."""
        self._control.stop()
