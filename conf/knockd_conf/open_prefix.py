"""Open_Prefix: a door that opens for the knocker's network, and what it needs of the door's other keys.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from knockd_conf.errors import seen
from knockd_conf.model import Reknock

OPEN_PREFIX: Final = "open_prefix"
"""The field of a door."""

NETWORK: Final = "%NET%"
"""What stands for the knocker's network in a command."""

LEAST: Final = (8, 32)
"""The shortest prefixes of IPv4 and IPv6: shorter ones are for more than one provider has."""

MOST: Final = (32, 128)

_COMMANDS: Final = ("start_command", "start_command_6", "stop_command", "stop_command_6")
_PREFIXES: Final = re.compile(r"([0-9]{1,3})(?:\s*/\s*([0-9]{1,3}))?")


def parse_open_prefix(text: str) -> tuple[int, int]:
    """``24/56``: the bits of the network of a knocker over IPv4, and over IPv6 (without them: all)."""
    found = _PREFIXES.fullmatch(text)
    if found is None:
        raise ValueError(
            f"expected the bits of an IPv4 network, and of an IPv6 one, as 24/56, got {seen(text)}"
        )
    both = int(found[1]), MOST[1] if found[2] is None else int(found[2])
    for name, bits, least, most in zip(("IPv4", "IPv6"), both, LEAST, MOST, strict=True):
        if not least <= bits <= most:
            raise ValueError(
                f"expected an {name} network of {least} to {most} bits, got {bits} in {seen(text)}"
            )
    return both


def find_prefix_problems(door: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields field and message of what does not go with a door's Open_Prefix, or without one.

    ``door`` holds the door's values by their fields.
    """
    if door.get(OPEN_PREFIX) is None:
        for field in _COMMANDS:
            if NETWORK in (door.get(field) or ""):
                yield field, f"expected an Open_Prefix beside {NETWORK}, as Open_Prefix = 24/56, got none"
    elif door.get("reknock") is Reknock.REPEAT:
        yield (
            OPEN_PREFIX,
            "expected Reknock = renew or extend beside it, got repeat: who closes first would close for all"
            " of the network",
        )
