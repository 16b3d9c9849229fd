"""A fleet that admits or refuses what it is told to, without a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from knockd.fleet.verbs import Overview
from knockd.keeper.fleet_setup import Burnt, FleetSetup, FleetState, Then
from knockd.leases.manager import LeaseManager
from knockd_conf.model import Door
from tests.support.doubles.manual_loop import ManualLoop


def _log_nothing(event: str, **fields: Any) -> None: ...


class ToldFleet(FleetSetup):
    """Asks nobody: ``answer`` is what each knock is told at once; None: it opens. ``asked`` has them all.

    While ``waits`` knocks stay in ``waiting`` until ``release`` is called.
    """

    def __init__(self, leases: LeaseManager | None = None) -> None:
        super().__init__(ManualLoop().loop, _log_nothing, cast(Any, leases), dict, lambda: None)
        self.answer: str | None = None
        self.asked: list[tuple[str, Burnt | None]] = []
        self.waits = False
        self.waiting: list[Then] = []
        self.told: FleetState | None = None
        """How the store is."""
        self.overview: list[Overview] = []

    @property
    def state(self) -> FleetState | None:
        """What is told."""
        return self.told

    def ask(self, then: Callable[[list[Overview]], None]) -> None:
        """Answers at once."""
        then(self.overview)

    def admit(self, door: Door, burnt: Burnt | None, then: Then) -> None:
        """Answers at once, or keeps the knock waiting."""
        self.asked.append((door.name, burnt))
        if self.waits:
            self.waiting.append(then)
        else:
            then(self.answer)

    def release(self) -> None:
        """Answers all that wait."""
        waiting, self.waiting = self.waiting, []
        for then in waiting:
            then(self.answer)
