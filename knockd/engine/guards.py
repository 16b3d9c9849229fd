"""Guard ports: neighbours of a door's ports that only a scanner touches.

An ascending or descending scan touches a guard before the port beside it. A random-order scan
of all ports passes k steps and G guards with probability G!/(G+k)!.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from knockd_conf.model import Door, GuardPorts, Step

TARGET_SERVICES = frozenset({22, 80, 443})
"""What a routed host may well serve; we cannot see its sockets."""

LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Guards:
    """The guards of one door, and the neighbours left out with the reason."""

    ports: tuple[Step, ...] = ()
    left_out: Mapping[Step, str] | None = None


def guards_of(
    doors: Sequence[Door],
    sequences: Sequence[Sequence[Step]],
    default: GuardPorts,
    listening: frozenset[Step],
) -> tuple[Guards, ...]:
    """The guards of every door for the live ``sequences``.

    ``default`` is what ``[options]`` says, ``listening`` the ports with a socket on this host.
    """
    knocks = {step for steps in sequences for step in steps}
    return tuple(
        _guards(door, steps, door.guard_ports or default, knocks, listening) if steps else Guards()
        for door, steps in zip(doors, sequences, strict=True)
    )


def _guards(
    door: Door, steps: Sequence[Step], wanted: GuardPorts, knocks: set[Step], listening: frozenset[Step]
) -> Guards:
    ports: list[Step] = []
    left_out: dict[Step, str] = {}
    for step in dict.fromkeys(_neighbours(steps)) if wanted.auto else wanted.ports:
        if step in knocks:
            left_out[step] = "is a knock port"
        elif wanted.auto and not door.target and step in listening:
            left_out[step] = "has a listening socket"
        elif wanted.auto and door.target and step.port in TARGET_SERVICES:
            left_out[step] = "may be a service of the target"
        else:
            ports.append(step)
    return Guards(tuple(ports), left_out)


def _neighbours(steps: Iterable[Step]) -> Iterable[Step]:
    for step in steps:
        for port in (step.port - 1, step.port + 1):
            if 1 <= port <= LAST_PORT:  # nobody scans port 0
                yield Step(port, step.protocol)


def opened_by_scan(steps: Sequence[Step], guards: Sequence[Step]) -> tuple[str, ...]:
    """Which ordered scans of all ports would open a door: ``ascending``, ``descending``.

    A scan of one protocol cannot open a door that asks for both.
    """
    if len({step.protocol for step in steps}) != 1:
        return ()
    found = []
    ports = [step.port for step in steps]
    for name, order in (("ascending", 1), ("descending", -1)):
        in_order = all(order * low < order * high for low, high in pairwise(ports))
        before = (
            order * guard.port < order * ports[-1] for guard in guards if guard.protocol == steps[0].protocol
        )
        if in_order and not any(before):
            found.append(name)
    return tuple(found)
