"""What every port means to every door: the table that the matcher looks packets up in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    cooldown: float
    """Seconds after an opening for which its source is ignored."""
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


Concerns = dict[int, Concern]
"""``protocol << 16 | port`` to what it means to one door."""


def concerns_of(
    index: int, door: Door, steps: Sequence[Step], guards: Sequence[Step], slack: float
) -> Concerns:
    """What its steps and guards mean to the door at ``index``; nothing, when it has no steps."""
    if not steps:
        return {}
    targets = frozenset(address.packed for address in door.target)
    order = [step.protocol << 16 | step.port for step in steps]
    tag = tag_of(index)
    found = {}
    for port in dict.fromkeys((*order, *(guard.protocol << 16 | guard.port for guard in guards))):
        rule = door.flags if port >> 16 == TCP else None
        found[port] = Concern(
            door=index,
            tag=tag,
            flag_mask=rule.mask if rule else 0,
            flag_value=rule.must_set if rule else 0,
            targets=targets,
            timeout=door.seq_timeout + slack,
            cooldown=door.seq_cooldown,
            last=len(order),
            first=order[0] == port,
            advances=frozenset(k for k in range(1, len(order)) if order[k] == port),
            repeats=frozenset(k for k in range(1, len(order)) if order[k - 1] == port),
            guard=port not in order,
        )
    return found


def routes(doors: Iterable[Concerns]) -> dict[int, tuple[Concern, ...]]:
    """``protocol << 16 | port`` to all the doors that it concerns, in their order."""
    found: dict[int, tuple[Concern, ...]] = {}
    for concerns in doors:
        for port, concern in concerns.items():
            found[port] = (*found.get(port, ()), concern)
    return found


def tag_of(door: int) -> bytes:
    """The door's part of a (source, door) key: two bytes behind the source."""
    return door.to_bytes(2, "big")
