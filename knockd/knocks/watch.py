"""What one live sequence wants of the wire: all that the packet process knows of a door.

A watch holds no command, file or key. A door may have several watches.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd_bpf.build import WatchedPorts
from knockd_conf.access import Access
from knockd_conf.classes import dataclass
from knockd_conf.model import Door, FlagRule, Step


@dataclass(frozen=True, slots=True)
class Watch:
    """One live sequence. Times are in seconds.

    ``door`` is the number of its door, which events carry. ``target`` holds packed addresses; empty
    means those of the interface. A watch without steps matches nothing.
    """

    door: int
    steps: tuple[Step, ...]
    flags: FlagRule | None = None
    target: frozenset[bytes] = frozenset()
    seq_timeout: float = 25.0
    seq_cooldown: float = 0.0
    once: bool = False
    """It matches nothing any more once it has opened its door."""
    serial: int = 0
    """Counts the live sequences of a door: two watches that differ in it alone are two sequences."""
    guards: tuple[Step, ...] = ()
    opens: bool = True
    """False: a whole sequence is Stale, and opens nothing."""
    ignore_time: float = 0.0
    """Seconds for which a source is ignored that has touched a guard; 0: Seq_Timeout."""
    access: Access | None = None
    """Whose packets concern it; None: everybody's."""
    key: int = 0
    """Which key of its door the sequence is made of, counted from 1; 0: it is made of none.

    Of two sequences of a key the later one has the larger serial.
    """

    @property
    def sequence(self) -> tuple[object, ...]:
        """Which sequence it is, whether it opens now or not."""
        return (
            self.steps,
            self.flags,
            self.target,
            self.seq_timeout,
            self.seq_cooldown,
            self.once,
            self.serial,
            self.access,
        )

    @property
    def attempts_at(self) -> tuple[object, ...]:
        """What an attempt depends on: an attempt goes on while this stays the same."""
        return (*self.sequence, self.opens, self.ignore_time)

    @property
    def ports(self) -> WatchedPorts:
        """What the filter has to let through."""
        wanted = frozenset((int(step.protocol), step.port) for step in (*self.steps, *self.guards))
        return WatchedPorts(wanted, self.flags, self.target, self.access)


def watches_of(
    doors: Sequence[Door], sequences: Sequence[tuple[Step, ...]] | None = None
) -> tuple[Watch, ...]:
    """A watch for each door, without guards; ``sequences`` are the live ones, those of the doors if None."""
    live = [door.steps for door in doors] if sequences is None else sequences
    return tuple(
        Watch(
            door=number,
            steps=steps,
            flags=door.flags,
            target=frozenset(address.packed for address in door.target),
            seq_timeout=door.seq_timeout,
            seq_cooldown=door.seq_cooldown,
            once=door.one_time_file is not None,
            access=door.access,
        )
        for number, (door, steps) in enumerate(zip(doors, live, strict=True))
    )
