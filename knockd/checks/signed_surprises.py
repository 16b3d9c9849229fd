"""What of a configuration with signed knocks will surprise, whatever its files hold.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from knockd.knocks.taken import number_of
from knockd_conf.errors import Note
from knockd_conf.model import Config, Door, Step
from knockd_conf.protocol import Protocol

_OF_SEQUENCES: Final = (
    ("seq_timeout", "Seq_Timeout"),
    ("seq_cooldown", "Seq_Cooldown"),
    ("flags", "TCPFlags"),
    ("guard_ports", "Guard_Ports"),
)
"""Fields of a door and their keys that mean something beside a sequence only."""


def find_signed_surprises(config: Config, in_use: Collection[int] = ()) -> Iterator[Note]:
    """Yields a note for each; ``in_use`` are ports of this host as ``number_of`` says."""
    signed = [door for door in config.doors if door.is_signed]
    written = dict(config.places)
    if not signed and "knock_secret" in written:
        yield config.note("knock_secret", "does nothing without Signed_Port")
    files = {door.authorized_keys for door in signed}
    if "authorized_keys" in written and config.options.authorized_keys not in files:
        yield config.note("authorized_keys", "does nothing: no door with a Signed_Port takes it")
    for door in config.doors:
        if not door.is_signed and _is_own(door, "authorized_keys", "Authorized_Keys"):
            yield door.note("authorized_keys", "does nothing without Signed_Port")
    for door in signed:
        yield from _find_door_surprises(door, in_use)


def _find_door_surprises(door: Door, in_use: Collection[int]) -> Iterator[Note]:
    if door.steps:
        yield door.note(
            "steps",
            "it is the weaker way in: whoever sees it can send it again, which no signed knock allows;"
            " without Sequence only keys open this door",
        )
    if door.is_signed_alone:
        for name, key in _OF_SEQUENCES:
            if _is_own(door, name, key):
                yield door.note(name, "does nothing without a sequence")
    port = Step(door.signed_port or 0, Protocol.UDP)
    if not door.target and number_of(port) in in_use:
        yield door.note(
            "signed_port",
            f"a program of this host listens to {port}: it gets signed knocks too, and may answer them;"
            " choose a port that nobody serves",
        )


def find_shared_ports(config: Config, live: Sequence[Sequence[Step]]) -> Iterator[Note]:
    """Yields a note for each door whose changing steps are, or may come to be, a port of signed knocks.

    ``live`` are the steps of every door now.
    """
    numbers = sorted({door.signed_port for door in config.doors if door.signed_port})
    ports = [Step(number, Protocol.UDP) for number in numbers]
    passes = "while it is one the kernel lets all packets to it pass"
    for door, steps in zip(config.doors, live, strict=True):
        low, high = door.sequence_ports
        drawn = [port for port in ports if low <= port.port <= high]
        if door.sequence_key is not None and door.sequence_protocol != "tcp" and drawn:
            text = f"a step may come to be {drawn[0]}, which takes signed knocks: {passes}"
            yield door.note("sequence_ports", f"{text}; choose a Signed_Port outside of {low}-{high}")
        for step in (one for one in ports if door.one_time_file is not None and one in steps):
            text = f"its sequence of now has {step}, which takes signed knocks: {passes}"
            yield door.note("one_time_file", f"{text}; choose another Signed_Port")


def _is_own(door: Door, name: str, key: str) -> bool:
    """Whether a key is written in the door's own section: a template may have it for other doors."""
    return name in dict(door.places) and key not in {key for key, _ in door.inherited}
