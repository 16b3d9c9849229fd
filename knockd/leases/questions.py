"""What is asked of the leases without changing them.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection

from knockd.leases.journal import State
from knockd.leases.lease_index import LeaseIndex
from knockd.leases.values import RUNNING, Knock, Lease
from knockd_conf.model import Reknock


class Questions:
    """Asks the table's index; each question but ``all`` costs the same however many leases there are."""

    def __init__(self, leases: LeaseIndex) -> None:
        self._leases = leases

    def all(self) -> Collection[Lease]:
        """All leases, oldest first."""
        return self._leases.all()

    def lease_of(self, knock: Knock) -> Lease | None:
        """The lease that this knocker has at this door."""
        return self._leases.find(knock.key)

    def count_opened(self) -> int:
        """How many leases count as open: all but those whose start command failed."""
        return len(self._leases) - self._leases.room.unopened

    def count_failed(self) -> int:
        """How many leases there are whose stop command has failed for good."""
        return self._leases.room.count({State.FAILED})

    def closes_first(self, knock: Knock) -> bool:
        """Whether this knock would close what is open before it opens it again."""
        lease = self.lease_of(knock)
        if lease is None or lease.state in RUNNING or knock.door.reknock is Reknock.REPEAT:
            return False
        return not lease.may_extend(knock.door)
