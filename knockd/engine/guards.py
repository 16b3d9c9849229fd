"""Guard ports: neighbours of a door's ports that only a scanner touches.

An ascending or descending scan touches a guard before the port beside it. A random-order scan
of all ports passes k steps and G guards with probability G!/(G+k)!.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from knockd_conf.model import Door, GuardPorts, Protocol, Step

TARGET_SERVICES = frozenset({22, 80, 443})
"""What a routed host may well serve; we cannot see its sockets."""

LAST_PORT = 65_535

_PROTOCOLS = {int(protocol): protocol for protocol in Protocol}
"""A look into it is faster than the enum's own: a thousand doors have thousands of guards."""

REACH = 8
"""How far from a step a guard may be where nearer ports cannot be one: an interleaved door has them."""


class Guards(NamedTuple):
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
    knocks = {_number(step) for steps in sequences for step in steps}
    sockets = {_number(port) for port in listening}
    return tuple(
        _guards(door, steps, door.guard_ports or default, knocks, sockets) if steps else Guards()
        for door, steps in zip(doors, sequences, strict=True)
    )


def _guards(
    door: Door, steps: Sequence[Step], wanted: GuardPorts, knocks: set[int], sockets: set[int]
) -> Guards:
    ports: dict[int, None] = {}
    left_out: dict[int, str] = {}
    for nearest_first in _beside(steps) if wanted.auto else ([_number(port)] for port in wanted.ports):
        for port in nearest_first:
            if port in knocks:
                left_out[port] = "is a knock port"
            elif wanted.auto and not door.target and port in sockets:
                left_out[port] = "has a listening socket"
            elif wanted.auto and door.target and port & LAST_PORT in TARGET_SERVICES:
                left_out[port] = "may be a service of the target"
            else:
                ports[port] = None
                break
    return Guards(
        tuple(_step(number) for number in ports), {_step(number): why for number, why in left_out.items()}
    )


def _beside(steps: Iterable[Step]) -> Iterator[range]:
    """The ports below and those above every step, the nearest first, as numbers."""
    for step in dict.fromkeys(steps):
        at = _number(step)
        yield range(at - 1, at - 1 - min(REACH, max(step.port - 1, 0)), -1)  # nobody scans port 0
        yield range(at + 1, at + 1 + min(REACH, LAST_PORT - step.port))


def _number(port: Step) -> int:
    """Protocol and port as one number: a thousand doors have many neighbours, and numbers compare fast."""
    return port.protocol << 16 | port.port


def _step(number: int) -> Step:
    return Step(number & LAST_PORT, _PROTOCOLS[number >> 16])


def opened_by_scan(steps: Sequence[Step], guards: Sequence[Step]) -> tuple[str, ...]:
    """Which ordered scans of all ports would open a door: ``ascending``, ``descending``.

    A scan of one protocol cannot open a door that asks for both. A guard far before the first step
    does not count: when a slow scan comes from there to the step, its Seq_Timeout is over.
    """
    if len({step.protocol for step in steps}) != 1:
        return ()
    found = []
    for name, order in (("ascending", 1), ("descending", -1)):
        ports = [order * step.port for step in steps]
        nearest = ports[0] - max(REACH, ports[-1] - ports[0])
        in_order = all(low < high for low, high in pairwise(ports))
        if in_order and not any(
            nearest <= order * guard.port < ports[-1] and guard.protocol == steps[0].protocol
            for guard in guards
        ):
            found.append(name)
    return tuple(found)
