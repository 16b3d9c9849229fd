"""Whatever comes at doors with several live sequences, and whatever views do, events are the slow model's.

The input is a byte that chooses the world, then two bytes for each packet, whole knock, view or pause.
"""

from __future__ import annotations

from collections.abc import Sequence

from knockd.knocks.matcher import Matcher
from knockd.knocks.watch import Watch
from knockd_bpf.wire import Packet
from knockd_conf.model import Step
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Port, Ports
from tests.property.test_rotating_doors import LOCAL, PERIODS, SOME, SOURCES, Keeper, Seen, World, packet_to
from tests.support.oracles.matching_rules import Model

PRIME = 19
"""Ports of the world: a sequence meets others at some of them."""

MAX_HAPPENINGS = 120


def world_of(kind: int) -> World:
    """One of a few worlds: one or two keys, with or without a cooldown and Allow."""
    keys = [[_sequence(3 * key + 5 * place) for place in range(len(PERIODS))] for key in range(1 + kind % 2)]
    return World(
        keys=keys,
        plain=Watch(1, (Step(2), Step(9), Step(4)), access=SOME if kind & 2 else None),
        access=SOME if kind & 4 else None,
        seq_timeout=1.0 if kind & 8 else 25.0,
        seq_cooldown=45.0 if kind & 16 else 0.0,
    )


def _sequence(begin: int) -> Ports:
    chosen = [Port(1 + (begin + 7 * number) % PRIME, Protocol.TCP) for number in range(5)]
    return Ports(tuple(chosen[:3]), tuple(chosen[3:]))


def check(data: bytes) -> None:
    """Play all that the input asks for."""
    world = world_of(data[0] if data else 0)
    keeper, now = Keeper(world), 0.0
    matcher, model = Matcher(keeper.watches()), Model(keeper.watches())
    for at in range(1, min(len(data) - 1, 2 * MAX_HAPPENINGS), 2):
        kind, value = data[at], data[at + 1]
        now += (kind >> 5) / 4
        due = matcher.next_expiry()
        if due is not None and due <= now:
            assert sorted(model.expire(now), key=str) == sorted(matcher.expire(now), key=str)
        if kind % 8 == 7:
            now += value / 4
        elif kind % 8 == 6:
            watches = keeper.see(Seen(0.0, value & 1, value & 2 > 0, value & 4 > 0))
            matcher.set_watches(watches, now)
            model.set_watches(watches, now)
        for packet in _packets(world, kind, value):
            expected = model.feed(now, LOCAL, packet)
            events = matcher.feed(packet, LOCAL, now)
            assert expected == events
            keeper.hear(events)
    assert sorted(model.attempts()) == sorted(one for one in matcher.export_attempts() if one.stage)


def _packets(world: World, kind: int, value: int) -> Sequence[Packet]:
    source = SOURCES[kind >> 3 & 3]
    if kind % 8 < 4:
        return [packet_to(Port(1 + value % PRIME, Protocol.TCP), source)]
    if kind % 8 < 6:
        its = world.keys[value % len(world.keys)][(value >> 4) % len(PERIODS)].steps
        return [packet_to(port, source) for port in its[: 2 + kind % 2]]
    return []
