"""Doors and packets in a few letters, and a matcher that is played traces: for tests of the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from itertools import zip_longest
from typing import Any

from knockd.knocks.events import Event, Ignored, Stale
from knockd.knocks.matcher import Matcher
from knockd.knocks.watch import Watch, watches_of
from knockd_bpf.wire import TCP, UDP, Packet
from knockd_conf.model import Door, Step
from knockd_conf.protocol import FLAG_BITS, Protocol

ALICE, BOB, CAROL = (ip_address(f"192.0.2.{n}").packed for n in (1, 2, 3))
OURS = ip_address("10.0.0.1").packed
LOCAL = frozenset({OURS})
SYN = FLAG_BITS["syn"]


def steps(text: str) -> tuple[Step, ...]:
    """``"1 2u 3"`` to steps: TCP, or UDP with a ``u``."""
    return tuple(
        Step(int(word.removesuffix("u")), Protocol.UDP if word.endswith("u") else Protocol.TCP)
        for word in text.split()
    )


def door(sequence: str, name: str = "door", **values: object) -> Door:
    """A door with a sequence and whatever else a test is about."""
    made = Door(name=name, path="/etc/knockd.conf", line=1, steps=steps(sequence))
    return replace(made, **values)  # type: ignore[arg-type]


def watched(*doors: Door, guards: Sequence[str] = ()) -> tuple[Watch, ...]:
    """A watch for each door; ``guards`` are those of the first doors, in the letters of ``steps``."""
    return tuple(
        replace(watch, guards=steps(ports))
        for watch, ports in zip_longest(watches_of(doors), guards, fillvalue="")
        if isinstance(watch, Watch)
    )


def matching(*doors: Door, guards: Sequence[str] = (), **limits: Any) -> Matcher:
    """A matcher of these doors."""
    return Matcher(watched(*doors, guards=guards), **limits)


def pending(matcher: Matcher) -> int:
    """How many entries of (source, watch) with an attempt a matcher has."""
    return len(matcher._memory)


def evicted(matcher: Matcher) -> int:
    """How many such entries it has forgotten for want of room."""
    return matcher._memory.first.evicted + matcher._memory.advanced.evicted


def packet(
    word: str, source: bytes = ALICE, *, destination: bytes = OURS, flags: int | None = None
) -> Packet:
    """``"7"`` to a packet to TCP port 7 (a bare SYN), ``"7u"`` to UDP port 7."""
    (step,) = steps(word)
    if step.protocol is Protocol.UDP:
        return Packet(source, destination, UDP, step.port, 0)
    return Packet(source, destination, TCP, step.port, SYN if flags is None else flags)


def play(matcher: Matcher, trace: str, source: bytes = ALICE, *, now: float = 100.0) -> list[str]:
    """Feeds a matcher one packet a word, all at ``now``, and says in words what happened."""
    return in_words(
        [event for word in trace.split() for event in matcher.feed(packet(word, source), LOCAL, now)]
    )


def in_words(events: Sequence[Event]) -> list[str]:
    """Events in words: ``stage 2``, ``ignored 25`` (seconds); behind the place of doors but the first."""
    return [f"{f'{event.door}: ' if event.door else ''}{_in_words(event)}" for event in events]


def _in_words(event: Event) -> str:
    if isinstance(event, Stale):
        return f"stale {event.serial}"
    number = event.left if isinstance(event, Ignored) else event.stage
    return f"{type(event).__name__.lower()} {number}"
