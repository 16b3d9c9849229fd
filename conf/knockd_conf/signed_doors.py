"""Which doors signed knocks open, and what such a door needs.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from knockd_conf.errors import Problem, seen
from knockd_conf.model import Door, Options, Step
from knockd_conf.protocol import Protocol


def settle_signed(door: Door, options: Options) -> Door:
    """The door with what [options] say of signed knocks where it says nothing itself."""
    port = door.signed_port if door.signed_port is not None else options.signed_port
    return replace(door, signed_port=port, authorized_keys=door.authorized_keys or options.authorized_keys)


def find_signed_problems(doors: Sequence[Door], options: Options) -> Iterator[Problem]:
    """Yields what doors with a port of signed knocks lack, each once where [options] name the port."""
    signed = [door for door in doors if door.is_signed]
    if signed and options.knock_secret is None:
        message = "expected Knock_Secret = FILE in [options] too, got none: knockctl keygen --host makes one"
        yield Problem(*signed[0].place("signed_port"), message)
    without = [door for door in signed if door.authorized_keys is None]
    own = [door for door in without if "signed_port" in dict(door.places)]
    for door in own or without[:1]:
        message = (
            "expected Authorized_Keys = FILE too, in the door or in [options], got none: knockctl authorize"
            " FILE.pub adds keys to it"
        )
        yield Problem(*door.place("signed_port"), message)
    yield from _find_shared_names(signed)
    yield from _find_shared_ports(doors, signed, options)


def _find_shared_names(signed: Sequence[Door]) -> Iterator[Problem]:
    """A knock says the name of its door, and nothing else of it."""
    first: dict[str, Door] = {}
    for door in signed:
        if (other := first.setdefault(door.name, door)) is not door:
            message = (
                "expected another name than that of a door with a Signed_Port before it: knocks say no more"
                f" than the name; got {seen(door.name)}, as in line {other.line}"
            )
            yield Problem(*door.place("signed_port"), message)


def _find_shared_ports(doors: Sequence[Door], signed: Sequence[Door], options: Options) -> Iterator[Problem]:
    """What comes to a port of signed knocks is one, or nothing: it is no step, and reveals no scanner."""
    owners: dict[Step, Door] = {}
    for door in signed:
        if door.signed_port:
            owners.setdefault(Step(door.signed_port, Protocol.UDP), door)
    told: set[Step] = set()
    for door in doors:
        for step in dict.fromkeys(door.steps):
            if step in owners:
                yield Problem(*door.place("steps"), _say_shared("steps", step, owners[step]))
        guards = door.guard_ports or options.guard_ports
        for port in dict.fromkeys(guards.ports):
            if port in owners and (door.guard_ports is not None or port not in told):
                yield Problem(*door.place("guard_ports"), _say_shared("guard ports", port, owners[port]))
                told.update([port] if door.guard_ports is None else [])


def _say_shared(what: str, port: Step, owner: Door) -> str:
    whose = f"{port}, the Signed_Port of {seen(owner.name)}"
    return f"expected {what} that take no signed knocks, got {whose}: choose another port"
