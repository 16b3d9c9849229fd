"""What every port means to every watch: the table that the matcher looks packets up in. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from knockd.knocks.batch import Head
from knockd.knocks.watch import Watch
from knockd_bpf.wire import TCP

Tag = bytes
"""Two bytes that stand for a watch: behind a source they make the key of an attempt."""


@dataclass(frozen=True, slots=True)
class PortRole:
    """What one port means to one watch. ``timeout`` is in seconds."""

    door: int
    tag: Tag
    flag_mask: int
    flag_value: int
    targets: frozenset[bytes]
    timeout: float
    cooldown: float
    """Seconds after an opening for which its source is ignored."""
    once: bool
    """After an opening the watch matches nothing any more."""
    last: int
    """Number of steps of the watch."""
    first: bool
    """It is the first step."""
    advances: frozenset[int]
    """Stages whose next step it is."""
    done: int
    """The first stage at which it is a step that is done."""
    guard: bool
    """It is no step but a guard port."""


PortRoles = dict[int, PortRole]
"""``protocol << 16 | port`` to what it means to one watch."""


class Change(NamedTuple):
    """Tags of watches whose attempts end, and of those that are gone: nobody is ignored there any more.

    ``unguarded``: ports, as ``protocol << 16 | port``, that are no guards any more of a watch that stays.
    """

    ended: frozenset[Tag]
    gone: frozenset[Tag]
    unguarded: Mapping[Tag, frozenset[int]]


class PortTable:
    """The roles of all ports. ``slack`` is in seconds and is added to every Seq_Timeout.

    ``roles`` has ``protocol << 16 | port`` to all roles of a port, in the order of the watches.
    """

    def __init__(self, slack: float) -> None:
        self._slack = slack
        self._watches: dict[Tag, Watch] = {}
        self._roles: dict[Tag, PortRoles] = {}
        self._tags: dict[int, list[Tag]] = {}
        self.timeouts: dict[Tag, float] = {}
        self.roles: dict[int, tuple[PortRole, ...]] = {}

    def find_roles(self, head: Head, local: frozenset[bytes]) -> list[PortRole]:
        """What a packet, whoever sent it, means to every watch that it concerns."""
        destination, protocol, port, flags = head
        return [
            role
            for role in self.roles.get(protocol << 16 | port, ())
            if flags & role.flag_mask == role.flag_value and destination in (role.targets or local)
        ]

    def hashes(self) -> dict[Tag, int]:
        """What attempts at each watch depend on, as a hash."""
        return {tag: hash(watch.attempts_at) for tag, watch in self._watches.items()}

    def steps(self, tag: Tag) -> int:
        """The number of steps of a watch."""
        return len(self._watches[tag].steps)

    def last_ignored(self, tag: Tag, now: float) -> float:
        """The latest time from which a watch ignores a source for Seq_Timeout: Seq_Cooldown may be longer."""
        return now + max(0.0, self._watches[tag].seq_cooldown - self.timeouts[tag])

    def door(self, tag: Tag) -> int:
        """The number of the door of a watch."""
        return self._watches[tag].door

    def tags(self, door: int) -> list[Tag]:
        """The tags of all watches of a door."""
        return self._tags[door]

    def set_watches(self, watches: Iterable[Watch]) -> Change:
        """Replaces all watches. Returns what ends by it.

        A watch that was there before, but for its guards and the number of its door, keeps its tag
        and goes on, used up if it was. A changed watch takes the tag of one of its door.
        """
        before, roles = self._watches, self._roles
        wanted = list(watches)
        tags = _tags(before, wanted)
        self._watches = dict(zip(tags, wanted, strict=True))
        kept = {
            tag
            for tag, watch in self._watches.items()
            if tag in before and before[tag].attempts_at == watch.attempts_at
        }
        spent = {tag for tag in kept if before[tag].steps and not roles[tag]}
        self._roles = {
            tag: roles[tag]
            if tag in spent or before.get(tag) == watch
            else port_roles(watch, tag, self._slack)
            for tag, watch in self._watches.items()
        }
        self.timeouts = {tag: watch.seq_timeout + self._slack for tag, watch in self._watches.items()}
        self._tags = {}
        for tag, watch in self._watches.items():
            self._tags.setdefault(watch.door, []).append(tag)
        self._index()
        unguarded = {tag: _lost(before[tag], self._watches[tag]) for tag in kept}
        return Change(
            frozenset(before.keys() - kept),
            frozenset(before.keys() - self._watches.keys()),
            {tag: ports for tag, ports in unguarded.items() if ports},
        )

    def use_up(self, tag: Tag) -> None:
        """Takes all ports of a watch out of the table, until the watch is changed."""
        self._roles[tag] = {}
        self._index()

    def is_used_up(self, tag: Tag) -> bool:
        """Whether no port of a watch is in the table."""
        return not self._roles[tag]

    def _index(self) -> None:
        found: dict[int, tuple[PortRole, ...]] = {}
        for roles in self._roles.values():
            alone: tuple[PortRole, ...] = ()
            for port, role in roles.items():
                if port in found:
                    found[port] = (*found[port], role)
                else:
                    if not alone or alone[0] is not role:
                        alone = (role,)
                    found[port] = alone  # guards share one
        self.roles = found


def port_roles(watch: Watch, tag: Tag, slack: float) -> PortRoles:
    """What its steps and guards mean to a watch; nothing, when it has no steps."""
    if not watch.steps:
        return {}
    order = [step.protocol << 16 | step.port for step in watch.steps]
    found: PortRoles = {}
    guards: dict[int, PortRole] = {}
    for port in dict.fromkeys((*order, *(guard.protocol << 16 | guard.port for guard in watch.guards))):
        if port not in order and port >> 16 in guards:
            found[port] = guards[port >> 16]  # a thousand doors have many guards
            continue
        rule = watch.flags if port >> 16 == TCP else None
        found[port] = PortRole(
            door=watch.door,
            tag=tag,
            flag_mask=rule.mask if rule else 0,
            flag_value=rule.must_set if rule else 0,
            targets=watch.target,
            timeout=watch.seq_timeout + slack,
            cooldown=watch.seq_cooldown,
            once=watch.once,
            last=len(order),
            first=order[0] == port,
            advances=frozenset(k for k in range(1, len(order)) if order[k] == port),
            done=order.index(port) + 1 if port in order else 0,
            guard=port not in order,
        )
        if port not in order:
            guards[port >> 16] = found[port]
    return found


def _lost(before: Watch, after: Watch) -> frozenset[int]:
    """The guards that a watch had and has not."""
    if before.guards == after.guards:
        return frozenset()
    return frozenset(guard.protocol << 16 | guard.port for guard in {*before.guards} - {*after.guards})


_SAME: tuple[Callable[[Watch], Hashable], ...] = (
    lambda watch: (watch.door, watch.attempts_at),
    lambda watch: watch.attempts_at,
    lambda watch: watch.door,
)
"""What two watches share of which one takes the other's tag, the strongest reason first."""


def _tags(before: dict[Tag, Watch], wanted: list[Watch]) -> list[Tag]:
    """A tag for every watch that is wanted."""
    left = dict(before)
    found: dict[int, Tag] = {}
    for same in _SAME:
        there: dict[Hashable, list[Tag]] = {}
        for tag, watch in left.items():
            there.setdefault(same(watch), []).append(tag)
        for place, watch in enumerate(wanted):
            if place not in found and (tags := there.get(same(watch))):
                found[place] = tags.pop(0)
                del left[found[place]]
        if not left or len(found) == len(wanted):
            break
    unused = _unused(before)
    return [found.get(place) or next(unused) for place in range(len(wanted))]


def _unused(used: dict[Tag, Watch]) -> Iterator[Tag]:
    tags = (number.to_bytes(2, "big") for number in range(1 << 16))
    return (tag for tag in tags if tag not in used)
