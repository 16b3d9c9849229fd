"""How many leases there are of which kind, and whether there is room for one more.

Counted with every change: a table may hold 65,536 leases, and nothing that one opening costs may grow
with them.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from knockd.leases.journal import State
from knockd.leases.values import Lease
from knockd_conf.model import Door


class Room:
    """Counts of leases by their state, and of those whose door a single packet opens."""

    def __init__(self) -> None:
        self._states = dict.fromkeys(State, 0)
        self._for_anybody = 0
        self.open_at: Counter[tuple[str, int]] = Counter()
        """Leases by name and occurrence of their door, without those whose start command failed."""
        self.unopened = 0
        """Leases whose start command failed."""

    def add(self, lease: Lease, by: int = 1) -> None:
        """Counts a lease as it is now."""
        self._states[lease.state] += by
        self.unopened += by * lease.unopened
        if not lease.unopened:
            door = lease.knock.key[:2]
            self.open_at[door] += by
            if not self.open_at[door]:
                del self.open_at[door]
        if lease.state is not State.FAILED and _is_for_anybody(lease.knock.door):
            self._for_anybody += by

    def remove(self, lease: Lease) -> None:
        """Counts a lease no more: call it before it changes or goes."""
        self.add(lease, -1)

    def count(self, states: Iterable[State]) -> int:
        """How many leases are in one of these states."""
        return sum(self._states[state] for state in states)

    def find_reason(self, door: Door, bound: int) -> str | None:
        """Why there is no room for a lease of this door, None when there is. At most ``bound`` may be open.

        A flood opens doors with one step for as many sources as it likes: a quarter is not for them.
        """
        if sum(self._states.values()) - self._states[State.FAILED] >= bound:
            return f"{bound} leases are open"
        most = bound - bound // 4
        if not _is_for_anybody(door) or self._for_anybody < most:
            return None
        return f"{most} leases of doors with one step are open"


def _is_for_anybody(door: Door) -> bool:
    """Whether a single packet of anybody opens the door; of one that an earlier run opened nobody knows."""
    secret = door.one_time_file is not None or door.sequence_key is not None or door.is_signed_alone
    return len(door.steps) <= 1 and not secret
