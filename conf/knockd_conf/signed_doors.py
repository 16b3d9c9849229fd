"""Which doors signed knocks open, and what such a door needs.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from knockd_conf.errors import Problem, seen
from knockd_conf.model import Door, Options


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
