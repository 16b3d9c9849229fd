"""What will surprise in Allow and Deny: doors that open for nobody, or for one IP version only.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Final

from knockd_conf.access import SIZES, Access, find_spans, make_networks, subtract_spans
from knockd_conf.errors import Note
from knockd_conf.model import Config, Door

_NEVER: Final = make_networks(
    map(ip_network, ("0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "::ffff:0:0/96", "ff00::/8"))
)
"""What is no packet's source (RFC 6890, RFC 4291)."""


def find_access_notes(
    config: Config, has_ipv6: Callable[[Door], bool], *, versions: bool = True
) -> Iterator[Note]:
    """Yields a note for each door that Allow and Deny keep everybody from; with ``versions`` also where
    they keep a whole IP version from it that it could serve.

    ``has_ipv6`` says whether a door can be knocked at over IPv6 on this host.
    """
    for door in config.doors:
        if door.access is None:
            continue
        served = [size for size in SIZES if _serves(door, size, has_ipv6)]
        knockers = [size for size in SIZES if _knockers(door.access, size)]
        if not knockers:
            yield _note(config, door, f"nobody can open the door: {_why_nobody(door.access)}")
        elif served and not set(served) & set(knockers):
            here, there = _name(served[0]), _name(knockers[0])
            message = f"nobody can open the door: it is for {here} knockers alone, and Allow is for {there}"
            yield _note(config, door, message)
        elif versions and door.access.allow:
            for size in served:
                if all(one.size != size for one in door.access.allow):
                    everybody = "::/0" if size == 16 else "0.0.0.0/0"
                    yield _note(
                        config,
                        door,
                        f"it has no {_name(size)} address: no {_name(size)} knocker can open the door"
                        f" (with {everybody} everyone could)",
                    )


def _serves(door: Door, size: int, has_ipv6: Callable[[Door], bool]) -> bool:
    version = 6 if size == 16 else 4
    if version == 6 and not has_ipv6(door):
        return False
    aimed = not door.target or any(one.version == version for one in door.target)
    return aimed and (door.start_for(version) is not None or not (door.start_command or door.start_command_6))


def _knockers(access: Access, size: int) -> bool:
    """Whether any packet's source of ``size`` bytes may knock."""
    return bool(subtract_spans(access.spans(size), find_spans(_NEVER, size)))


def _why_nobody(access: Access) -> str:
    if any(access.spans(size) for size in SIZES):
        return "no packet comes from an address of Allow"
    return "Deny has every address of Allow" if access.allow else "Deny has every address"


def _note(config: Config, door: Door, message: str) -> Note:
    """At the door's own key, else at that of [options]."""
    written = dict(door.places)
    keys = ("allow", "deny") if door.access is not None and door.access.allow else ("deny", "allow")
    for key in keys:
        if key in written:
            return door.note(key, message)
    there = dict(config.places)
    return config.note(next((key for key in keys if key in there), None), message)


def _name(size: int) -> str:
    return "IPv6" if size == 16 else "IPv4"
