"""Who cannot open a door by Allow, Deny and Expires: nobody can, those of one IP version, or nobody soon.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Final

from knockd.checks.keys import Days
from knockd_conf.access import SIZES, Access, find_spans, make_networks, subtract_spans
from knockd_conf.errors import Note
from knockd_conf.model import Config, Door

_NEVER: Final = make_networks(
    map(ip_network, ("0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "::ffff:0:0/96", "ff00::/8"))
)
"""What is no packet's source (RFC 6890, RFC 4291)."""


HasIPv6 = Callable[[Door], bool]
"""Whether a door can be knocked at over IPv6 on this host."""


def find_shut_doors(config: Config, has_ipv6: HasIPv6, today: str) -> Iterator[Note]:
    """Yields a note for each door that no knock opens on a day (YYYY-MM-DD), with the reason."""
    for door in config.doors:
        if door.has_expired(today):
            yield door.note("expires", f"nobody can open the door: its last day was {door.expires}")
        elif door.access is not None and (why := _why_nobody(door, door.access, has_ipv6)) is not None:
            yield _note(config, door, f"nobody can open the door: {why}")


def find_access_notes(
    config: Config, has_ipv6: HasIPv6, days: Days, *, versions: bool = True
) -> Iterator[Note]:
    """Yields a note for each door whose last day is near.

    With ``versions`` also where Allow has no address of an IP version that the door could serve.
    """
    for door in config.doors:
        if door.has_expired(days.soon) and not door.has_expired(days.today):
            yield door.note("expires", f"the door opens until {door.expires} only")
        if not versions or door.access is None or _why_nobody(door, door.access, has_ipv6) is not None:
            continue
        for size in SIZES if door.access.allow else ():
            if _serves(door, size, has_ipv6) and all(one.size != size for one in door.access.allow):
                everybody = "::/0" if size == 16 else "0.0.0.0/0"
                yield _note(
                    config,
                    door,
                    f"it has no {_name(size)} address: no {_name(size)} knocker can open the door"
                    f" (with {everybody} everyone could)",
                )


def _why_nobody(door: Door, access: Access, has_ipv6: HasIPv6) -> str | None:
    served = [size for size in SIZES if _serves(door, size, has_ipv6)]
    knockers = [size for size in SIZES if _has_knockers(access, size)]
    if not knockers:
        return _why_no_address(access)
    if served and not set(served) & set(knockers):
        return f"it is for {_name(served[0])} knockers alone, and Allow is for {_name(knockers[0])}"
    return None


def _serves(door: Door, size: int, has_ipv6: HasIPv6) -> bool:
    version = 6 if size == 16 else 4
    if version == 6 and not has_ipv6(door):
        return False
    aimed = not door.target or any(one.version == version for one in door.target)
    return aimed and (door.start_for(version) is not None or not (door.start_command or door.start_command_6))


def _has_knockers(access: Access, size: int) -> bool:
    """Whether any packet's source of ``size`` bytes may knock."""
    return bool(subtract_spans(access.spans(size), find_spans(_NEVER, size)))


def _why_no_address(access: Access) -> str:
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
