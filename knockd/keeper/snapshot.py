"""The daemon at one moment, read from its sides for who asks.

Loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from knockd import __version__
from knockd.keeper.figures import Figures
from knockd.keeper.fleet_setup import FleetSetup
from knockd.keeper.key_calls import count_keys
from knockd.keeper.life import Lifecycle
from knockd.keeper.status import Journal, Signing, Snapshot
from knockd.keeper.supervisor import Supervisor
from knockd.leases.manager import LeaseManager
from knockd.process.loop import Loop
from knockd_conf.errors import Problem
from knockd_conf.model import Config, Door


class SnapshotReader:
    """Reads the sides of a daemon with this pid, run by this version of Python.

    ``refused``: what is wrong with a file that is not in effect. ``began`` is when the daemon did, and
    ``read_at`` says since when the configuration of now is in effect, by the loop's clock.
    """

    def __init__(
        self,
        loop: Loop,
        life: Lifecycle,
        leases: LeaseManager,
        workers: Supervisor,
        fleet: FleetSetup,
        config: Callable[[], Config],
        refused: Callable[[], Sequence[Problem]],
        *,
        pid: int,
        python: str,
        began: float,
        read_at: Callable[[], float],
    ) -> None:
        self._loop = loop
        self._life = life
        self._leases = leases
        self._workers = workers
        self._fleet = fleet
        self._config = config
        self._refused = refused
        self._pid = pid
        self._python = python
        self._began = began
        self._read_at = read_at

    def read(self, figures: Figures) -> Snapshot:
        """The daemon as it is now, with what the packet process has said."""
        now, config, workers, leases = self._loop.time(), self._config(), self._workers, self._leases
        place, reason = leases.noted_in
        return Snapshot(
            version=__version__,
            python=self._python,
            pid=self._pid,
            life=self._life.now.value,
            up=now - self._began,
            config=config.path,
            config_age=now - self._read_at(),
            listening=workers.interfaces,
            addresses=workers.addresses,
            waiting=workers.waiting,
            deaf=workers.deaf,
            doors=config.doors,
            disabled=workers.doors.find_disabled(),
            rotating=workers.doors.find_rotating(),
            open_at=leases.ask.count_at_doors(),
            leases=tuple(leases.ask.all()),
            failed=leases.ask.count_failed(),
            retrying=leases.ask.count_retrying(),
            now=leases.now,
            figures=figures,
            worker=workers.pid,
            starts=workers.starts,
            losses=workers.losses,
            journal=Journal(place, leases.lasts, reason),
            refused=self._refused(),
            notes=config.notes,
            signed=self._find_signed(config.doors),
            signed_refusals=workers.signed.refused,
            fleet=self._fleet.state,
        )

    def _find_signed(self, doors: Sequence[Door]) -> dict[tuple[str, int], Signing]:
        """How each door is that signed knocks open."""
        waiting = self._workers.doors.find_signed()
        if not waiting:
            return {}
        counts = count_keys(doors, self._workers.signed.keys())
        return {
            (door.name, door.occurrence): Signing(
                door.signed_port or 0, counts.get(door.name, 0), waiting[door.name, door.occurrence]
            )
            for door in doors
            if (door.name, door.occurrence) in waiting
        }
