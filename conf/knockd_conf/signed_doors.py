"""Which doors signed knocks open, and what such a door needs.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from knockd_conf.errors import Problem
from knockd_conf.model import Door, Options


def settle_signed(door: Door, options: Options) -> Door:
    """The door with what [options] say of signed knocks where it says nothing itself."""
    port = door.signed_port if door.signed_port is not None else options.signed_port
    return replace(door, signed_port=port, authorized_keys=door.authorized_keys or options.authorized_keys)


def find_signed_problems(doors: Sequence[Door], options: Options) -> Iterator[Problem]:
    """Yields what doors with a port of signed knocks lack."""
    for door in doors:
        if not door.is_signed:
            continue
        if options.knock_secret is None:
            message = "expected Knock_Secret = FILE in [options], got none; knockctl keygen --host makes one"
            yield Problem(*door.place("signed_port"), message)
        if door.authorized_keys is None:
            message = "expected Authorized_Keys = FILE in the door or in [options], got none"
            yield Problem(*door.place("signed_port"), message)
