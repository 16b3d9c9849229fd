"""How many leases there are of which kind and key, and whether there is room for one more.

Counted with every change: a table may hold 65,536 leases, and nothing that one opening costs may grow
with them.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from knockd.leases.journal import State
from knockd.leases.opened_by import is_by_key
from knockd.leases.values import Knock, Lease
from knockd_conf.model import Door


class Room:
    """Counts of leases by their state, and of those whose door a single packet opens."""

    def __init__(self) -> None:
        self._states = dict.fromkeys(State, 0)
        self._for_anybody = 0
        self._by_keys: Counter[str] = Counter()
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
        if lease.state is State.FAILED:
            return
        if _is_for_anybody(lease.knock.door):
            self._for_anybody += by
        if is_by_key(lease.knock.by):
            self._by_keys[lease.knock.by] += by
            if not self._by_keys[lease.knock.by]:
                del self._by_keys[lease.knock.by]

    def remove(self, lease: Lease) -> None:
        """Counts a lease no more: call it before it changes or goes."""
        self.add(lease, -1)

    def count(self, states: Iterable[State]) -> int:
        """How many leases are in one of these states."""
        return sum(self._states[state] for state in states)

    def find_reason(self, knock: Knock, bound: int) -> str | None:
        """Why there is no room for a lease of this knock, None when there is. At most ``bound`` may be open.

        A flood opens doors with one step for as many sources as it likes, and so does whoever has a key, with
        forged addresses: a quarter is not for them.
        """
        if sum(self._states.values()) - self._states[State.FAILED] >= bound:
            return f"{bound} leases are open"
        most = bound - bound // 4
        if _is_for_anybody(knock.door) and self._for_anybody >= most:
            return f"{most} leases of doors with one step are open"
        if self._by_keys[knock.by] >= most:
            return f"{most} leases of its key are open"
        return None


def _is_for_anybody(door: Door) -> bool:
    """Whether a single packet of anybody opens the door; of one that an earlier run opened nobody knows."""
    secret = door.one_time_file is not None or door.sequence_key is not None or door.is_signed_alone
    return len(door.steps) <= 1 and not secret
