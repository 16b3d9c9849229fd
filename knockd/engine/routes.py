"""What every port means to every door: the table that the matcher looks packets up in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from knockd_bpf.wire import TCP
from knockd_conf.model import Door, Step


@dataclass(frozen=True, slots=True)
class Concern:
    """What one port means to one door. ``timeout`` is in seconds."""

    door: int
    tag: bytes
    flag_mask: int
    flag_value: int
    targets: frozenset[bytes]
    timeout: float
    last: int
    """Number of steps of the door."""
    first: bool
    """It is the first step."""
    advances: frozenset[int]
    """Stages whose next step it is."""
    repeats: frozenset[int]
    """Stages whose last accepted step it is."""
    guard: bool
    """It is no step but a guard port."""

    @property
    def for_strangers(self) -> bool:
        """Whether all that a strange source's packet can do is to begin an attempt or touch a guard."""
        return self.guard or (self.first and self.last > 1)


def routes(
    doors: Sequence[Door],
    sequences: Sequence[Sequence[Step]],
    guards: Sequence[Sequence[Step]],
    slack: float,
) -> dict[int, tuple[Concern, ...]]:
    """``protocol << 16 | port`` to the doors that it concerns; a door without steps has none."""
    found: dict[int, list[Concern]] = {}
    for index, (door, steps, guard_ports) in enumerate(zip(doors, sequences, guards, strict=True)):
        targets = frozenset(address.packed for address in door.target)
        for port in dict.fromkeys((*steps, *guard_ports)) if steps else ():
            rule = door.flags if port.protocol == TCP else None
            concern = Concern(
                door=index,
                tag=tag_of(index),
                flag_mask=rule.mask if rule else 0,
                flag_value=rule.must_set if rule else 0,
                targets=targets,
                timeout=door.seq_timeout + slack,
                last=len(steps),
                first=steps[0] == port,
                advances=frozenset(k for k in range(1, len(steps)) if steps[k] == port),
                repeats=frozenset(k for k in range(1, len(steps)) if steps[k - 1] == port),
                guard=port not in steps,
            )
            found.setdefault(port.protocol << 16 | port.port, []).append(concern)
    return {key: tuple(concerns) for key, concerns in found.items()}


def tag_of(door: int) -> bytes:
    """The door's part of a (source, door) key: two bytes behind the source."""
    return door.to_bytes(2, "big")
