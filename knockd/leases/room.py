"""How many leases there are of which kind and key, and whether there is room for one more.

Counted with every change: a table may hold 65,536 leases, and nothing that one opening costs may grow
with them.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

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
        self._by_doors: Counter[tuple[str, int]] = Counter()
        self._by_networks: Counter[str | bytes] = Counter()
        self.open_at: Counter[tuple[str, int]] = Counter()
        """Leases by name and occurrence of their door, without those whose start command failed."""
        self.unopened = 0
        """Leases whose start command failed."""

    def add(self, lease: Lease, by: int = 1) -> None:
        """Counts a lease as it is now."""
        self._states[lease.state] += by
        self.unopened += by * lease.unopened
        if not lease.unopened:
            _count(self.open_at, lease.knock.key[:2], by)
        if lease.state is State.FAILED:
            return
        if _is_for_anybody(lease.knock.door):
            self._for_anybody += by
        if is_by_key(lease.knock.by):
            _count(self._by_keys, lease.knock.by, by)
        else:
            _count(self._by_doors, lease.knock.key[:2], by)
            _count(self._by_networks, _network_of(lease.knock.source), by)

    def remove(self, lease: Lease) -> None:
        """Counts a lease no more: call it before it changes or goes."""
        self.add(lease, -1)

    def count(self, states: Iterable[State]) -> int:
        """How many leases are in one of these states."""
        return sum(self._states[state] for state in states)

    def find_reason(self, knock: Knock, bound: int) -> str | None:
        """Why there is no room for a lease of this knock, None when there is. At most ``bound`` may be open.

        A flood opens doors with one step for as many sources as it likes, and so does who has a key or knows
        a door, with forged addresses or with all of a network: a quarter is not for them.
        """
        if sum(self._states.values()) - self._states[State.FAILED] >= bound:
            return f"{bound} leases are open"
        most = bound - bound // 4
        if _is_for_anybody(knock.door) and self._for_anybody >= most:
            return f"{most} leases of doors with one step are open"
        if is_by_key(knock.by):  # not held back by others at its door, whoever they are
            return f"{most} leases of its key are open" if self._by_keys[knock.by] >= most else None
        if self._by_doors[knock.key[:2]] >= most:
            return f"{most} leases of its door are open"
        if self._by_networks[_network_of(knock.source)] >= most:
            return f"{most} leases of its network are open"
        return None


def _count(counter: Counter[Any], what: Hashable, by: int) -> None:
    """Counts, and forgets what there is none of."""
    counter[what] += by
    if not counter[what]:
        del counter[what]


@lru_cache(maxsize=1_024)
def _network_of(source: str) -> str | bytes:
    """What the addresses have in common that one knocker may well have: a /24 of IPv4, a /64 of IPv6."""
    return ip_address(source).packed[:8] if ":" in source else source.rpartition(".")[0]


def _is_for_anybody(door: Door) -> bool:
    """Whether a single packet of anybody opens the door; of one that an earlier run opened nobody knows."""
    secret = door.one_time_file is not None or door.sequence_key is not None or door.is_signed_alone
    return len(door.steps) <= 1 and not secret
