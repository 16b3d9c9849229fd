"""Which interfaces to capture on, and what a change of interfaces requires. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import field, replace
from enum import Enum

from knockd.net.interface import Interface, find_interface
from knockd_conf.classes import dataclass

DEFAULT = "eth0"
"""knockd 0.8's default; when it does not exist, the interfaces of the default routes."""

_NOT_NAMES = {
    ("any",): "any (none is up)",
    ("auto",): "auto (there is no default route)",
    (): f"{DEFAULT} or a default route",
}


def choose_interfaces(
    wanted: Sequence[str], there: Mapping[str, Interface], default_routes: Sequence[str]
) -> tuple[str, ...]:
    """Names of the interfaces to open, in order, each once; they need not all exist.

    A name may be an alternative one, or a label. ``default_routes`` has the interfaces of default routes.
    """
    if tuple(wanted) == ("any",):
        return tuple(name for name, one in there.items() if not one.left_out)
    if follows_routes(wanted) and (wanted or find_interface(DEFAULT, there) is None):
        return tuple(default_routes)
    return tuple(dict.fromkeys(wanted)) or (DEFAULT,)


def follows_routes(wanted: Sequence[str]) -> bool:
    """Whether default routes may decide."""
    return tuple(wanted) in {("auto",), ()}


def missing_interfaces(
    wanted: Sequence[str], chosen: Sequence[str], there: Mapping[str, Interface]
) -> tuple[str, ...]:
    """What is asked for and not there or not up; ``chosen`` is the choice."""
    found = {name: find_interface(name, there) for name in chosen}
    absent = tuple(name for name, one in found.items() if one is None or not one.link.up)
    if tuple(wanted) not in _NOT_NAMES or absent == (DEFAULT,):
        return absent
    return () if len(absent) < len(chosen) else (_NOT_NAMES[tuple(wanted)],)


@dataclass(frozen=True, slots=True)
class Scene:
    """The interfaces to capture on and their addresses, at one moment.

    ``captures`` are the interfaces to open and what a capture is bound to (index, ARPHRD kind),
    ``addresses`` their packed addresses, of a label only its own. ``up`` are the indices of all interfaces
    that are up, ``own`` all their addresses.
    """

    captures: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    addresses: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    up: frozenset[int] = frozenset()
    own: frozenset[bytes] = frozenset()


def make_scene(chosen: Sequence[str], there: Mapping[str, Interface]) -> Scene:
    """The scene of those interfaces of ``chosen`` that are there and up."""
    up = [one for one in there.values() if one.link.up]
    captures: dict[str, tuple[int, int]] = {}
    addresses: dict[str, frozenset[bytes]] = {}
    for name in chosen:
        one = find_interface(name, there)
        if one is not None and one.link.up:
            captures[one.link.name] = one.link.index, one.link.kind
            addresses[one.link.name] = addresses.get(one.link.name, frozenset()) | one.addresses
    own = frozenset[bytes]().union(*(one.addresses for one in up))
    return Scene(captures, addresses, frozenset(one.link.index for one in up), own)


def without_interface(scene: Scene, name: str) -> Scene:
    """A scene in which one interface is not to be opened."""
    return replace(
        scene,
        captures={one: bound for one, bound in scene.captures.items() if one != name},
        addresses={one: addresses for one, addresses in scene.addresses.items() if one != name},
    )


class Change(Enum):
    """What has to be done about a new scene."""

    NOTHING = "nothing"
    ADDRESSES = "send the packet process the addresses"
    FEWER = "some captures have ended by themselves, the others go on"
    OTHER = "captures have to be opened or closed"


def compare_scenes(held: Scene, now: Scene, ended: AbstractSet[int]) -> Change:
    """What the step from the scene of the packet process to a new one means.

    ``ended`` are indices of interfaces that were deleted or down at some moment in between: their
    captures are dead even if they look as before.
    """
    alive = {name: bound for name, bound in held.captures.items() if bound[0] not in ended}
    if any(alive.get(name) != bound for name, bound in now.captures.items()):
        return Change.OTHER
    if any(alive[name][0] in now.up for name in alive.keys() - now.captures.keys()):
        return Change.OTHER  # a capture that is no longer asked for
    if held.captures.keys() != now.captures.keys():
        return Change.FEWER if now.captures else Change.OTHER
    same = held.addresses == now.addresses and held.own == now.own
    return Change.NOTHING if same else Change.ADDRESSES
