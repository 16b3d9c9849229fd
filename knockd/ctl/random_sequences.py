"""Random sequences for a one-time door: none like another, none that is found soon.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from knockd_conf.model import Step
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Rule

APART: Final = 9
"""Least distance of two ports of a sequence: four guard ports fit on each side of every one."""

Steps = tuple[Step, ...]


def choose_sequences(
    count: int,
    rule: Rule,
    below: Callable[[int], int],
    is_weak: Callable[[Sequence[Step]], bool],
    known: Iterable[Sequence[Step]] = (),
) -> tuple[Steps, ...]:
    """So many sequences; ``below(n)`` draws a number from 0 to n - 1. Of the rule the period does not matter.

    None of them has the ports of another one or of a ``known`` one, or begins with these, or these with it.
    """
    whole = {_ports(steps) for steps in known}
    beginnings = {ports[:end] for ports in whole for end in range(1, len(ports) + 1)}
    found: list[Steps] = []
    while len(found) < count:
        steps = _draw(rule, below)
        ports = _ports(steps)
        begins_with_one = any(ports[:end] in whole for end in range(1, len(ports) + 1))
        if ports in beginnings or begins_with_one or is_weak(steps):
            continue
        found.append(steps)
        whole.add(ports)
        beginnings.update(ports[:end] for end in range(1, len(ports) + 1))
    return tuple(found)


def _draw(rule: Rule, below: Callable[[int], int]) -> Steps:
    ports: list[int] = []
    while len(ports) < rule.steps:
        port = rule.low + below(rule.high - rule.low + 1)
        if all(abs(port - other) >= APART for other in ports):
            ports.append(port)
    return tuple(Step(port, _protocol(rule, below)) for port in ports)


def _protocol(rule: Rule, below: Callable[[int], int]) -> Protocol:
    udp = rule.protocol == "udp" or (rule.protocol == "mixed" and below(2) == 1)
    return Protocol.UDP if udp else Protocol.TCP


def _ports(steps: Sequence[Step]) -> tuple[int, ...]:
    return tuple(step.port for step in steps)
