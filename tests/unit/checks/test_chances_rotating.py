"""What scans do to a door whose sequences rotate: docs/security.md against the real matcher and watches.

Small sequences, so that openings are counted; fixed seeds, four standard deviations.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import sqrt

import pytest

from knockd.checks.chances import live_chance, scan_chance
from knockd.knocks.events import Opened
from knockd.knocks.matcher import Matcher
from knockd.knocks.taken import Taken
from knockd.knocks.watch import Watch, watches_of
from knockd.sequences.rotating_watches import KeySequences, make_watches
from knockd_bpf.wire import TCP
from knockd_conf.model import GuardPorts
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Port, Ports
from tests.support.doubles.played import LOCAL, OURS, SYN, door

LENGTH, NOW, AT = 30, 10, 100.0
ROOM = 1 << 22
"""So many sources that none is forgotten for want of room."""


class Town:
    """A door with ``keys``, each with so many steps and guards of its own a period; strangers scan it."""

    def __init__(self, steps: int, guards: int, keys: int = 1) -> None:
        self.steps, self.size, self.keys = steps, steps + guards, keys
        self.matcher = Matcher(self._watches(NOW), max_attempts=ROOM)
        # An opening uses a sequence up: here each stranger meets the same ones.
        self.matcher._ports.burn = lambda _: None  # type: ignore[assignment, method-assign]
        self.opened: set[int] = set()

    def ports(self, *periods: int) -> list[int]:
        """All ports of some periods."""
        return [
            port
            for period in periods
            for key in range(self.keys)
            for derived in self._derive(period, key)
            for port, _ in derived
        ]

    def rotate(self, now: int) -> None:
        """The period of that number begins."""
        self.matcher.set_watches(self._watches(now), AT)

    def scan(self, number: int, ports: Sequence[int]) -> None:
        """The source of that number sends a packet to each port."""
        source = number.to_bytes(4, "big")
        for port in ports:
            events = self.matcher.feed((source, OURS, TCP, port, SYN), LOCAL, AT)
            if any(isinstance(event, Opened) for event in events):
                self.opened.add(number)

    def _watches(self, now: int) -> tuple[Watch, ...]:
        around = range(now - 3, now + 4)
        keyed = [
            KeySequences(0, str(key), LENGTH, now, {at: self._derive(at, key) for at in around})
            for key in range(self.keys)
        ]
        plain = watches_of([door("")])
        return make_watches(
            plain, [GuardPorts()], Taken(), keyed, lambda _, key, period: 100 * period + int(key)
        )

    def _derive(self, period: int, key: int) -> Ports:
        first = 1_000 + (period * self.keys + key) * self.size
        made = tuple(Port(first + number, Protocol.TCP) for number in range(self.size))
        return Ports(made[: self.steps], made[self.steps :])


def agrees(found: int, tried: int, chance: float) -> bool:
    """Whether so many of so many is within four standard deviations."""
    return abs(found - tried * chance) <= 4 * sqrt(tried * chance * (1 - chance))


@pytest.mark.parametrize(("steps", "guards", "keys"), [(2, 1, 1), (2, 3, 1), (3, 0, 1), (2, 1, 2)])
def test_scans_within_a_period(steps: int, guards: int, keys: int) -> None:
    """A full scan opens as often as the formula says; several keys add up."""
    choose, tried, town = random.Random(31), 8_000, Town(steps, guards, keys)
    ports = town.ports(NOW - 1, NOW, NOW + 1)
    for number in range(tried):
        town.scan(number, choose.sample(ports, len(ports)))
    chance = 1 - (1 - live_chance(steps, guards, 3)) ** keys
    assert agrees(len(town.opened), tried, float(chance))


def test_who_scans_again_and_again() -> None:
    """A touched guard is not forgotten while the sequence lives: an address has one chance at each."""
    choose, tried, town = random.Random(32), 4_000, Town(2, 1)
    ports = town.ports(NOW - 1, NOW, NOW + 1)
    for number in range(tried):
        for _ in range(4):
            town.scan(number, choose.sample(ports, len(ports)))
    assert agrees(len(town.opened), tried, float(live_chance(2, 1, 3)))


def test_scans_across_a_rotation() -> None:
    """A scan that lasts over a rotation meets a fourth sequence; forgiven touches are a third of a chance."""
    choose, each, opened = random.Random(33), 1_500, 0
    places = range(1, 24, 3)
    for place in places:
        town = Town(2, 4)
        ports = town.ports(*range(NOW - 1, NOW + 3))
        orders = [choose.sample(ports, len(ports)) for _ in range(each)]
        for number, order in enumerate(orders):
            town.scan(number, order[:place])
        town.rotate(NOW + 1)
        for number, order in enumerate(orders):
            town.scan(number, order[place:])
        opened += len(town.opened)
    tried, chance = each * len(places), scan_chance(2, 16)
    assert chance == live_chance(2, 4, 3) / 3
    assert opened < tried * 4 * 4 / 3 * chance
    assert opened > tried * 3 * chance - 4 * sqrt(tried * 3 * chance)


def test_a_new_chance_each_period() -> None:
    """Who scans everything in each of many periods has one chance at each sequence: three, and then one."""
    choose, tried, periods, town = random.Random(34), 3_000, 5, Town(2, 2)
    for now in range(NOW, NOW + periods):
        if now > NOW:
            town.rotate(now)
        ports = town.ports(now - 1, now, now + 1)
        for number in range(tried):
            town.scan(number, choose.sample(ports, len(ports)))
    never = (1 - float(scan_chance(2, 10))) ** (3 + periods - 1)
    assert agrees(len(town.opened), tried, 1 - never)
