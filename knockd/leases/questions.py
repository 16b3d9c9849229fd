"""What is asked of the leases without changing them.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from knockd.leases.journal import Record, State
from knockd.leases.lease_index import LeaseIndex
from knockd.leases.opened_by import find_key
from knockd.leases.values import RUNNING, Knock, Lease
from knockd_conf.model import Door, Reknock


class Questions:
    """Asks the table's index. What an opening asks costs the same however many leases there are."""

    def __init__(self, leases: LeaseIndex, run: str) -> None:
        """``run``: the ids of leases that were made by this run of the daemon begin with it."""
        self._leases = leases
        self._run = run

    def get(self, id_: str) -> Lease | None:
        """The lease with this id."""
        return self._leases.get(id_)

    def all(self) -> Collection[Lease]:
        """All leases, oldest first."""
        return self._leases.all()

    def lease_of(self, knock: Knock) -> Lease | None:
        """The lease that this knocker has at this door."""
        return self._leases.find(knock.key)

    def is_ours(self, id_: str) -> bool:
        """Whether a lease was made by this run."""
        return id_.startswith(f"{self._run}.")

    def is_new(self, record: Record) -> bool:
        """Whether a record is of a lease that is not in the table and was not made by this run."""
        return not self.is_ours(record.id) and record.id not in self._leases

    def count_opened(self) -> int:
        """How many leases count as open: all but those whose start command failed."""
        return len(self._leases) - self._leases.room.unopened

    def count_at_doors(self) -> Mapping[tuple[str, int], int]:
        """How many leases count as open by name and occurrence of their door; none is left out."""
        return self._leases.room.open_at

    def count_failed(self) -> int:
        """How many leases there are whose stop command has failed for good."""
        return self._leases.room.count({State.FAILED})

    def count_retrying(self) -> int:
        """How many leases there are whose stop command has failed and is tried again."""
        return self._leases.room.count({State.RETRYING})

    def closes_first(self, knock: Knock, *, renewing: bool = False) -> bool:
        """Whether this knock would close what is open before it opens it again; ``renewing``: Renewed."""
        lease = self.lease_of(knock)
        if lease is None or lease.state in RUNNING:
            return False
        if knock.door.reknock is Reknock.REPEAT and not renewing:
            return False
        return not lease.may_extend(knock.door)

    def may_renew(self, knock: Knock) -> bool:
        """Whether something is open for this knocker at this door."""
        lease = self.lease_of(knock)
        return lease is not None and lease.may_renew

    def find_opened_by(self, door: Door, key: str) -> tuple[str, ...]:
        """The ids of the leases at a door that a key has opened, and that do not close already."""
        return tuple(
            lease.id
            for lease in self._leases.all()
            if (lease.knock.door.name, lease.knock.door.occurrence) == (door.name, door.occurrence)
            and lease.may_close
            and find_key(lease.opener.by) == key
        )
