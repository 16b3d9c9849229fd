"""Leases told as a story: somebody knocks, commands end, time passes; what is to be done is said in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from knockd.engine.leases import Knock, Leases, Refused, Run
from knockd_conf.model import Door
from tests.support.played import door

DOOR = door("1 2", start_command="open", stop_command="close", cmd_timeout=10.0)
UNENDED = "its start command has not ended yet"
"""Why a knock at a door that is being opened opens nothing."""


def knock(at: Door = DOOR, source: str = "192.0.2.1", version: int = 4) -> Knock:
    """An opening."""
    return Knock(door=at, source=source, version=version, destination="10.0.0.1", interface="eth0")


def said(actions: Sequence[Run | Refused]) -> list[str]:
    """What is to be done, in words."""
    return [
        action.reason if isinstance(action, Refused) else action.command + (" (time over)" * action.expired)
        for action in actions
    ]


@dataclass
class Story:
    """Leases with a clock, told what happens in a few words."""

    leases: Leases = field(default_factory=Leases)
    now: float = 1_000.0
    last: int = 0

    def knock(self, at: Door = DOOR, source: str = "192.0.2.1", version: int = 4) -> list[str]:
        """Somebody knocks."""
        return self.noted(self.leases.open(knock(at, source, version), self.now))

    def started(self, worked: bool = True) -> list[str]:
        """The start command of the last lease that ran a command ended."""
        return self.noted(self.leases.ended(self.last, "start", worked, self.now))

    def stopped(self, worked: bool = True) -> list[str]:
        """The stop command of the last lease that ran a command ended."""
        return self.noted(self.leases.ended(self.last, "stop", worked, self.now))

    def wait(self, seconds: float) -> list[str]:
        """Time passes, and then what is due is asked for."""
        self.now += seconds
        return self.noted(self.leases.due(self.now))

    def close_all(self) -> list[str]:
        """The daemon ends."""
        return self.noted(self.leases.close_all(self.now))

    def noted(self, actions: Sequence[Run | Refused]) -> list[str]:
        """What is to be done, in words; the lease of the last command is the one that is told of next."""
        for action in actions:
            if isinstance(action, Run) and action.lease is not None:
                self.last = action.lease
        return said(actions)
