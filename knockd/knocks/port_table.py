"""What every port means to every watch: the table that the matcher looks packets up in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from knockd.knocks.batch import Head
from knockd.knocks.changes import Change, Tag, assign_tags, find_changes
from knockd.knocks.watch import Watch
from knockd_bpf.wire import TCP
from knockd_conf.access import Access
from knockd_conf.classes import dataclass


@dataclass(frozen=True, slots=True)
class PortRole:
    """What one port means to one watch. ``timeout`` and ``ignore_time`` are in seconds."""

    door: int
    tag: Tag
    flag_mask: int
    flag_value: int
    targets: frozenset[bytes]
    timeout: float
    ignore_time: float
    """For which a guard port has its source ignored."""
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
    opens: bool
    """False: a whole sequence is stale."""
    key: int
    """0: the watch is made of no key. Else its sequence and earlier ones of the key open once."""
    access: Access | None
    """Whose packets concern the watch; None: everybody's."""
    plain: bool
    """All packets of the port can be judged for this watch alone, and reported."""
    quick: bool
    """Whoever is ignored for guards may open by a quick knock: no scan in order passes the steps as one."""
    serial: int
    """Of the sequence."""
    siblings: tuple[PortRole, ...] = ()
    """Of a role that stands for others, those that the port has for the watches of one door.

    Roles that are not plain, and those of a door with several, are behind one whose flags fit no packet:
    the first look at a packet costs nothing more for them.
    """


_NO_FLAG = 1 << 8
"""A bit that no packet's flags have."""

PortRoles = dict[int, PortRole]
"""``protocol << 16 | port`` to what it means to one watch."""


class PortTable:
    """The roles of all ports. ``slack`` is in seconds and is added to every Seq_Timeout.

    ``roles`` has ``protocol << 16 | port`` to all roles of a port, in the order of the watches; those that
    belong to one door are in one, as its ``siblings``. ``silent`` are the watches that open nothing now.
    """

    def __init__(self, slack: float) -> None:
        self._slack = slack
        self._watches: dict[Tag, Watch] = {}
        self._roles: dict[Tag, PortRoles] = {}
        self._tags: dict[int, list[Tag]] = {}
        self._shared: dict[int, int] = {}
        self._burnt: set[Tag] = set()
        self.timeouts: dict[Tag, float] = {}
        self.ignore_times: dict[Tag, float] = {}
        self.silent: set[Tag] = set()
        self.roles: dict[int, tuple[PortRole, ...]] = {}

    def find_roles(self, head: Head, local: frozenset[bytes]) -> list[PortRole]:
        """What a packet, whoever sent it, means to every watch that it concerns."""
        destination, protocol, port, flags = head
        return [
            role
            for found in self.roles.get(protocol << 16 | port, ())
            for role in found.siblings or (found,)
            if flags & role.flag_mask == role.flag_value and destination in (role.targets or local)
        ]

    def hashes(self) -> dict[Tag, int]:
        """What attempts at each watch depend on, as a hash."""
        return {tag: hash(watch.attempts_at) for tag, watch in self._watches.items()}

    def number(self, port: int) -> int:
        """A port as the number that is in memory already, where several watches of a door share it."""
        return self._shared.get(port, port)

    def steps(self, tag: Tag) -> int:
        """The number of steps of a watch."""
        return len(self._watches[tag].steps)

    def step_ports(self, tag: Tag) -> frozenset[int]:
        """The steps of a watch, as ``protocol << 16 | port``."""
        return frozenset(step.protocol << 16 | step.port for step in self._watches[tag].steps)

    def last_ignored(self, tag: Tag, now: float) -> float:
        """The latest time from which a watch ignores a source for its time: Seq_Cooldown may be longer."""
        return now + max(0.0, self._watches[tag].seq_cooldown - self.ignore_times[tag])

    def cooldown(self, tag: Tag) -> float:
        """Seconds after an opening for which a watch ignores its source."""
        return self._watches[tag].seq_cooldown

    def door(self, tag: Tag) -> int:
        """The number of the door of a watch."""
        return self._watches[tag].door

    def tags(self, door: int) -> list[Tag]:
        """The tags of all watches of a door."""
        return self._tags[door]

    def set_watches(self, watches: Iterable[Watch]) -> Change:
        """Replaces all watches. Returns what ends by it.

        A watch that was there before, but for its guards and the number of its door, keeps its tag
        and goes on, used up if it was. Any other takes the tag of one of its door, but for those that are
        made of keys. A watch that was burnt opens again if it shall.
        """
        before, roles = self._watches, self._roles
        wanted = list(watches)
        self._watches = dict(zip(assign_tags(before, wanted), wanted, strict=True))
        change = find_changes(before, self._watches)
        kept = self._watches.keys() - change.ended
        spent = {tag for tag in kept & before.keys() if before[tag].steps and not roles[tag]}
        self._roles = {
            tag: roles[tag]
            if tag in spent or (before.get(tag) == watch and tag not in self._burnt)
            else port_roles(watch, tag, self._slack)
            for tag, watch in self._watches.items()
        }
        self._burnt = set()
        self.silent = {tag for tag, watch in self._watches.items() if not watch.opens}
        self.timeouts = {tag: watch.seq_timeout + self._slack for tag, watch in self._watches.items()}
        self.ignore_times = {tag: _ignore_time(watch, self._slack) for tag, watch in self._watches.items()}
        self._tags = {}
        for tag, watch in self._watches.items():
            self._tags.setdefault(watch.door, []).append(tag)
        self._index()
        return change

    def burn(self, tag: Tag) -> None:
        """A sequence of a key has opened: it and all that are not later open nothing until the next view."""
        used = self._watches[tag]
        for other in self._tags[used.door]:
            watch = self._watches[other]
            same = watch.key == used.key and watch.serial <= used.serial
            if same and other not in self.silent and not self.is_used_up(other):
                self._burnt.add(other)
                self.silent.add(other)
                self._change_roles(other, port_roles(replace(watch, opens=False), other, self._slack))

    def use_up(self, tag: Tag) -> None:
        """Takes all ports of a watch out of the table, until the watch is changed."""
        self._change_roles(tag, {})

    def is_used_up(self, tag: Tag) -> bool:
        """Whether no port of a watch is in the table."""
        return not self._roles[tag]

    def _change_roles(self, tag: Tag, roles: PortRoles) -> None:
        """Gives a watch other roles of the same ports, or none: a door may have thousands of watches."""
        before, self._roles[tag] = self._roles[tag], roles
        for port in before:
            all_roles = (role for found in self.roles[port] for role in found.siblings or (found,))
            wanted = (role if role.tag != tag else roles.get(port) for role in all_roles)
            if left := tuple(role for role in wanted if role):
                self.roles[port] = _by_door(left)
            else:
                del self.roles[port]

    def _index(self) -> None:
        found: dict[int, tuple[PortRole, ...]] = {}
        shared: dict[int, int] = {}
        for roles in self._roles.values():
            alone: tuple[PortRole, ...] = ()
            for port, role in roles.items():
                if port in found:
                    found[port] = (*found[port], role)
                    shared[port] = port
                elif not role.plain:
                    found[port] = (role,)
                    shared[port] = port
                else:
                    if not alone or alone[0] is not role:
                        alone = (role,)
                    found[port] = alone  # guards share one
        for port in shared:
            found[port] = _by_door(found[port])
        self.roles, self._shared = found, shared


def port_roles(watch: Watch, tag: Tag, slack: float) -> PortRoles:
    """What its steps and guards mean to a watch; nothing, when it has no steps."""
    if not watch.steps:
        return {}
    ignore_time = _ignore_time(watch, slack)
    order = [step.protocol << 16 | step.port for step in watch.steps]
    quick = watch.opens and _is_spread(order, [guard.protocol << 16 | guard.port for guard in watch.guards])
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
            ignore_time=ignore_time,
            cooldown=watch.seq_cooldown,
            once=watch.once,
            last=len(order),
            first=order[0] == port,
            advances=frozenset(k for k in range(1, len(order)) if order[k] == port),
            done=order.index(port) + 1 if port in order else 0,
            guard=port not in order,
            opens=watch.opens,
            key=watch.key,
            access=watch.access,
            quick=quick,
            serial=watch.serial,
            plain=watch.opens and watch.access is None and not watch.key,
        )
        if port not in order:
            guards[port >> 16] = found[port]
    return found


def _is_spread(steps: Sequence[int], guards: Iterable[int]) -> bool:
    """Whether a scan in order that meets all steps touches a guard between them, at any stride to four."""
    low, high = min(steps), max(steps)
    apart = [guard - low for guard in guards if low < guard < high]
    return any(far % 3 == 0 for far in apart) and any(far % 4 == 0 for far in apart)


def _by_door(roles: tuple[PortRole, ...]) -> tuple[PortRole, ...]:
    """The roles of a port, those of one door in one."""
    doors: dict[int, list[PortRole]] = {}
    for role in roles:
        doors.setdefault(role.door, []).append(role)
    return tuple(
        same[0] if len(same) == 1 and same[0].plain else _standing_for(tuple(same)) for same in doors.values()
    )


def _standing_for(roles: tuple[PortRole, ...]) -> PortRole:
    return replace(roles[0], flag_mask=_NO_FLAG, flag_value=_NO_FLAG, siblings=roles)


def _ignore_time(watch: Watch, slack: float) -> float:
    return (watch.ignore_time or watch.seq_timeout) + slack
